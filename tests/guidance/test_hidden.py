"""Words that hide from filters are found, and said to hide."""

import pytest

from evaluation.hiding import WAYS
from outreach.guidance import Verdict, read
from outreach.guidance.disguise import plain_spelling
from tests.guidance.reports import MARIA, found, marked, warned_of

HIDDEN = {
    "look-alikes": "hidden.look-alike",
    "zero-width": "hidden.invisible",
    "spacing": "hidden.apart",
    "digits": "hidden.digits",
}
SPAM = [
    "Thanks for following! Check out my site for free followers",
    "You have won a free gift card, click here to claim your prize now",
    "Would you be open to a quick call? We help brands grow their audience",
    "Earn money from home with crypto trading, join my team today",
]


@pytest.mark.parametrize("way", HIDDEN)
@pytest.mark.parametrize("spam", SPAM)
def test_hidden_spam_is_spam_and_the_hiding_is_named(way, spam):
    hidden = WAYS[way](spam)
    assert hidden != spam
    report = read(hidden, MARIA)
    assert report.verdict is Verdict.SPAM
    assert HIDDEN[way] in {finding.rule for finding in report.findings}


@pytest.mark.parametrize(
    ("text", "words", "mended"),
    [
        ("It is fr33 today", "fr33", "It is free today"),
        ("cl!ck below", "cl!ck", "click below"),
        ("Your c@sh", "c@sh", "Your cash"),
    ],
)
def test_digits_for_letters_are_put_back(text, words, mended):
    (finding,) = found(text, "hidden.digits")
    assert text[finding.start : finding.end] == words
    assert finding.fix is not None
    assert finding.fix.apply(text) == mended


@pytest.mark.parametrize(
    ("text", "words", "mended"),
    [
        ("It is f r e e today", "f r e e", "It is free today"),
        ("It is f.r.e.e today", "f.r.e.e", "It is free today"),
        ("C L I C K  H E R E", "C L I C K  H E R E", "click here"),
        ("c l i c k h e r e", "c l i c k h e r e", "click here"),
    ],
)
def test_letters_one_at_a_time_are_put_back(text, words, mended):
    (finding,) = found(text, "hidden.apart")
    assert text[finding.start : finding.end] == words
    assert finding.fix is not None
    assert finding.fix.apply(text) == mended


@pytest.mark.parametrize(
    "text",
    [
        "I print on A4 in the U.S.A. and the U K",
        "It is gr8, see you 2day at 4pm, mp3 in 3d",
        "Size a b c or d? A I O U",
        "Call 555 0142 at 5 p m",
        "Mail jo@inkandloom.example, see inkandloom.example/fr33",
        "e.g. this, i.e. that",
    ],
)
def test_what_only_looks_so_is_left_alone(text):
    assert found(text, "hidden.digits") == []
    assert found(text, "hidden.apart") == []


def test_a_phrase_in_disguise_is_marked_where_it_stands():
    text = "Please c l i c k  h e r e now"
    assert marked(text, "link.click") == ["c l i c k  h e r e"]
    assert marked("B u y now", "selling.outright") == ["B u y now"]


def test_accents_and_boxes_hide_nothing():
    assert "automatic.look" in warned_of("Chéck öut my sité")
    assert "automatic.look" in warned_of("🅲🅷🅴🅲🅺 🅾🆄🆃 🅼🆈 🆂🅸🆃🅴")
    assert "automatic.look" in warned_of("c̶h̶e̶c̶k̶ out my site")


def test_an_address_that_filters_shall_not_see():
    assert marked("See win-crypto[.]com", "hidden.broken-link") == ["win-crypto[.]com"]


def test_a_spelling_must_be_mostly_letters():
    assert plain_spelling("a11", {"all"}.__contains__) is None
    assert plain_spelling("fr33", {"free"}.__contains__) == "free"
    assert plain_spelling("free", {"free"}.__contains__) is None
