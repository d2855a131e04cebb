"""From findings to a score and a verdict.

    score = 1 / (1 + exp(-(BIAS + sum of the findings' weights)))

Weights are log-odds, so each finding's share of the score can be read off the finding itself: what
warns raises it, praise lowers it, and nothing else plays a part.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from outreach.guidance.report import Finding, Severity, Verdict

BIAS = -2.0
"""Log-odds of a letter in which nothing was found: a score of 0.12."""

SPAM_FROM = 0.5
"""The score from which a letter is called spam."""

SUBSTANCE = 0.25
"""A warning that weighs less is a quiet note: it does not cost a letter its *good*."""

REPEATED = 0.25
"""The share of its weight with which a rule counts again for each further place it marks."""


def score(findings: Iterable[Finding]) -> float:
    """The score between 0 and 1 (1 = spam) that these findings add up to."""
    total = BIAS + math.fsum(finding.weight for finding in findings)
    # exp() of a large positive number overflows, of a large negative one is 0.
    return 1 / (1 + math.exp(-total)) if total > -700 else 0.0


def verdict(findings: Iterable[Finding], score: float) -> Verdict:
    """Spam by score; good where nothing blocks and no warning has substance; else mend."""
    if score >= SPAM_FROM:
        return Verdict.SPAM
    for finding in findings:
        if finding.severity is Severity.BLOCK:
            return Verdict.MEND
        if finding.severity is Severity.WARN and finding.weight >= SUBSTANCE:
            return Verdict.MEND
    return Verdict.GOOD
