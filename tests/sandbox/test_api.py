"""X's API as the sandbox answers it, over real HTTP."""

from __future__ import annotations

import pytest

BRAND, OTHER, ANN, BOB = 1_700_000_000_000_000_001, 1_700_000_000_000_000_002, 3, 4
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


def test_a_message_is_kept_as_it_came(world, token):
    text = "Zwei Zeilen\r\n  https://example.org/?a=1&b=2 &amp; 🖼️\u0000 "
    answer = world.api("POST", SEND_ANN, token, json={"text": text})
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert data["dm_conversation_id"] == f"{ANN}-{BRAND}"
    (kept,) = world.dms()
    assert (kept["id"], kept["text"], kept["sender"]) == (data["dm_event_id"], text, str(BRAND))


def test_ids_grow_and_are_as_long_as_x_s(world, token):
    sent = [
        int(world.api("POST", SEND_ANN, token, json={"text": "x"}).json()["data"]["dm_event_id"])
        for _ in range(10)
    ]
    assert sorted(set(sent)) == sent
    assert [len(str(dm_id)) for dm_id in sent] == [19] * 10


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic YTpi"},
    ],
)
def test_without_a_token_that_is_known_nothing_happens(world, headers):
    answer = world.api("POST", SEND_ANN, headers=headers, json={"text": "x"})
    assert (answer.status_code, answer.json()["code"]) == (401, 89)
    assert world.dms() == []


def test_an_expired_token_is_refused(world):
    token = world.issue_token(BRAND, expires_in=-1)
    assert world.api("GET", "/2/users/me", token).status_code == 401


@pytest.mark.parametrize("missing", ["dm.write", "dm.read", "tweet.read", "users.read"])
def test_each_scope_of_sending_is_needed(world, missing):
    scopes = {"dm.write", "dm.read", "tweet.read", "users.read"} - {missing}
    token = world.issue_token(BRAND, scopes=sorted(scopes))
    answer = world.api("POST", SEND_ANN, token, json={"text": "x"})
    assert answer.status_code == 403
    assert missing in answer.json()["detail"]


def test_an_app_s_own_token_reads_users_but_neither_dms_nor_what_connects_them(world):
    token = world.issue_token(None, scopes=[])
    for method, path in (("POST", SEND_ANN), ("GET", "/2/dm_events"), ("GET", "/2/users/me")):
        assert world.api(method, path, token, json={"text": "x"}).status_code == 403
    answer = world.api("GET", f"/2/users?ids={ANN}&user.fields=connection_status", token)
    assert answer.json() == {"data": [{"id": str(ANN), "name": "Ann", "username": "ann"}]}


BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"{}",
    b'{"text": ""}',
    b'{"text": 5}',
    b'{"text": null}',
    b'{"text": "\\ud800"}',
    b'{"text": "a", "to": "b"}',
    b'{"attachments": [{"media_id": "1"}]}',
    b"\xff",
    b"[" * 5000,
]


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_x_would_not_take_is_a_problem_and_no_message(world, token, body):
    answer = world.api("POST", SEND_ANN, token, data=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "https://api.x.com/2/problems/invalid-request"
    assert world.dms() == []


def test_text_has_at_most_ten_thousand_characters(world, token):
    answers = [
        world.api("POST", SEND_ANN, token, json={"text": "ü" * length}).status_code
        for length in (1, 10_000, 10_001)
    ]
    assert answers == [201, 201, 400]


def test_a_huge_body_is_turned_away(world, token):
    assert world.api("POST", SEND_ANN, token, data=b"x" * 1_000_001).status_code == 413


@pytest.mark.parametrize("who", ["ann", "-3", "3.0", "1" * 20, "%20", "٣"])
def test_an_id_that_is_none_is_a_problem(world, token, who):
    answer = world.api(
        "POST", f"/2/dm_conversations/with/{who}/messages", token, json={"text": "x"}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("who", ["77", "9" * 19])
def test_a_person_who_is_not_there_is_not_found(world, token, who):
    answer = world.api(
        "POST", f"/2/dm_conversations/with/{who}/messages", token, json={"text": "x"}
    )
    assert (answer.status_code, answer.json()["resource_id"]) == (404, who)


def refused(world, token, who=ANN) -> bool:
    path = f"/2/dm_conversations/with/{who}/messages"
    answer = world.api("POST", path, token, json={"text": "x"})
    (user,) = world.api("GET", f"/2/users?ids={who}&user.fields=receives_your_dm", token).json()[
        "data"
    ]
    # What the look-up says and what sending does must be the same.
    assert user["receives_your_dm"] == (answer.status_code == 201)
    assert answer.status_code in (201, 403)
    return answer.status_code == 403


def test_who_does_not_follow_gets_no_message(world, token):
    assert not refused(world, token)
    world.unfollow(ANN, BRAND)
    assert refused(world, token)


def test_who_wrote_first_gets_an_answer(world, token):
    assert refused(world, token, BOB)
    world.write(BOB, BRAND, "hello")
    assert not refused(world, token, BOB)


def test_closed_dms_refuse_even_from_those_they_follow(world, token):
    world.accept_dms(ANN, False)
    assert refused(world, token)
    world.accept_dms(ANN, True)
    assert not refused(world, token)


@pytest.mark.parametrize(("source", "target"), [(ANN, BRAND), (BRAND, ANN)])
def test_a_block_in_either_direction_refuses(world, token, source, target):
    world.write(ANN, BRAND, "hello")
    world.block(source, target)
    assert refused(world, token)
    world.control("unblock", source=source, target=target)
    assert not refused(world, token)


def test_nobody_writes_to_themselves(world, token):
    assert refused(world, token, BRAND)


def test_users_come_with_what_connects_them_as_the_viewer_is_told(world, token):
    world.follow(BOB, BRAND)
    world.block(BRAND, OTHER)
    path = f"/2/users?ids={ANN},{BOB},{OTHER},77&user.fields=connection_status"
    answer = world.api("GET", path, token).json()
    assert [user["connection_status"] for user in answer["data"]] == [
        ["following", "followed_by"],
        ["followed_by"],
        ["blocking"],
    ]
    assert [error["resource_id"] for error in answer["errors"]] == ["77"]


def test_handles_are_looked_up_whatever_their_case(world, token):
    answer = world.api("GET", "/2/users/by?usernames=ANN,nobody", token).json()
    assert [user["username"] for user in answer["data"]] == ["ann"]
    assert [error["value"] for error in answer["errors"]] == ["nobody"]


def test_a_look_up_takes_a_hundred(world, token):
    ids = [str(number) for number in range(100, 201)]
    assert world.api("GET", f"/2/users?ids={','.join(ids[:100])}", token).status_code == 200
    assert world.api("GET", f"/2/users?ids={','.join(ids)}", token).status_code == 400


def test_messages_are_read_back_newest_first_with_the_fields_asked_for(world, token):
    world.write(ANN, BRAND, "one")
    world.api("POST", SEND_ANN, token, json={"text": "two"})
    path = f"/2/dm_conversations/with/{ANN}/dm_events"
    plain = world.api("GET", path, token).json()
    assert [(sorted(dm), dm["text"]) for dm in plain["data"]] == [
        (["event_type", "id", "text"], "two"),
        (["event_type", "id", "text"], "one"),
    ]
    fields = "?dm_event.fields=created_at,sender_id,dm_conversation_id"
    full = world.api("GET", path + fields, token).json()
    assert [dm["sender_id"] for dm in full["data"]] == [str(BRAND), str(ANN)]
    assert {dm["dm_conversation_id"] for dm in full["data"]} == {f"{ANN}-{BRAND}"}
    assert plain["meta"] == {"result_count": 2}


def test_a_conversation_is_read_by_its_two_people_only(world, token):
    world.write(ANN, OTHER, "not for the brand")
    world.write(ANN, BRAND, "for the brand")
    every = world.api("GET", "/2/dm_events", token).json()["data"]
    assert [dm["text"] for dm in every] == ["for the brand"]
    other = world.api("GET", f"/2/dm_conversations/with/{OTHER}/dm_events", token).json()
    assert other == {"meta": {"result_count": 0}}


def pages(world, token, path: str) -> list[list[str]]:
    found, query = [], ""
    while True:
        answer = world.api("GET", path + query, token).json()
        found.append([item.get("text") or item["username"] for item in answer.get("data", [])])
        if "next_token" not in answer["meta"]:
            return found
        query = f"&pagination_token={answer['meta']['next_token']}"


def test_messages_are_paged_without_gap_or_repetition(world, token):
    for number in range(5):
        world.write(ANN, BRAND, str(number))
    path = f"/2/dm_conversations/with/{ANN}/dm_events?max_results=2"
    assert pages(world, token, path) == [["4", "3"], ["2", "1"], ["0"]]
    assert pages(world, token, "/2/dm_events?max_results=5") == [["4", "3", "2", "1", "0"]]


def test_followers_and_following_are_paged(world, token):
    world.follow(BOB, BRAND)
    world.follow(OTHER, BRAND)
    followers = pages(world, token, f"/2/users/{BRAND}/followers?max_results=2")
    assert followers == [["ann", "bob"], ["other"]]
    assert pages(world, token, f"/2/users/{BRAND}/following?max_results=2") == [["ann"]]


@pytest.mark.parametrize(
    "query",
    [
        "max_results=0",
        "max_results=101",
        "max_results=ten",
        "max_results=",
        "pagination_token=",
        "pagination_token=" + "0" * 16,
        "pagination_token=" + "z" * 16,
        "dm_event.fields=shoe_size",
        "dm_event.fields=",
        "event_types=Everything",
    ],
)
def test_a_parameter_that_is_none_is_a_problem(world, token, query):
    answer = world.api("GET", f"/2/dm_events?{query}", token)
    assert (answer.status_code, answer.json()["title"]) == (400, "Invalid Request")


def test_unknown_addresses_and_methods_are_problems(world, token):
    answers = [
        world.api("GET", "/2/tweets", token),
        world.api("GET", "/2/users/", token),
        world.api("DELETE", "/2/users", token),
        world.api("GET", SEND_ANN, token),
    ]
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [
        (404, 404),
        (404, 404),
        (405, 405),
        (405, 405),
    ]


def test_every_answer_carries_an_id_of_the_request(world, token):
    ids = {
        world.api("GET", "/2/users/me", bearer).headers["x-transaction-id"]
        for bearer in (token, None, token)
    }
    assert len(ids) == 3


def test_somebody_suspended_is_an_error_among_the_found(world, token):
    world.suspend(BOB)
    for path in (f"/2/users?ids={ANN},{BOB}", "/2/users/by?usernames=ann,bob"):
        answer = world.api("GET", path, token).json()
        assert [user["username"] for user in answer["data"]] == ["ann"]
        (error,) = answer["errors"]
        assert error["detail"].startswith("User has been suspended")
    world.follow(BOB, BRAND)
    followers = world.api("GET", f"/2/users/{BRAND}/followers", token).json()
    assert [user["username"] for user in followers["data"]] == ["ann"]
    world.suspend(BOB, False)
    followers = world.api("GET", f"/2/users/{BRAND}/followers", token).json()
    assert [user["username"] for user in followers["data"]] == ["ann", "bob"]


def test_nobody_writes_to_somebody_suspended(world, token):
    world.suspend(ANN)
    answer = world.api("POST", SEND_ANN, token, json={"text": "x"})
    assert answer.status_code == 403
    assert answer.json()["detail"].startswith("User has been suspended")
    assert world.dms() == []


def test_an_account_that_is_suspended_may_do_nothing(world, token):
    world.suspend(BRAND)
    for method, path in (("POST", SEND_ANN), ("GET", "/2/users/me"), ("GET", "/2/dm_events")):
        answer = world.api(method, path, token, json={"text": "x"})
        assert (answer.status_code, answer.json()["code"]) == (403, 64)
    world.suspend(BRAND, False)
    assert world.api("POST", SEND_ANN, token, json={"text": "x"}).status_code == 201


def test_muting_is_known_to_who_mutes_and_changes_nothing_else(world, token):
    world.control("mute", source=BRAND, target=ANN)
    path = f"/2/users?ids={ANN}&user.fields=connection_status,receives_your_dm"
    (user,) = world.api("GET", path, token).json()["data"]
    assert user["connection_status"] == ["following", "followed_by", "muting"]
    assert user["receives_your_dm"] is True
    world.control("mute", source=BRAND, target=ANN, muted=False)
    (user,) = world.api("GET", path, token).json()["data"]
    assert "muting" not in user["connection_status"]


def test_every_answer_to_a_known_caller_tells_of_the_limits(world, token):
    scopeless = world.issue_token(BRAND, scopes=[])
    answers = [
        world.api("POST", SEND_ANN, token, json={"text": "x"}),
        world.api("POST", SEND_ANN, token, json={"text": ""}),
        world.api("POST", SEND_ANN, token, data=b"x" * 1_000_001),
        world.api("POST", SEND_ANN, scopeless, json={"text": "x"}),
        world.api("POST", "/2/dm_conversations/with/77/messages", token, json={"text": "x"}),
        world.api("POST", SEND_ANN, "sandbox-bearer", json={"text": "x"}),
    ]
    assert [answer.status_code for answer in answers] == [201, 400, 413, 403, 404, 403]
    left = [answer.headers.get("x-rate-limit-remaining") for answer in answers]
    assert left == ["14", "13", "12", "11", "10", None]
    day = [answer.headers["x-app-limit-24hour-remaining"] for answer in answers]
    assert day == ["1439", "1438", "1437", "1436", "1435", "1434"]


def test_a_picture_is_where_the_look_up_says(world, token):
    path = f"/2/users?ids={ANN},{BOB}&user.fields=profile_image_url"
    users = world.api("GET", path, token).json()["data"]
    pictures = [world.http.get(user["profile_image_url"]) for user in users]
    for picture in pictures:
        assert picture.headers["content-type"] == "image/png"
        assert picture.content.startswith(b"\x89PNG")
    assert pictures[0].content != pictures[1].content
    assert world.http.get(f"{world.base_url}/avatars/77.png").status_code == 404


def test_how_many_follow_is_told_where_it_is_asked_for(world, token):
    world.add_user(4711, "onlooker")
    world.follow(4711, BRAND)
    path = "/2/users/me?user.fields=public_metrics"
    before = world.api("GET", path, token).json()["data"]["public_metrics"]
    world.unfollow(4711, BRAND)
    after = world.api("GET", path, token).json()["data"]["public_metrics"]
    assert after["followers_count"] == before["followers_count"] - 1
    assert after["following_count"] == before["following_count"] >= 1
    assert "public_metrics" not in world.api("GET", "/2/users/me", token).json()["data"]
