"""What a rule sees and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from outreach.guidance.language import Language
from outreach.guidance.phrases import Hit
from outreach.guidance.report import Context, Fix, Severity
from outreach.guidance.view import Sentence, View


@dataclass(frozen=True, slots=True)
class Mark:
    """What a rule noticed at text[start:end]; `values` fill the rule's message.

    `amount` is how often the mark counts the rule's weight (otherwise once, and less for further
    places); `weight` is a weight of its own, in log-odds.
    """

    rule: str
    start: int
    end: int
    fix: Fix | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    amount: float | None = None
    weight: float | None = None


class Reading:
    """One letter being read: the view, the context, and what several rules need."""

    def __init__(self, text: str, context: Context, language: Language) -> None:
        self.text = text
        self.context = context
        self.language = language
        self.view = View(text, language.knows)

    @cached_property
    def hits(self) -> tuple[Hit, ...]:
        """Every phrase of the language that stands in the text."""
        return tuple(self.language.book.hits(self.view))

    def cue(self, name: str) -> list[Hit]:
        """The hits of one family."""
        return [hit for hit in self.hits if hit.family == name]

    @cached_property
    def clean_sentences(self) -> tuple[Sentence, ...]:
        """The sentences in which no phrase is warned of.

        Only these can earn praise or answer for the letter as a whole. So a sentence of spam that
        is added to a letter cannot make it look better.
        """
        spoilt = {
            self.view.sentence_at(self.view.tokens[hit.first].start)
            for hit in self.hits
            if self._is_warning(hit.family)
        }
        return tuple(
            sentence for index, sentence in enumerate(self.view.sentences) if index not in spoilt
        )

    @cached_property
    def clean_starts(self) -> frozenset[int]:
        """The first tokens of the clean sentences."""
        return frozenset(sentence.first for sentence in self.clean_sentences)

    def is_clean(self, hit: Hit) -> bool:
        """Whether the hit stands in a clean sentence."""
        index = self.view.sentence_at(self.view.tokens[hit.first].start)
        return index is not None and self.view.sentences[index].first in self.clean_starts

    def span(self, hit: Hit) -> tuple[int, int]:
        """Where the hit's words stand in the text."""
        return self.view.tokens[hit.first].start, self.view.tokens[hit.last - 1].end

    def _is_warning(self, family: str) -> bool:
        entry = self.language.entries.get(family)
        return entry is not None and entry.severity is not Severity.PRAISE


Rule = Callable[[Reading], Iterable[Mark]]
"""A rule: a reading in, marks out, in any order."""
