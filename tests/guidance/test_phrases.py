"""The notation of phrases, and the data written in it."""

import pytest

from outreach.guidance.language import language
from outreach.guidance.phrases import PhraseBook, PhraseError
from outreach.guidance.view import View


def covered(notation, text):
    view = View(text)
    hits = PhraseBook([("family", [notation])]).hits(view)
    return [text[view.tokens[hit.first].start : view.tokens[hit.last - 1].end] for hit in hits]


@pytest.mark.parametrize(
    ("notation", "text", "expected"),
    [
        ("red fox", "a red fox, a red  fox", ["red fox", "red  fox"]),
        ("red fox", "red foxes", []),
        ("red fox", "red. Fox", []),
        ("(red|dark blue) fox", "a dark blue fox", ["dark blue fox"]),
        ("red [big] fox", "red fox red big fox", ["red fox", "red big fox"]),
        ("red fox*", "red foxes", ["red foxes"]),
        ("red _ fox", "red old fox", ["red old fox"]),
        ("red _ fox", "red fox", []),
        ("red ~2 fox", "red very old fox", ["red very old fox"]),
        ("red ~2 fox", "red very very old fox", []),
        ("red fox $", "red fox jumps. A red fox.", ["red fox"]),
        ("^ red fox", "The red fox. Red fox", ["Red fox"]),
        (
            "don't run",
            "dont run, don't run, don\u2019t run",
            ["dont run"] + ["don't run", "don\u2019t run"],
        ),
        ("#number foxes", "12 foxes", ["12 foxes"]),
        ("pay #money", "pay $1,200.50 now", ["pay $1,200.50"]),
        ("#percent off", "20 % off", ["20 % off"]),
    ],
)
def test_the_notation_means_what_it_says(notation, text, expected):
    assert covered(notation, text) == expected


@pytest.mark.parametrize(
    "notation", ["", "[red]", "* fox", "_ fox", "~2 fox", "re* fox", "[red|_] fox"]
)
def test_a_phrase_without_a_first_word_is_refused(notation):
    with pytest.raises(PhraseError):
        PhraseBook([("family", [notation])])


@pytest.mark.parametrize(
    "notation", ["red (fox", "red fox)", "red (|fox)", "red ~x fox", "red (fox]"]
)
def test_a_phrase_that_breaks_the_notation_is_refused(notation):
    with pytest.raises(PhraseError):
        _ = [phrase.pattern for phrase in PhraseBook([("family", [notation])]).phrases()]


def test_every_phrase_of_the_language_follows_the_notation():
    for phrase in language().book.phrases():
        assert phrase.pattern.pattern


def test_every_cue_that_rules_look_for_exists():
    assert language().cues == {"cue.stop", "cue.call", "cue.warned", "cue.blank"}


def test_weights_raise_what_warns_and_lower_what_is_praised():
    for entry in language().entries.values():
        assert (entry.weight < 0) == (entry.severity == "praise")


def test_what_is_said_to_people_is_plain():
    for entry in language().entries.values():
        said = f"{entry.message} {entry.suggestion}".lower()
        assert [word for word in ("!", "please", "sorry", "invalid", "oops") if word in said] == []
