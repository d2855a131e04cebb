"""Webhooks: who may have one, that it proves itself, and how events get there."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox.receivers import Receiver
from tests.sandbox.streams import Reader

BRAND, ANN, BOB = 1, 2, 3
ALL = "/2/webhooks"


@pytest.fixture
def world(sandbox):
    for user_id, handle in ((BRAND, "brand"), (ANN, "ann"), (BOB, "bob")):
        sandbox.add_user(user_id, handle)
    return sandbox


@pytest.fixture
def app(world):
    return world.issue_token(None, scopes=[])


@pytest.fixture
def receiver():
    with Receiver() as made:
        yield made


@pytest.fixture
def webhook(world, app, receiver):
    answer = world.api("POST", ALL, app, json={"url": receiver.url})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def subscribe(world, app, kind, **rest):
    body = {"event_type": kind, "filter": {"user_id": str(BRAND)}} | rest
    answer = world.api("POST", "/2/activity/subscriptions", app, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["subscription"]


def wait_until(what, seconds=10):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline


def waiting(world):
    return world.http.get(f"{world.base_url}/_sandbox/activity").json()["posts"]


def source(event):
    return int(event["payload"]["source"]["data"]["id"])


def test_a_webhook_is_made_after_a_challenge_listed_and_removed(world, app, receiver, webhook):
    assert (webhook["url"], webhook["valid"], receiver.challenges) == (receiver.url, True, 1)
    listed = world.api("GET", f"{ALL}?webhook_config.fields=id,url,valid", app).json()
    assert listed == {"data": [webhook], "meta": {"result_count": 1}}
    assert world.api("GET", f"{ALL}?webhook_config.fields=shoe", app).status_code == 400
    one = f"{ALL}/{webhook['id']}"
    assert world.api("DELETE", one, app).json() == {"data": {"deleted": True}}
    assert world.api("DELETE", one, app).status_code == 404
    assert world.api("GET", ALL, app).json()["data"] == []


def test_an_address_that_does_not_know_the_secret_gets_no_webhook(world, app, receiver):
    receiver.secret = "another"
    answer = world.api("POST", ALL, app, json={"url": receiver.url})
    assert answer.status_code == 400
    assert "CrcValidationFailed" in answer.text
    nobody = world.api("POST", ALL, app, json={"url": "http://127.0.0.1:9/x"})
    assert "CrcValidationFailed" in nobody.text
    assert world.api("GET", ALL, app).json()["data"] == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "url"),
        ({"url": ""}, "url"),
        ({"url": 5}, "url"),
        ({"url": "https://example.org/" + "x" * 200}, "characters"),
        ({"url": "http://example.org/x"}, "UrlValidationFailed"),
        ({"url": "https://example.org:5000/x"}, "UrlValidationFailed"),
        ({"url": "ftp://127.0.0.1/x"}, "UrlValidationFailed"),
        ({"url": "https://a:b@example.org/x"}, "UrlValidationFailed"),
        ({"url": "https://[x"}, "UrlValidationFailed"),
    ],
)
def test_an_address_that_x_would_not_take_is_a_problem(world, app, body, why):
    answer = world.api("POST", ALL, app, json=body)
    assert answer.status_code == 400
    assert why in answer.text


def test_webhooks_are_the_app_s_own_affair(world, app, receiver, webhook):
    user = world.issue_token(BRAND)
    one = f"{ALL}/{webhook['id']}"
    for method, path in (("GET", ALL), ("POST", ALL), ("PUT", one), ("DELETE", one)):
        assert world.api(method, path, user, json={"url": receiver.url}).status_code == 403
    stranger = world.issue_token(None, scopes=[], app="another")
    assert world.api("GET", ALL, stranger).json()["data"] == []
    assert world.api("PUT", one, stranger).status_code == 404


def test_the_same_address_is_refused_the_second_time(world, app, receiver, webhook):
    again = world.api("POST", ALL, app, json={"url": receiver.url})
    assert (again.status_code, receiver.challenges) == (400, 1)
    assert "DuplicateUrlFailed" in again.text


def test_events_go_to_the_webhook_signed_and_to_the_stream_too(world, app, receiver, webhook):
    subscribe(world, app, "follow.follow", webhook_id=webhook["id"])
    subscribe(world, app, "follow.unfollow")
    with Reader(world, app) as reader:
        world.follow(ANN, BRAND)
        world.unfollow(ANN, BRAND)
        event = receiver.post()
        assert (event["event_type"], source(event)) == ("follow.follow", ANN)
        assert reader.event() == event
        assert reader.event()["event_type"] == "follow.unfollow"
    assert receiver.posts.empty()


def test_a_subscription_is_moved_to_a_webhook(world, app, receiver, webhook):
    made = subscribe(world, app, "follow.follow")
    one = f"/2/activity/subscriptions/{made['subscription_id']}"
    changed = world.api("PUT", one, app, json={"webhook_id": webhook["id"]}).json()
    assert changed["data"]["subscription"]["webhook_id"] == webhook["id"]
    world.follow(ANN, BRAND)
    assert source(receiver.post()) == ANN


def test_a_post_that_fails_is_tried_again_and_given_up_in_the_end(world, app, receiver, webhook):
    world.control("activity", retry_seconds=0.05)
    subscribe(world, app, "follow.follow", webhook_id=webhook["id"])
    receiver.answers = [500, 302]
    world.follow(ANN, BRAND)
    ids = {receiver.post()["event_uuid"] for _ in range(3)}
    assert len(ids) == 1
    wait_until(lambda: waiting(world) == 0)
    receiver.answers = [500] * 4
    world.follow(BOB, BRAND)
    for _ in range(4):
        receiver.post()
    wait_until(lambda: waiting(world) == 0)
    assert receiver.posts.empty()


def test_a_webhook_that_answers_too_late_gets_it_again_and_holds_up_no_other_call(
    world, app, receiver, webhook
):
    world.control("activity", answer_seconds=0.3, retry_seconds=0.05)
    subscribe(world, app, "follow.follow", webhook_id=webhook["id"])
    receiver.hold = threading.Event()
    world.follow(ANN, BRAND)
    first = receiver.post()
    assert world.api("GET", ALL, app).status_code == 200
    assert receiver.post() == first
    receiver.hold.set()
    wait_until(lambda: waiting(world) == 0)


def test_a_webhook_that_fails_a_later_check_gets_nothing_until_it_passes_one(
    world, app, receiver, webhook
):
    subscribe(world, app, "follow.follow", webhook_id=webhook["id"])
    receiver.secret = "another"
    world.control("activity", crc_seconds=0.05)
    wait_until(lambda: not world.api("GET", ALL, app).json()["data"][0]["valid"])
    world.follow(ANN, BRAND)
    one = f"{ALL}/{webhook['id']}"
    assert world.api("PUT", one, app).status_code == 400
    receiver.secret = "sandbox-consumer-secret"
    assert world.api("PUT", one, app).json() == {"data": {"valid": True}}
    world.follow(BOB, BRAND)
    assert source(receiver.post()) == BOB


def test_a_replay_posts_the_events_of_a_stretch_of_minutes_again(world, app, receiver, webhook):
    subscribe(world, app, "follow.follow", webhook_id=webhook["id"])
    world.follow(ANN, BRAND)
    event = receiver.post()
    wait_until(lambda: waiting(world) == 0)
    now = datetime.now(UTC)

    def replay(since: datetime, until: datetime):
        dates = {"from_date": f"{since:%Y%m%d%H%M}", "to_date": f"{until:%Y%m%d%H%M}"}
        return world.api("POST", f"{ALL}/replay", app, json={"webhook_id": webhook["id"]} | dates)

    hour = timedelta(hours=1)
    assert replay(now - 3 * hour, now - 2 * hour).status_code == 200
    answer = replay(now - hour, now + timedelta(minutes=1))
    assert answer.json()["data"]["job_id"].isdigit()
    assert receiver.post() == event
    wait_until(lambda: waiting(world) == 0)
    assert receiver.posts.empty()
    assert replay(now - 6 * 24 * hour, now).status_code == 400
    assert replay(now, now - hour).status_code == 400
    missing = {"webhook_id": "5", "from_date": f"{now:%Y%m%d%H%M}", "to_date": f"{now:%Y%m%d%H%M}"}
    assert world.api("POST", f"{ALL}/replay", app, json=missing).status_code == 404
    assert world.api("POST", f"{ALL}/replay", app, json={}).status_code == 400


def test_event_faults_hold_for_webhooks_too(world, app, receiver, webhook):
    subscribe(world, app, "follow.follow", webhook_id=webhook["id"])
    script = [
        "event_never",
        "event_twice",
        {"fault": "event_late", "seconds": 0.5},
    ]
    world.set_faults({"endpoint": "*", "script": script})
    world.follow(ANN, BRAND)
    world.follow(BOB, BRAND)
    assert [source(receiver.post()) for _ in range(2)] == [BOB, BOB]
    began = time.monotonic()
    world.unfollow(ANN, BRAND)
    world.follow(ANN, BRAND)
    assert source(receiver.post()) == ANN
    assert time.monotonic() - began >= 0.45


def test_a_removed_webhook_leaves_its_subscription_to_the_stream(world, app, receiver, webhook):
    made = subscribe(world, app, "follow.follow", webhook_id=webhook["id"])
    world.api("DELETE", f"{ALL}/{webhook['id']}", app)
    (left,) = world.api("GET", "/2/activity/subscriptions", app).json()["data"]
    assert left["subscription_id"] == made["subscription_id"]
    assert "webhook_id" not in left
    with Reader(world, app) as reader:
        world.follow(ANN, BRAND)
        assert source(reader.event()) == ANN


def test_an_app_has_a_few_webhooks_at_most(world, app, receiver):
    urls = [f"{receiver.url}/{n}" for n in range(6)]
    statuses = [world.api("POST", ALL, app, json={"url": url}).status_code for url in urls]
    assert statuses == [200] * 5 + [400]
