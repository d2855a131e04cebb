"""Subscriptions and the activity stream, as X's Activity API has them."""

from __future__ import annotations

import time

import pytest

from tests.sandbox.streams import Reader
from tests.sandbox_server import Sandbox

BRAND, OTHER, ANN, BOB = 1, 2, 3, 4
ALL = "/2/activity/subscriptions"
SEND_ANN = f"/2/dm_conversations/with/{ANN}/messages"


@pytest.fixture
def world(sandbox):
    for user_id, handle in ((BRAND, "brand"), (OTHER, "other"), (ANN, "ann"), (BOB, "bob")):
        sandbox.add_user(user_id, handle)
    sandbox.befriend(BRAND, ANN)
    return sandbox


@pytest.fixture
def token(world):
    return world.issue_token(BRAND)


@pytest.fixture
def app(world):
    return world.issue_token(None, scopes=[])


def subscribe(world, token, kind, user_id=BRAND, **rest):
    filter_ = {"user_id": str(user_id)} | rest.pop("filter", {})
    body = {"event_type": kind, "filter": filter_} | rest
    return world.api("POST", ALL, token, json=body)


def subscribed(world, token, *kinds):
    for kind in kinds:
        assert subscribe(world, token, kind).status_code == 200


def wait_until(what, seconds=10):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline


def open_streams(world):
    return world.http.get(f"{world.base_url}/_sandbox/activity").json()["streams"]


# Subscriptions


def test_a_subscription_is_made_listed_changed_and_removed(world, token, app):
    answer = subscribe(world, token, "dm.received", tag="inbox")
    made = answer.json()["data"]["subscription"]
    assert made["filter"] == {"user_id": str(BRAND)}
    assert (made["event_type"], made["tag"]) == ("dm.received", "inbox")
    one = f"{ALL}/{made['subscription_id']}"
    assert world.api("GET", ALL, app).json() == {
        "data": [made],
        "meta": {"total_subscriptions": 1},
    }
    changed = world.api("PUT", one, app, json={"tag": "other"}).json()["data"]
    assert changed["subscription"]["tag"] == "other"
    assert world.api("DELETE", one, app).json()["data"] == {"deleted": True}
    assert world.api("DELETE", one, app).status_code == 404
    assert world.api("GET", ALL, app).json()["data"] == []


@pytest.mark.parametrize("kind", ["dm.received", "dm.sent", "dm.read"])
def test_private_events_need_the_user_s_own_token(world, app, token, kind):
    others = world.issue_token(OTHER)
    without = world.issue_token(BRAND, scopes=["users.read", "tweet.read"])
    refused = [subscribe(world, who, kind).status_code for who in (app, others, without)]
    assert refused == [403, 403, 403]
    assert subscribe(world, token, kind).status_code == 200


def test_public_events_can_be_subscribed_to_by_the_app_and_revocations_of_all_at_once(world, app):
    assert subscribe(world, app, "follow.follow").status_code == 200
    body = {"event_type": "oauth.revoke", "filter": {}}
    assert world.api("POST", ALL, app, json=body).status_code == 200


def test_the_same_subscription_is_refused_the_second_time(world, token, app):
    subscribed(world, token, "follow.follow")
    again = subscribe(world, app, "follow.follow", tag="another")
    assert again.status_code == 400
    assert "DuplicateSubscription" in again.text
    narrower = subscribe(world, app, "follow.follow", filter={"direction": "inbound"})
    assert narrower.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"event_type": "dm.received"}',
        b'{"event_type": "dm.received", "filter": {}}',
        b'{"event_type": "dm.received", "filter": {"user_id": 1}}',
        b'{"event_type": "dm.received", "filter": {"user_id": "77"}}',
        b'{"event_type": "rain", "filter": {"user_id": "1"}}',
        b'{"event_type": "follow.follow", "filter": {"user_id": "1"}, "tag": ""}',
        b'{"event_type": "follow.follow", "filter": {"user_id": "1"}, "shoe": 1}',
        b'{"event_type": "follow.follow", "filter": {"user_id": "1", "direction": "up"}}',
        b'{"event_type": "follow.follow", "filter": {"user_id": "1"}, "webhook_id": "5"}',
    ],
)
def test_a_subscription_that_makes_no_sense_is_a_problem(world, token, body):
    answer = world.api("POST", ALL, token, data=body)
    assert answer.status_code == 400
    assert answer.json()["type"] == "https://api.x.com/2/problems/invalid-request"


def test_an_app_has_1500_subscriptions_at_most_and_reads_them_in_pages(world, app):
    world.set_limits({"activity_subscribe": []})
    users = [{"id": str(n), "handle": f"u{n}", "name": "U"} for n in range(1000, 1751)]
    world.control("users", users=users)
    statuses = [
        subscribe(world, app, kind, user["id"]).status_code
        for user in users
        for kind in ("follow.follow", "follow.unfollow")
    ]
    assert statuses.count(200) == 1500
    assert statuses[1500:] == [400, 400]
    first = world.api("GET", ALL, app).json()
    query = f"?pagination_token={first['meta']['next_token']}"
    second = world.api("GET", ALL + query, app).json()
    ids = {item["subscription_id"] for item in first["data"] + second["data"]}
    assert (len(first["data"]), len(second["data"]), len(ids)) == (1000, 500, 1500)
    assert "next_token" not in second["meta"]


def test_subscribing_is_limited_by_app_whoever_s_token_it_is(world, token, app):
    world.set_limits({"activity_subscribe": [{"limit": 2, "seconds": 900, "per": "app"}]})
    answers = [
        subscribe(world, who, kind)
        for who, kind in ((token, "dm.sent"), (app, "follow.follow"), (token, "dm.read"))
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


def test_many_are_removed_in_one_call_and_the_missing_are_named(world, token, app):
    made = [
        subscribe(world, token, kind).json()["data"]["subscription"]["subscription_id"]
        for kind in ("dm.sent", "dm.read", "dm.received")
    ]
    document = world.api("DELETE", f"{ALL}?ids={made[0]},{made[1]},5", app).json()
    assert [item["subscription_id"] for item in document["data"]] == made[:2]
    assert [item["subscription_id"] for item in document["errors"]] == ["5"]
    assert document["meta"] == {"total_subscriptions": 1}


def test_apps_do_not_see_each_other_s_subscriptions(world, token):
    made = subscribe(world, token, "dm.sent").json()["data"]["subscription"]
    stranger = world.issue_token(None, scopes=[], app="another")
    assert world.api("GET", ALL, stranger).json()["data"] == []
    one = f"{ALL}/{made['subscription_id']}"
    assert world.api("DELETE", one, stranger).status_code == 404


# The stream


def test_messages_are_told_to_both_ends_with_who_and_what(world, token, app):
    subscribed(world, token, "dm.sent", "dm.received", "dm.read")
    with Reader(world, app) as reader:
        sent = world.api("POST", SEND_ANN, token, json={"text": "Grüße"}).json()["data"]
        event = reader.event()
        assert event["event_type"] == "dm.sent"
        assert event["filter"] == {"user_id": str(BRAND)}
        (message,) = event["payload"]["direct_message_events"]
        assert (message["id"], message["type"]) == (sent["dm_event_id"], "message_create")
        assert message["message_create"]["target"] == {"recipient_id": str(ANN)}
        assert message["message_create"]["sender_id"] == str(BRAND)
        assert message["message_create"]["message_data"]["text"] == "Grüße"
        assert event["payload"]["users"][str(ANN)]["data"]["username"] == "ann"
        world.control("read", reader=ANN, writer=BRAND)
        seen = reader.event()
        assert seen["event_type"] == "dm.read"
        (mark,) = seen["payload"]["direct_message_mark_read_events"]
        assert (mark["sender_id"], mark["last_read_event_id"]) == (str(ANN), sent["dm_event_id"])
        world.write(ANN, BRAND, "back")
        assert reader.event()["event_type"] == "dm.received"


def test_what_was_read_is_told_once(world, token, app):
    subscribed(world, token, "dm.read")
    with Reader(world, app) as reader:
        for text in ("one", "two"):
            world.api("POST", SEND_ANN, token, json={"text": text})
            page = world.http.get(f"{world.base_url}/phone/ann/with/brand/")
            assert page.status_code == 200
            world.control("read", reader=ANN, writer=BRAND)
        read = [
            reader.event()["payload"]["direct_message_mark_read_events"][0]["last_read_event_id"]
            for _ in range(2)
        ]
        assert read == [dm["id"] for dm in world.dms()]
        assert reader.is_quiet()


def test_follows_are_told_from_the_phone_too_and_direction_narrows_them(world, app):
    subscribe(world, app, "follow.unfollow", filter={"direction": "inbound"})
    subscribe(world, app, "follow.follow", tag="f")
    with Reader(world, app) as reader:
        world.unfollow(BRAND, ANN)  # outbound: not asked for
        page = world.http.post(
            f"{world.base_url}/phone/ann/with/brand/follow",
            data={"follow": "no"},
            headers={"Origin": world.base_url},
        )
        assert page.status_code == 200
        event = reader.event()
        assert (event["event_type"], event["filter"]["direction"]) == (
            "follow.unfollow",
            "inbound",
        )
        ends = {end: event["payload"][end]["data"]["id"] for end in ("source", "target")}
        assert ends == {"source": str(ANN), "target": str(BRAND)}
        world.follow(ANN, BRAND)
        world.follow(ANN, BRAND)  # nothing new
        world.follow(BRAND, ANN)
        sources = [reader.event()["payload"]["source"]["data"]["id"] for _ in range(2)]
        assert sources == [str(ANN), str(BRAND)]
        assert reader.is_quiet()


def test_event_ids_are_unique_and_as_described(world, token, app):
    subscribed(world, token, "dm.sent")
    with Reader(world, app) as reader:
        for _ in range(5):
            world.api("POST", SEND_ANN, token, json={"text": "x"})
        ids = [reader.event()["event_uuid"] for _ in range(5)]
    assert len(set(ids)) == 5
    assert all(id_.isdigit() and len(id_) <= 19 for id_ in ids)
    assert sorted(ids, key=int) == ids


def test_ids_are_negative_and_users_bare_where_that_is_wanted(world, token, app):
    world.control("activity", signed_ids=True, bare_users=True)
    subscribed(world, token, "follow.follow")
    with Reader(world, app) as reader:
        world.follow(BOB, BRAND)
        event = reader.event()
    assert int(event["event_uuid"]) < 0
    assert event["payload"]["source"]["id"] == str(BOB)


def test_what_happened_while_nobody_read_comes_with_backfill_only(world, token, app):
    subscribed(world, token, "follow.follow")
    world.follow(BOB, BRAND)
    with Reader(world, app) as live, Reader(world, app, "?backfill_minutes=5") as filled:
        assert filled.event()["payload"]["source"]["data"]["id"] == str(BOB)
        world.follow(OTHER, BRAND)
        for reader in (live, filled):
            assert reader.event()["payload"]["source"]["data"]["id"] == str(OTHER)
            assert reader.is_quiet()


def test_a_past_stretch_is_read_by_its_moments_and_ends(world, token, app):
    subscribed(world, token, "follow.follow")
    world.follow(BOB, BRAND)
    query = "?start_time=2020-01-01T00:00:00Z&end_time=2099-01-01T00:00:00Z"
    with Reader(world, app, query) as reader:
        assert reader.event()["payload"]["source"]["data"]["id"] == str(BOB)
    query = "?start_time=2020-01-01T00:00:00Z&end_time=2020-01-02T00:00:00.000Z"
    with Reader(world, app, query) as reader:
        assert reader.wait_for_the_end() == "ended"


@pytest.mark.parametrize(
    "query", ["backfill_minutes=6", "backfill_minutes=x", "start_time=now", "end_time=2020"]
)
def test_a_request_for_the_stream_that_makes_no_sense_is_a_problem(world, app, query):
    assert world.api("GET", f"/2/activity/stream?{query}", app).status_code == 400


def test_the_stream_is_for_the_app_s_own_token(world, token):
    assert world.api("GET", "/2/activity/stream", token).status_code == 403
    assert world.api("GET", "/2/activity/stream").status_code == 401


def test_an_app_has_two_connections_and_a_closed_one_makes_room(world, app):
    one, two = Reader(world, app), Reader(world, app)
    with Reader(world, app) as third:
        assert third.response.status_code == 429
        assert third.response.json()["connection_issue"] == "TooManyConnections"
    stranger = world.issue_token(None, scopes=[], app="another")
    with Reader(world, stranger) as other_app:
        assert other_app.response.status_code == 200
        one.close()
        wait_until(lambda: sorted(open_streams(world)) != sorted(["sandbox"] * 2 + ["another"]))
        with Reader(world, app) as again:
            assert again.response.status_code == 200
    two.close()
    wait_until(lambda: open_streams(world) == [])


def test_a_quiet_stream_says_that_it_lives(world, app):
    world.control("activity", keep_alive_seconds=0.1)
    with Reader(world, app) as reader:
        assert [reader.line() for _ in range(3)] == [b"", b"", b""]


def test_both_connections_are_told_everything(world, token, app):
    subscribed(world, token, "follow.follow")
    with Reader(world, app) as one, Reader(world, app) as two:
        world.follow(BOB, BRAND)
        assert one.event()["event_uuid"] == two.event()["event_uuid"]


def test_events_of_one_process_reach_the_stream_of_another(tmp_path):
    first, second = Sandbox(tmp_path / "world.sqlite3"), Sandbox(tmp_path / "world.sqlite3")
    first.start()
    second.start()
    first.add_user(BRAND, "brand")
    first.add_user(ANN, "ann")
    app = first.issue_token(None, scopes=[])
    subscribed(first, app, "follow.follow")
    with Reader(first, app) as one, Reader(second, app) as two:
        second.follow(ANN, BRAND)
        assert one.event()["event_uuid"] == two.event()["event_uuid"]
        # The connections are counted over both processes.
        assert first.api("GET", "/2/activity/stream", app).status_code == 429
        # A stream does not keep a process that is told to stop.
        began = time.monotonic()
        assert second.stop() == 0
        assert time.monotonic() - began < 2.5
        assert two.wait_for_the_end() == "ended"
    first.stop()


def test_a_connection_of_a_killed_process_is_free_again_soon(tmp_path):
    server = Sandbox(tmp_path / "world.sqlite3")
    server.start()
    server.set_limits({"activity_stream": []})
    app = server.issue_token(None, scopes=[])
    one, two = Reader(server, app), Reader(server, app)
    server.process.kill()
    server.process.communicate()
    assert {one.wait_for_the_end(), two.wait_for_the_end()} <= {"broken", "reset"}
    server.start()
    found = []

    def there_is_room() -> bool:
        found.append(Reader(server, app))
        return found[-1].response.status_code == 200

    wait_until(there_is_room)
    for reader in found:
        reader.close()
    server.stop()


# Faults of events


def test_an_event_comes_late_and_others_do_not_wait_for_it(world, token, app):
    subscribed(world, token, "follow.follow", "follow.unfollow")
    world.set_faults(
        {"endpoint": "follow.follow", "fault": "event_late", "seconds": 0.7, "times": 1}
    )
    with Reader(world, app) as reader:
        world.follow(BOB, BRAND)
        world.unfollow(BOB, BRAND)
        kinds = [reader.event()["event_type"] for _ in range(2)]
        assert kinds == ["follow.unfollow", "follow.follow"]
        assert reader.is_quiet()


def test_an_event_comes_twice_under_one_id(world, token, app):
    subscribed(world, token, "follow.follow")
    world.set_faults({"endpoint": "*", "fault": "event_twice", "times": 1})
    with Reader(world, app) as reader:
        world.follow(BOB, BRAND)
        world.follow(OTHER, BRAND)
        ids = [reader.event()["event_uuid"] for _ in range(3)]
    assert ids[0] == ids[1] != ids[2]


def test_an_event_never_comes_and_is_listed_as_injected(world, token, app):
    subscribed(world, token, "follow.follow")
    world.set_faults({"endpoint": "follow.follow", "fault": "event_never", "script": [True]})
    with Reader(world, app, "?backfill_minutes=5") as reader:
        world.follow(BOB, BRAND)
        world.follow(OTHER, BRAND)
        assert reader.event()["payload"]["source"]["data"]["id"] == str(OTHER)
    (struck,) = world.injected()
    assert (struck["endpoint"], struck["fault"]) == ("follow.follow", "event_never")


def test_a_stream_breaks_before_an_event_that_backfill_brings(world, token, app):
    subscribed(world, token, "follow.follow")
    world.set_faults({"endpoint": "*", "fault": "stream_drop", "script": [False, True]})
    with Reader(world, app) as reader:
        world.follow(BOB, BRAND)
        reader.event()
        world.follow(OTHER, BRAND)
        assert reader.wait_for_the_end() == "reset"
    with Reader(world, app, "?backfill_minutes=1") as reader:
        sources = [reader.event()["payload"]["source"]["data"]["id"] for _ in range(2)]
    assert sources == [str(BOB), str(OTHER)]


def test_the_stream_is_refused_and_dropped_like_any_call(world, app):
    world.set_faults({"endpoint": "activity_stream", "fault": "error_before", "times": 1})
    assert world.api("GET", "/2/activity/stream", app).status_code == 503
    with Reader(world, app) as reader:
        assert reader.response.status_code == 200
        assert world.control("drop_streams") == {"dropped": 1}
        assert reader.wait_for_the_end() == "ended"
