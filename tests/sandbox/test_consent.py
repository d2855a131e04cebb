"""X's consent page, without a browser."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.sandbox.test_oauth import ASKED, BACK

PAGE = "/i/oauth2/authorize"


@pytest.fixture
def world(sandbox):
    sandbox.add_user(1, "brand", "Thread & Ink")
    sandbox.add_user(2, "ann", "Ann <b>River</b>")
    return sandbox


def get(world, **changes: str | None):
    asked = {k: v for k, v in (ASKED | changes).items() if v is not None}
    return world.http.get(world.base_url + PAGE, params=asked, timeout=10, allow_redirects=False)


def post(world, headers=None, **form: str):
    return world.http.post(
        world.base_url + PAGE, data=form, headers=headers, timeout=10, allow_redirects=False
    )


def led_to(answer) -> dict[str, str]:
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(BACK)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found}


def test_it_names_the_app_what_it_may_and_who_one_can_be(world):
    page = get(world)
    assert page.status_code == 200
    assert "Outreach (practice)" in page.text
    for words in ("Write direct messages in your name", "Stay connected until you revoke it"):
        assert words in page.text
    assert "@brand" in page.text
    assert "<b>River" not in page.text
    # A form's redirect is bound by form-action too.
    assert "form-action 'self' http://127.0.0.1:8123;" in page.headers["content-security-policy"]
    assert "<script" not in page.text


def test_what_the_page_holds_is_all_that_authorizing_takes(world):
    form = hidden(get(world).text)
    assert form == ASKED
    answer = led_to(post(world, **form, decision="authorize", **{"as": "brand"}))
    assert set(answer) == {"state", "code"}


def test_nobody_is_chosen_beforehand_until_an_app_acts_for_somebody(world):
    """Whoever presses Authorize without looking connects no customer."""
    assert " checked" not in get(world).text
    assert "Say who you are first." in post(world, **ASKED, decision="authorize").text
    world.issue_token(2)
    assert re.findall(r'value="(\w+)" checked', get(world).text) == ["ann"]


def test_who_is_typed_counts_more_than_who_is_offered(world):
    code = led_to(post(world, **ASKED, decision="authorize", handle=" @ANN ", **{"as": "brand"}))[
        "code"
    ]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    answer = world.http.post(
        f"{world.base_url}/2/oauth2/token",
        data=form | {"code_verifier": "v" * 43},
        auth=("sandbox-client", "sandbox-secret"),
    )
    me = world.api("GET", "/2/users/me", answer.json()["access_token"]).json()
    assert me["data"]["username"] == "ann"


def test_cancel_is_told_to_the_app(world):
    answer = led_to(post(world, **ASKED, decision="cancel", **{"as": "brand"}))
    assert answer == {"state": "a state", "error": "access_denied"}


@pytest.mark.parametrize("wrong", [{}, {"handle": "nobody"}, {"as": "nobody"}])
def test_nobody_cannot_agree(world, wrong):
    answer = post(world, **ASKED, decision="authorize", **wrong)
    assert answer.status_code == 422
    assert 'id="handle-error"' in answer.text
    assert hidden(answer.text) == ASKED


def test_somebody_suspended_cannot_agree(world):
    world.suspend(2)
    answer = post(world, **ASKED, decision="authorize", handle="ann")
    assert answer.status_code == 422
    assert "@ann is suspended." in answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "nobody"},
        {"redirect_uri": None},
        {"redirect_uri": "https://elsewhere.example/x/callback/"},
        {"redirect_uri": "http://127.0.0.1:8123/x/callback"},
        {"redirect_uri": "http://127.0.0.1:8123/x/callback/?more=1"},
        {"redirect_uri": "http://127.0.0.1:8123@elsewhere.example/x/callback/"},
        {"redirect_uri": "http://127.0.0.1:8/x/callback/.elsewhere.example/x/callback/"},
        {"redirect_uri": "javascript:alert(1)"},
    ],
)
def test_an_unknown_app_or_address_is_a_page_and_leads_nowhere(world, changes):
    for answer in (
        get(world, **changes),
        post(world, **{k: v for k, v in (ASKED | changes).items() if v}, decision="authorize"),
    ):
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert "The app cannot be let in" in answer.text


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "dm.read everything"}, "invalid_scope"),
        ({"state": None}, "invalid_request"),
        ({"state": "x" * 501}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "S512"}, "invalid_request"),
    ],
)
def test_what_the_app_did_wrong_is_told_to_the_app(world, changes, word):
    answer = led_to(get(world, **changes))
    assert answer["error"] == word
    assert answer.get("state", "") == (ASKED | changes)["state"] or "state" in changes
    assert "code" not in answer


def test_an_address_with_a_query_keeps_it(world):
    back = "https://app.example/back?a=1&b="
    world.put_app("other", redirect_uris=[back])
    address = world.authorize(None, **ASKED | {"client_id": "other", "redirect_uri": back})
    assert address == "https://app.example/back?a=1&b=&state=a+state&error=access_denied"


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_another_site_cannot_press_the_button(world, headers):
    answer = post(world, headers, **ASKED, decision="authorize", handle="brand")
    assert answer.status_code == 403
    assert "location" not in answer.headers


def test_the_phone_shows_which_apps_may_act_and_takes_it_back(world):
    world.authorize("brand", **ASKED)
    assert "None. One that you authorize appears here." in world.api("GET", "/phone/brand/").text
    token = world.issue_token(1)
    page = world.api("GET", "/phone/brand/").text
    assert "Outreach (practice)" in page
    assert "Write direct messages in your name." in page
    form = {"app": "sandbox-client"}
    answer = world.http.post(f"{world.base_url}/phone/brand/revoke", data=form)
    assert answer.status_code == 200
    assert "None. One that you authorize appears here." in answer.text
    assert world.api("GET", "/2/users/me", token).status_code == 401
    missing = world.http.post(f"{world.base_url}/phone/brand/revoke", data={"app": "none"})
    assert missing.status_code == 404
