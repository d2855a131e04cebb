"""Seeding: many people at once, the same ones each time, found at once."""

from __future__ import annotations

import threading
import time

import pytest

BRAND = 1
FIRST = 5_000_000_000


@pytest.fixture
def world(sandbox):
    sandbox.add_user(BRAND, "brand", "Thread & Ink")
    return sandbox


def listed(world, which: str, size: int = 1000) -> list[int]:
    token, found, query = world.issue_token(BRAND), [], ""
    while True:
        path = f"/2/users/{BRAND}/{which}?max_results={size}{query}"
        answer = world.api("GET", path, token).json()
        found += [int(user["id"]) for user in answer.get("data", [])]
        if "next_token" not in answer["meta"]:
            return found
        query = f"&pagination_token={answer['meta']['next_token']}"


def test_people_follow_and_are_followed_as_was_asked(world):
    world.seed(BRAND, 100, first_id=FIRST, mutual=20, following=10, followed_by=0.3)
    assert listed(world, "following", 7) == list(range(FIRST, FIRST + 30))
    mutual, only_following = range(FIRST, FIRST + 20), range(FIRST + 30, FIRST + 60)
    assert listed(world, "followers", 7) == [*mutual, *only_following]
    assert world.http.get(f"{world.base_url}/_sandbox/ledger").json()["counts"]["users"] == 101


def test_a_share_of_them_takes_dms_evenly_spread(world):
    world.seed(BRAND, 100, first_id=FIRST, mutual=100, accepts_dms=0.25)
    token = world.issue_token(BRAND)
    ids = ",".join(str(FIRST + n) for n in range(100))
    path = f"/2/users?ids={ids}&user.fields=receives_your_dm"
    users = world.api("GET", path, token).json()["data"]
    takes = [user["receives_your_dm"] for user in users]
    assert sum(takes) == 25
    assert [sum(takes[n : n + 20]) for n in range(0, 100, 20)] == [5] * 5


def test_doing_it_again_changes_nothing_and_another_brand_has_its_own_pattern(world):
    world.seed(BRAND, 50, first_id=FIRST, mutual=50)
    world.add_user(2, "other")
    world.seed(2, 50, first_id=FIRST, following=10)
    world.seed(BRAND, 50, first_id=FIRST, mutual=50)
    assert len(listed(world, "followers")) == 50
    counts = world.http.get(f"{world.base_url}/_sandbox/ledger").json()["counts"]
    assert (counts["users"], counts["follows"]) == (52, 110)


def test_handles_and_names_are_the_same_in_every_world(world):
    def people() -> list[dict[str, str]]:
        world.seed(BRAND, 3, first_id=FIRST)
        path = f"/2/users?ids={FIRST},{FIRST + 1},{FIRST + 2}"
        return world.api("GET", path, world.issue_token(BRAND)).json()["data"]

    first = people()
    world.reset()
    world.add_user(BRAND, "brand")
    assert people() == first
    assert len({user["username"] for user in first}) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"users": -1},
        {"users": 10**9},
        {"mutual": 11},
        {"mutual": 0.6, "following": 0.6},
        {"accepts_dms": 2},
        {"first_id": 0},
        {"first_id": 1},
        {"brand_id": 77},
    ],
)
def test_what_makes_no_sense_is_refused(world, wrong):
    arguments = {"brand_id": BRAND, "users": 10, "first_id": FIRST} | wrong
    answer = world.http.post(f"{world.base_url}/_sandbox/seed", json=arguments)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert world.http.get(f"{world.base_url}/_sandbox/ledger").json()["counts"]["users"] == 1


def test_others_are_served_meanwhile_and_anybody_is_found_at_once(world):
    token = world.issue_token(BRAND)
    world.add_user(2, "ann")
    world.befriend(BRAND, 2)
    world.set_limits({"send_dm": [{"limit": 10**6, "seconds": 900, "per": "user"}]})
    seeding = threading.Thread(target=lambda: world.seed(BRAND, 120_000, mutual=0.5))
    seeding.start()
    sent = 0
    while seeding.is_alive():
        answer = world.api("POST", "/2/dm_conversations/with/2/messages", token, json={"text": "x"})
        sent += answer.status_code == 201
    seeding.join()
    assert sent >= 5
    assert len(world.dms()) == sent
    for words in ("moreau", "ada ros", "@zoe_", "z", "thread"):
        began = time.perf_counter()
        page = world.http.get(f"{world.base_url}/phone/", params={"q": words})
        # A look at every user takes many times as long; the bound is generous for a busy machine.
        assert time.perf_counter() - began < 0.5
        assert 'class="who"' in page.text, words


def test_a_name_that_was_changed_is_found_by_the_new_one_only(world):
    world.add_user(2, "ann", "Ann River")
    world.add_user(2, "ann", "Élodie Brook")
    found = {
        words: "@ann" in world.http.get(f"{world.base_url}/phone/", params={"q": words}).text
        for words in ("river", "elodie", "BROOK", "elodie brook", "rook", '"', "ann OR")
    }
    assert found == {
        "river": False,
        "elodie": True,
        "BROOK": True,
        "elodie brook": True,
        "rook": False,
        '"': False,
        "ann OR": False,
    }
