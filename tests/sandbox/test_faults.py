"""Calls that go wrong on order: what the client sees, and what the sandbox kept all the same."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest
import requests

from tests.sandbox_server import Sandbox

BRAND, ANN, BOB, CAT = 1, 2, 3, 4
SEND_ANN = f"/2/dm_conversations/with/{ANN}/messages"
WITH_ANN = f"/2/dm_conversations/with/{ANN}/dm_events?dm_event.fields=created_at"
LOST = (requests.ConnectionError, requests.Timeout)


@pytest.fixture
def world(sandbox):
    for user_id, handle in ((BRAND, "brand"), (ANN, "ann"), (BOB, "bob"), (CAT, "cat")):
        sandbox.add_user(user_id, handle)
    sandbox.befriend(BRAND, ANN)
    return sandbox


@pytest.fixture
def token(world):
    return world.issue_token(BRAND)


def send(world: Sandbox, token: str, text: str = "x"):
    # A session of its own: the connection may be gone afterwards.
    with requests.Session() as http:
        http.trust_env = False
        return http.post(
            world.base_url + SEND_ANN,
            json={"text": text},
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        )


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize(("fault", "kept"), [("error_before", 0), ("error_after", 1)])
def test_an_error_says_nothing_about_whether_the_message_was_kept(
    world, token, fault, status, kept
):
    world.set_faults({"endpoint": "send_dm", "fault": fault, "status": status})
    assert send(world, token).status_code == status
    assert len(world.dms()) == kept
    (struck,) = world.injected()
    assert (struck["endpoint"], struck["fault"]) == ("send_dm", fault)
    assert struck["accepted"] is bool(kept)
    assert struck["dm_id"] == (world.dms()[0]["id"] if kept else None)


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize(("fault", "kept"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_gives_no_answer(world, token, fault, kept, reset):
    world.set_faults({"endpoint": "send_dm", "fault": fault, "reset": reset, "times": 1})
    with pytest.raises(requests.ConnectionError) as lost:
        send(world, token)
    # A reset that meets a half-written request is told to the writing half, as a broken pipe.
    assert fault == "drop_before" or ("reset" in str(lost.value)) is reset
    assert len(world.dms()) == kept
    assert world.injected()[0]["accepted"] is bool(kept)
    assert send(world, token).status_code == 201


@pytest.mark.parametrize(
    ("fault", "arrivals"), [("error_before", 2), ("drop_before", 2), ("rate_limited", 1)]
)
def test_a_call_that_nobody_looks_at_takes_up_room_but_one_that_is_told_of_a_limit_does_not(
    world, token, fault, arrivals
):
    world.set_limits({"send_dm": [{"limit": 2, "seconds": 900, "per": "user"}]})
    world.set_faults({"endpoint": "send_dm", "fault": fault, "times": 1})
    with suppress(requests.ConnectionError):
        send(world, token)
    assert send(world, token).status_code == 201
    assert send(world, token).status_code == (429 if arrivals == 2 else 201)
    (user,) = world.arrivals("send_dm")
    assert (user["arrivals"], user["refused"]) == (2, arrivals - 1)
    assert user["windows"] == [{"limit": 2, "seconds": 900.0, "most": 2}]


def test_a_call_that_would_have_been_refused_is_not_listed_as_accepted(world, token):
    world.accept_dms(ANN, False)
    world.set_faults({"endpoint": "send_dm", "fault": "error_after"})
    assert send(world, token).status_code == 503
    assert (world.injected()[0]["accepted"], world.dms()) == (False, [])


def test_a_delayed_answer_was_accepted_before_and_holds_up_nobody_else(world, token):
    world.set_faults({"endpoint": "send_dm", "fault": "delay", "seconds": 30})
    with pytest.raises(requests.Timeout):
        world.http.post(
            world.base_url + SEND_ANN,
            json={"text": "x"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=0.5,
        )
    began = time.monotonic()
    assert world.api("GET", "/2/users/me", token).status_code == 200
    assert time.monotonic() - began < 5
    assert len(world.dms()) == 1
    assert world.injected()[0]["accepted"] is True


def test_a_delayed_answer_comes_in_the_end(world, token):
    world.set_faults({"endpoint": "*", "fault": "delay", "seconds": 0.3})
    began = time.monotonic()
    assert send(world, token).status_code == 201
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("headers", [True, False])
def test_a_limit_is_pretended_with_and_without_headers(world, token, headers):
    world.set_faults(
        {"endpoint": "send_dm", "fault": "rate_limited", "headers": headers, "seconds": 60}
    )
    answer = send(world, token)
    assert (answer.status_code, answer.json()["code"], world.dms()) == (429, 88, [])
    named = {"x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"}
    assert (named <= set(answer.headers)) is headers
    if headers:
        assert time.time() < int(answer.headers["x-rate-limit-reset"]) <= time.time() + 61


@pytest.mark.parametrize("how", ["broken", "html", "cut", "no_id"])
def test_a_malformed_answer_is_to_a_message_that_was_kept(world, token, how):
    world.set_faults({"endpoint": "send_dm", "fault": "malformed", "how": how})
    if how == "cut":
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            send(world, token)
    elif how == "no_id":
        answer = send(world, token)
        assert answer.status_code == 201
        assert list(answer.json()["data"]) == ["dm_conversation_id"]
    else:
        answer = send(world, token)
        assert answer.status_code == 201
        with pytest.raises(ValueError):
            answer.json()
    assert len(world.dms()) == 1


@pytest.mark.parametrize("how", ["errors", "unanswered"])
def test_a_partial_answer_leaves_users_out_with_or_without_saying_so(world, token, how):
    asked = f"/2/users?ids={ANN},{BOB},{CAT}"
    world.set_faults({"endpoint": "*", "fault": "partial", "how": how, "fraction": 0.34})
    document = world.api("GET", asked, token).json()
    assert len(document["data"]) == 2
    there = {user["id"] for user in document["data"]}
    if how == "errors":
        (error,) = document["errors"]
        assert there | {error["resource_id"]} == {str(ANN), str(BOB), str(CAT)}
    else:
        assert "errors" not in document
    world.set_faults({"endpoint": "users", "fault": "partial", "how": how, "fraction": 1})
    assert "data" not in world.api("GET", asked, token).json()


def test_messages_are_listed_late_where_they_lag(world, token):
    world.write(ANN, BRAND, "before")
    send(world, token)
    world.set_faults({"endpoint": "*", "fault": "lag", "seconds": 600})
    for path in (WITH_ANN, "/2/dm_events"):
        assert world.api("GET", path, token).json() == {"meta": {"result_count": 0}}
    assert len(world.dms()) == 2
    world.set_faults({"endpoint": "dm_events_with", "fault": "lag", "seconds": 0.5})
    world.set_limits({"dm_events_with": []})
    deadline = time.monotonic() + 10
    while world.api("GET", WITH_ANN, token).json()["meta"]["result_count"] != 2:
        assert time.monotonic() < deadline


def test_a_script_says_what_happens_call_by_call(world, token):
    script = [None, "error_after", False, {"fault": "error_before", "status": 500}, "drop_after"]
    world.set_faults({"endpoint": "send_dm", "script": script})
    seen: list[int | str] = []
    for _ in range(7):
        try:
            seen.append(send(world, token).status_code)
        except LOST:
            seen.append("lost")
    assert seen == [201, 503, 201, 500, "lost", 201, 201]
    assert len(world.dms()) == 6
    assert [item["fault"] for item in world.injected()] == [
        *("error_after", "error_before", "drop_after")
    ]


def test_a_script_of_yes_and_no_is_about_the_rule_s_own_fault(world, token):
    world.set_faults(
        {"endpoint": "*", "fault": "error_before", "status": 500, "script": [True, False, True]}
    )
    assert [send(world, token).status_code for _ in range(4)] == [500, 201, 500, 201]


def test_the_same_seed_draws_the_same_faults(world, token):
    world.set_limits({"users": [], "me": []})
    rule = {"endpoint": "me", "fault": "error_before", "probability": 0.4}

    def draws(seed: str) -> list[int]:
        world.set_faults(rule, seed=seed)
        return [world.api("GET", "/2/users/me", token).status_code for _ in range(60)]

    first = draws("a")
    assert draws("a") == first
    assert draws("b") != first
    assert 10 <= first.count(503) <= 40


def test_a_rule_ends_after_its_times_and_others_go_on(world, token):
    world.set_faults(
        {"endpoint": "send_dm", "fault": "error_before", "times": 2, "status": 500},
        {"endpoint": "*", "fault": "error_after", "times": 1},
    )
    assert [send(world, token).status_code for _ in range(4)] == [500, 500, 503, 201]
    rules = world.http.get(f"{world.base_url}/_sandbox/faults").json()["rules"]
    assert [(rule["asked"], rule["fired"]) for rule in rules] == [(4, 2), (2, 1)]


def test_faults_of_different_moments_add_up(world, token):
    world.set_faults(
        {"endpoint": "send_dm", "fault": "delay", "seconds": 0.2},
        {"endpoint": "send_dm", "fault": "error_after"},
    )
    began = time.monotonic()
    assert send(world, token).status_code == 503
    assert time.monotonic() - began >= 0.2
    assert {item["fault"] for item in world.injected()} == {"delay", "error_after"}


def test_cleared_rules_are_gone_and_what_they_did_stays_listed(world, token):
    world.set_faults({"endpoint": "send_dm", "fault": "error_before"})
    assert send(world, token).status_code == 503
    world.set_faults()
    assert send(world, token).status_code == 201
    assert len(world.injected()) == 1
    world.reset()
    assert world.injected() == []


def test_latency_is_for_all_or_for_one_endpoint(world, token):
    def took() -> float:
        began = time.monotonic()
        assert world.api("GET", "/2/users/me", token).status_code == 200
        return time.monotonic() - began

    world.set_latency(0.3)
    assert took() >= 0.3
    world.set_latency(0, "me")
    assert took() < 0.3
    world.set_latency(0.4, "me")
    world.set_latency(0)
    assert took() >= 0.4
    assert world.api("GET", f"/2/users?ids={ANN}", token).elapsed.total_seconds() < 0.3


@pytest.mark.parametrize(
    "rule",
    [
        5,
        {},
        {"fault": "rain"},
        {"fault": "delay", "endpoint": "nowhere"},
        {"fault": "delay", "probability": 2},
        {"fault": "delay", "probability": True},
        {"fault": "delay", "times": 0},
        {"fault": "delay", "seconds": -1},
        {"fault": "delay", "seconds": "long"},
        {"fault": "delay", "wind": 5},
        {"fault": "error_after", "status": 200},
        {"fault": "malformed", "how": "nicely"},
        {"fault": "delay", "how": "slowly"},
        {"fault": "delay", "script": 5},
        {"fault": "delay", "script": [1, 2]},
        {"script": [True]},
        {"fault": "delay", "script": [True], "probability": 0.5},
    ],
)
def test_a_rule_that_makes_no_sense_changes_nothing(world, token, rule):
    world.set_faults({"endpoint": "send_dm", "fault": "error_before"})
    answer = world.http.post(f"{world.base_url}/_sandbox/faults", json={"rules": [rule]})
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert send(world, token).status_code == 503


def test_rules_and_how_far_they_are_survive_a_restart_and_are_shared(tmp_path):
    first, second = Sandbox(tmp_path / "world.sqlite3"), Sandbox(tmp_path / "world.sqlite3")
    first.start()
    first.add_user(BRAND, "brand")
    token = first.issue_token(BRAND)
    script = [{"fault": "error_before", "status": status} for status in (500, 501, 502, 503)]
    first.set_faults({"endpoint": "me", "script": script})
    second.start()
    statuses = [first.api("GET", "/2/users/me", token).status_code]
    statuses.append(second.api("GET", "/2/users/me", token).status_code)
    first.process.kill()
    first.process.communicate()
    first.start()
    statuses.append(first.api("GET", "/2/users/me", token).status_code)
    statuses.append(second.api("GET", "/2/users/me", token).status_code)
    statuses.append(second.api("GET", "/2/users/me", token).status_code)
    assert statuses == [500, 501, 502, 503, 200]
    assert len(first.injected()) == 4
    first.stop()
    second.stop()


def test_a_script_is_used_once_however_many_ask_at_once(world, token):
    world.set_limits({"send_dm": []})
    world.set_faults({"endpoint": "send_dm", "fault": "error_after", "script": [True] * 10})
    statuses: list[int] = []

    def ask() -> None:
        statuses.extend(send(world, token).status_code for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(503), statuses.count(201)) == (10, 30)
    assert len(world.dms()) == 40


def test_the_control_page_adds_shows_and_clears_faults(world, token):
    def post(form: str, **fields: str):
        origin = {"Origin": world.base_url}
        return world.http.post(
            f"{world.base_url}/_sandbox/page/{form}", data=fields, headers=origin
        )

    rule = {"fault": "error_after", "endpoint": "send_dm", "percent": "100", "times": "1"}
    shown = post("faults", **rule, seconds="5")
    assert shown.status_code == 200
    assert "An error, though it was accepted" in shown.text
    assert post("faults", fault="delay", endpoint="me", percent="100", seconds="0.3").ok
    assert [send(world, token).status_code for _ in range(2)] == [503, 201]
    assert world.api("GET", "/2/users/me", token).elapsed.total_seconds() >= 0.3
    assert "send_dm" in world.http.get(f"{world.base_url}/_sandbox/").text
    assert post("faults", do="clear").status_code == 200
    assert post("latency", seconds="0.3", endpoint="*").status_code == 200
    assert world.api("GET", "/2/users/me", token).elapsed.total_seconds() >= 0.3
    assert post("latency", seconds="0", endpoint="*").status_code == 200
    rules = world.http.get(f"{world.base_url}/_sandbox/faults").json()
    assert (rules["rules"], rules["latency"]) == ([], {})
    for wrong in (rule | {"fault": "rain"}, rule | {"percent": "many"}, rule | {"times": "0"}):
        assert post("faults", **wrong).status_code == 422
    assert post("latency", seconds="nan").status_code == 422


def test_the_control_page_s_forms_take_nothing_from_another_site(world):
    elsewhere = {"Origin": "https://elsewhere.example"}
    for form in ("faults", "latency"):
        address = f"{world.base_url}/_sandbox/page/{form}"
        assert world.http.post(address, data={}, headers=elsewhere).status_code == 403
