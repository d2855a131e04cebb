"""Every request that our clients send is valid by X's description, but for what it leaves out.

Both are recorded on their way to a real sandbox. What X's documentation has and its description
has not is listed here and in docs/x-api.md, and must be found: a difference that is gone is news.
"""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from outreach.x.app_client import AppClient
from outreach.x.client import XClient
from tests.sandbox.descriptions import DESCRIPTIONS, Xs
from tests.sandbox.notes import OURS
from tests.sandbox.receivers import Receiver
from tests.sandbox.recording import Recorder

BRAND, ANN = 1_000_000_000_000_000_001, 2
# What we send though X's description does not have it, because X's documentation does.
DIFFERENCES = {
    "GET /2/dm_events: dm_event.fields": "'sender_id' is not one of",
    "GET /2/dm_conversations/with/{participant_id}/dm_events: dm_event.fields": (
        "'sender_id' is not one of"
    ),
    "POST /2/activity/subscriptions: body $.event_type": "'oauth.revoke' is not one of",
}

needs_x = pytest.mark.skipif(
    not any(isinstance(item, Xs) for item in DESCRIPTIONS),
    reason="X's description is not beside this checkout",
)


@pytest.fixture
def world(sandbox):
    users = [(BRAND, "brand"), (ANN, "ann")] + [(n, f"fan{n}") for n in range(10, 15)]
    for user_id, handle in users:
        sandbox.add_user(user_id, handle)
        if user_id != BRAND:
            sandbox.befriend(BRAND, user_id)
    sandbox.set_limits({"dm_events": [], "dm_events_with": []})
    return sandbox


@pytest.fixture
def recorder(world):
    with Recorder(world) as made:
        yield made


def use_account(world, base_url: str) -> None:
    client = XClient(world.issue_token(BRAND), base_url=base_url)
    client.me()
    for text in ("Grüße & https://example.org/?a=1", "two"):
        client.send_dm(ANN, text)
    client.users([ANN, 10, 11])
    client.users_by(["ann", "fan10", "nobody"])
    for page in (client.followers, client.following):
        first = page(BRAND, max_results=2)
        page(BRAND, max_results=1000, page_token=first.next_token)
    events = client.dm_events(max_results=1)
    client.dm_events(page_token=events.next_token)
    events = client.dm_events_with(ANN, max_results=1)
    client.dm_events_with(ANN, page_token=events.next_token)


def use_app(world, base_url: str) -> None:
    client = AppClient(SimpleNamespace(bearer_token="sandbox-bearer"), base_url=base_url)
    with Receiver() as receiver:
        webhook = client.make_webhook(receiver.url)
        client.webhooks()
        client.validate_webhook(webhook.id)
        user = world.issue_token(BRAND)
        private = client.subscribe("dm.received", BRAND, token=user, webhook_id=webhook.id)
        follows = client.subscribe("follow.follow", BRAND, direction="inbound")
        client.subscribe("oauth.revoke", None)
        client.deliver_to(follows.id, webhook.id)
        assert len(client.subscriptions()) == 3
        client.stream(backfill_minutes=5).close()
        now = datetime.now(UTC)
        client.replay(webhook.id, now, now)
        client.unsubscribe(private.id)
        client.remove_webhook(webhook.id)


@needs_x
def test_every_request_is_valid_by_x_s_description(world, recorder):
    (description,) = [item for item in DESCRIPTIONS if isinstance(item, Xs)]
    use_account(world, recorder.base_url)
    use_app(world, recorder.base_url)
    found = [
        fault
        for request in recorder.requests
        for fault in description.request_faults(
            request.method, request.url, request.headers, request.body
        )
    ]
    known = {
        where
        for where, what in DIFFERENCES.items()
        if any(fault.startswith(where) and what in fault for fault in found)
    }
    unknown = [
        fault
        for fault in found
        if not any(fault.startswith(where) and what in fault for where, what in DIFFERENCES.items())
    ]
    assert unknown == []
    assert known == set(DIFFERENCES)


@needs_x
def test_every_endpoint_that_the_sandbox_serves_was_asked(world, recorder):
    (description,) = [item for item in DESCRIPTIONS if isinstance(item, Xs)]
    use_account(world, recorder.base_url)
    use_app(world, recorder.base_url)
    asked = {
        (request.method, description.template(request.method, request.url.partition("?")[0]))
        for request in recorder.requests
    }
    served = {(method.upper(), path) for path, methods in OURS.items() for method in methods}
    # Nothing of ours needs to remove many subscriptions at once.
    assert served - asked == {("DELETE", "/2/activity/subscriptions")}
    assert asked - served == set()


@needs_x
@pytest.mark.parametrize(
    ("method", "url", "body", "fault"),
    [
        ("GET", "/2/users?ids=1&shoe=2", b"", "shoe is not described"),
        ("GET", "/2/users", b"", "ids is missing"),
        ("GET", "/2/users?ids=x", b"", "does not match"),
        ("GET", "/2/users?ids=" + ",".join("1" * 101), b"", "is too long"),
        ("GET", "/2/users/1/followers?max_results=1001", b"", "1000"),
        ("GET", "/2/users/me", b"{}", "a body that is not described"),
        ("GET", "/2/shoes", b"", "X describes no"),
        ("POST", "/2/dm_conversations/with/1/messages", b'{"txt": "x"}', "body"),
        ("POST", "/2/webhooks", b'{"url": 5}', "body"),
    ],
)
def test_a_request_that_is_not_valid_is_found(method, url, body, fault):
    (description,) = [item for item in DESCRIPTIONS if isinstance(item, Xs)]
    headers = {"authorization": "Bearer x", "content-type": "application/json"}
    found = description.request_faults(method, url, headers, body)
    assert any(fault in item for item in found), found
