"""The client against the sandbox, over real HTTP."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from outreach.x.client import CallDeadline, HandlesAnswer, UsersAnswer, XClient, XUser
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
    assert [replace(user, avatar_url="") for user in answer.found] == [
        XUser(ANN, "ann", "Ann", "", True, True, True),
        XUser(BOB, "bob", "Bob", "", False, True, True),
    ]
    pictures = [user.avatar_url.rpartition(".")[0] for user in answer.found]
    assert pictures == [f"{world.base_url}/avatars/{id_}" for id_ in (ANN, BOB)]
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
    assert client.users_by([]) == HandlesAnswer((), (), (), Limits())


def test_the_same_user_twice_is_asked_about_once(client):
    assert [user.id for user in client.users([ANN, ANN]).found] == [ANN]
    assert [user.id for user in client.users_by(["ann", "Ann"]).found] == [ANN]


def test_users_are_found_by_their_handles_in_any_case(world, client):
    world.follow(BOB, BRAND)
    answer = client.users_by(["ANN", "bob", "nobody"])
    assert [(user.id, user.handle, user.following) for user in answer.found] == [
        (ANN, "ann", True),
        (BOB, "bob", False),
    ]
    assert (answer.missing, answer.unanswered, answer.suspended) == (("nobody",), (), ())
    assert answer.limits.windows[0].remaining == 899


@pytest.mark.parametrize("odd", ["", "@ann", "an ann", "a" * 16, "änn", "ann,bob"])
def test_what_can_be_no_handle_is_not_asked_about(client, odd):
    with pytest.raises(ValueError, match="handle"):
        client.users_by(["ann", odd])


def test_more_than_a_hundred_handles_are_an_error(client):
    assert len(client.users_by([f"u{n}" for n in range(100)]).missing) == 100
    with pytest.raises(ValueError, match="100"):
        client.users_by([f"u{n}" for n in range(101)])


def test_followers_are_read_page_by_page_to_the_end(world, client):
    for follower in range(100, 105):
        world.add_user(follower, f"f{follower}")
        world.follow(follower, BRAND)
    pages, token = [], None
    while True:
        page = client.followers(BRAND, page_token=token, max_results=2)
        pages.append([user.id for user in page.users])
        assert (page.unreadable, page.limits.windows[0].limit) == (0, 300)
        token = page.next_token
        if token is None:
            break
    assert [len(page) for page in pages] == [2, 2, 2]
    assert {id_ for page in pages for id_ in page} == {ANN, *range(100, 105)}
    (ann,) = [user for user in client.followers(BRAND).users if user.id == ANN]
    assert (ann.following, ann.followed_by, ann.accepts_dms) == (True, True, True)


def test_those_followed_are_another_list(world, client):
    world.follow(BRAND, BOB)
    assert {user.id for user in client.following(BRAND).users} == {ANN, BOB}
    assert {user.id for user in client.followers(BRAND).users} == {ANN}
    assert client.following(BOB).users == ()


def test_followers_of_somebody_who_is_not_there(client):
    with pytest.raises(NeverWill) as refused:
        client.followers(77)
    assert refused.value.reason == NeverReason.GONE


@pytest.mark.parametrize("size", [0, 1001])
def test_a_page_size_that_x_does_not_have_is_an_error(client, size):
    with pytest.raises(ValueError, match="1000"):
        client.followers(BRAND, max_results=size)
    with pytest.raises(ValueError, match="100"):
        client.dm_events(max_results=size)


def test_messages_come_newest_first_page_by_page(world, client):
    world.befriend(BRAND, BOB)
    sent = [client.send_dm(ANN, f"letter {n} & more").dm_event_id for n in range(3)]
    client.send_dm(BOB, "to somebody else")
    answer = world.write(ANN, BRAND, "thank you <3")
    events, token = [], None
    while True:
        page = client.dm_events_with(ANN, page_token=token, max_results=2)
        events += page.events
        assert page.unreadable == 0
        token = page.next_token
        if token is None:
            break
    assert [event.id for event in events] == [answer, *reversed(sent)]
    assert [event.sender_id for event in events] == [ANN, BRAND, BRAND, BRAND]
    assert [event.expanded_text for event in events][:2] == ["thank you <3", "letter 2 & more"]
    assert {event.conversation_id for event in events} == {f"{ANN}-{BRAND}"}
    assert abs(datetime.now(UTC) - events[0].created_at) < timedelta(minutes=1)
    assert len(client.dm_events().events) == 5
    assert len(client.dm_events(max_results=3).events) == 3


def test_a_link_comes_back_as_it_was_written(world, client):
    text = "See https://example.org/?a=1&b=2 and <b>this</b>: https://example.org/x"
    client.send_dm(ANN, text)
    (event,) = client.dm_events_with(ANN).events
    assert event.expanded_text == text


def test_a_conversation_without_messages_is_an_empty_last_page(client):
    page = client.dm_events_with(ANN)
    assert (page.events, page.next_token, page.unreadable) == ((), None, 0)


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
