"""The control page: what tests do over the control interface, by hand and by plain forms."""

from __future__ import annotations

import pytest

BRAND, ANN = 1, 2
ANN_PAGE = "/_sandbox/people/ann"


@pytest.fixture
def world(sandbox):
    sandbox.add_user(BRAND, "brand", "Thread & Ink")
    sandbox.add_user(ANN, "ann", "Ann <b>River</b>")
    sandbox.befriend(BRAND, ANN)
    return sandbox


def get(world, path: str, **headers: str):
    return world.http.get(world.base_url + path, headers=headers, timeout=10)


def post(world, path: str, headers=None, **form: str):
    return world.http.post(
        world.base_url + path, data=form, headers=headers, timeout=10, allow_redirects=False
    )


def described(world, token) -> dict:
    path = f"/2/users?ids={ANN}&user.fields=connection_status,receives_your_dm"
    return world.api("GET", path, token).json()


def test_people_are_found_by_the_beginning_of_a_name(world):
    page = get(world, "/_sandbox/?q=riv")
    assert f'href="{ANN_PAGE}"' in page.text
    assert "@brand" not in page.text.split('id="apps"')[0]
    assert "<b>River" not in page.text
    assert "begins with “nobody”" in get(world, "/_sandbox/?q=nobody").text


def test_dms_are_closed_and_opened(world):
    token = world.issue_token(BRAND)
    for do, opened in (("close", False), ("open", True)):
        answer = post(world, f"{ANN_PAGE}/change", do=do)
        assert (answer.status_code, answer.headers["location"]) == (303, ANN_PAGE)
        assert described(world, token)["data"][0]["receives_your_dm"] is opened


def test_somebody_is_suspended_and_let_back_in(world):
    token = world.issue_token(BRAND)
    post(world, f"{ANN_PAGE}/change", do="suspend")
    assert "User has been suspended" in described(world, token)["errors"][0]["detail"]
    assert "Lift the suspension" in get(world, ANN_PAGE).text
    post(world, f"{ANN_PAGE}/change", do="admit")
    assert "data" in described(world, token)


def test_ties_are_cut_and_made(world):
    token = world.issue_token(BRAND)

    def status():
        return described(world, token)["data"][0]["connection_status"]

    assert "they follow each other" in get(world, ANN_PAGE).text
    post(world, f"{ANN_PAGE}/tie", other="@Brand", do="unfollow")
    assert status() == ["following"]
    post(world, f"{ANN_PAGE}/tie", other="brand", do="follow")
    assert status() == ["following", "followed_by"]
    post(world, f"{ANN_PAGE}/tie", other="brand", do="block")
    assert status() == []
    assert "blocked" in get(world, ANN_PAGE).text
    post(world, f"{ANN_PAGE}/tie", other="brand", do="unblock")
    assert "no follow" in get(world, ANN_PAGE).text


@pytest.mark.parametrize("form", [{"do": "follow"}, {"do": "x", "other": "brand"}])
@pytest.mark.parametrize("other", ["nobody", "ann", ""])
def test_what_cannot_be_done_is_said(world, form, other):
    answer = post(world, f"{ANN_PAGE}/tie", **({"other": other} | form))
    assert answer.status_code == 422
    assert "That did not work" in answer.text


def test_a_token_expires_and_a_consent_is_revoked(world):
    tokens = [world.issue_token(BRAND) for _ in range(2)]
    path = "/_sandbox/people/brand"
    assert "Expire token" in get(world, path).text
    post(world, f"{path}/consent", app="sandbox-client", do="expire")
    assert [world.api("GET", "/2/users/me", token).status_code for token in tokens] == [401] * 2
    token = world.issue_token(BRAND)
    post(world, f"{path}/consent", app="sandbox-client", do="revoke")
    assert world.api("GET", "/2/users/me", token).status_code == 401
    assert "Expire token" not in get(world, path).text


def test_limits_are_shown_as_they_stand(world):
    token = world.issue_token(BRAND)
    assert "Nothing was called" in get(world, "/_sandbox/people/brand").text
    for _ in range(16):
        world.api("GET", "/2/dm_events", token)
    page = get(world, "/_sandbox/people/brand").text
    assert "15 of 15" in page
    assert "in 15 min" in page
    assert "1,440" in get(world, "/_sandbox/").text


def test_credits_and_caps_are_set(world):
    form = {"app": "sandbox-client", "credits": "2.5", "spending_cap": "", "usage_cap": "100"}
    assert post(world, "/_sandbox/page/money", **form).status_code == 303
    app = world.app()
    assert (app["credits"], app["spending_cap"], app["usage_cap"]) == (2.5, None, 100)
    page = get(world, "/_sandbox/").text
    assert "$2.50 of credits left." in page
    for wrong in ({"credits": "much"}, {"credits": "nan"}, {"credits": "-1"}, {"usage_cap": "1.5"}):
        assert post(world, "/_sandbox/page/money", **form | wrong).status_code == 422
    assert world.app()["credits"] == 2.5
    assert post(world, "/_sandbox/page/money", app="none").status_code == 422


def test_how_long_tokens_live_is_set(world):
    assert post(world, "/_sandbox/page/periods", access_seconds="60").status_code == 303
    assert get(world, "/_sandbox/oauth").json()["access_seconds"] == 60
    assert post(world, "/_sandbox/page/periods", access_seconds="").status_code == 422


FORMS = [
    (f"{ANN_PAGE}/change", {"do": "suspend"}),
    (f"{ANN_PAGE}/tie", {"do": "unfollow", "other": "brand"}),
    ("/_sandbox/people/brand/consent", {"do": "revoke", "app": "sandbox-client"}),
    ("/_sandbox/page/money", {"app": "sandbox-client", "credits": "0"}),
    ("/_sandbox/page/periods", {"access_seconds": "1"}),
    ("/_sandbox/page/faults", {"fault": "error_before", "endpoint": "*", "percent": "100"}),
    ("/_sandbox/page/latency", {"seconds": "5", "endpoint": "*"}),
]


@pytest.mark.parametrize(("path", "form"), FORMS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "elsewhere.example"},
    ],
)
def test_neither_another_site_nor_another_name_reaches_a_form(world, path, form, headers):
    token = world.issue_token(BRAND)
    assert post(world, path, headers, **form).status_code == 403
    assert described(world, token)["data"][0]["connection_status"] == ["following", "followed_by"]
    assert world.app()["credits"] is None
    assert get(world, "/_sandbox/faults").json()["rules"] == []


@pytest.mark.parametrize("path", ["/_sandbox/", ANN_PAGE])
def test_pages_are_for_this_machine_and_allow_nothing_inline(world, path):
    assert get(world, path, Host="elsewhere.example").status_code == 403
    page = get(world, path)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "style=" not in page.text


def test_who_is_not_there_is_a_page(world):
    answer = get(world, "/_sandbox/people/nobody")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


def test_the_root_leads_a_browser_to_the_phone_and_a_program_nowhere(world):
    path = f"{world.base_url}/"
    browser = world.http.get(path, headers={"Accept": "text/html,*/*"}, allow_redirects=False)
    assert (browser.status_code, browser.headers["location"]) == (302, "/phone/")
    program = world.http.get(path, allow_redirects=False)
    assert (program.status_code, program.json()["code"]) == (404, 34)
