"""Figures of how well scores part spam from the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence


def probability(log_odds: float) -> float:
    """The score for these log-odds."""
    return 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0


def area_under_curve(spam: Sequence[float], rest: Sequence[float]) -> float:
    """How often a message of spam scores above one of the rest; a tie counts half."""
    both = sorted([(score, True) for score in spam] + [(score, False) for score in rest])
    above, at, total = 0, 0, 0.0
    while at < len(both):
        end = at
        while end < len(both) and both[end][0] == both[at][0]:
            end += 1
        spam_here = sum(is_spam for _, is_spam in both[at:end])
        rest_here = end - at - spam_here
        total += spam_here * (above + rest_here / 2)
        above += rest_here
        at = end
    return total / (len(spam) * len(rest))


def precision_recall_f1(called: Sequence[bool], spam: Sequence[bool]) -> tuple[float, float, float]:
    """Precision, recall and their harmonic mean."""
    hits = sum(c and s for c, s in zip(called, spam, strict=True))
    precision = hits / max(1, sum(called))
    recall = hits / max(1, sum(spam))
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def reliability(
    scores: Sequence[float], spam: Sequence[bool], bands: int = 10
) -> Iterator[tuple[float, float, int, float, float]]:
    """By bands of the score: from, to, messages, their mean score, the share that is spam."""
    for band in range(bands):
        low, high = band / bands, (band + 1) / bands
        inside = [
            (score, is_spam)
            for score, is_spam in zip(scores, spam, strict=True)
            if low <= score < high or (band == bands - 1 and score == 1)
        ]
        if inside:
            mean = sum(score for score, _ in inside) / len(inside)
            yield low, high, len(inside), mean, sum(s for _, s in inside) / len(inside)
