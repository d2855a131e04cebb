"""How X's documents are read: what is understood, what is left out, and what is no answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.x.answers import (
    DMEvent,
    Unreadable,
    XUser,
    dm_page_from,
    document_of,
    handles_from,
    me_from,
    sent_from,
    user_page_from,
    users_from,
)
from outreach.x.limits import Limits

GONE = "https://api.x.com/2/problems/resource-not-found"
HIDDEN = "https://api.x.com/2/problems/not-authorized-for-resource"
NONE = Limits()


def user(id_: int, handle: str, **more: Any) -> dict[str, Any]:
    return {"id": str(id_), "username": handle, "name": handle.title()} | more


def gone(value: str, detail: str = "Could not find user", **more: Any) -> dict[str, Any]:
    problem = {"type": GONE, "detail": detail, "resource_type": "user", "resource_id": value}
    return problem | more


def message(id_: int, text: str = "hello", **more: Any) -> dict[str, Any]:
    return {
        "id": str(id_),
        "event_type": "MessageCreate",
        "text": text,
        "sender_id": "2",
        "dm_conversation_id": "1-2",
        "created_at": "2026-11-01T12:00:00.000Z",
    } | more


def test_each_id_asked_about_is_in_exactly_one_place():
    document = {
        "data": [user(2, "ann"), user(9, "not_asked_about")],
        "errors": [
            gone("3"),
            gone("4", "User has been suspended: [4]."),
            {"type": HIDDEN, "resource_type": "user", "resource_id": "5"},
            gone("6", resource_type="tweet"),
            gone("2"),
        ],
    }
    answer = users_from(document, [2, 3, 4, 5, 6, 7], NONE)
    assert [found.id for found in answer.found] == [2]
    assert (answer.missing, answer.suspended, answer.unanswered) == ((3, 4), (4,), (5, 6, 7))


def test_handles_are_the_same_in_any_case_and_named_as_they_were_asked_for():
    document = {
        "data": [user(2, "ANN"), user(9, "somebody")],
        "errors": [gone("bob"), gone("cy", "User has been suspended: [cy].")],
    }
    answer = handles_from(document, ["Ann", "Bob", "Cy", "Di"], NONE)
    assert [(found.id, found.handle) for found in answer.found] == [(2, "ANN")]
    assert (answer.missing, answer.suspended) == (("Bob", "Cy"), ("Cy",))
    assert answer.unanswered == ("Di",)


def test_what_x_did_not_say_about_a_user_is_not_known():
    (found,) = users_from(
        {"data": [user(2, "ann", name=None, profile_image_url=5)]}, [2], NONE
    ).found
    assert found == XUser(2, "ann", "", "", None, None, None)


@pytest.mark.parametrize(
    "document",
    [{}, {"meta": {}}, {"data": {}}, {"data": "x"}, {"data": None}, {"data": [], "errors": {}}],
)
def test_a_look_up_without_users_or_problems_is_no_answer(document):
    with pytest.raises(Unreadable):
        users_from(document, [2], NONE)
    with pytest.raises(Unreadable):
        handles_from(document, ["ann"], NONE)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"a"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_no_answer(body):
    with pytest.raises(Unreadable):
        document_of(body)


def test_a_page_of_users_says_how_many_of_it_could_not_be_read():
    document = {
        "data": [user(2, "ann"), {"id": "x"}, "odd", user(3, "bob")],
        "errors": [{"type": HIDDEN}],
        "meta": {"result_count": 4, "next_token": "abc"},
    }
    page = user_page_from(document, NONE)
    assert [found.id for found in page.users] == [2, 3]
    assert (page.next_token, page.unreadable) == ("abc", 3)


@pytest.mark.parametrize("read", [user_page_from, dm_page_from])
def test_an_empty_page_is_one_and_the_last(read):
    page = read({"meta": {"result_count": 0}}, NONE)
    assert (page.next_token, page.unreadable) == (None, 0)


@pytest.mark.parametrize("read", [user_page_from, dm_page_from])
@pytest.mark.parametrize(
    "document",
    [
        {},
        {"data": []},
        {"data": [], "meta": []},
        {"data": {}, "meta": {"result_count": 0}},
        {"data": [], "meta": {"result_count": 0, "next_token": 5}},
        {"errors": [{"type": HIDDEN}], "meta": {"result_count": 0}},
        {"errors": [{"type": HIDDEN}]},
    ],
)
def test_what_might_look_like_a_last_page_and_is_none_is_no_answer(read, document):
    with pytest.raises(Unreadable):
        read(document, NONE)


def test_a_message_is_read_with_its_own_words():
    link = {"url": "https://t.co/a", "expanded_url": "https://a.example/"}
    document = {
        "data": [
            message(
                7,
                "Look &amp; see https://t.co/a",
                entities={"urls": [link]},
                attachments={"media_keys": ["3_1"], "card_ids": None},
            )
        ],
        "meta": {"result_count": 1},
    }
    assert dm_page_from(document, NONE).events == (
        DMEvent(
            id=7,
            sender_id=2,
            conversation_id="1-2",
            text="Look &amp; see https://t.co/a",
            expanded_text="Look & see https://a.example/",
            created_at=datetime(2026, 11, 1, 12, tzinfo=UTC),
            media_keys=("3_1",),
        ),
    )


ODD = [
    {"id": None},
    {"id": "0"},
    {"sender_id": None},
    {"sender_id": "ann"},
    {"created_at": None},
    {"created_at": "soon"},
    {"created_at": "2026-11-01T12:00:00"},
    {"created_at": 5},
    {"text": 5},
]


@pytest.mark.parametrize("odd", ODD)
def test_a_message_that_cannot_be_told_apart_is_counted_and_not_shown(odd):
    document = {"data": [message(7), message(8) | odd], "meta": {"result_count": 2}}
    page = dm_page_from(document, NONE)
    assert ([event.id for event in page.events], page.unreadable) == ([7], 1)


def test_a_message_without_words_is_one():
    bare = message(7)
    del bare["text"], bare["event_type"], bare["dm_conversation_id"]
    (event,) = dm_page_from({"data": [bare], "meta": {}}, NONE).events
    assert (event.text, event.conversation_id) == ("", None)


def test_people_who_join_or_leave_are_neither_messages_nor_unreadable():
    joined = {"id": "9", "event_type": "ParticipantsJoin", "participant_ids": ["3"]}
    document = {"data": [joined, message(7)], "meta": {"result_count": 2}}
    page = dm_page_from(document, NONE)
    assert ([event.id for event in page.events], page.unreadable) == ([7], 0)


@pytest.mark.parametrize(
    ("document", "unreadable"),
    [
        ({"meta": {"result_count": 3}}, 3),
        ({"data": [message(7)], "meta": {"result_count": 3}}, 2),
        ({"data": [message(7)], "errors": [{"type": HIDDEN}], "meta": {"result_count": 1}}, 1),
        ({"data": [message(7)], "errors": [{"type": HIDDEN}], "meta": {"result_count": 2}}, 1),
        ({"data": [message(7), 5, None], "meta": {}}, 2),
    ],
)
def test_messages_that_x_counted_and_did_not_show_are_unreadable(document, unreadable):
    assert dm_page_from(document, NONE).unreadable == unreadable


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["2", GONE]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["data", "errors", "meta", "id", "username", "type", "resource_id", "next_token"]
                + ["result_count", "sender_id", "text", "created_at", "dm_event_id", "event_type"]
                + ["attachments", "media_keys", "connection_status", "entities"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)
DOCUMENTS = st.fixed_dictionaries({}, optional={"data": JSON, "errors": JSON, "meta": JSON})


@given(DOCUMENTS)
def test_any_document_is_read_or_unreadable_and_never_anything_else(document):
    document = document_of(json.dumps(document).encode())
    sent_from(document, NONE, None)
    readers = (
        me_from,
        user_page_from,
        dm_page_from,
        lambda document, limits: users_from(document, [2], limits),
        lambda document, limits: handles_from(document, ["ann"], limits),
    )
    for read in readers:
        try:
            read(document, NONE)
        except Unreadable:
            continue


@pytest.mark.parametrize(
    ("metrics", "counts"),
    [
        ({"followers_count": 7, "following_count": 0}, (7, 0)),
        ({"followers_count": "7", "following_count": -1}, (None, None)),
        ({"followers_count": True}, (None, None)),
        ("many", (None, None)),
        (None, (None, None)),
    ],
)
def test_how_long_the_lists_of_the_account_are_is_known_where_x_says_so(metrics, counts):
    me = me_from({"data": {"id": "2", "username": "ann", "public_metrics": metrics}}, NONE)
    assert (me.followers, me.follows) == counts
