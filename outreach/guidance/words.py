"""Words and pairs of words that weigh: lexicons written by hand, figures fitted to messages.

Both are looked up sentence by sentence. What a sentence holds of one kind becomes one finding that
names the words, so that a reader sees each thing that was weighed and is not shown fifty findings.
A word counts once a letter, at its first place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from outreach.guidance.view import Sentence, View

BEGIN, END = "^", "$"
_MANY_DIGITS = 5
_SHORT = 2


@dataclass(frozen=True, slots=True)
class Gram:
    """A word or a pair of neighbours: tokens[first:last] of a view, named `name`."""

    name: str
    first: int
    last: int


def shape(word: str) -> str:
    """The word as weights know it: figures and mixtures by their kind."""
    if word[0] == "#":
        return word
    if word[0].isdigit() or word[-1].isdigit():
        if word.isdigit():
            return "#number" if len(word) < _MANY_DIGITS else "#long-number"
        return "#mixed" if len(word) > _SHORT else word
    return word


def shapes(view: View, sentence: Sentence) -> list[str]:
    """The shapes of a sentence's words."""
    made = []
    for token in view.words(sentence):
        word = token.word
        if word == "#number":
            word = "#long-number" if token.end - token.start >= _MANY_DIGITS else word
        made.append(shape(word))
    return made


def grams(view: View, sentence: Sentence) -> Iterator[Gram]:
    """Every word of a sentence and every pair of neighbours, its two ends included."""
    words = shapes(view, sentence)
    at = sentence.first
    before = BEGIN
    for index, word in enumerate(words, start=at):
        yield Gram(word, index, index + 1)
        yield Gram(f"{before} {word}", index if before == BEGIN else index - 1, index + 1)
        before = word
    if words:
        yield Gram(f"{before} {END}", at + len(words) - 1, at + len(words))


def share(count: int) -> float:
    """How often the first `count` words of a lexicon count together: 1, 1.5, 1.83, …, 2.45."""
    return sum(1 / place for place in range(1, min(count, 6) + 1))


def weighed(view: View, sentence: Sentence, weights: Mapping[str, float]) -> Iterator[Gram]:
    """The grams of a sentence that have a weight."""
    for gram in grams(view, sentence):
        if gram.name in weights:
            yield gram
