"""From findings to score and verdict."""

import math

import pytest

from outreach.guidance import Severity, Verdict, read
from tests.guidance.reports import MARIA

GOOD = [
    "Hi Maria, you asked which ink we use, so we filmed it: inkandloom.example/fox. Which is next? Jo",
    "Hi Maria, your fox tee left the workshop this morning. Thank you for waiting.",
    "Hi Maria, sorry to hear that the seam came loose. Could you send a photo? Jo",
]
SPAM = [
    "Thanks for following! Check out my site bit.ly/x",
    "Dear Sir/Madam, BUY NOW and get 50% off. Limited time offer!!!",
    "Congratulations! You have won a $500 gift card. Click here to claim: tinyurl.com/win",
    "Love your content! We help brands like yours grow their following. Open to a quick call?",
    "is this you in this video?? lol bit.ly/3x",
    "Be your own boss and earn $500 a day from home",
]


@pytest.mark.parametrize("text", GOOD)
def test_a_letter_to_a_person_is_good(text):
    assert read(text, MARIA).verdict is Verdict.GOOD


@pytest.mark.parametrize("text", SPAM)
def test_a_letter_to_the_householder_is_spam(text):
    assert read(text, MARIA).verdict is Verdict.SPAM


def test_one_warning_of_substance_asks_for_mending():
    report = read("Hi Maria, the fox film: bit.ly/fox. Which one is yours?", MARIA)
    assert report.verdict is Verdict.MEND
    assert report.score < 0.5


def test_the_score_is_the_sum_of_the_findings():
    for text in GOOD + SPAM:
        report = read(text, MARIA)
        total = report.start + sum(finding.weight for finding in report.findings)
        assert math.isclose(report.score, 1 / (1 + math.exp(-total)), rel_tol=1e-9)


def test_what_repeats_counts_less():
    first, again = [
        finding
        for finding in read("Buy now. Buy now.", MARIA).findings
        if finding.rule == "selling.outright"
    ]
    assert again.weight == pytest.approx(first.weight / 4)


def test_findings_come_in_the_order_of_the_text():
    findings = read(SPAM[2], MARIA).findings
    assert [finding.start for finding in findings] == sorted(finding.start for finding in findings)


def test_a_blocking_finding_is_never_good():
    report = read("Hi Maria, your fox tee is dry, [NAME]. Which one is yours?", MARIA)
    assert Severity.BLOCK in {finding.severity for finding in report.findings}
    assert report.verdict is not Verdict.GOOD


def test_a_report_as_plain_values_keeps_its_order():
    values = read("Hi Tom, it is dry.", MARIA).as_dict()
    assert list(values) == ["verdict", "score", "findings", "length", "house_limit", "start"]
    assert list(values["findings"][0]) == [
        "rule", "severity", "start", "end", "message", "suggestion", "source", "weight", "quiet",
        "fix",
    ]  # fmt: skip
    (wrong_name,) = [f for f in values["findings"] if f["rule"] == "greeting.other-name"]
    assert wrong_name["fix"] == {
        "label": "Write Maria", "start": 3, "end": 6, "replacement": "Maria",
    }  # fmt: skip
