"""Reading a letter: every rule looks at one shared view of the text; the marks become findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from outreach.guidance.language import Language, language
from outreach.guidance.report import Context, Finding, Report, Severity
from outreach.guidance.rules import RULES
from outreach.guidance.rules.base import Mark, Reading
from outreach.guidance.rules.length import counted_length
from outreach.guidance.rules.tongue import only_what_holds
from outreach.guidance.scoring import REPEATED, effective, score, verdict

_NO_CONTEXT = Context()
_ORDER = {Severity.BLOCK: 0, Severity.WARN: 1, Severity.PRAISE: 2}
_QUOTED_MOST = 60
_PLACES_MOST = 25


def read(text: str, context: Context = _NO_CONTEXT) -> Report:
    """Read one letter as its recipient will get it.

    Never raises for any text; the same text and context always give the same report.
    """
    words = language()
    marks = marks_of(Reading(text, context, words))
    weights = effective(raw_weights(marks, words), words.figures)
    return _report(text, context, _findings(text, marks, weights, words), words)


def noticed(text: str, context: Context = _NO_CONTEXT) -> tuple[Finding, ...]:
    """The findings, each with the weight that it has by itself; `weighed` makes a report of them.

    Between the two a workspace's policy has its say (policy.py).
    """
    words = language()
    marks = marks_of(Reading(text, context, words))
    return _findings(text, marks, raw_weights(marks, words), words)


def weighed(text: str, context: Context, findings: Sequence[Finding]) -> Report:
    """The report on findings of that text, whose weights are those they have by themselves."""
    words = language()
    weights = effective([finding.weight for finding in findings], words.figures)
    told = tuple(
        finding._replace(weight=weight) for finding, weight in zip(findings, weights, strict=True)
    )
    return _report(text, context, told, words)


def _report(text: str, context: Context, findings: tuple[Finding, ...], words: Language) -> Report:
    total = score(findings, words.figures)
    return Report(
        verdict=verdict(findings, total),
        score=total,
        findings=findings,
        length=counted_length(text, words),
        house_limit=context.house_limit,
        start=words.figures.start,
    )


def marks_of(reading: Reading) -> list[Mark]:
    """What all rules notice, in the order of the text."""
    entries = reading.language.entries
    marks = only_what_holds([mark for rule in RULES for mark in rule(reading)])
    marks.sort(key=lambda mark: (mark.start, _ORDER[entries[mark.rule].severity], mark.end))
    return _not_endless(marks)


def _not_endless(marks: list[Mark]) -> list[Mark]:
    """The first places of each rule; whoever has read twenty-five needs no further."""
    if len(marks) <= _PLACES_MOST:
        return marks
    counts: Counter[str] = Counter()
    kept = []
    for mark in marks:
        counts[mark.rule] += 1
        if counts[mark.rule] <= _PLACES_MOST:
            kept.append(mark)
    return kept


def _findings(
    text: str, marks: list[Mark], weights: list[float], words: Language
) -> tuple[Finding, ...]:
    entries = words.entries
    findings: list[Finding] = []
    for mark, weight in zip(marks, weights, strict=True):
        entry = entries[mark.rule]
        # By place: a letter has a dozen findings, and names would take twice the time.
        findings.append(
            Finding(
                mark.rule,
                entry.severity,
                mark.start,
                mark.end,
                _filled(entry.message, text, mark),
                _filled(entry.suggestion, text, mark),
                entry.source,
                weight,
                mark.fix,
                entry.quiet,
            )
        )
    return tuple(findings)


def amounts(marks: list[Mark]) -> list[float]:
    """How often each mark counts its rule's weight: further places count less than the first."""
    seen: set[str] = set()
    counted = []
    for mark in marks:
        once = REPEATED if mark.rule in seen else 1.0
        counted.append(once if mark.amount is None else mark.amount)
        seen.add(mark.rule)
    return counted


def raw_weights(marks: list[Mark], words: Language) -> list[float]:
    """What each mark weighs by itself."""
    entries = words.entries
    return [
        round(entries[mark.rule].weight * amount, 6) if mark.weight is None else mark.weight
        for mark, amount in zip(marks, amounts(marks), strict=True)
    ]


def _filled(template: str, text: str, mark: Mark) -> str:
    if "{" not in template:
        return template
    for name, value in mark.values.items():
        template = template.replace(f"{{{name}}}", str(value))
    if "{words}" in template:
        template = template.replace("{words}", _quoted(text[mark.start : mark.end]))
    return template


def _quoted(words: str) -> str:
    """The marked words in one line, cut where they are long."""
    if len(words) <= _QUOTED_MOST and words.isprintable() and "  " not in words:
        return words
    line = " ".join(words[: 2 * _QUOTED_MOST].split())
    return line if len(line) <= _QUOTED_MOST else line[: _QUOTED_MOST - 1].rstrip() + "…"
