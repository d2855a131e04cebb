"""Reading under a workspace's policy: its phrases, severities and exceptions, and what stays."""

from __future__ import annotations

import math
import timeit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.guidance import Context, Recipient, Report, Severity, Verdict, read
from outreach.guidance.policy import (
    ALWAYS,
    AVOID,
    AVOID_WEIGHT,
    DEFAULTS,
    WARNED_WEIGHT,
    WELCOME,
    Exemption,
    Level,
    Policy,
    has_words,
    is_always,
    rules,
    stop_line,
    under,
)

MARIA = Context(recipient=Recipient(name="Maria", handle="maria"), brand="Ink & Loom")
GOOD = "Hi Maria, you asked which ink we use, so here is the recipe. How does it print for you?"
SELLS = "Hi Maria, order yours today. How does it print for you? Buy now."


def reading(text: str, **policy) -> Report:
    return under(text, Policy(version=3, **policy), MARIA)


def of(report: Report, rule: str) -> list:
    return [finding for finding in report.findings if finding.rule == rule]


def marked(report: Report, rule: str, text: str) -> list[str]:
    return [text[finding.start : finding.end] for finding in of(report, rule)]


def adds_up(report: Report) -> bool:
    total = report.start + sum(finding.weight for finding in report.findings)
    return math.isclose(report.score, 1 / (1 + math.exp(-total)))


@pytest.mark.parametrize("text", [GOOD, SELLS, "", "[NAME], win $$$ now!!! bit.ly/x"])
def test_the_defaults_change_nothing(text):
    assert under(text, DEFAULTS, MARIA) == read(text, MARIA)


def test_the_house_limit_and_the_brand_are_the_workspaces():
    report = reading(GOOD, house_limit=20)
    assert (report.house_limit, of(report, "length.short")) == (20, [])
    assert reading(GOOD, brand="Fox & Co").length == len(GOOD)


# --- the workspace's own phrases -------------------------------------------------------------


def test_a_phrase_to_avoid_is_a_finding_with_the_workspaces_words_as_its_source():
    text = GOOD + " Our Limited-edition foxes!"
    (finding,) = of(reading(text, avoid=("limited-edition foxes",)), AVOID)
    assert text[finding.start : finding.end] == "Limited-edition foxes"
    assert finding.severity is Severity.WARN
    assert finding.weight == AVOID_WEIGHT
    assert finding.message == ("“Limited-edition foxes” is a phrase that this workspace avoids.")
    assert finding.source == "The workspace's own words (guidance policy, version 3)"


def test_a_phrase_to_avoid_costs_a_good_letter_its_good():
    assert reading(GOOD).verdict is Verdict.GOOD
    report = reading(GOOD, avoid=("recipe",))
    assert report.verdict is Verdict.MEND
    assert adds_up(report)


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("recipe", "The RECIPE, the recipes.", ["RECIPE"]),
        ("re\u200bcipe", "The recipe.", ["recipe"]),
        ("don't stop", "Don’t stop", ["Don’t stop"]),
        ("fox tee!", "the fox tee, the fox  tee!", ["fox tee", "fox  tee"]),
        ("fox. tee", "fox tee", []),
        ("bit.ly/fox", "bit.ly/fox and bit.ly/cat", ["bit.ly/fox"]),
        ("20 %", "20 % off", ["20 %"]),
        ("ink", "drink inks", []),
        ("recipe", "the r\u0435cipe", ["r\u0435cipe"]),
        ("café", "at the CAFÉ", ["CAFÉ"]),
    ],
)
def test_phrases_are_found_whole_and_through_disguises(phrase, text, found):
    assert marked(reading(text, avoid=(phrase,)), AVOID, text) == found


def test_of_two_phrases_at_one_place_the_longer_one_counts():
    text = "Buy now, buy."
    report = reading(text, avoid=("buy", "buy now"))
    assert marked(report, AVOID, text) == ["Buy now", "buy"]
    assert [finding.weight for finding in of(report, AVOID)] == [0.6, 0.15]


def test_within_welcomed_words_nothing_is_warned_of():
    report = reading(SELLS, welcome=("order yours today",))
    assert marked(report, WELCOME, SELLS) == ["order yours today"]
    assert marked(report, "selling.outright", SELLS) == ["Buy now"]
    (praise,) = of(report, WELCOME)
    assert (praise.severity, praise.weight) == (Severity.PRAISE, 0.0)


def test_welcomed_words_do_not_excuse_what_reaches_beyond_them():
    assert "selling.outright" in {f.rule for f in reading(SELLS, welcome=("yours",)).findings}


def test_what_is_welcome_inside_what_is_avoided_is_welcome():
    text = "The spring sale is on, the sale ends."
    report = reading(text, avoid=("sale",), welcome=("spring sale",))
    assert [(f.start, f.rule) for f in report.findings if f.rule in (AVOID, WELCOME)] == [
        (text.index("spring"), WELCOME),
        (text.rindex("sale"), AVOID),
    ]


@pytest.mark.parametrize(("phrase", "is_one"), [("a", True), ("!!!", False), ("  ", False)])
def test_a_phrase_has_words(phrase, is_one):
    assert has_words(phrase) is is_one


# --- severities ------------------------------------------------------------------------------


def test_a_rule_that_is_off_says_and_weighs_nothing():
    report = reading(SELLS, severities={"selling.outright": Level.OFF})
    assert of(report, "selling.outright") == []
    assert report.score < reading(SELLS).score
    assert adds_up(report)


def test_a_rule_that_blocks_lets_nothing_pass_as_good():
    report = reading(GOOD, severities={"speaking.question": Level.BLOCK})
    (finding,) = of(report, "speaking.question")
    assert (finding.severity, finding.weight) == (Severity.BLOCK, WARNED_WEIGHT)
    assert report.verdict is Verdict.MEND


def test_praise_never_raises_the_score_and_warnings_never_lower_it():
    praised = reading(SELLS, severities={"selling.outright": Level.PRAISE})
    assert {finding.weight for finding in of(praised, "selling.outright")} == {0.0}
    warned = reading(GOOD, severities={"greeting.name": Level.WARN})
    assert [finding.weight for finding in of(warned, "greeting.name")] == [WARNED_WEIGHT]
    assert warned.verdict is Verdict.MEND
    assert adds_up(praised)
    assert adds_up(warned)


def test_the_severity_that_a_rule_has_already_changes_nothing():
    assert reading(SELLS, severities={"selling.outright": Level.WARN}) == reading(SELLS)


# --- exceptions ------------------------------------------------------------------------------


def test_an_exception_drops_the_finding_on_its_words_only():
    exception = Exemption("selling.outright", "order yours", "The name of our shop window.")
    report = reading(SELLS, exceptions=(exception,))
    assert marked(report, "selling.outright", SELLS) == ["Buy now"]


def test_what_stands_behind_an_excepted_phrase_counts_in_full():
    before = of(reading(SELLS), "selling.outright")
    exception = Exemption("selling.outright", "order yours today", "so")
    (left,) = of(reading(SELLS, exceptions=(exception,)), "selling.outright")
    assert before[0].weight > before[1].weight
    assert left.weight == before[0].weight


def test_an_exception_of_a_rule_about_the_whole_letter_needs_its_words_anywhere():
    text = "Hi Maria, your parcel 12 has left the studio."
    exception = Exemption("call.none", "parcel", "News of a parcel ask for nothing.")
    assert of(reading(text), "call.none")
    assert of(reading(text, exceptions=(exception,)), "call.none") == []
    other = Exemption("call.none", "crate", "so")
    assert of(reading(text, exceptions=(other,)), "call.none")


# --- what no policy softens ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        ("Hi Maria, tell us your password, will you?", "secret.asked", "your password"),
        ("Hi [NAME], how does it print for you?", "leftover.field", "NAME"),
        ("", "letter.empty", ""),
        ("a" * 10_001, "length.x-limit", "a"),
    ],
)
def test_some_findings_stop_a_letter_whatever_the_policy_says(text, rule, words):
    (usual,) = of(read(text, MARIA), rule)
    assert usual.severity is Severity.BLOCK
    whatever = [
        {"severities": {rule: level}} for level in (Level.OFF, Level.WARN, Level.PRAISE)
    ] + [{"exceptions": (Exemption(rule, words, "so"),)}, {"welcome": (text, words)}]
    for policy in whatever:
        assert of(reading(text, **policy), rule) == [usual], policy


def test_every_rule_that_always_holds_is_marked_so():
    fixed = {rule.rule for rule in rules() if rule.fixed}
    assert {"secret.asked", "leftover.field", "letter.empty", "length.x-limit"} <= fixed
    assert all(is_always(f"{name}.anything") for name in ALWAYS)
    assert not is_always("secretive")


def test_a_rule_says_what_it_does_without_a_letter_to_quote():
    assert len(rules()) > 40
    assert [rule.rule for rule in rules()][:2] == [AVOID, WELCOME]
    assert [rule.rule for rule in rules() if "{" in rule.says or not rule.says] == []


def test_the_line_on_how_to_stop_is_not_counted():
    text = f"{GOOD}\n\n{stop_line()}"
    first = Context(recipient=MARIA.recipient, first_letter=True)
    report = under(text, DEFAULTS, first)
    assert (report.length, of(report, "stop.missing")) == (len(GOOD), [])
    (missing,) = of(under(GOOD, DEFAULTS, first), "stop.missing")
    assert missing.fix is not None
    assert missing.fix.apply(GOOD) == text


def test_many_phrases_cost_a_long_letter_little_more_than_one():
    """All begin with the word that the letter is full of: the worst there is."""
    text = "order " * 1600
    one = Policy(version=1, avoid=("order it",))
    many = Policy(version=1, avoid=tuple(f"order {number}" for number in range(200)))

    def seconds(policy: Policy) -> float:
        return min(timeit.repeat(lambda: under(text, policy, MARIA), number=1, repeat=5))

    assert seconds(many) < 4 * seconds(one)


# --- any policy ------------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["Hi Maria, ", "buy now ", "order yours today ", "[NAME] ", "your password ", "bit.ly/x ", "!!! ",
     "free ", "\u200b", "🦊 ", "how are you? ", "\n", "", "e\u0301"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=12).map("".join)
PHRASES = st.lists(
    st.sampled_from(["buy", "buy now", "order yours", "free", "you", "🦊", "how are you"]),
    max_size=3,
).map(tuple)
RULES = st.sampled_from([rule.rule for rule in rules()])
POLICIES = st.builds(
    Policy,
    version=st.just(1),
    house_limit=st.integers(20, 400),
    severities=st.dictionaries(RULES, st.sampled_from(Level), max_size=8),
    avoid=PHRASES,
    welcome=PHRASES,
    exceptions=st.lists(
        st.builds(Exemption, RULES, st.sampled_from(["buy", "now", "free"]), st.just("so")),
        max_size=4,
    ).map(tuple),
)


@settings(deadline=None)
@given(TEXTS, POLICIES)
def test_under_any_policy_what_holds_of_a_report_holds(text, policy):
    report = under(text, policy, MARIA)
    assert report == under(text, policy, MARIA)
    assert all(0 <= f.start <= f.end <= len(text) for f in report.findings)
    assert [f.start for f in report.findings] == sorted(f.start for f in report.findings)
    assert adds_up(report)
    for finding in report.findings:
        is_praise = finding.severity is Severity.PRAISE
        assert finding.weight <= 0 if is_praise else finding.weight >= 0, finding
    usual = [f for f in read(text, MARIA).findings if is_always(f.rule)]
    assert [f for f in report.findings if is_always(f.rule)] == usual
