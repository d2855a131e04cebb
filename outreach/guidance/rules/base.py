"""What a rule sees and what it gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from outreach.guidance.hosts import is_help
from outreach.guidance.language import Language
from outreach.guidance.phrases import Hit
from outreach.guidance.report import Context, Fix
from outreach.guidance.view import View

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_LEADING = frozenset(["automatic.look", "promotion", "link.click"])
"""What leads the reader to a page; to a page of help, that is an answer."""


@dataclass(slots=True)
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
    """One letter being read: the view, the context, and what several rules need.

    `hits` is every phrase of the language that stands in the text, but for what leads to a site's own
    help pages. `clean_sentences` are those in
    which no phrase is warned of: only these can earn praise or answer for the letter as a whole, so
    that a sentence of spam which is added to a letter cannot make it look better. `clean_starts`
    are their first tokens; `warned_in` names, for the other sentences, what is warned of there.
    `strange` is every letter and figure beyond ASCII, as often as it stands there: hardly a letter
    has any, so rules that look for disguises or other scripts ask it first.
    """

    def __init__(self, text: str, context: Context, language: Language) -> None:
        self.text = text
        self.context = context
        self.language = language
        self.strange = (
            "" if text.isascii() else "".join(filter(str.isalnum, _NOT_ASCII.findall(text)))
        )
        self.view = view = View(text, language.knows)
        self.hits = self._without_help(tuple(language.book.hits(view)))
        self._by_family: dict[str, list[Hit]] = {}
        self.warned_in: dict[int, set[str]] = {}
        for hit in self.hits:
            self._by_family.setdefault(hit.family, []).append(hit)
            if hit.family in language.warnings:
                index = view.sentence_at(view.tokens[hit.first].start)
                if index is not None:
                    self.warned_in.setdefault(index, set()).add(hit.family)
        self.clean_sentences = [
            sentence for index, sentence in enumerate(view.sentences) if index not in self.warned_in
        ]
        self.clean_starts = {sentence.first for sentence in self.clean_sentences}

    def _without_help(self, hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
        view, names = self.view, self.language.lists["help-hosts"]
        if not view.links:
            return hits
        helping = {view.sentence_at(link.start) for link in view.links if is_help(link.host, names)}
        return tuple(
            hit
            for hit in hits
            if hit.family not in _LEADING
            or view.sentence_at(view.tokens[hit.first].start) not in helping
        )

    def cue(self, name: str) -> list[Hit]:
        """The hits of one family."""
        return self._by_family.get(name, [])

    def is_clean(self, hit: Hit) -> bool:
        """Whether the hit stands in a clean sentence."""
        index = self.view.sentence_at(self.view.tokens[hit.first].start)
        return index is not None and self.view.sentences[index].first in self.clean_starts

    def span(self, hit: Hit) -> tuple[int, int]:
        """Where the hit's words stand in the text."""
        return self.view.tokens[hit.first].start, self.view.tokens[hit.last - 1].end


Rule = Callable[[Reading], Iterable[Mark]]
"""A rule: a reading in, marks out, in any order."""
