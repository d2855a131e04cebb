"""The look of the letter: shouting, links, disguises."""

import pytest

from outreach.guidance import Severity
from tests.guidance.reports import found, marked


@pytest.mark.parametrize(
    ("text", "words", "calm"),
    [
        ("Get it FREE here", "FREE", "Get it free here"),
        ("THIS IS THE LAST FOX", "THIS IS THE LAST FOX", "This is the last fox"),
        ("It is so. HURRY please", "HURRY", "It is so. Hurry please"),
    ],
)
def test_words_in_capitals_shout(text, words, calm):
    (finding,) = found(text, "shouting.capitals")
    assert text[finding.start : finding.end] == words
    assert finding.fix is not None
    assert finding.fix.apply(text) == calm


@pytest.mark.parametrize(
    "text",
    ["I print on A4 in the UK", "The BBC and NASA called", "Reply STOP", "OK Maria", "A I O U"],
)
def test_abbreviations_do_not_shout(text):
    assert found(text, "shouting.capitals") == []


@pytest.mark.parametrize(
    ("text", "words", "calm"),
    [
        ("It is dry!!!", "!!!", "It is dry!"),
        ("Really?!?!", "?!?!", "Really?"),
        ("It is dry!!", "!!", "It is dry!"),
    ],
)
def test_repeated_marks_shout(text, words, calm):
    (finding,) = found(text, "shouting.marks")
    assert text[finding.start : finding.end] == words
    assert finding.fix is not None
    assert finding.fix.apply(text) == calm


def test_one_mark_does_not_shout():
    assert found("It is dry! Is it? Yes...", "shouting.marks") == []


@pytest.mark.parametrize(
    ("text", "words", "kept"),
    [
        ("Dry 🔥🚀💰 now", "🔥🚀💰", "Dry 🔥 now"),
        ("Dry 🔥 🚀 💰", "🔥 🚀 💰", "Dry 🔥"),
        ("Dry 👩🏽‍🎨👩🏽‍🎨👩🏽‍🎨", "👩🏽‍🎨👩🏽‍🎨👩🏽‍🎨", "Dry 👩🏽‍🎨"),
    ],
)
def test_a_string_of_emoji_shouts(text, words, kept):
    (finding,) = found(text, "shouting.emoji")
    assert text[finding.start : finding.end] == words
    assert finding.fix is not None
    assert finding.fix.apply(text) == kept


@pytest.mark.parametrize("text", ["Dry 🔥", "Dry 🔥🚀", "🔥 dry 🚀 dry 💰", "Hi 👨‍👩‍👧‍👦"])
def test_an_emoji_or_two_do_not_shout(text):
    assert found(text, "shouting.emoji") == []


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("See bit.ly/fox-print.", "bit.ly/fox-print"),
        ("See https://tinyurl.com/abc for it", "https://tinyurl.com/abc"),
        ("See (http://www.is.gd/x)", "http://www.is.gd/x"),
    ],
)
def test_a_shortened_link_is_warned_of(text, link):
    assert marked(text, "link.shortened") == [link]


@pytest.mark.parametrize("text", ["See inkandloom.example/fox", "Bit by bit. Ly is no word."])
def test_an_address_that_shows_where_it_goes_is_not(text):
    assert found(text, "link.shortened") == []


@pytest.mark.parametrize("link", ["http://192.168.7.1/login", "https://xn--pypal-4ve.com"])
def test_an_address_that_hides_whose_it_is_is_warned_of(link):
    assert marked(f"See {link} today", "link.disguised") == [link]


def test_every_link_after_the_first_is_one_too_many():
    text = "See inkandloom.example/fox and inkandloom.example/owl."
    assert marked(text, "link.several") == ["inkandloom.example/owl"]
    assert found("See inkandloom.example/fox.", "link.several") == []


def test_only_a_link_is_warned_of():
    assert marked("https://inkandloom.example", "link.only") == ["https://inkandloom.example"]
    assert marked("https://a.example\nBuy yours now.", "link.only") == ["https://a.example"]
    assert found("The film: https://inkandloom.example", "link.only") == []


def test_a_missing_space_is_no_link():
    assert found("It is dry.It is yours.So nice", "link.only") == []
    assert found("Mail me at jo@inkandloom.example", "link.only") == []


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("Fr\u200bee prints", "Free prints"),
        ("Fr\u00adee prints", "Free prints"),
        ("\u202eeerf\u202c prints", None),
    ],
)
def test_characters_that_cannot_be_seen_are_warned_of(text, mended):
    finding, *_ = found(text, "hidden.invisible")
    assert finding.severity is Severity.WARN
    assert finding.fix is not None
    if mended is not None:
        assert finding.fix.apply(text) == mended


@pytest.mark.parametrize(
    "text",
    [
        "Hi 👩🏽\u200d🎨, it is dry",
        "می\u200cخواهم",
        "क्\u200dष",
        "שלום\u200f",
        "Plain text",
    ],
)
def test_joiners_that_a_script_or_an_emoji_needs_are_left_alone(text):
    assert found(text, "hidden.invisible") == []


@pytest.mark.parametrize(
    ("word", "plain"),
    [
        ("Fr\u0435\u0435", "Free"),
        ("p\u0430ypal", "paypal"),
        ("𝗙𝗿𝗲𝗲", "Free"),
        ("\u0441\u043e\u0440\u0443", "copy"),
    ],
)
def test_letters_that_only_look_alike_are_warned_of(word, plain):
    text = f"Your {word} here"
    (finding,) = found(text, "hidden.look-alike")
    assert text[finding.start : finding.end] == word
    assert finding.fix is not None
    assert finding.fix.apply(text) == f"Your {plain} here"


@pytest.mark.parametrize(
    "text",
    ["Привет, как дела", "Καλημέρα Μαρία", "Grüße aus Köln", "Hi Ольга, it is dry", "日本 ＡＢＣ"],
)
def test_other_alphabets_are_not_a_disguise(text):
    assert found(text, "hidden.look-alike") == []


@pytest.mark.parametrize(
    "text",
    [
        "Ch\u200beck out my site",
        "Check out my s\u0456te",
        "𝗖𝗵𝗲𝗰𝗸 out my site",
        "Check out m\u00ady site",
    ],
)
def test_a_disguised_phrase_is_found_all_the_same(text):
    assert marked(text, "automatic.look") == [text]
