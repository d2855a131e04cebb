"""Money and caps: what is taken, and what is refused once they are used up."""

from __future__ import annotations

import pytest

BRAND, ANN, BOB = 1, 2, 3
APP = "sandbox-client"
SEND = f"/2/dm_conversations/with/{ANN}/messages"
LOOK_UP = f"/2/users?ids={ANN},{BOB},77"


@pytest.fixture
def world(sandbox):
    for user_id, handle in ((BRAND, "brand"), (ANN, "ann"), (BOB, "bob")):
        sandbox.add_user(user_id, handle)
    sandbox.befriend(BRAND, ANN)
    return sandbox


@pytest.fixture
def token(world):
    return world.issue_token(BRAND)


def send(world, token):
    return world.api("POST", SEND, token, json={"text": "x"})


def test_each_call_is_charged_by_what_it_brought(world, token):
    world.set_credits(1)
    steps = [
        (lambda: send(world, token), 0.015),
        (lambda: world.api("GET", LOOK_UP, token), 0.02),
        (lambda: world.api("GET", "/2/users/by?usernames=ann", token), 0.01),
        (lambda: world.api("GET", "/2/users/me", token), 0.01),
        (lambda: world.api("GET", f"/2/users/{BRAND}/followers", token), 0.01),
        (lambda: world.api("GET", f"/2/users/{BOB}/following", token), 0),
        (lambda: world.api("GET", "/2/dm_events", token), 0.01),
        # What is refused costs nothing.
        (lambda: world.api("POST", SEND, token, json={"text": ""}), 0),
        (lambda: world.api("GET", LOOK_UP), 0),
        (lambda: world.api("GET", "/2/activity/subscriptions", token), 0),
    ]
    spent = 0.0
    for step, price in steps:
        step()
        spent += price
        app = world.app()
        assert app["spent"] == pytest.approx(spent)
        assert app["credits"] == pytest.approx(1 - spent)


def test_without_credits_what_costs_is_refused_and_nothing_happens(world, token):
    world.set_credits(0.02)
    assert [send(world, token).status_code for _ in range(3)] == [201, 201, 402]
    refused = send(world, token)
    assert refused.json()["type"] == "https://api.x.com/2/problems/credits"
    assert refused.json()["title"] == "CreditsDepleted"
    # As every answer does, it tells of the limits; it counted.
    assert refused.headers["x-rate-limit-remaining"] == "11"
    assert len(world.dms()) == 2
    for path in (LOOK_UP, "/2/users/me", "/2/dm_events", f"/2/users/{BRAND}/followers"):
        assert world.api("GET", path, token).status_code == 402
    assert world.api("GET", "/2/activity/subscriptions", "sandbox-bearer").status_code == 200
    world.set_credits(None)
    assert send(world, token).status_code == 201


def test_credits_are_each_app_s_own(world):
    world.put_app("other", name="Another", credits=0)
    poor, rich = world.issue_token(BRAND, app="other"), world.issue_token(BRAND)
    assert send(world, poor).status_code == 402
    assert send(world, rich).status_code == 201


def test_a_spending_cap_refuses_though_there_are_credits(world, token):
    world.control("credits", app=APP, spending_cap=0.03)
    assert [send(world, token).status_code for _ in range(3)] == [201, 201, 403]
    refused = send(world, token).json()
    assert refused["type"] == "https://api.x.com/2/problems/credits"
    assert refused["title"] == "SpendCapReached"
    assert "spend cap" in refused["detail"]


def test_a_usage_cap_counts_what_was_read(world, token):
    world.set_usage_cap(3)
    statuses = [world.api("GET", LOOK_UP, token).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = world.api("GET", LOOK_UP, token)
    assert refused.json()["type"] == "https://api.x.com/2/problems/usage-capped"
    assert refused.headers["x-rate-limit-remaining"] != "0"


@pytest.mark.parametrize(
    "wrong",
    [{"credits": -1}, {"credits": "1"}, {"spending_cap": True}, {"credits": float("inf")}, {}],
)
def test_what_is_no_amount_is_refused(world, wrong):
    body = str(wrong).replace("'", '"').replace("True", "true").replace("inf", "1e400")
    answer = world.http.post(f"{world.base_url}/_sandbox/credits", data=body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
