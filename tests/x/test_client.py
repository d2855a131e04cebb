"""The client against the sandbox, over real HTTP."""

from __future__ import annotations

import logging

import pytest

from outreach.x.client import CallDeadline, UsersAnswer, XClient, XUser
from outreach.x.errors import LimitedUntil, NeverReason, NeverWill, TokenRefused
from outreach.x.limits import Limits

BRAND, ANN, BOB = 1_000_000_000_000_000_001, 2, 3


@pytest.fixture
def world(sandbox):
    sandbox.add_user(BRAND, "brand")
    sandbox.add_user(ANN, "ann")
    sandbox.add_user(BOB, "bob")
    sandbox.befriend(BRAND, ANN)
    return sandbox


@pytest.fixture
def client(world):
    return XClient(world.issue_token(BRAND), base_url=world.base_url)


def test_a_message_arrives_as_it_was_written(world, client):
    text = "Grüße 🖼️\n\n“two\tlines” & <b>https://example.org/?a=1</b> "
    sent = client.send_dm(ANN, text, deadline=CallDeadline.starting_now(5))
    (dm,) = world.dms()
    assert (dm["text"], dm["recipient"], int(dm["id"])) == (text, str(ANN), sent.dm_event_id)
    assert sent.conversation_id == f"{ANN}-{BRAND}"
    assert sent.request_id
    assert [(limit.scope, limit.limit, limit.remaining) for limit in sent.limits.windows] == [
        ("endpoint", 15, 14),
        ("user", 1440, 1439),
        ("app", 1440, 1439),
    ]


def test_who_does_not_follow_is_not_written_to(world, client):
    with pytest.raises(NeverWill) as refused:
        client.send_dm(BOB, "hello")
    assert (refused.value.reason, refused.value.status) == (NeverReason.NO_DMS, 403)
    assert world.dms() == []


def test_who_is_not_there_is_gone(client):
    with pytest.raises(NeverWill) as refused:
        client.send_dm(77, "hello")
    assert (refused.value.reason, refused.value.status) == (NeverReason.GONE, 404)


def test_text_beyond_x_s_length_is_a_bad_request(world, client):
    with pytest.raises(NeverWill) as refused:
        client.send_dm(ANN, "x" * 10_001)
    assert refused.value.reason == NeverReason.BAD_REQUEST
    assert world.dms() == []


def test_a_revoked_token_is_refused(world):
    token = world.issue_token(BRAND)
    world.revoke_token(token)
    with pytest.raises(TokenRefused):
        XClient(token, base_url=world.base_url).send_dm(ANN, "hello")


def test_a_missing_scope_is_named_as_such(world):
    token = world.issue_token(BRAND, scopes=["tweet.read", "users.read"])
    with pytest.raises(NeverWill) as refused:
        XClient(token, base_url=world.base_url).send_dm(ANN, "hello")
    assert refused.value.reason == NeverReason.NO_ACCESS


def test_a_reached_limit_says_whose_it_is_and_until_when(world, client):
    windows = [
        {"limit": 9, "seconds": 900, "per": "user"},
        {"limit": 1, "seconds": 86_400, "per": "app", "header": "x-app-limit-24hour"},
    ]
    world.set_limits({"send_dm": windows})
    sent = client.send_dm(ANN, "one")
    with pytest.raises(LimitedUntil) as limited:
        client.send_dm(ANN, "two")
    closed = sent.limits.of("app")
    assert closed is not None
    assert (limited.value.scope, limited.value.until) == ("app", closed.reset)
    assert len(world.dms()) == 1


def test_users_are_told_apart_by_what_connects_them(world, client):
    world.follow(BOB, BRAND)
    answer = client.users([ANN, BOB, 77])
    pictures = f"{world.base_url}/avatars"
    assert answer.found == (
        XUser(ANN, "ann", "Ann", f"{pictures}/{ANN}.svg", True, True, True),
        XUser(BOB, "bob", "Bob", f"{pictures}/{BOB}.svg", False, True, True),
    )
    assert (answer.missing, answer.unanswered) == ((77,), ())
    assert answer.limits.windows[0].remaining == 899


def test_closed_dms_are_seen_before_writing(world, client):
    world.accept_dms(ANN, False)
    assert client.users([ANN]).found[0].accepts_dms is False


def test_a_hundred_users_are_one_call_and_more_are_an_error(world, client):
    assert len(client.users(range(1000, 1100)).missing) == 100
    with pytest.raises(ValueError, match="100"):
        client.users(range(101))


def test_nobody_to_look_up_is_no_call(client):
    assert client.users([]) == UsersAnswer((), (), (), Limits())


def test_me_is_the_account_of_the_token(client):
    me = client.me()
    assert (me.id, me.handle) == (BRAND, "brand")


def test_the_log_tells_the_call_and_neither_token_nor_text_nor_person(world, caplog):
    token = world.issue_token(BRAND)
    caplog.set_level(logging.DEBUG)
    logging.getLogger("tweepy").setLevel(logging.DEBUG)
    logging.getLogger("tweepy.client").setLevel(logging.DEBUG)
    client = XClient(token, base_url=world.base_url)
    sent = client.send_dm(ANN, "words for nobody else")
    with pytest.raises(NeverWill):
        client.send_dm(BOB, "words for nobody else")
    ours = [record.getMessage() for record in caplog.records if record.name == "outreach.x"]
    assert ours[0].rpartition(", ")[0] == (
        f"POST /2/dm_conversations/with/:participant_id/messages: 201, request {sent.request_id}"
    )
    assert len(ours) == 2
    assert token not in caplog.text
    assert "words for nobody else" not in caplog.text


def test_an_error_drags_along_no_request(world):
    with pytest.raises(TokenRefused) as refused:
        XClient("a wrong token", base_url=world.base_url).send_dm(ANN, "hello")
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)
