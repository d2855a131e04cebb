"""Every answer of the sandbox, success and refusal, has X's shape; and so has what it pushes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from outreach.sandbox.server import make_app
from tests.sandbox.descriptions import DESCRIPTIONS, Ours, Xs, faults, media_type_of
from tests.sandbox.notes import OURS
from tests.sandbox.receivers import Receiver
from tests.sandbox.streams import Reader

BRAND, ANN, BOB, GONE, SHUT = 1, 2, 3, 77, 5
USER_FIELDS = "user.fields=connection_status,receives_your_dm,profile_image_url"
DM_FIELDS = "dm_event.fields=created_at,sender_id,dm_conversation_id,entities,attachments"
WITH_ANN = f"/2/dm_conversations/with/{ANN}"
SUBSCRIPTIONS, WEBHOOKS, STREAM = "/2/activity/subscriptions", "/2/webhooks", "/2/activity/stream"
STATUSES = (200, 400, 401, 402, 403, 404, 429, 503)  # 200 stands for every success
# What X takes money for; and what names one thing that may not be there.
PRICED = ("/2/dm", "/2/users")
NAMING_ONE = ("/messages", "{subscription_id}", "{webhook_id}", "/replay")


class Exchange(NamedTuple):
    method: str
    path: str
    expected: int
    response: Any


class Calls:
    """Makes calls and keeps what was answered."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.made: list[Exchange] = []

    def __call__(self, expected: int, method: str, url: str, token: str | None, **options: Any):
        response = self.world.api(method, url, token, **options)
        self.made.append(Exchange(method, url.partition("?")[0], expected, response))
        return response


@pytest.fixture
def world(sandbox):
    for user_id, handle in ((BRAND, "brand"), (ANN, "ann"), (BOB, "bob"), (SHUT, "shut")):
        sandbox.add_user(user_id, handle)
    sandbox.befriend(BRAND, ANN)
    sandbox.follow(BOB, BRAND)
    sandbox.unfollow(BOB, BRAND)
    sandbox.write(ANN, BRAND, "hi, see https://example.org/a?b=1&c=2")
    sandbox.write(BRAND, ANN, "ho")
    sandbox.control("suspend", user_id=str(SHUT), suspended=True)
    return sandbox


@pytest.fixture
def receiver():
    with Receiver() as made:
        yield made


def reads_and_sends(call: Calls, token: str) -> None:
    send, hello = f"{WITH_ANN}/messages", {"json": {"text": "hello"}}
    call(201, "POST", send, token, **hello)
    call(400, "POST", send, token, json={})
    call(400, "POST", "/2/dm_conversations/with/ann/messages", token, **hello)
    call(403, "POST", f"/2/dm_conversations/with/{BOB}/messages", token, **hello)
    call(404, "POST", f"/2/dm_conversations/with/{GONE}/messages", token, **hello)
    call(403, "POST", f"/2/dm_conversations/with/{SHUT}/messages", token, **hello)
    call(200, "GET", f"/2/dm_events?{DM_FIELDS}&max_results=1", token)
    call(400, "GET", "/2/dm_events?max_results=0", token)
    call(200, "GET", f"{WITH_ANN}/dm_events?{DM_FIELDS}", token)
    call(200, "GET", f"/2/dm_conversations/with/{GONE}/dm_events", token)
    call(400, "GET", f"{WITH_ANN}/dm_events?pagination_token=x", token)
    call(200, "GET", f"/2/users?ids={ANN},{BOB},{GONE},{SHUT}&{USER_FIELDS}", token)
    call(200, "GET", f"/2/users?ids={GONE}", token)
    call(400, "GET", "/2/users", token)
    call(200, "GET", f"/2/users/by?usernames=ann,nobody&{USER_FIELDS}", token)
    call(400, "GET", "/2/users/by?usernames=a-b", token)
    call(200, "GET", f"/2/users/me?{USER_FIELDS}", token)
    call(400, "GET", "/2/users/me?user.fields=shoe_size", token)
    call(200, "GET", f"/2/users/{BRAND}/followers?{USER_FIELDS}&max_results=1", token)
    call(200, "GET", f"/2/users/{GONE}/followers", token)
    call(400, "GET", f"/2/users/{BRAND}/followers?max_results=1001", token)
    call(200, "GET", f"/2/users/{BRAND}/following?{USER_FIELDS}", token)
    call(200, "GET", f"/2/users/{GONE}/following", token)
    call(400, "GET", "/2/users/x/following", token)
    for how in ("errors", "unanswered"):
        call.world.set_faults({"endpoint": "*", "fault": "partial", "how": how})
        call(200, "GET", f"/2/users?ids={ANN},{BOB}", token)
    call.world.set_faults()


def activity(call: Calls, token: str, app: str, receiver: Receiver) -> None:
    url = {"json": {"url": receiver.url}}
    made = call(200, "POST", WEBHOOKS, app, **url).json()["data"]
    call(400, "POST", WEBHOOKS, app, **url)
    call(400, "POST", WEBHOOKS, app, json={"url": "http://example.org/"})
    call(403, "POST", WEBHOOKS, token, **url)
    call(200, "GET", WEBHOOKS, app)
    call(400, "GET", f"{WEBHOOKS}?webhook_config.fields=shoe", app)
    call(403, "GET", WEBHOOKS, token)
    now = f"{datetime.now(UTC):%Y%m%d%H%M}"
    stretch = {"webhook_id": made["id"], "from_date": now, "to_date": now}
    call(200, "POST", f"{WEBHOOKS}/replay", app, json=stretch)
    call(400, "POST", f"{WEBHOOKS}/replay", app, json={})
    call(403, "POST", f"{WEBHOOKS}/replay", token, json=stretch)
    call(404, "POST", f"{WEBHOOKS}/replay", app, json=stretch | {"webhook_id": "5"})

    about = {"event_type": "dm.sent", "filter": {"user_id": str(BRAND)}}
    first = call(200, "POST", SUBSCRIPTIONS, token, json=about | {"tag": "t"}).json()
    more = about | {"event_type": "follow.follow", "webhook_id": made["id"]}
    more["filter"] = {"user_id": str(BRAND), "direction": "inbound"}
    second = call(200, "POST", SUBSCRIPTIONS, app, json=more).json()
    ids = [item["data"]["subscription"]["subscription_id"] for item in (first, second)]
    call(400, "POST", SUBSCRIPTIONS, token, json=about)
    call(403, "POST", SUBSCRIPTIONS, app, json=about | {"event_type": "dm.read"})
    call(200, "GET", f"{SUBSCRIPTIONS}?max_results=1", app)
    call(400, "GET", f"{SUBSCRIPTIONS}?max_results=0", app)
    call(403, "GET", SUBSCRIPTIONS, token)
    one = f"{SUBSCRIPTIONS}/{ids[0]}"
    call(200, "PUT", one, app, json={"tag": "other"})
    call(400, "PUT", one, app, json={"shoe": 1})
    call(403, "PUT", one, token, json={"tag": "other"})
    call(404, "PUT", f"{SUBSCRIPTIONS}/5", app, json={"tag": "other"})
    call(400, "DELETE", f"{SUBSCRIPTIONS}/x", app)
    call(403, "DELETE", one, token)
    call(200, "DELETE", one, app)
    call(404, "DELETE", one, app)
    call(200, "DELETE", f"{SUBSCRIPTIONS}?ids={ids[1]},5", app)
    call(400, "DELETE", SUBSCRIPTIONS, app)
    call(403, "DELETE", f"{SUBSCRIPTIONS}?ids=5", token)

    hook = f"{WEBHOOKS}/{made['id']}"
    call(200, "PUT", hook, app)
    receiver.secret = "another"
    call(400, "PUT", hook, app)
    call(403, "PUT", hook, token)
    call(404, "PUT", f"{WEBHOOKS}/5", app)
    call(400, "DELETE", f"{WEBHOOKS}/x", app)
    call(403, "DELETE", hook, token)
    call(200, "DELETE", hook, app)
    call(404, "DELETE", hook, app)
    call(400, "GET", f"{STREAM}?backfill_minutes=6", app)
    call(403, "GET", STREAM, token)
    with Reader(call.world, app) as one_stream, Reader(call.world, app) as two:
        assert [one_stream.response.status_code, two.response.status_code] == [200, 200]
        call.made.append(Exchange("GET", STREAM, 200, one_stream.response))
        call(429, "GET", STREAM, app)


# What every endpoint refuses in the same way: method, a path, and whose token it takes.
EVERY = [
    *(("POST", f"{WITH_ANN}/messages", "user"), ("GET", "/2/dm_events", "user")),
    *(("GET", f"{WITH_ANN}/dm_events", "user"), ("GET", f"/2/users?ids={ANN}", "user")),
    *(("GET", "/2/users/by?usernames=ann", "user"), ("GET", "/2/users/me", "user")),
    *(("GET", f"/2/users/{ANN}/followers", "user"), ("GET", f"/2/users/{ANN}/following", "user")),
    *(("GET", STREAM, "app"), ("POST", SUBSCRIPTIONS, "app"), ("GET", SUBSCRIPTIONS, "app")),
    *(("DELETE", f"{SUBSCRIPTIONS}?ids=5", "app"), ("PUT", f"{SUBSCRIPTIONS}/5", "app")),
    *(("DELETE", f"{SUBSCRIPTIONS}/5", "app"), ("GET", WEBHOOKS, "app")),
    *(("POST", WEBHOOKS, "app"), ("PUT", f"{WEBHOOKS}/5", "app")),
    *(("DELETE", f"{WEBHOOKS}/5", "app"), ("POST", f"{WEBHOOKS}/replay", "app")),
]


def refusals(call: Calls, token: str, app: str) -> None:
    world = call.world
    scopeless = world.issue_token(BRAND, scopes=[])
    limits = world.http.get(f"{world.base_url}/_sandbox/limits").json()["limits"]
    hello = {"json": {"text": "hello"}}
    world.control("suspend", user_id=str(ANN), suspended=True)
    call(403, "GET", "/2/users/me", world.issue_token(ANN))
    world.control("suspend", user_id=str(ANN), suspended=False)
    for method, url, whose in EVERY:
        right = token if whose == "user" else app
        options = hello if method == "POST" else {}
        call(401, method, url, "no token", **options)
        if whose == "user":
            call(403, method, url, scopeless, **options)
        world.set_faults({"endpoint": "*", "fault": "error_before"})
        call(503, method, url, right, **options)
        world.set_faults({"endpoint": "*", "fault": "error_before", "status": 500})
        call(500, method, url, right, **options)
        world.set_faults({"endpoint": "*", "fault": "rate_limited", "headers": False})
        call(429, method, url, right, **options)
        world.set_faults()
    closed = [{"limit": 0, "seconds": 900, "per": per} for per in ("user", "app")]
    world.set_limits(dict.fromkeys(limits, closed))
    for method, url, whose in EVERY:
        call(429, method, url, token if whose == "user" else app)
    world.set_limits(None)
    for status, act, given in (
        (402, "credits", {"credits": 0}),
        (403, "credits", {"credits": None, "spending_cap": 0}),
        (429, "usage_cap", {"resources": 0}),
    ):
        world.control(act, **given)
        for method, url, whose in EVERY:
            if whose == "user":
                call(status, method, url, token, **(hello if method == "POST" else {}))
        world.control("credits", credits=None, spending_cap=None)


def table(made: list[Exchange], template) -> tuple[list[str], list[str]]:
    """Return the lines of the table, and which of its cells are empty."""
    seen = Counter(
        (f"{item.method:6} {template(item.method, item.path)}", _column(item.expected))
        for item in made
    )
    lines = [f"{'':62}" + "".join(f"{status:>5}" for status in ("2xx", *STATUSES[1:]))]
    empty = []
    rows = [(method.upper(), path) for path, methods in OURS.items() for method in methods]
    for method, path in rows:
        row, cells = f"{method:6} {path}", ""
        for status in STATUSES:
            applies = {402: path.startswith(PRICED), 404: path.endswith(NAMING_ONE)}
            count = seen.pop((row, status), 0)
            if not count and applies.get(status, True):
                empty.append(f"{row} {status}")
            cells += f"{count or ('' if applies.get(status, True) else '–'):>5}"
        lines.append(f"{row:62}{cells}")
    return lines, empty


def _column(status: int) -> int:
    return 200 if status < 300 else status


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=lambda description: description.name)
def test_every_answer_has_the_described_shape(
    world, receiver, record_property, description: Ours | Xs
):
    # Limits are this test's subject only where it closes them.
    call, token, app = Calls(world), world.issue_token(BRAND), "sandbox-bearer"
    reads_and_sends(call, token)
    activity(call, token, app, receiver)
    refusals(call, token, app)
    wrong = []
    for method, path, status, response in call.made:
        assert response.status_code == status, (response.request.url, response.text)
        if path == STREAM and status == 200:
            continue  # line by line, below
        found = description.answer_faults(
            *(method, path, status, media_type_of(response.headers), response.json())
        )
        wrong += [f"{method} {path} {status}: {fault}" for fault in found]
    assert wrong == []
    lines, empty = table(call.made, Ours().template)
    record_property("table", "\n".join([f"Checked against {description.name}:", *lines]))
    assert empty == []


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=lambda description: description.name)
@pytest.mark.parametrize("bare", [False, True])
def test_every_event_has_the_described_shape(world, receiver, description: Ours | Xs, bare):
    token, app = world.issue_token(BRAND), "sandbox-bearer"
    world.control("activity", bare_users=bare)
    hook = world.api("POST", WEBHOOKS, app, json={"url": receiver.url}).json()["data"]["id"]
    for kind in ("dm.sent", "dm.received", "dm.read", "follow.follow", "follow.unfollow"):
        body = {"event_type": kind, "filter": {"user_id": str(BRAND)}, "webhook_id": hook}
        assert world.api("POST", SUBSCRIPTIONS, token, json=body).status_code == 200
    body = {"event_type": "oauth.revoke", "filter": {}, "tag": "t", "webhook_id": hook}
    assert world.api("POST", SUBSCRIPTIONS, app, json=body).status_code == 200
    seen = set()
    with Reader(world, app) as reader:
        world.api("POST", f"{WITH_ANN}/messages", token, json={"text": "see example.org"})
        world.control("read", reader=ANN, writer=BRAND)
        world.write(ANN, BRAND, "and https://example.org/?a=1 & this")
        world.follow(BOB, BRAND)
        world.unfollow(BOB, BRAND)
        world.control("revoke_consent", user_id=str(BRAND))
        for _ in range(6):
            document = {"data": reader.event()}
            posted = receiver.post()
            assert posted == document["data"]
            seen.add(posted["event_type"])
            if not (bare and isinstance(description, Ours)):
                assert description.event_faults(document) == []
    assert len(seen) == 6


def test_every_endpoint_of_x_that_is_served_is_checked(tmp_path):
    described = DESCRIPTIONS[-1]
    served = {
        (method, route.path)
        for route in make_app(tmp_path / "world.sqlite3").routes
        if route.path.startswith("/2/")
        for method in route.methods - {"HEAD"}
    }
    checked = {(method.upper(), path) for path, methods in OURS.items() for method in methods}
    # X's description has no OAuth.
    assert {path for _, path in served - checked} == {"/2/oauth2/token", "/2/oauth2/revoke"}
    assert checked - served == set()
    assert all(described.template(method, path) == path for method, path in checked)


def test_the_check_itself_finds_faults():
    shape = OURS["/2/users/me"]["get"]
    assert faults(shape, {"data": {"id": 5, "name": "x", "shoe": 1}}) == [
        "$.data: 'username' is a required property",
        "$.data: Additional properties are not allowed ('shoe' was unexpected)",
        "$.data.id: 5 is not of type 'string'",
    ]


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=lambda description: description.name)
@pytest.mark.parametrize(
    ("status", "media", "body"),
    [
        (200, "text/html", {}),
        (200, "application/json", {"data": {"id": 5, "name": "x", "username": "x"}}),
        (200, "application/json", {"data": []}),
        (400, "application/problem+json", {"type": "about:blank", "title": "", "detail": ""}),
        (400, "application/json", {"code": "88", "message": ""}),
    ],
)
def test_an_answer_of_another_shape_is_found(description: Ours | Xs, status, media, body):
    assert description.answer_faults("GET", "/2/users/me", status, media, body) != []
