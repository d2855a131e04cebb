"""What a word is, and which messages begin with it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from outreach.customers.invitations.words import COMMON, first_word, folded, problem_with

ALPHABET = (
    "abcdefghijklmnopqrstuvwxyzáàâãäåçéèêëíïñóôõöúüşğıøłđšžαβγабвאבعرดีฟรกีคक्षあがカ한국字0123456789"
)
words = st.text(st.sampled_from(ALPHABET), min_size=3, max_size=16).filter(
    lambda word: not problem_with(word)
)
CASES = (str.upper, str.lower, str.title, str.swapcase, lambda text: text)
FORMS = ("NFC", "NFD", "NFKC", "NFKD")
AFTER = ("", " ", "!", ".", " please", ", thank you", "\nhello", " 🦊", "…", "?", "”", ")")
BEFORE = ("", " ", "\n", "“", "#", "🦊 ", "(", "¡", "\u200b")


@given(
    words, st.sampled_from(CASES), st.sampled_from(FORMS), st.sampled_from(BEFORE),
    st.sampled_from(AFTER),
)  # fmt: skip
def test_a_message_begins_with_its_word_in_any_case_and_form(word, case, form, before, after):
    typed = unicodedata.normalize(form, case(word))
    # 'ß' and a few more become two letters in capitals; folding them back is Unicode's own rule.
    assume(folded(typed) == folded(word))
    assert first_word(f"{before}{typed}{after}") == folded(word)


@given(words, st.sampled_from(ALPHABET), st.text(max_size=30))
def test_a_longer_word_is_another_one(word, letter, tail):
    assert first_word(f"{word}{letter}{tail}") != folded(word)


@given(words, words)
def test_two_words_are_one_only_where_case_and_accents_alone_tell_them_apart(one, other):
    assert (first_word(one) == first_word(other)) == (folded(one) == folded(other))


@given(words, st.sampled_from("-.'’_@"), words)
def test_what_is_joined_is_one_word(word, join, other):
    assert first_word(f"{word}{join}{other}") not in (folded(word), folded(other))


@given(st.text(max_size=400))
def test_any_message_begins_with_a_word_or_with_none(text):
    word = first_word(text)
    assert word == folded(word)
    assert not any(char.isspace() for char in word)


@given(words)
def test_folding_again_changes_nothing(word):
    assert folded(folded(word)) == folded(word)


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("FOX", "fox"), ("fóx, please", "fox"), ("Fox!", "fox"), ("#fox", "fox"), ("  fox\n", "fox"),
        ("foxes", "foxes"), ("fox-print", "fox-print"), ("fox.com", "fox.com"), ("fox's", "fox's"),
        ("a fox", "a"), ("🦊", ""), ("", ""), ("RAPOSÃO", "raposao"), ("IŞIK", "isik"),
        ("ışık", "isik"), ("ＦＯＸ", "fox"), ("ฟรี ครับ", "ฟรี"), ("がか", "がか"), ("かか", "かか"),
        ("Øl", "ol"), ("fox" * 100, "fox" * 66 + "fo"),
    ],
)  # fmt: skip
def test_the_word_that_a_message_begins_with(message, word):
    assert first_word(message) == word


@pytest.mark.parametrize("word", ["fox", "RAPOSA", "œuvre", "2fox", "ฟรี", "きつね", "лиса", "ثعلب"])
def test_words_that_serve(word):
    assert problem_with(word) == ""


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("fo", "3 to 16"), ("f" * 17, "3 to 16"), ("two words", "no spaces"), ("fox!", "no signs"),
        ("fox-print", "no signs"), ("2026", "a letter"), ("Hello", "without meaning"),
        ("THANKS", "without meaning"), ("", "3 to 16"),
    ],
)  # fmt: skip
def test_words_that_do_not_serve_say_why(word, says):
    assert says in problem_with(word)


def test_common_beginnings_are_folded():
    assert {folded(word) for word in COMMON} == COMMON
