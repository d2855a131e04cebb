"""Reading a letter: every rule looks at one shared view of the text; the marks become findings."""

from __future__ import annotations

from outreach.guidance.language import Language, language
from outreach.guidance.report import Context, Finding, Report, Severity
from outreach.guidance.rules import RULES
from outreach.guidance.rules.base import Mark, Reading
from outreach.guidance.rules.length import counted_length
from outreach.guidance.scoring import REPEATED, score, verdict

_NO_CONTEXT = Context()
_ORDER = {Severity.BLOCK: 0, Severity.WARN: 1, Severity.PRAISE: 2}
_QUOTED_MOST = 60


def read(text: str, context: Context = _NO_CONTEXT) -> Report:
    """Read one letter as its recipient will get it.

    Never raises for any text; the same text and context always give the same report.
    """
    words = language()
    reading = Reading(text, context, words)
    marks = [mark for rule in RULES for mark in rule(reading)]
    marks.sort(key=lambda mark: (mark.start, _ORDER[words.entries[mark.rule].severity], mark.end))
    findings = _findings(text, marks, words)
    total = score(findings)
    return Report(
        verdict=verdict(findings, total),
        score=total,
        findings=findings,
        length=counted_length(text, words),
        house_limit=context.house_limit,
    )


def _findings(text: str, marks: list[Mark], words: Language) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    seen: set[str] = set()
    for mark in marks:
        entry = words.entries[mark.rule]
        findings.append(
            Finding(
                rule=mark.rule,
                severity=entry.severity,
                start=mark.start,
                end=mark.end,
                message=_filled(entry.message, text, mark),
                suggestion=_filled(entry.suggestion, text, mark),
                source=entry.source,
                weight=round(entry.weight * REPEATED, 6) if mark.rule in seen else entry.weight,
                fix=mark.fix,
            )
        )
        seen.add(mark.rule)
    return tuple(findings)


def _filled(template: str, text: str, mark: Mark) -> str:
    if "{" not in template:
        return template
    return template.format_map({"words": _quoted(text[mark.start : mark.end]), **mark.values})


def _quoted(words: str) -> str:
    """The marked words in one line, cut where they are long."""
    line = " ".join(words[: 2 * _QUOTED_MOST].split())
    return line if len(line) <= _QUOTED_MOST else line[: _QUOTED_MOST - 1].rstrip() + "…"
