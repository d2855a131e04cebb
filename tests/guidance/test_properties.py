"""What holds for every text."""

import math
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from outreach.guidance import Context, Recipient, Severity, Verdict, read
from tests.guidance.reports import MARIA

# No deadline: the first texts also pay for making the expressions, on however busy a machine.
SOME = settings(deadline=None)
MANY = settings(SOME, max_examples=150)

_QUOTE = re.compile("“([^”]*)”")

SPAM_SENTENCES = [
    "Thanks for following!",
    "Check out my site.",
    "Buy yours now!",
    "Have a great day and buy now.",
    "Let us know if you want to grow your audience?",
    "Would you be open to a quick call with your team?",
    "You have won a free gift card, thank you so much!",
    "Please tell us your pick before time runs out!",
    "Here's a free video for you: earn $500 a day.",
    "Is this you in this video?",
]
PIECES = [
    *SPAM_SENTENCES,
    "Hi Maria, ", "hey ", "there ", "Dear Sir/Madam", "Tom, ", "Your print is dry. ", "We ", "we ",
    "Which one?", "!!!", "FREE ", "NOW", "🔥🔥🔥", "👩🏽‍🎨", "bit.ly/x ", "https://a.example", "\u200b",
    "\u202e", "р\u0430y", "[NAME]", "{first_name}", "Just checking in. ", ". ", "\n", "Lorem ipsum",
    "Reply STOP to opt out. ", "send me your password ", "20% off ", "a", "é", "ﬁ", "İ", "ß", " ",
    "fr33 ", "c l i c k ", "w1n c@sh ", "#sale ", "@bob ", "4111 1111 1111 1111 ", "150p/msg ",
    "http://a.example/?utm_source=x&a=1 ", "paypa1.com/x ", "f.r.e.e", "Gracias por tu pedido ",
    "a b c ", "1 2 3 ", "\u0336", "lol mum im home ", "sorry for the delay ", "— Tom",
    "Watch it. ", "Tell me. ", "Book it. ", "Hurry", "Limited time. ",
]  # fmt: skip
letters = st.one_of(
    st.text(),
    st.text(alphabet=st.characters()),
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=10).map("".join),
)
names = st.one_of(
    st.none(), st.text(max_size=30), st.sampled_from(["Maria Silva", "José", "The Mill"])
)
contexts = st.builds(
    Context,
    recipient=st.one_of(st.none(), st.builds(Recipient, name=names, handle=names)),
    brand=st.one_of(st.none(), st.text(max_size=10)),
    house_limit=st.integers(1, 10_000),
    first_letter=st.booleans(),
)


@given(letters, contexts)
@settings(SOME)
def test_spans_lie_inside_the_text(text, context):
    report = read(text, context)
    assert 0 <= report.score <= 1
    for finding in report.findings:
        assert 0 <= finding.start <= finding.end <= len(text)
        if finding.fix:
            assert 0 <= finding.fix.start <= finding.fix.end <= len(text)


@given(letters, contexts)
@settings(SOME)
def test_the_same_text_gets_the_same_report(text, context):
    assert read(text, context) == read(text, context)


@given(letters, contexts)
@settings(MANY)
def test_a_fix_removes_its_finding_and_adds_none_that_blocks(text, context):
    before = read(text, context)
    for finding in before.findings:
        if not finding.fix:
            continue
        after = read(finding.fix.apply(text), context)
        assert _count(after, finding.rule) < _count(before, finding.rule)
        assert _blocking(after) <= _blocking(before)


@given(letters.filter(str.strip), st.sampled_from(SPAM_SENTENCES))
@example("HURRY", "Please tell us your pick before time runs out!")
@settings(MANY)
def test_a_sentence_of_spam_at_the_end_never_lowers_the_score(text, spam):
    # Restricted to letters that hold a word: one of signs alone has no greeting to miss.
    if not any(char.isalpha() for char in text):
        text = f"print {text}"
    assert read(f"{text}\n{spam}", MARIA).score >= read(text, MARIA).score


SPAM_LETTERS = [
    "Hi! Thanks for following me. Check out my site: bit.ly/x",
    "Hope you're well. We help brands like yours grow their audience. Open to a quick call? - Tom",
    "Congratulations, you have won a $500 gift card! Click here to claim it now: tinyurl.com/x",
    "hey, is this you in this video? lol bit.ly/3x",
    "Your account has been suspended. Verify your details within 24 hours: http://192.168.7.1/x",
    "FREE entry! Txt WIN to 87121 now. 150p/msg T&Cs apply",
    "Plz sub to my channel guys, I make music videos, it would mean the world",
]


@given(
    letters,
    st.sampled_from(SPAM_LETTERS),
    st.sampled_from(["\n", " ", "\n\n", ". "]),
    st.booleans(),
)
@settings(MANY)
def test_a_letter_of_spam_at_either_end_never_lowers_the_score(text, spam, between, first):
    joined = f"{spam}{between}{text}" if first else f"{text}{between}{spam}"
    assert read(joined).score >= read(text).score


@given(letters, contexts)
@settings(SOME)
def test_marks_are_what_the_message_says(text, context):
    for finding in read(text, context).findings:
        quoted = _QUOTE.search(finding.message)
        if not quoted or finding.rule.startswith("words.") or finding.start == finding.end:
            continue
        marked = " ".join(text[finding.start : finding.end][:120].split())
        assert finding.message.count("“") == 0 or marked[:40].rstrip() in finding.message


@given(letters, contexts)
@settings(SOME)
def test_words_that_a_finding_names_stand_in_its_span(text, context):
    for finding in read(text, context).findings:
        if finding.rule.startswith("words."):
            for word in _QUOTE.findall(finding.message.partition(": words")[0]):
                assert word in text[finding.start : finding.end]


@given(letters, contexts)
@settings(SOME)
def test_the_score_is_the_sum_of_the_findings(text, context):
    report = read(text, context)
    total = report.start + sum(finding.weight for finding in report.findings)
    assert math.isclose(report.score, 1 / (1 + math.exp(-total)), rel_tol=1e-6, abs_tol=1e-12)
    for finding in report.findings:
        assert (finding.weight <= 0) == (finding.severity is Severity.PRAISE)


@given(letters, contexts)
@settings(SOME)
def test_a_verdict_has_its_reasons(text, context):
    report = read(text, context)
    warned = [found for found in report.findings if found.severity is not Severity.PRAISE]
    if report.verdict is not Verdict.GOOD:
        assert warned != []
    if report.verdict is Verdict.GOOD:
        assert Severity.BLOCK not in {found.severity for found in warned}


def _count(report, rule):
    return sum(finding.rule == rule for finding in report.findings)


def _blocking(report):
    return {found.rule for found in report.findings if found.severity is Severity.BLOCK}
