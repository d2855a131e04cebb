"""The letter as a whole: voice, calls, length, how to stop, emptiness, leftovers."""

import pytest

from outreach.guidance import Context, Recipient, Severity, Verdict, read
from outreach.guidance.language import language
from tests.guidance.reports import MARIA, found, marked


def test_a_letter_about_its_sender_speaks_at():
    text = "We print tees. Our ink is the best ink that we have."
    (finding,) = found(text, "speaking.at")
    assert text[finding.start : finding.end] == "We"
    assert finding.message.startswith("The letter speaks of its sender 3 times")


def test_the_brands_name_counts_as_the_senders():
    text = "Ink & Loom prints tees. Ink & Loom is in Porto."
    assert found(text, "speaking.at") == []
    brand = Context(brand="Ink & Loom")
    assert marked(text, "speaking.at", brand) == ["Ink"]


def test_a_letter_about_its_reader_speaks_to():
    text = "Your print is dry. You asked for the fox, so we added one."
    assert found(text, "speaking.at") == []
    assert marked(text, "speaking.to") == ["Your"]


def test_a_question_is_praised_and_a_question_of_spam_is_not():
    text = "It is dry. Which animal comes next?"
    assert marked(text, "speaking.question") == ["Which animal comes next?"]
    assert marked("Want to grow your audience?", "speaking.question") == []


def test_one_call_to_action_is_praised():
    assert marked("It is dry. Tell me which fox you like.", "call.one") == ["Tell"]
    assert marked("It is dry. Which fox is yours?", "call.one") == ["Which fox is yours?"]


def test_no_call_to_action_is_a_quiet_note_at_the_end():
    text = "Hi Maria, it is dry."
    (finding,) = found(text, "call.none")
    assert (finding.start, finding.end) == (len(text), len(text))
    assert read(text, MARIA).verdict is Verdict.GOOD


def test_several_calls_are_warned_of():
    text = "Watch the film. Pick a fox. Book a class."
    (finding,) = found(text, "call.several")
    assert text[finding.start : finding.end] == "Book"
    assert finding.message.startswith("3 things")


def test_how_to_stop_is_no_call():
    assert found("Hi Maria, it is dry. Reply STOP to opt out.", "call.one") == []


@pytest.mark.parametrize(
    ("length", "rule", "severity"),
    [
        (1, "length.short", Severity.PRAISE),
        (140, "length.short", Severity.PRAISE),
        (141, "length.over", Severity.WARN),
        (280, "length.over", Severity.WARN),
        (281, "length.long", Severity.WARN),
        (10_000, "length.long", Severity.WARN),
        (10_001, "length.x-limit", Severity.BLOCK),
    ],
)
def test_length_is_held_against_the_house_limit_and_xs(length, rule, severity):
    findings = [
        finding
        for finding in read(("print " * 2000)[: length - 1] + "s", MARIA).findings
        if finding.rule.startswith("length.")
    ]
    assert [(finding.rule, finding.severity) for finding in findings] == [(rule, severity)]


def test_what_is_too_long_is_marked_from_the_limit_on():
    text = "a " * 100 + "b"
    (finding,) = found(text, "length.over")
    assert (finding.start, finding.end) == (140, 201)
    assert finding.message == "A little long: 201 characters, the house limit is 140."


def test_a_little_long_is_still_good_and_twice_too_long_is_not():
    letter = "Hi Maria, " + "the fox is dry and " * 8 + "which one is yours?"
    assert len(letter) > 140
    assert read(letter, MARIA).verdict is Verdict.GOOD
    assert read(letter + " The fox is dry." * 10, MARIA).verdict is Verdict.MEND


def test_another_house_limit_counts_otherwise():
    context = Context(house_limit=20)
    assert found("Hi Maria, the fox tee is dry.", "length.over", context) != []
    assert read("Hi", context).house_limit == 20


def test_a_first_letter_says_how_to_stop():
    first = Context(recipient=MARIA.recipient, first_letter=True)
    text = "Hi Maria, which fox is yours?"
    (finding,) = found(text, "stop.missing", first)
    assert finding.fix is not None
    fixed = finding.fix.apply(text)
    assert fixed == f"{text}\n\n{language().lines['stop']}"
    assert found(fixed, "stop.missing", first) == []
    assert found(text, "stop.missing") == []


def test_the_line_on_how_to_stop_does_not_count_against_the_house_limit():
    text = "Hi Maria, which fox is yours?"
    report = read(f"{text}\n\n{language().lines['stop']}", MARIA)
    assert report.length == len(text)


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\u200b", "\ufeff \u2060"])
def test_no_words_block(text):
    report = read(text, MARIA)
    assert "letter.empty" in {finding.rule for finding in report.findings}
    assert report.verdict is Verdict.MEND


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hi [NAME], it is dry.", "[NAME]"),
        ("Hi {first_name}, it is dry.", "{first_name}"),
        ("Hi {first_name|there}, it is dry.", "{first_name|there}"),
        ("Hi {{ contact.first_name }}, it is dry.", "{{ contact.first_name }}"),
        ("Hi ${name}, it is dry.", "${name}"),
        ("Hi %FIRSTNAME%, it is dry.", "%FIRSTNAME%"),
        ("Hi *|FNAME|*, it is dry.", "*|FNAME|*"),
        ("Hi <first name>, it is dry.", "<first name>"),
        ("I saw [specific insight] and smiled.", "[specific insight]"),
        ("Kind regards, [Your Name]", "[Your Name]"),
        ("Hi undefined, it is dry.", "Hi undefined"),
    ],
)
def test_a_blank_that_nobody_filled_blocks(text, words):
    (finding,) = found(text, "leftover.field")
    assert text[finding.start : finding.end] == words
    assert finding.severity is Severity.BLOCK
    assert read(text, MARIA).verdict is not Verdict.GOOD


@pytest.mark.parametrize(
    "text",
    ["It costs 5 < 6 and 7 > 2.", "See note [1].", "She [sic] wrote it.", "I <3 foxes", ":-} {"],
)
def test_brackets_that_mean_something_are_left_alone(text):
    assert found(text, "leftover.field") == []


def test_somebody_may_be_called_null():
    null = Context(recipient=Recipient(name="Christopher Null"))
    assert found("Hi Null, it is dry.", "leftover.field", null) == []
    assert marked("Hi Null, it is dry.", "leftover.field") == ["Hi Null"]


@pytest.mark.parametrize(
    "text", ["Lorem ipsum dolor sit amet", "As an AI language model, I print."]
)
def test_what_a_template_or_an_assistant_left_behind_blocks(text):
    (finding,) = found(text, "leftover.text")
    assert finding.severity is Severity.BLOCK
