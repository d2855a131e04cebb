"""What guidance is asked and what it answers: plain values that do not change.

Offsets are indexes into the text as Python counts it (code points), end exclusive. A span with
`start == end` marks no words: it speaks of the letter as a whole or of something that is missing
at that place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple


class Verdict(StrEnum):
    """The letter as a whole, as the postmark says it."""

    GOOD = "good"
    MEND = "mend"
    SPAM = "spam"


class Severity(StrEnum):
    """How much a finding asks of the writer."""

    BLOCK = "block"
    WARN = "warn"
    PRAISE = "praise"


@dataclass(frozen=True, slots=True)
class Recipient:
    """The customer the letter is for, as far as is known."""

    name: str | None = None
    handle: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What guidance may know besides the words.

    `house_limit` is in characters. `first_letter` is true where the letter must say how to stop
    the letters (the first to a person, and one every 90 days).
    """

    recipient: Recipient | None = None
    brand: str | None = None
    house_limit: int = 140
    first_letter: bool = False


@dataclass(frozen=True, slots=True)
class Fix:
    """A mend that takes one click: put `replacement` where text[start:end] stands."""

    label: str
    start: int
    end: int
    replacement: str

    def apply(self, text: str) -> str:
        """The text with this fix made."""
        return text[: self.start] + self.replacement + text[self.end :]


class Finding(NamedTuple):
    """One thing that a rule says about text[start:end].

    `weight` is what the finding adds to the log-odds of spam; praise has a negative one. `quiet`: a
    note that by itself does not cost the letter its *good*.
    """

    rule: str
    severity: Severity
    start: int
    end: int
    message: str
    suggestion: str
    source: str
    weight: float
    fix: Fix | None = None
    quiet: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The finding as the command line and stored reports spell it, in a stable order."""
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "start": self.start,
            "end": self.end,
            "message": self.message,
            "suggestion": self.suggestion,
            "source": self.source,
            "weight": self.weight,
            "quiet": self.quiet,
            "fix": None
            if self.fix is None
            else {
                "label": self.fix.label,
                "start": self.fix.start,
                "end": self.fix.end,
                "replacement": self.fix.replacement,
            },
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to one reading.

    `score` is between 0 and 1 (1 = spam); `start` is the log-odds of spam before any finding: with
    the findings' weights it makes up the score. `length` is what counts against the house limit, in
    characters; findings come in the order of the text, what blocks before what warns before praise
    where they start together.
    """

    verdict: Verdict
    score: float
    findings: tuple[Finding, ...]
    length: int
    house_limit: int
    start: float

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, ready for JSON, in a stable order."""
        return {
            "verdict": self.verdict.value,
            "score": self.score,
            "findings": [finding.as_dict() for finding in self.findings],
            "length": self.length,
            "house_limit": self.house_limit,
            "start": self.start,
        }
