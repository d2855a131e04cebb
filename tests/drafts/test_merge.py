"""Merge fields: what the customer receives, and where each part of it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.drafts.personalisation import FIELD, Unresolved, merge

VALUES = {
    "first_name": "Zoë 🐦",
    "name": "Zoë Silva",
    "handle": "zoe",
    "size": "",
    "offer": "buy {now}",
}
PART = st.sampled_from(
    ["{first_name}", "{first_name|there}", "{size}", "{size|M}", "{size|}", "{none}", "{none|so}",
     "{", "}", "{}", "{{name}}", "{Name}", "{a b}", "{|x}", "{9x}", "[NAME]", "{offer}", "|", "\n",
     " ", "Hi", "🐦", "👩‍👩‍👧", "é", "buy now"]
)  # fmt: skip
WORDS = st.lists(PART, max_size=10).map("".join) | st.text(alphabet="{}|ab_ 🐦\n", max_size=25)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("Hi {first_name}", "Hi Zoë 🐦"),
        ("Hi {first_name|there}", "Hi Zoë 🐦"),
        ("In {size|M}", "In M"),
        ("In {none|M}", "In M"),
        ("In {none|}!", "In !"),
        ("{none|two words, é}", "two words, é"),
        ("{first_name}{handle}", "Zoë 🐦zoe"),
        ("", ""),
    ],
)
def test_a_field_becomes_its_value_or_its_fallback(words, text):
    merged = merge(words, VALUES)
    assert (merged.text, merged.unresolved) == (text, ())


def test_a_field_without_value_and_fallback_stays_and_is_named():
    merged = merge("Hi {first_name}, in {size} for {nobody}", {"first_name": "", "size": ""})
    assert merged.text == "Hi {first_name}, in {size} for {nobody}"
    assert merged.unresolved == (
        Unresolved("first_name", 3, 15, True),
        Unresolved("size", 20, 26, True),
        Unresolved("nobody", 31, 39, False),
    )


@pytest.mark.parametrize(
    "words",
    ["{}", "{Name}", "{first name}", "{first_name", "first_name}", "{9}", "{|x}", "{a|b{c}", "[NAME]",
     "{first_name|a\nb}", "{" + "a" * 40 + "}", "{first_name|" + "x" * 101 + "}"],
)  # fmt: skip
def test_whatever_else_stands_in_braces_is_left_alone(words):
    merged = merge(words, VALUES | {"c": "{c}"})
    assert (merged.text, merged.unresolved) == (words, ())


def test_a_value_is_not_merged_again():
    assert merge("{offer}", {"offer": "{first_name}", "first_name": "Zoë"}).text == "{first_name}"


@given(WORDS)
def test_the_text_is_its_pieces_and_the_pieces_cover_the_words(words):
    merged = merge(words, VALUES)
    at = received = 0
    for piece in merged.pieces:
        assert (piece.written[0], piece.received[0]) == (at, received)
        written, got = words[slice(*piece.written)], merged.text[slice(*piece.received)]
        if not piece.is_field:
            assert written == got
        else:
            assert FIELD.fullmatch(written)
        at, received = piece.written[1], piece.received[1]
    assert (at, received) == (len(words), len(merged.text))


@given(WORDS, st.data())
def test_a_span_of_the_text_maps_into_the_words_and_holds_what_made_it(words, data):
    merged = merge(words, VALUES)
    start = data.draw(st.integers(0, len(merged.text)))
    end = data.draw(st.integers(start, len(merged.text)))
    low, high = merged.written_span(start, end)
    assert 0 <= low <= high <= len(words)
    if start == end:
        return
    # No field is cut, and whatever of the text was not in the span is not needed for it.
    inside = [
        piece for piece in merged.pieces if piece.received[0] < end and start < piece.received[1]
    ]
    rebuilt = "".join(
        merged.text[slice(*piece.received)]
        if piece.is_field
        else words[max(low, piece.written[0]) : min(high, piece.written[1])]
        for piece in inside
    )
    assert merged.text[start:end] in rebuilt
    for piece in merged.pieces:
        if piece.is_field and piece.received[0] < piece.received[1]:
            assert not (piece.written[0] < low < piece.written[1])
            assert not (piece.written[0] < high < piece.written[1])


@given(st.text(max_size=60), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_any_text_can_be_merged(words, values):
    merged = merge(words, values)
    if not FIELD.search(words):
        assert merged.text == words
