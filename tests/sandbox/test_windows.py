"""Limits: the documented numbers, sliding windows, and what the headers say about them."""

from __future__ import annotations

import pytest

from outreach.sandbox.state import open_state
from outreach.sandbox.windows import DAY, LIMITS, QUARTER, parse

NOON = 1_800_000_000.0


@pytest.fixture
def state(tmp_path):
    state = open_state(tmp_path / "world.sqlite3")
    yield state
    state.close()


def arrive(state, now, *, user: int | None = 1, app: str = "app", endpoint: str = "send_dm"):
    with state.writing():
        return state.counter.arrive(endpoint, user, app, now)


def window(limit, seconds=900.0, per="user", header="x-rate-limit"):
    return {"limit": limit, "seconds": seconds, "per": per, "header": header}


def test_the_numbers_are_x_s():
    found = {
        (name, item.per, item.seconds): item.limit
        for name, all_ in LIMITS.items()
        for item in all_
        if not name.startswith(("activity_", "webhooks"))
    }
    assert found == {
        ("send_dm", "user", QUARTER): 15,
        ("send_dm", "user", DAY): 1440,
        ("send_dm", "app", DAY): 1440,
        ("dm_events", "user", QUARTER): 15,
        ("dm_events_with", "user", QUARTER): 15,
        ("users", "user", QUARTER): 900,
        ("users", "app", QUARTER): 300,
        ("users_by", "user", QUARTER): 900,
        ("users_by", "app", QUARTER): 300,
        ("followers", "user", QUARTER): 300,
        ("followers", "app", QUARTER): 300,
        ("following", "user", QUARTER): 300,
        ("following", "app", QUARTER): 300,
        ("me", "user", QUARTER): 75,
    }


def test_fifteen_in_any_quarter_of_an_hour(state):
    assert [arrive(state, NOON + n).refused for n in range(16)] == [False] * 15 + [True]
    # The first one leaves the window exactly 15 minutes after it came, and makes room for one.
    later = [NOON + QUARTER - 0.001, NOON + QUARTER, NOON + QUARTER + 0.5, NOON + QUARTER + 1]
    assert [arrive(state, moment).refused for moment in later] == [True, False, True, False]


def test_the_day_s_limit_holds_over_quarters(state):
    state.set_limits({"send_dm": [window(2), window(3, DAY, "user", "x-user-limit-24hour")]})
    moments = [0, 1, QUARTER, 2 * QUARTER, DAY - 1, DAY, DAY + 1]
    refused = [arrive(state, NOON + moment).refused for moment in moments]
    assert refused == [False, False, False, True, True, False, False]


def test_a_refused_request_takes_up_no_room(state):
    state.set_limits({"send_dm": [window(1, 10)]})
    moments = (0, 9, 9.5, 10)
    assert [arrive(state, NOON + m).refused for m in moments] == [False, True, True, False]


def test_users_do_not_count_for_each_other_but_the_app_counts_all(state):
    state.set_limits({"send_dm": [window(2), window(3, DAY, "app", "x-app-limit-24hour")]})
    assert [arrive(state, NOON, user=user).refused for user in (1, 1, 1, 2, 2)] == [
        False,
        False,
        True,
        False,
        True,
    ]
    assert not arrive(state, NOON, user=2, app="another").refused


def test_reads_count_per_app_only_for_the_app_s_own_token(state):
    state.set_limits({"users": [window(3), window(1, per="app")]})
    assert [arrive(state, NOON, user=user, endpoint="users").refused for user in (1, 1, 1, 1)] == [
        False,
        False,
        False,
        True,
    ]
    assert [arrive(state, NOON, user=None, endpoint="users").refused for _ in range(2)] == [
        False,
        True,
    ]


def test_the_headers_say_how_much_is_left_and_when_room_comes(state):
    state.set_limits({"send_dm": [window(2), window(9, DAY, "app", "x-app-limit-24hour")]})
    first, second, third = (arrive(state, NOON + n) for n in range(3))
    assert first.headers == {
        "x-rate-limit-limit": "2",
        "x-rate-limit-remaining": "1",
        "x-rate-limit-reset": str(int(NOON + QUARTER)),
        "x-app-limit-24hour-limit": "9",
        "x-app-limit-24hour-remaining": "8",
        "x-app-limit-24hour-reset": str(int(NOON + DAY)),
    }
    left = [arrival.headers["x-rate-limit-remaining"] for arrival in (first, second, third)]
    assert left == ["1", "0", "0"]
    # Refused by the one window, it has used up nothing of the other.
    assert third.headers["x-app-limit-24hour-remaining"] == "7"


def test_at_the_reset_there_is_room(state):
    state.set_limits({"send_dm": [window(1)]})
    arrive(state, NOON + 0.7)
    reset = float(arrive(state, NOON + 1).headers["x-rate-limit-reset"])
    assert not arrive(state, reset).refused


def test_a_clock_that_is_set_back_opens_no_limit(state):
    state.set_limits({"send_dm": [window(1)]})
    assert [arrive(state, moment).refused for moment in (NOON, NOON - 5000)] == [False, True]


def test_forgetting_old_arrivals_changes_no_count(state):
    for n in range(10):
        arrive(state, NOON + n * QUARTER)
    with state.writing():
        state.counter.forget(NOON + 9 * QUARTER + DAY)
    assert state.connection.execute("SELECT count(*) FROM arrivals").fetchone()[0] == 2
    assert arrive(state, NOON + 9 * QUARTER + 1).headers["x-rate-limit-remaining"] == "13"


def test_the_fullest_window_and_what_was_refused_are_known_of_each_user_and_app(state):
    state.set_limits({"send_dm": [window(2, 10), window(5, 10, per="app")]})
    moments = [(1, 0), (1, 4), (1, 5), (1, 10), (2, 11), (1, 14), (2, 12)]
    refused = [arrive(state, NOON + moment, user=user).refused for user, moment in moments]
    assert refused == [False, False, True, False, False, False, False]
    found = {(each.per, each.whose): each for each in state.counter.traffic("send_dm")}
    assert {key: (each.arrivals, each.refused) for key, each in found.items()} == {
        ("user", "1"): (4, 1),
        ("user", "2"): (2, 0),
        ("app", "app"): (6, 0),
    }
    assert {key: [most for _, most in each.most] for key, each in found.items()} == {
        ("user", "1"): [2],
        ("user", "2"): [2],
        ("app", "app"): [4],
    }
    assert state.counter.traffic("me") == []


@pytest.mark.parametrize(
    "odd",
    [
        [],
        {"nothing": []},
        {"send_dm": 5},
        {"send_dm": [5]},
        {"send_dm": [{"limit": 1}]},
        {"send_dm": [window(-1)]},
        {"send_dm": [window(1.5)]},
        {"send_dm": [window(True)]},
        {"send_dm": [window(1, 0)]},
        {"send_dm": [window(1, per="world")]},
        {"send_dm": [window(1, header="x-other")]},
    ],
)
def test_limits_that_are_none_are_refused_and_change_nothing(state, odd):
    with pytest.raises(ValueError):
        parse(odd)
    with pytest.raises(ValueError):
        state.set_limits(odd)
    assert state.counter.limits() == LIMITS


def test_over_http_a_reached_limit_is_a_429_and_can_be_lifted(sandbox):
    sandbox.add_user(1, "brand")
    sandbox.add_user(2, "ann")
    sandbox.befriend(1, 2)
    token = sandbox.issue_token(1)
    path = "/2/dm_conversations/with/2/messages"
    # What X refuses for another reason counts too: it arrived.
    answers = [sandbox.api("POST", path, token, json={"text": ""}) for _ in range(5)]
    answers += [sandbox.api("POST", path, token, json={"text": "x"}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [400] * 5 + [201] * 10 + [429]
    refused = answers[-1]
    assert (refused.json()["code"], refused.headers["x-rate-limit-remaining"]) == (88, "0")
    sandbox.set_limits({"send_dm": [window(100)]})
    assert sandbox.api("POST", path, token, json={"text": "x"}).status_code == 201
    assert len(sandbox.dms()) == 11
