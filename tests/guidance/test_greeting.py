"""Whom the letter speaks to."""

import pytest

from outreach.guidance import Context, Recipient, Severity, read
from tests.guidance.reports import MARIA, found, marked

NOBODY_KNOWN = Context()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hi Maria, your print is ready.", "Maria"),
        ("hey maria your print is ready", "maria"),
        ("Good morning Maria Silva, your print is ready.", "Maria Silva"),
        ("Maria, your print is ready.", "Maria"),
        ("Maria — your print is ready.", "Maria"),
        ("👋 Hello Maria! Your print is ready.", "Maria"),
        ("Hi there, Maria! Your print is ready.", "Maria"),
        ("Your print is ready, Maria.", "Maria"),
        ("Hi Mari, your print is ready.", "Mari"),
        ("Hi Mariapaints, your print is ready.", "Mariapaints"),
    ],
)
def test_it_praises_a_greeting_by_their_own_name(text, name):
    (finding,) = found(text, "greeting.name")
    assert text[finding.start : finding.end] == name
    assert finding.severity is Severity.PRAISE
    assert finding.weight < 0


def test_accents_do_not_make_a_name_foreign():
    jose = Context(recipient=Recipient(name="José Álvarez"))
    assert marked("Hi Jose, your print is ready.", "greeting.name", jose) == ["Jose"]
    rene = Context(recipient=Recipient(name="Rene"))
    assert marked("Hi René, your print is ready.", "greeting.name", rene) == ["René"]


def test_it_warns_of_somebody_elses_name_and_writes_theirs():
    text = "Hi Tom, your print is ready."
    (finding,) = found(text, "greeting.other-name")
    assert text[finding.start : finding.end] == "Tom"
    assert finding.fix is not None
    assert finding.fix.apply(text) == "Hi Maria, your print is ready."


def test_a_sentence_that_begins_with_a_capital_is_no_name():
    for text in (
        "Hi, Your print is ready.",
        "Hello! We printed it.",
        "Booked! See you.",
        "Hey. No.",
    ):
        assert marked(text, "greeting.other-name") == []


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("Hi there, the print is ready.", "Hi Maria, the print is ready."),
        ("Hello! The print is ready.", "Hello Maria! The print is ready."),
        ("Good morning, the print is ready.", "Good morning Maria, the print is ready."),
    ],
)
def test_a_greeting_without_a_name_gets_one(text, fixed):
    (finding,) = found(text, "greeting.nameless")
    assert finding.fix is not None
    assert finding.fix.apply(text) == fixed


@pytest.mark.parametrize(
    ("text", "everyone", "fixed"),
    [
        ("Hey guys, we printed it.", "guys", "Hey Maria, we printed it."),
        ("Dear Sir/Madam, we printed it.", "Sir/Madam", "Dear Maria, we printed it."),
        ("Hello everyone! We printed it.", "everyone", "Hello Maria! We printed it."),
        ("Dear valued customer, it is here.", "valued customer", "Dear Maria, it is here."),
    ],
)
def test_a_greeting_for_a_crowd_is_warned_of(text, everyone, fixed):
    (finding,) = found(text, "greeting.everyone")
    assert text[finding.start : finding.end] == everyone
    assert finding.fix is not None
    assert finding.fix.apply(text) == fixed


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("We printed it.", "Hi Maria, we printed it."),
        ("I printed it.", "Hi Maria, I printed it."),
        ("Foxes are printed.", "Hi Maria, Foxes are printed."),
        ("🦊 printed.", "Hi Maria, 🦊 printed."),
    ],
)
def test_no_greeting_is_a_quiet_note_with_a_greeting_to_add(text, fixed):
    (finding,) = found(text, "greeting.none")
    assert (finding.start, finding.end) == (0, 0)
    assert finding.fix is not None
    assert finding.fix.apply(text) == fixed


def test_without_a_recipient_a_name_is_believed_and_no_fix_is_made_up():
    assert marked("Hi Tom, it is ready.", "greeting.some-name", NOBODY_KNOWN) == ["Tom"]
    (finding,) = found("It is ready.", "greeting.none", NOBODY_KNOWN)
    assert finding.fix is None


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("maria silva", "Maria"),
        ("MARIA SILVA", "Maria"),
        ("AJ", "AJ"),
        ("Dr. Maria Silva", "Maria"),
        ("The Coffee House", "The Coffee House"),
        ("Seán O'Neil 🌊", "Seán"),
    ],
)
def test_a_fix_calls_people_as_they_are_called(name, called):
    context = Context(recipient=Recipient(name=name))
    (finding,) = found("It is ready.", "greeting.none", context)
    assert finding.fix is not None
    fixed = finding.fix.apply("It is ready.")
    assert fixed == f"Hi {called}, it is ready."
    assert "greeting.name" in {entry.rule for entry in read(fixed, context).findings}


def test_a_name_without_letters_makes_no_fix():
    context = Context(recipient=Recipient(name="🌸✨"))
    (finding,) = found("It is ready.", "greeting.none", context)
    assert finding.fix is None


def test_the_right_name_scores_better_than_the_wrong_one():
    assert read("Hi Maria, it is ready.", MARIA).score < read("Hi Tom, it is ready.", MARIA).score
