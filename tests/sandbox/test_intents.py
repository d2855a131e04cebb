"""X's pages that links open with something filled in, as the practice world has them."""

from __future__ import annotations

import pytest

BRAND, ANN, BO = 1, 2, 3


@pytest.fixture
def world(sandbox):
    sandbox.add_user(BRAND, "brand", "Thread & Ink")
    sandbox.add_user(ANN, "ann", "Ann <b>River</b>")
    sandbox.add_user(BO, "bo", "Bo Stone")
    sandbox.write(ANN, BRAND, "hello")
    return sandbox


def get(world, path: str, **query: str):
    return world.http.get(world.base_url + path, params=query, timeout=10)


def test_a_begun_message_asks_whose_phone_it_is_and_is_filled_in_there(world):
    page = get(world, "/messages/compose", recipient_id="1", text='fox & "hen"')
    assert page.status_code == 200
    assert "Who writes to Thread &amp; Ink?" in page.text
    assert "Ann &lt;b&gt;River" in page.text
    address = "/phone/ann/with/brand/?text=fox%20%26%20%22hen%22#newest"
    assert f'href="{address}"' in page.text
    assert "/phone/brand/with" not in page.text
    talk = get(world, address)
    assert "fox &amp; &#34;hen&#34;</textarea>" in talk.text
    assert [dm["text"] for dm in world.dms()] == ["hello"]


def test_a_search_keeps_what_was_begun(world):
    page = get(world, "/messages/compose", recipient_id="1", text="fox", q="bo")
    assert 'href="/phone/bo/with/brand/?text=fox#newest"' in page.text
    assert "/phone/ann/" not in page.text
    assert '<input type="hidden" name="text" value="fox">' in page.text
    nobody = get(world, "/messages/compose", recipient_id="1", text="fox", q="zzz")
    assert "Nobody here has “zzz” in their name." in nobody.text


def test_a_follow_is_offered_to_whom_an_app_acts_for(world):
    world.issue_token(BRAND)
    page = get(world, "/intent/follow", screen_name="@ann")
    assert "Who follows Ann &lt;b&gt;River&lt;/b&gt;?" in page.text
    assert 'href="/phone/brand/with/ann/"' in page.text
    assert "/phone/bo/" not in page.text
    assert "/phone/bo/with/ann/" in get(world, "/intent/follow", screen_name="ann", q="bo").text


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/messages/compose", {}),
        ("/messages/compose", {"recipient_id": "99"}),
        ("/messages/compose", {"recipient_id": "9" * 30}),
        ("/messages/compose", {"recipient_id": "x"}),
        ("/intent/follow", {}),
        ("/intent/follow", {"screen_name": "nobody"}),
    ],
)
def test_nobody_is_a_page_that_says_so(world, path, query):
    page = get(world, path, **query)
    assert page.status_code == 404
    assert "Nobody in the practice world has this handle." in page.text


def test_a_conversation_opens_on_the_phone_of_who_is_named_first(world):
    page = get(world, f"/messages/{BRAND}-{ANN}")
    assert page.url.startswith(f"{world.base_url}/phone/brand/with/ann/")
    assert "hello" in page.text
    assert get(world, f"/messages/{ANN}-{BRAND}").url.startswith(
        f"{world.base_url}/phone/ann/with/brand/"
    )


@pytest.mark.parametrize("pair", ["1-99", "1-1", "99-1", f"1-{10**30}"])
def test_a_conversation_with_nobody_is_a_page_that_says_so(world, pair):
    page = get(world, f"/messages/{pair}")
    assert page.status_code == 404
    assert "Nobody in the practice world" in page.text
