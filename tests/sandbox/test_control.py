"""The control interface: for this machine only, and clear about what it did not understand."""

from __future__ import annotations

import pytest

from outreach.sandbox.state import open_state


@pytest.mark.parametrize(
    ("act", "arguments"),
    [
        ("users", {}),
        ("users", {"users": 5}),
        ("users", {"users": [5]}),
        ("users", {"users": [{"id": 1}]}),
        ("users", {"users": [{"id": 0, "handle": "a", "name": "A"}]}),
        ("users", {"users": [{"id": 2**63, "handle": "a", "name": "A"}]}),
        ("users", {"users": [{"id": "x", "handle": "a", "name": "A"}]}),
        ("users", {"users": [{"id": 1, "handle": "a b", "name": "A"}]}),
        ("users", {"users": [{"id": 1, "handle": "a", "name": ""}]}),
        ("follows", {"follows": [[1]]}),
        ("follows", {"follows": [[1, 2]]}),
        ("tokens", {"user_id": 5}),
        ("tokens", {"scopes": ["everything"]}),
        ("limits", {"limits": 5}),
        ("accept_dms", {"user_id": 1, "accepts": True}),
        ("write", {"sender": 1, "recipient": 2, "text": "x"}),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(sandbox, act, arguments):
    answer = sandbox.http.post(f"{sandbox.base_url}/_sandbox/{act}", json=arguments)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "elsewhere.example"},
    ],
)
def test_a_page_of_another_site_cannot_use_it(sandbox, headers):
    sandbox.add_user(1, "brand")
    answer = sandbox.http.post(f"{sandbox.base_url}/_sandbox/reset", headers=headers)
    assert answer.status_code == 403
    assert sandbox.control("tokens", user_id=1)["token"]


def test_users_are_changed_by_their_id_and_handles_belong_to_one(sandbox):
    sandbox.add_user(1, "brand", "Old name")
    sandbox.add_user(1, "brand", "New name")
    token = sandbox.issue_token(1)
    assert sandbox.api("GET", "/2/users/me", token).json()["data"]["name"] == "New name"
    users = [{"id": 2, "handle": "ann", "name": "Ann"}, {"id": 3, "handle": "BRAND", "name": "B"}]
    answer = sandbox.http.post(f"{sandbox.base_url}/_sandbox/users", json={"users": users})
    assert answer.status_code == 400
    # All or nothing.
    assert "errors" in sandbox.api("GET", "/2/users?ids=2", token).json()


def test_a_failed_write_leaves_the_world_as_it_was(tmp_path):
    state = open_state(tmp_path / "world.sqlite3")
    state.add_user(1, "brand", "Brand")
    with pytest.raises(ValueError, match="no user 2"):
        state.follow(1, 2)
    with pytest.raises(ValueError, match="belongs to somebody else"):
        state.add_user(2, "Brand", "Other")
    assert not state.follows(1, 2)
    assert state.user(2) is None
    state.close()


def test_the_state_file_is_its_owner_s_alone(tmp_path):
    open_state(tmp_path / "deep" / "world.sqlite3").close()
    assert (tmp_path / "deep" / "world.sqlite3").stat().st_mode & 0o777 == 0o600
