"""A draft as guidance reads it: the words as received, with every span on the words as written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from accounts.models import Workspace
from outreach.customers.models import Customer
from outreach.drafts.personalisation import Merged, Unresolved, merge
from outreach.guidance import Context, Finding, Fix, Recipient, Report, Severity, Verdict
from outreach.guidance.policy import DEFAULTS, Policy, under

MERGE_RULE = "merge-field"
STOPPED_RULE = "recipient.stopped"
STOPPED_SOURCE = "What they asked for: a stop holds for every account of this workspace."
SOURCE = "X's own rule against bulk letters: a field left open reads as a machine's letter."
WORD = {Verdict.GOOD: "Addressed", Verdict.MEND: "Mend", Verdict.SPAM: "Householder"}
CLASSES = {Severity.BLOCK: "f-block", Severity.WARN: "f-mend", Severity.PRAISE: "f-praise"}
WORST_FIRST = [Severity.BLOCK, Severity.WARN, Severity.PRAISE]
# What a merge field falls back to when the writer gave nothing.
FALLBACKS = {"first_name": "there"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a letter to one person is read under, besides its words.

    `first_letter`: it has to say how to stop the letters. `stopped`: why the person must not be
    written to; empty where they may.
    """

    policy: Policy = DEFAULTS
    first_letter: bool = False
    stopped: str = ""


DEFAULT_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class FixView:
    """One click: put `replacement` where `words[start:end]` stands, as written."""

    label: str
    start: int
    end: int
    replacement: str


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding with its span on the words as written."""

    number: int
    rule: str
    severity: str
    title: str
    suggestion: str
    source: str
    quote: str
    start: int
    end: int
    fix: FixView | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of the written words and how it is underlined."""

    text: str
    classes: str
    ids: str


@dataclass(frozen=True, slots=True)
class DraftReading:
    """What a page shows of one reading."""

    verdict: str
    word: str
    score: float
    length: int
    limit: int
    received: str
    findings: tuple[FindingView, ...]
    marks: tuple[Mark, ...]
    report: Report

    @property
    def tone(self) -> str:
        """The class that colours it: a verdict's name is one."""
        return self.verdict

    @property
    def blocking(self) -> list[FindingView]:
        return [finding for finding in self.findings if finding.severity == Severity.BLOCK]

    @property
    def count_words(self) -> str:
        """How much there is to mend, for the postmark."""
        return notes_of(self.findings)


@dataclass(frozen=True, slots=True)
class StoredReading:
    """What guidance said when it was asked, as it was kept with a revision or a review."""

    findings: tuple[FindingView, ...]
    policy_version: int

    @property
    def count_words(self) -> str:
        return notes_of(self.findings)


def notes_of(findings: tuple[FindingView, ...]) -> str:
    return count_words(sum(f.severity != Severity.PRAISE for f in findings))


def count_words(notes: int) -> str:
    return {0: "nothing to mend", 1: "1 note"}.get(notes, f"{notes} notes")


def values_of(customer: Customer) -> dict[str, str]:
    """What merge fields a customer fills: own fields and attributes; an empty one is unknown."""
    values = {
        key: "" if value is None else str(value) for key, value in customer.attributes.items()
    }
    return values | {
        "first_name": customer.first_name,
        "name": customer.name,
        "handle": customer.handle,
    }


def read_words(
    words: str, customer: Customer, workspace: Workspace, terms: Terms = DEFAULT_TERMS
) -> DraftReading:
    """Merge and read `words` for one customer. Pure but for what the two rows hold."""
    merged = merge(words, values_of(customer))
    report = read_text(merged.text, customer, workspace, terms)
    findings = _findings(words, merged, report, customer, terms)
    verdict = report.verdict
    if verdict is Verdict.GOOD and any(f.severity == Severity.BLOCK for f in findings):
        verdict = Verdict.MEND
    return DraftReading(
        verdict=verdict.value,
        word=WORD[verdict],
        score=report.score,
        length=report.length,
        limit=report.house_limit,
        received=merged.text,
        findings=findings,
        marks=_marks(words, findings),
        report=report,
    )


def read_text(text: str, customer: Customer, workspace: Workspace, terms: Terms) -> Report:
    """Read the words as one customer receives them. Pure but for what the two rows hold."""
    context = Context(
        recipient=Recipient(name=customer.first_name or customer.name, handle=customer.handle),
        brand=workspace.name,
        first_letter=terms.first_letter,
    )
    return under(text, terms.policy, context)


def what_stops(report: Report, *, disagreement: str) -> str:
    """Why words with this report cannot go on, as a sentence; empty where they can.

    A spam verdict stops nothing that its author stands up for with a reason.
    """
    for finding in report.findings:
        if finding.severity is Severity.BLOCK:
            return finding.message
    if report.verdict is Verdict.SPAM and not disagreement.strip():
        return "It reads as a letter to the householder."
    return ""


def stored(report: Mapping[str, Any], text: str, policy_version: int) -> StoredReading:
    """A report as it was kept, with its spans on the words as received."""
    views = [
        FindingView(
            number=0,
            rule=found["rule"],
            severity=found["severity"],
            title=found["message"],
            suggestion=found["suggestion"],
            source=found["source"],
            quote=text[found["start"] : found["end"]],
            start=found["start"],
            end=found["end"],
            fix=None,
        )
        for found in report.get("findings", ())
    ]
    return StoredReading(_numbered(views), policy_version)


def _findings(
    words: str, merged: Merged, report: Report, customer: Customer, terms: Terms
) -> tuple[FindingView, ...]:
    """Guidance's findings; an open merge field is named as such instead of as a leftover."""
    open_spans = [(field.start, field.end) for field in merged.unresolved]
    views = [_unresolved(field, customer) for field in merged.unresolved]
    if terms.stopped:
        views.append(_stopped(customer, terms.stopped))
    for finding in report.findings:
        start, end = merged.written_span(finding.start, finding.end)
        if finding.severity is Severity.BLOCK and (start, end) in open_spans:
            continue
        views.append(_view(finding, words, start, end, _fix(finding.fix, merged)))
    return _numbered(views)


def _numbered(views: list[FindingView]) -> tuple[FindingView, ...]:
    """In the order of a page, numbered for it."""
    views.sort(key=lambda view: (WORST_FIRST.index(Severity(view.severity)), view.start))
    return tuple(replace(view, number=number) for number, view in enumerate(views, 1))


def _view(finding: Finding, words: str, start: int, end: int, fix: FixView | None) -> FindingView:
    return FindingView(
        0,
        finding.rule,
        finding.severity.value,
        finding.message,
        finding.suggestion,
        finding.source,
        words[start:end],
        start,
        end,
        fix,
    )


def _fix(fix: Fix | None, merged: Merged) -> FixView | None:
    """The fix on the words as written; none where it would overwrite a merge field."""
    if fix is None:
        return None
    for piece in merged.pieces:
        low, high = piece.received
        if piece.is_field and fix.start < high and low < fix.end:
            return None
    start, end = merged.written_span(fix.start, fix.end)
    return FixView(fix.label, start, end, fix.replacement)


def _unresolved(field: Unresolved, customer: Customer) -> FindingView:
    fallback = FALLBACKS.get(field.field, "")
    if field.known:
        title = f"We do not know the {_spoken(field.field)} of {customer.name}"
        suggestion = f"Say what stands there instead: {{{field.field}|{fallback or 'there'}}}."
    else:
        title = f"There is no merge field called {field.field}"
        suggestion = "Use first_name, name or handle, or write the words themselves."
    fix = None
    if field.known and fallback:
        replacement = f"{{{field.field}|{fallback}}}"
        fix = FixView(f"Say '{fallback}' instead", field.start, field.end, replacement)
    quote = f"{{{field.field}}}"
    return FindingView(
        0,
        MERGE_RULE,
        Severity.BLOCK.value,
        title,
        suggestion,
        SOURCE,
        quote,
        field.start,
        field.end,
        fix,
    )


def _stopped(customer: Customer, reason: str) -> FindingView:
    """Somebody who said stop; no words can mend that."""
    return FindingView(
        0,
        STOPPED_RULE,
        Severity.BLOCK.value,
        f"{customer.name} must not be written to: {reason}",
        "Write to somebody else.",
        STOPPED_SOURCE,
        "",
        0,
        0,
        None,
    )


def _spoken(field: str) -> str:
    return field.replace("_", " ")


def _marks(words: str, findings: tuple[FindingView, ...]) -> tuple[Mark, ...]:
    """Cut the written words where a finding begins or ends; the worst one colours a piece."""
    spans = [finding for finding in findings if finding.start < finding.end]
    edges = sorted({0, len(words), *(f.start for f in spans), *(f.end for f in spans)})
    marks = []
    for low, high in pairwise(edges):
        over = [finding for finding in spans if finding.start <= low and high <= finding.end]
        worst = min((Severity(f.severity) for f in over), key=WORST_FIRST.index, default=None)
        marks.append(
            Mark(
                words[low:high],
                CLASSES[worst] if worst else "",
                " ".join(f"finding-{finding.number}" for finding in over),
            )
        )
    return tuple(marks)
