"""What guidance finds in a message, as amounts that weights are fitted to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from outreach.guidance import Context
from outreach.guidance.language import language
from outreach.guidance.reading import amounts, marks_of
from outreach.guidance.rules.base import Reading
from outreach.guidance.rules.wording import FITTED_PERSON, FITTED_SPAM
from outreach.guidance.words import grams

FITTED = (FITTED_SPAM, FITTED_PERSON)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Rules with the amount they count; by sentence, words and pairs, and rules that warn there."""

    rules: dict[str, float]
    sentences: tuple[tuple[frozenset[str], frozenset[str]], ...]

    @property
    def words(self) -> frozenset[str]:
        """Words and pairs of all sentences."""
        return frozenset().union(*(words for words, _ in self.sentences))


def evidence(text: str, context: Context) -> Evidence:
    """All that the score of a message may be made of."""
    reading = Reading(text, context, language())
    marks = marks_of(reading)
    rules: dict[str, float] = defaultdict(float)
    for mark, amount in zip(marks, amounts(marks), strict=True):
        if mark.rule not in FITTED:
            rules[mark.rule] += amount
    sentences = tuple(
        (
            frozenset(gram.name for gram in grams(reading.view, sentence)),
            frozenset(reading.warned_in.get(index, ())),
        )
        for index, sentence in enumerate(reading.view.sentences)
    )
    return Evidence(dict(rules), sentences)
