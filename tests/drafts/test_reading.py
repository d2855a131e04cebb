"""A draft as guidance reads it: what the customer would get, marked where the author wrote it."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Workspace
from outreach.customers.models import Customer
from outreach.drafts.personalisation import merge
from outreach.drafts.reading import MERGE_RULE, read_words, values_of

BRAND = Workspace(name="Ink & Loom", slug="ink")
PART = st.sampled_from(
    ["{first_name}", "{first_name|there}", "{size}", "{none}", "{none|free}", "{offer}", "[NAME]",
     "Hi ", "Dear customer, ", "BUY NOW!!! ", "buy ", "now ", "click here ", "http://bit.ly/x ",
     "🐦", "👩‍👩‍👧 ", "\n", "Would you tell me? ", "free money ", "FREE ", " ", "limited time ", "e\u0301", "{", "}"]
)  # fmt: skip
WORDS = st.lists(PART, max_size=12).map("".join)


def customer(**values) -> Customer:
    values = {
        "name": "Maria Silva",
        "first_name": "Maria",
        "handle": "maria",
        "attributes": {"size": "M", "offer": "buy now"},
    } | values
    return Customer(**values)


def read(words: str, **values):
    return read_words(words, customer(**values), BRAND)


def test_values_are_the_customers_fields_and_attributes_none_is_no_word():
    made = customer(attributes={"size": "M", "pets": 2, "city": None, "name": "not this"})
    assert values_of(made) == {
        "size": "M",
        "pets": "2",
        "city": "",
        "first_name": "Maria",
        "name": "Maria Silva",
        "handle": "maria",
    }


def test_a_good_letter():
    reading = read("Hi {first_name}, your print is dry. Would you tell me how it looks?")
    assert (reading.verdict, reading.word, reading.tone) == ("good", "Addressed", "good")
    assert reading.received.startswith("Hi Maria, your")
    assert (reading.blocking, reading.count_words) == ([], "nothing to mend")


def test_nothing_written_is_read_too():
    reading = read("")
    assert (reading.received, reading.marks, reading.length) == ("", (), 0)
    assert [finding.severity for finding in reading.findings] == ["block"]


def test_an_unknown_field_blocks_and_is_named_once():
    reading = read("Hi {first_nam}, your print is dry. Would you tell me how it looks?")
    (finding,) = reading.blocking
    assert (finding.rule, finding.title) == (
        MERGE_RULE,
        "There is no merge field called first_nam",
    )
    assert finding.fix is None
    assert reading.verdict != "good"


def test_a_field_without_a_value_blocks_and_offers_a_fallback():
    words = "Hi {first_name}, your print is dry. Would you tell me how it looks?"
    reading = read(words, first_name="")
    (finding,) = reading.blocking
    assert finding.title == "We do not know the first name of Maria Silva"
    assert finding.fix is not None
    mended = words[: finding.fix.start] + finding.fix.replacement + words[finding.fix.end :]
    assert mended == words.replace("{first_name}", "{first_name|there}")
    assert read(mended, first_name="").blocking == []


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("Hi Maria, {offer}", {"attributes": {"offer": "buy now"}}),
        ("Hi Maria, {none|buy now}", {}),
        ("Hi Maria, {offer} now", {"attributes": {"offer": "buy"}}),
        ("Hi Maria, b{offer} now", {"attributes": {"offer": "uy"}}),
        ("Hi Maria, buy {none|now}", {}),
    ],
)
def test_a_merge_value_cannot_hide_a_phrase(words, values):
    plain = read("Hi Maria, buy now")
    reading = read(words, **values)
    assert reading.received == "Hi Maria, buy now"
    assert (reading.verdict, reading.score) == (plain.verdict, plain.score)
    rules = [(f.rule, f.severity) for f in plain.findings]
    assert [(f.rule, f.severity) for f in reading.findings] == rules
    (found,) = [f for f in reading.findings if f.rule == "selling.outright"]
    assert found.quote == words[10:]  # marked where it was written, its field whole


@given(WORDS)
@hypothesis.settings(max_examples=150, deadline=None)
def test_marks_cover_the_words_exactly_and_findings_lie_in_them(words):
    reading = read(words)
    assert "".join(mark.text for mark in reading.marks) == words
    assert [finding.number for finding in reading.findings] == list(
        range(1, len(reading.findings) + 1)
    )
    for finding in reading.findings:
        assert 0 <= finding.start <= finding.end <= len(words)
        if finding.start < finding.end:
            marked = "".join(
                mark.text
                for mark in reading.marks
                if f"finding-{finding.number}" in mark.ids.split()
            )
            assert marked == words[finding.start : finding.end]


@given(WORDS)
@hypothesis.settings(max_examples=150, deadline=None)
def test_a_fix_does_to_the_words_what_guidance_meant_for_the_text(words):
    reading = read(words)
    meant = {
        (finding.rule, finding.fix.apply(reading.received))
        for finding in reading.report.findings
        if finding.fix
    }
    values = values_of(customer())
    for finding in reading.findings:
        if finding.fix is None or finding.rule == MERGE_RULE:
            continue
        fix = finding.fix
        assert 0 <= fix.start <= fix.end <= len(words)
        mended = words[: fix.start] + fix.replacement + words[fix.end :]
        assert (finding.rule, merge(mended, values).text) in meant


@given(WORDS)
@hypothesis.settings(max_examples=100, deadline=None)
def test_what_blocks_is_never_called_good(words):
    reading = read(words)
    if reading.blocking:
        assert reading.verdict != "good"
    worst = [finding.severity for finding in reading.findings]
    assert worst == sorted(worst, key=["block", "warn", "praise"].index)
