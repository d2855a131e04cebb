"""Every answer of the sandbox, success and refusal, has X's shape."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.descriptions import DESCRIPTIONS, OURS, Ours, Xs, faults

BRAND, ANN, BOB, GONE = 1, 2, 3, 77
ALL_USER_FIELDS = "user.fields=connection_status,receives_your_dm,profile_image_url"
ALL_DM_FIELDS = "dm_event.fields=created_at,sender_id,dm_conversation_id,entities,attachments"

SEND = "/2/dm_conversations/with/{participant_id}/messages"
WITH = "/2/dm_conversations/with/{participant_id}/dm_events"

# X's path → the query or body of calls that end in each status, by status. 401, 403 and 429 are
# the same for every endpoint and are added below.
CALLS: dict[str, list[tuple[int, str, dict[str, Any]]]] = {
    SEND: [
        (201, f"/2/dm_conversations/with/{ANN}/messages", {"json": {"text": "hello"}}),
        (400, f"/2/dm_conversations/with/{ANN}/messages", {"json": {}}),
        (400, "/2/dm_conversations/with/ann/messages", {"json": {"text": "hello"}}),
        (403, f"/2/dm_conversations/with/{BOB}/messages", {"json": {"text": "hello"}}),
        (404, f"/2/dm_conversations/with/{GONE}/messages", {"json": {"text": "hello"}}),
    ],
    "/2/dm_events": [
        (200, f"/2/dm_events?{ALL_DM_FIELDS}&max_results=1", {}),
        (400, "/2/dm_events?max_results=0", {}),
    ],
    WITH: [
        (200, f"/2/dm_conversations/with/{ANN}/dm_events?{ALL_DM_FIELDS}", {}),
        (200, f"/2/dm_conversations/with/{GONE}/dm_events", {}),
        (400, f"/2/dm_conversations/with/{ANN}/dm_events?pagination_token=x", {}),
    ],
    "/2/users": [
        (200, f"/2/users?ids={ANN},{BOB},{GONE}&{ALL_USER_FIELDS}", {}),
        (200, f"/2/users?ids={GONE}", {}),
        (400, "/2/users", {}),
    ],
    "/2/users/by": [
        (200, f"/2/users/by?usernames=ann,nobody&{ALL_USER_FIELDS}", {}),
        (400, "/2/users/by?usernames=a-b", {}),
    ],
    "/2/users/me": [
        (200, f"/2/users/me?{ALL_USER_FIELDS}", {}),
        (400, "/2/users/me?user.fields=shoe_size", {}),
    ],
    "/2/users/{id}/followers": [
        (200, f"/2/users/{BRAND}/followers?{ALL_USER_FIELDS}&max_results=1", {}),
        (200, f"/2/users/{GONE}/followers", {}),
        (400, f"/2/users/{BRAND}/followers?max_results=1001", {}),
    ],
    "/2/users/{id}/following": [
        (200, f"/2/users/{BRAND}/following?{ALL_USER_FIELDS}", {}),
        (200, f"/2/users/{GONE}/following", {}),
        (400, "/2/users/x/following", {}),
    ],
}


@pytest.fixture
def world(sandbox):
    for user_id, handle in ((BRAND, "brand"), (ANN, "ann"), (BOB, "bob")):
        sandbox.add_user(user_id, handle)
    sandbox.befriend(BRAND, ANN)
    sandbox.follow(BOB, BRAND)
    sandbox.unfollow(BOB, BRAND)
    sandbox.write(ANN, BRAND, "hi")
    sandbox.write(BRAND, ANN, "ho")
    return sandbox


def record(world) -> list[tuple[str, str, int, Any]]:
    """Make every call and return path, method, expected status and response."""
    token = world.issue_token(BRAND)
    scopeless = world.issue_token(BRAND, scopes=[])
    limited = world.issue_token(ANN)
    recorded = []
    for path, calls in CALLS.items():
        method = next(iter(OURS[path]))
        for status, url, options in calls:
            recorded.append((path, method, status, world.api(method, url, token, **options)))
        url, options = calls[0][1:]
        recorded.append((path, method, 401, world.api(method, url, "no token", **options)))
        recorded.append((path, method, 403, world.api(method, url, scopeless, **options)))
    names = world.http.get(f"{world.base_url}/_sandbox/limits").json()["limits"]
    closed = [{"limit": 0, "seconds": 900, "per": "user"}]
    world.set_limits(dict.fromkeys(names, closed))
    for path, calls in CALLS.items():
        method = next(iter(OURS[path]))
        recorded.append((path, method, 429, world.api(method, calls[0][1], limited)))
    return recorded


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=lambda description: description.name)
def test_every_answer_has_the_described_shape(world, description: Ours | Xs):
    wrong: list[str] = []
    seen: dict[str, set[int]] = {}
    for path, method, status, response in record(world):
        assert response.status_code == status, (response.request.url, response.text)
        media_type = response.headers["content-type"].partition(";")[0]
        schema = description.schema(path, method, status, media_type)
        call = f"{method} {response.request.path_url} {status}"
        wrong += [f"{call}: {fault}" for fault in faults(description, schema, response.json())]
        seen.setdefault(path, set()).add(status)
    assert wrong == []
    success = {path: 201 if path == SEND else 200 for path in OURS}
    missing = [path for path in OURS if not {success[path], 400, 401, 403, 429} <= seen[path]]
    assert missing == []


def test_the_check_itself_finds_faults():
    found = faults(Ours(), OURS["/2/users/me"]["get"], {"data": {"id": 5, "name": "x", "shoe": 1}})
    assert found == [
        "$.data: no username",
        "$.data.id: 5 is no string",
        "$.data: shoe is not expected",
    ]
