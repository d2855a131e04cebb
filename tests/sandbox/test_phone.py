"""The phone without a browser: every page and form by plain HTTP."""

from __future__ import annotations

import pytest

BRAND, ANN = 1, 2
TALK = "/phone/ann/with/brand/"


@pytest.fixture
def world(sandbox):
    sandbox.add_user(BRAND, "brand", "Thread & Ink")
    sandbox.add_user(ANN, "ann", "Ann <b>River</b>")
    sandbox.befriend(BRAND, ANN)
    return sandbox


def get(world, path: str):
    return world.http.get(world.base_url + path, timeout=10)


def post(world, path: str, headers: dict[str, str] | None = None, **form: str):
    return world.http.post(
        world.base_url + path, data=form, headers=headers, timeout=10, allow_redirects=False
    )


def test_a_message_that_was_sent_is_shown_as_text_and_never_as_markup(world):
    token = world.issue_token(BRAND)
    text = 'Hello <script>alert("x")</script> & welcome'
    world.api("POST", f"/2/dm_conversations/with/{ANN}/messages", token, json={"text": text})
    page = get(world, TALK)
    assert page.status_code == 200
    assert "Hello &lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; welcome" in page.text
    assert "<script>alert" not in page.text
    assert "Ann <b>" not in page.text
    assert "Hello &lt;script&gt;" in get(world, "/phone/ann/").text


def test_an_answer_reaches_the_brand(world):
    answer = post(world, TALK, text="Yes\r\nplease send it")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{TALK}#newest")
    (dm,) = world.dms()
    assert (dm["sender"], dm["recipient"], dm["text"], dm["app"]) == (
        str(ANN),
        str(BRAND),
        "Yes\nplease send it",
        None,
    )


@pytest.mark.parametrize("text", ["", "   ", "\r\n", "x" * 10_001])
def test_what_cannot_be_sent_stays_in_the_field_with_the_reason(world, text):
    answer = post(world, TALK, text=text)
    assert answer.status_code == 422
    assert 'id="text-error"' in answer.text
    assert text.strip() in answer.text
    assert world.dms() == []


def test_a_brand_with_closed_dms_gets_no_answer_and_the_page_says_so(world):
    world.accept_dms(BRAND, False)
    answer = post(world, TALK, text="hello")
    assert (answer.status_code, world.dms()) == (422, [])
    assert "This person does not take messages." in answer.text


def test_following_and_stopping_are_seen_by_the_brand(world):
    token = world.issue_token(BRAND)
    path = f"/2/users?ids={ANN}&user.fields=connection_status"

    def status():
        return world.api("GET", path, token).json()["data"][0]["connection_status"]

    assert post(world, f"{TALK}follow", follow="no").status_code == 303
    assert status() == ["following"]
    assert post(world, f"{TALK}follow", follow="yes").status_code == 303
    assert status() == ["following", "followed_by"]


def test_closing_one_s_dms_is_seen_by_the_brand(world):
    token = world.issue_token(BRAND)
    path = f"/2/users?ids={ANN}&user.fields=receives_your_dm"
    post(world, "/phone/ann/accept", accept="no")
    assert world.api("GET", path, token).json()["data"][0]["receives_your_dm"] is False
    assert "Open my DMs" in get(world, "/phone/ann/").text
    post(world, "/phone/ann/accept", accept="yes")
    assert world.api("GET", path, token).json()["data"][0]["receives_your_dm"] is True


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", [TALK, f"{TALK}follow", "/phone/ann/accept"])
def test_a_form_of_another_site_is_refused(world, path, headers):
    answer = post(world, path, headers, text="x", follow="no", accept="no")
    assert answer.status_code == 403
    assert world.dms() == []
    token = world.issue_token(BRAND)
    user = world.api("GET", f"/2/users?ids={ANN}&user.fields=receives_your_dm", token).json()
    assert user["data"][0]["receives_your_dm"] is True


def test_the_phone_s_own_forms_are_taken(world):
    for headers in ({"Origin": world.base_url}, {"Sec-Fetch-Site": "same-origin"}):
        assert post(world, TALK, headers, text="x").status_code == 303


def test_new_messages_are_handed_out_once(world):
    first = world.write(BRAND, ANN, "one")
    part = get(world, f"{TALK}since?after=0")
    assert part.text.count("<li") == 1
    assert f'data-id="{first}"' in part.text
    assert get(world, f"{TALK}since?after={first}").status_code == 204
    world.write(BRAND, ANN, "two")
    assert "two" in get(world, f"{TALK}since?after={first}").text
    assert get(world, f"/phone/ann/conversations?after={first}").status_code == 200
    assert get(world, "/phone/ann/conversations?after=9999999999999999999").status_code == 204
    assert get(world, "/phone/ann/conversations?after=-1").status_code == 200


def test_ids_of_x_s_length_are_understood(world):
    newest = world.write(BRAND, ANN, "one")
    assert len(str(newest)) == 19
    assert get(world, f"/phone/ann/conversations?after={newest}").status_code == 204


def test_people_are_found_by_name_and_handle(world):
    assert [name in get(world, "/phone/?q=@ANN").text for name in ("@ann", "@brand")] == [
        True,
        False,
    ]
    assert "@brand" in get(world, "/phone/?q=thread").text
    assert "Nobody here has “%_%”" in get(world, "/phone/?q=%25_%25").text


def test_a_handle_that_was_typed_opens_the_conversation(world):
    found = world.http.get(
        f"{world.base_url}/phone/ann/find?to=@Brand", allow_redirects=False, timeout=10
    )
    assert (found.status_code, found.headers["location"]) == (303, TALK)
    missing = get(world, "/phone/ann/find?to=nobody")
    assert missing.status_code == 422
    assert "Nobody else here is called @nobody." in missing.text


def test_who_is_not_there_has_no_phone(world):
    for path in ("/phone/nobody/", "/phone/ann/with/nobody/", "/phone/x/y/z"):
        page = get(world, path)
        assert page.status_code == 404
        assert "Nobody in the practice world has this handle." in page.text
    assert post(world, "/phone/ann/").status_code == 405


def test_pages_allow_nothing_inline_and_nothing_from_elsewhere(world):
    world.write(BRAND, ANN, "one")
    for path in ("/phone/", "/phone/ann/", TALK, "/phone/nobody/"):
        page = get(world, path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "style=" not in page.text
        assert " on" + "click" not in page.text
        assert page.text.count("<script") == page.text.count('<script type="module" src="/')


def test_an_empty_world_says_what_to_do(sandbox):
    assert "The practice world is empty." in get(sandbox, "/phone/").text


def test_a_picture_is_drawn_for_everybody(world):
    picture = get(world, f"/avatars/{ANN}.svg")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/svg+xml")
    assert get(world, "/avatars/77.svg").status_code == 404
