"""What an X app asks for itself, and what its answers mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from outreach.x.app_client import AppClient, XSubscription, XWebhook
from outreach.x.errors import (
    LimitedUntil,
    NeverWill,
    NotCalled,
    PaymentNeeded,
    TokenRefused,
    TryLater,
    XError,
)
from outreach.x.streaming import StreamEnded
from outreach.x.transport import Timeouts
from tests.x.awkward import Awkward
from tests.x.telling import TellingX

BRAND = 2244994945


class Keys:
    bearer_token = "bearer"


@pytest.fixture
def x():
    world = TellingX()
    yield world
    world.close()


def client_of(base_url: str, stall: float = 5.0) -> AppClient:
    return AppClient(Keys(), base_url=base_url, timeouts=Timeouts(2, 2), stall=stall)


@pytest.fixture
def client(x) -> AppClient:
    return client_of(x.base_url)


# --- subscriptions ---------------------------------------------------------------------------------


def test_a_private_event_is_subscribed_to_with_the_users_own_token(x, client):
    made = client.subscribe("dm.received", BRAND, token="user-token")
    assert made == XSubscription(made.id, "dm.received", BRAND)
    client.subscribe("follow.follow", BRAND, direction="inbound", webhook_id="77")
    assert x.calls("POST", "/2/activity/subscriptions") == [
        ("user-token", {"event_type": "dm.received", "filter": {"user_id": str(BRAND)}}),
        (
            "bearer",
            {
                "event_type": "follow.follow",
                "filter": {"user_id": str(BRAND), "direction": "inbound"},
                "webhook_id": "77",
            },
        ),
    ]


def test_a_duplicate_is_found_in_xs_list(x, client):
    first = client.subscribe("dm.sent", BRAND)
    assert client.subscribe("dm.sent", BRAND) == first
    assert len(client.subscriptions()) == 1


def test_where_the_answer_was_lost_xs_list_decides(x, client):
    x.refusals = [(500, {"title": "Internal", "type": "about:blank"})]
    with pytest.raises(TryLater):
        client.subscribe("dm.sent", BRAND)
    first = client.subscribe("dm.sent", BRAND)
    x.refusals = [(500, {"title": "Internal", "type": "about:blank"})]
    assert client.subscribe("dm.sent", BRAND) == first


@pytest.mark.parametrize(
    "data",
    [
        {"subscription": {"subscription_id": "5", "event_type": "dm.sent", "filter": {}}},
        {"subscription_id": "5", "event_type": "dm.sent", "filter": {}},
        [{"subscription_id": "5", "event_type": "dm.sent", "filter": {}}],
    ],
)
def test_each_shape_that_x_documents_is_read(x, client, data):
    x.refusals = [(200, {"data": data})]
    assert client.subscribe("dm.sent", BRAND) == XSubscription("5", "dm.sent", None)


def test_a_subscription_that_is_gone_already_is_no_error(x, client):
    made = client.subscribe("dm.sent", BRAND)
    client.unsubscribe(made.id)
    client.unsubscribe(made.id)
    assert client.subscriptions() == ()
    with pytest.raises(ValueError, match="not an id"):
        client.unsubscribe("../webhooks")


def test_the_list_is_read_to_its_last_page(x, client):
    page = [{"subscription_id": "1", "event_type": "dm.sent", "filter": {"user_id": "7"}}]
    x.refusals = [
        (200, {"data": page, "meta": {"next_token": "next-page-token-1"}}),
        (200, {"data": [{**page[0], "subscription_id": "2"}, {"subscription_id": None}, 7]}),
    ]
    assert [each.id for each in client.subscriptions()] == ["1", "2"]


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, TokenRefused), (402, PaymentNeeded), (403, NeverWill), (429, LimitedUntil)],
)
def test_a_refusal_says_what_may_be_done(x, client, status, error):
    refusal = (status, {"title": "No", "type": "about:blank", "status": status})
    x.refusals = [refusal]
    with pytest.raises(error):
        client.subscribe("dm.sent", BRAND)
    x.refusals = [refusal]
    with pytest.raises(error):
        client.stream()


# --- webhooks --------------------------------------------------------------------------------------


def test_webhooks_are_made_listed_validated_replayed_and_removed(x, client):
    webhook = {"id": "7", "url": "https://example.com/x/webhook/1/", "valid": True}
    x.refusals = [
        (200, {"data": webhook | {"created_at": "2026-11-23T00:00:00.000Z"}}),
        (200, {"data": [webhook]}),
        (200, {"data": {"valid": True}}),
        (200, {"data": {"job_id": "99", "created_at": "2026-11-23T00:00:00.000Z"}}),
        (200, {"data": {"deleted": True}}),
    ]
    made = client.make_webhook(webhook["url"])
    assert made == XWebhook("7", webhook["url"], True)
    assert client.webhooks() == (made,)
    assert client.validate_webhook("7") is True
    since = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
    assert client.replay("7", since, since.replace(hour=10)) == "99"
    client.remove_webhook("7")
    assert [request[:2] for request in x.requests] == [
        ("POST", "/2/webhooks"),
        ("GET", "/2/webhooks"),
        ("PUT", "/2/webhooks/7"),
        ("POST", "/2/webhooks/replay"),
        ("DELETE", "/2/webhooks/7"),
    ]
    assert x.requests[3][3] == {
        "webhook_id": "7",
        "from_date": "202611230905",
        "to_date": "202611231005",
    }


# --- the stream ------------------------------------------------------------------------------------


def test_the_stream_gives_lines_as_they_come_and_keep_alives(x, client):
    stream = client.stream(backfill_minutes=3)
    x.tell("follow.follow", BRAND, {})
    lines = stream.lines()
    first = next(lines)
    assert json.loads(first)["data"]["event_type"] == "follow.follow"
    assert next(lines) == b""
    assert [visitor.backfill_minutes for visitor in x.visitors] == [3]
    stream.close()
    with pytest.raises(StreamEnded, match="closed"):
        next(lines)


@pytest.mark.parametrize("rudely", [False, True])
def test_a_stream_that_x_drops_ends_and_gives_no_half_line(x, client, rudely):
    lines = client.stream().lines()
    assert next(lines) == b""
    x.drop(rudely=rudely)
    seen: list[bytes] = []
    with pytest.raises(StreamEnded, match="closed"):
        seen.extend(lines)
    assert set(seen) <= {b""}


def test_a_stream_that_falls_silent_has_stalled(x):
    x.keep_alive = None
    stream = client_of(x.base_url, stall=0.3).stream()
    with pytest.raises(StreamEnded, match="stalled"):
        next(stream.lines())
    stream.close()


def test_a_line_without_end_is_not_read_for_ever():
    def endless(visit):
        visit.read_request()
        visit.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (2 << 20))
        visit.wait_for_the_end()

    with Awkward(endless) as server:
        stream = client_of(server.base_url).stream()
        with pytest.raises(StreamEnded, match="too_long"):
            next(stream.lines())
        stream.close()


def test_a_redirect_is_not_followed():
    def elsewhere(visit):
        visit.read_request()
        visit.answer("302 Found", b"", "Location: http://127.0.0.1:1/")

    with Awkward(elsewhere) as server:
        for call in (client_of(server.base_url).stream, client_of(server.base_url).webhooks):
            with pytest.raises(XError) as refused:
                call()
            assert refused.value.status == 302


def test_where_nobody_answers_nothing_was_called():
    client = client_of("http://127.0.0.1:1")
    with pytest.raises(NotCalled):
        client.stream()
    with pytest.raises(NotCalled):
        client.subscribe("dm.sent", BRAND)


def test_no_token_is_in_what_is_logged_or_raised(x, client, caplog):
    caplog.set_level("DEBUG")
    client.subscribe("dm.sent", BRAND, token="user-token")
    x.refusals = [(401, {"title": "Unauthorized", "detail": "bearer user-token"})]
    with pytest.raises(TokenRefused) as refused:
        client.subscribe("dm.received", BRAND, token="user-token")
    said = caplog.text + repr(refused.value) + str(refused.value)
    assert "POST /2/activity/subscriptions: 200" in said
    assert "user-token" not in said
