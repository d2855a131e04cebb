"""What X makes of a text: t.co links with entities, and three escaped characters."""

from __future__ import annotations

import re

import pytest

from outreach.sandbox.links import as_handed_out, pieces

BRAND, ANN = 1, 2


def links(text: str) -> list[str]:
    return [piece.leads_to for piece in pieces(text) if piece.leads_to]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no link at all", []),
        ("see https://example.org/fox", ["https://example.org/fox"]),
        ("HTTPS://Example.org/Fox", ["HTTPS://Example.org/Fox"]),
        ("(https://example.org/fox).", ["https://example.org/fox"]),
        ("https://example.org/fox?a=1&b=2, then", ["https://example.org/fox?a=1&b=2"]),
        ("https://en.example.org/Ink_(writing)", ["https://en.example.org/Ink_(writing)"]),
        ("https://a.org https://b.org/", ["https://a.org", "https://b.org/"]),
        ("zwei https://example.org/grün/ü!", ["https://example.org/grün/ü"]),
        ("https://example.org:8443/x#part", ["https://example.org:8443/x#part"]),
        # X links the bare name of a host too, and says http.
        ("see example.com/fox.", ["http://example.com/fox"]),
        ("www.example.shop", ["http://www.example.shop"]),
        ("write to ann@example.com", []),
        ("@example.com #example.com", []),
        ("e.g. this, v1.2, 3.50 and so on...Then", []),
        ("example.companies", []),
        ("http://127.0.0.1:8000/x and http://localhost/x", []),
        ("https://", []),
    ],
)
def test_what_x_takes_for_a_link(text, expected):
    assert links(text) == expected
    assert "".join(piece.words for piece in pieces(text)) == text


def test_a_text_is_handed_out_with_short_links_that_lie_where_the_entities_say():
    text = (
        "🦊 A & B <3: https://example.org/?a=1&b=2, example.com. &amp; https://example.org/?a=1&b=2"
    )
    handed_out, urls = as_handed_out(text)
    assert handed_out.startswith("🦊 A &amp; B &lt;3: https://t.co/")
    assert "&amp;amp;" in handed_out
    assert [url["expanded_url"] for url in urls] == [
        "https://example.org/?a=1&b=2",
        "http://example.com",
        "https://example.org/?a=1&b=2",
    ]
    for url in urls:
        assert handed_out[url["start"] : url["end"]] == url["url"]
        assert re.fullmatch(r"https://t\.co/[0-9A-Za-z]{10}", url["url"])
    # The same address has the same short one, another has another.
    assert (urls[0]["url"] == urls[2]["url"], urls[0]["url"] == urls[1]["url"]) == (True, False)


def test_a_long_address_is_shown_cut():
    (piece,) = pieces("https://www.example.org/" + "a" * 50)
    assert piece.display == "example.org/" + "a" * 24 + "…"


def test_a_text_of_ten_thousand_points_is_read_in_time():
    assert links("a." * 5000) == []
    assert len(links("https://" + "a." * 4000 + "com")) <= 1
    assert links("(" * 5000 + "." * 5000) == []


@pytest.fixture
def world(sandbox):
    sandbox.add_user(BRAND, "brand")
    sandbox.add_user(ANN, "ann")
    sandbox.befriend(BRAND, ANN)
    return sandbox


TEXT = "A & B: https://example.org/fox?a=1&b=2 <3"


def test_dm_events_hand_texts_out_so_and_the_ledger_keeps_them(world):
    token = world.issue_token(BRAND)
    path = f"/2/dm_conversations/with/{ANN}"
    world.api("POST", f"{path}/messages", token, json={"text": TEXT})
    fields = "?dm_event.fields=entities"
    (event,) = world.api("GET", f"{path}/dm_events{fields}", token).json()["data"]
    (url,) = event["entities"]["urls"]
    assert event["text"] == f"A &amp; B: {url['url']} &lt;3"
    assert url["expanded_url"] == "https://example.org/fox?a=1&b=2"
    assert url["display_url"] == "example.org/fox?a=1&b=2"
    assert [dm["text"] for dm in world.dms()] == [TEXT]
    (bare,) = world.api("GET", f"{path}/dm_events", token).json()["data"]
    assert "entities" not in bare


def test_the_phone_shows_where_a_link_leads(world):
    world.write(BRAND, ANN, TEXT)
    page = world.api("GET", "/phone/ann/with/brand/").text
    link = 'href="https://example.org/fox?a=1&amp;b=2" rel="noopener noreferrer"'
    assert f"<a {link}>example.org/fox?a=1&amp;b=2</a> &lt;3" in page
    assert "A &amp; B: example.org/fox?a=1&amp;b=2 &lt;3" in world.api("GET", "/phone/ann/").text
