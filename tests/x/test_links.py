"""A message's own words, out of what X shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.x.links import expanded


def url(short: str, target: str | None, start: int = 0, end: int = 0) -> dict[str, object]:
    return {"url": short, "expanded_url": target, "start": start, "end": end}


def test_a_link_is_replaced_by_where_it_leads_whatever_its_positions():
    text = "See 🖼️ https://t.co/abcDEF1234 &amp; say"
    for start in (0, 6, 7, 99, -1):
        entities = {
            "urls": [url("https://t.co/abcDEF1234", "https://a.example/?q=1&copy=2", start)]
        }
        assert expanded(text, entities) == "See 🖼️ https://a.example/?q=1&copy=2 & say"


def test_a_link_whose_address_is_not_in_the_text_is_found_at_its_place():
    text = "See https://t.co/abc now"
    at_its_place = {"expanded_url": "https://a.example/", "start": 4, "end": 20}
    assert expanded(text, {"urls": [at_its_place]}) == "See https://a.example/ now"
    of_events = {"expanded_url": "https://a.example/", "url": None, "indices": [4, 20]}
    assert expanded(text, {"urls": [of_events]}) == "See https://a.example/ now"


@pytest.mark.parametrize("places", [(0, 8), (4, 19), (4, 21), (20, 4), (-16, 20), (4, 200)])
def test_a_place_that_holds_no_whole_link_replaces_nothing(places):
    text = "See https://t.co/abc now"
    start, end = places
    entities = {"urls": [{"expanded_url": "https://a.example/", "start": start, "end": end}]}
    found = expanded(text, entities)
    # Cutting a link short is the one thing that cannot be told from a shorter link.
    assert found in (text, "See https://a.example/c now")


def test_one_address_that_begins_like_another_is_not_taken_for_it():
    text = "https://t.co/ab https://t.co/abc https://t.co/abcd"
    entities = {
        "urls": [
            url("https://t.co/ab", "https://one.example"),
            url("https://t.co/abc", "https://two"),
        ]
    }
    assert expanded(text, entities) == "https://one.example https://two https://t.co/abcd"


def test_what_a_link_leads_to_is_not_expanded_again():
    entities = {
        "urls": [url("https://t.co/a", "https://t.co/b"), url("https://t.co/b", "https://c")]
    }
    assert expanded("https://t.co/a", entities) == "https://t.co/b"


def test_the_same_link_twice_is_replaced_twice():
    entities = {
        "urls": [url("https://t.co/a", "https://one"), url("https://t.co/a", "https://one")]
    }
    assert expanded("https://t.co/a https://t.co/a", entities) == "https://one https://one"


@pytest.mark.parametrize("target", [None, "", 5])
def test_a_link_that_x_does_not_explain_stays(target):
    entities = {"urls": [{"url": "https://t.co/a", "expanded_url": target}]}
    assert expanded("see https://t.co/a", entities) == "see https://t.co/a"


def test_a_text_is_unescaped_once_and_only_of_what_x_escapes():
    assert expanded(
        "&lt;b&gt; &quot;a&quot; &#39;b&#39; &amp;amp; &copy; &copy=1 &nbsp;", None
    ) == ("<b> \"a\" 'b' &amp; &copy; &copy=1 &nbsp;")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["urls", "url", "expanded_url", "start", "end", "indices"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.text(), JSON)
def test_whatever_stands_for_entities_the_text_is_read(text, entities):
    assert isinstance(expanded(text, entities), str)


@given(st.text(alphabet="ab &<>;ampltg", max_size=40))
def test_what_x_escapes_comes_back_as_it_was_written(text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert expanded(escaped, {}) == text
