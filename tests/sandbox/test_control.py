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
        ("suspend", {"user_id": 1}),
        ("suspend", {"user_id": 1, "suspended": True}),
        ("mute", {"source": 1, "target": 2}),
        ("expire_token", {"token": "none"}),
        ("revoke_consent", {"user_id": 1}),
        ("revoke_consent", {"user_id": 1, "client_id": "none"}),
        ("oauth", {"access_seconds": 0}),
        ("oauth", {"access_seconds": "1"}),
        ("oauth", {"x_words": 1}),
        ("oauth", {"shoe_size": 1}),
        ("apps", {"apps": [{}]}),
        ("apps", {"apps": [{"client_id": ""}]}),
        ("apps", {"apps": [{"client_id": "a", "redirect_uris": ["/x/"]}]}),
        ("apps", {"apps": [{"client_id": "a", "bearer_token": "sandbox-bearer"}]}),
        ("usage_cap", {"resources": -1}),
        ("usage_cap", {"resources": 1, "app": "none"}),
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


def test_an_app_is_made_and_changed_by_its_client_id(sandbox):
    made = sandbox.put_app(
        "mine",
        name="Mine",
        client_secret="s",
        bearer_token="b",
        consumer_secret="c",
        redirect_uris=["https://mine.example/back"],
        credits=5,
    )
    assert (made["name"], made["credits"], made["spending_cap"]) == ("Mine", 5.0, None)
    sandbox.add_user(1, "ann")
    assert sandbox.api("GET", "/2/users?ids=1", "b").status_code == 200
    changed = sandbox.put_app("mine", credits=None)
    assert (changed["client_secret"], changed["credits"]) == ("s", None)
    # The default one is there in every world.
    sandbox.reset()
    answer = sandbox.http.get(f"{sandbox.base_url}/_sandbox/apps").json()["apps"]
    assert [app["client_id"] for app in answer] == ["sandbox-client"]


def test_the_ledger_is_read_in_pages_with_counts(sandbox):
    sandbox.add_user(1, "brand")
    sandbox.add_user(2, "ann")
    sandbox.befriend(1, 2)
    token = sandbox.issue_token(1)
    sent = [str(sandbox.write(2, 1, str(number))) for number in range(4)]
    path = "/2/dm_conversations/with/2/messages"
    sent.append(sandbox.api("POST", path, token, json={"text": "x"}).json()["data"]["dm_event_id"])
    found, after, pages = [], "0", 0
    while after is not None:
        query = {"after": after, "limit": 2}
        page = sandbox.http.get(f"{sandbox.base_url}/_sandbox/ledger", params=query).json()
        found += [dm["id"] for dm in page["dms"]]
        after, pages = page["next_after"], pages + 1
    assert (found, pages) == (sent, 3)
    assert page["counts"] == {
        "dms": 5,
        "dms_by_app": {"sandbox-client": 1},
        "dms_on_phone": 4,
        "users": 2,
        "follows": 2,
        "blocks": 0,
    }
    assert [dm["id"] for dm in sandbox.ledger()] == sent
