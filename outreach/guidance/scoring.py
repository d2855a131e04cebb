"""From findings to a score and a verdict.

    score = 1 / (1 + exp(-(start + sum of the findings' weights)))

Weights are log-odds, so each finding's share of the score can be read off the finding itself: what
warns raises it, praise lowers it, and nothing else plays a part. Praise cannot buy off spam:

- all praise together is worth at most `praise_most`, and its later parts less than its first;
- it fades with what is warned of, and from `praise_gone` on it is worth nothing.

So whoever adds spam to a letter adds weight, and takes some from the praise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from outreach.guidance.report import Finding, Severity, Verdict

SPAM_FROM = 0.5
"""The score from which a letter is called spam."""

REPEATED = 0.25
"""The share of its weight with which a rule counts again for each further place it marks."""

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Figures:
    """Fitted figures, in log-odds: where a letter starts, and the bounds of praise."""

    start: float
    praise_most: float
    praise_gone: float


def effective(weights: Sequence[float], figures: Figures) -> list[float]:
    """The weights as they count in one letter: praise bounded and faded, the rest unchanged."""
    warned = math.fsum([weight for weight in weights if weight > 0])
    praised = -math.fsum([weight for weight in weights if weight < 0])
    if not praised:
        return list(weights)
    most, gone = figures.praise_most, figures.praise_gone
    worth = most * -math.expm1(-praised / most) * max(0.0, 1 - warned / gone)
    share = worth / praised
    return [weight if weight > 0 else round(weight * share, _DIGITS) for weight in weights]


def score(findings: Iterable[Finding], figures: Figures) -> float:
    """The score between 0 and 1 (1 = spam) that these findings add up to."""
    total = figures.start + math.fsum([finding.weight for finding in findings])
    # exp() of a large positive number overflows, of a large negative one is 0.
    return 1 / (1 + math.exp(-total)) if total > -700 else 0.0


def verdict(findings: Iterable[Finding], score: float) -> Verdict:
    """Spam by score; mend where something blocks or warns, quiet notes apart; else good."""
    if score >= SPAM_FROM:
        return Verdict.SPAM
    for finding in findings:
        if finding.severity is not Severity.PRAISE and not finding.quiet:
            return Verdict.MEND
    return Verdict.GOOD
