"""Words and pairs of words that weigh: lexicons written by hand, figures fitted to messages.

A fitted name is a word, a pair ("your offer"), or how longer words begin ("subsc*").

Both are looked up sentence by sentence. What a sentence holds of one kind becomes one finding that
names the words, so that a reader sees each thing that was weighed and is not shown fifty findings.
A word counts once a letter, at its first place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from outreach.guidance.view import Sentence, View

BEGIN, END = "^", "$"
STEM = 5
"""Longer words are also known by this many first letters: what is told of one holds for its kin."""
_SHARES = (0.0, *accumulate(1 / place for place in range(1, 7)))


Places = dict[str, tuple[int, int]]
"""Names with the tokens[first:last] where they stand."""


@dataclass(slots=True)
class Gram:
    """A word, its beginning or a pair of neighbours: tokens[first:last] of a view, named `name`."""

    name: str
    first: int
    last: int


def grams(view: View, sentence: Sentence) -> Iterator[Gram]:
    """Every word of a sentence, its beginning, and every pair of neighbours, both ends included."""
    before = BEGIN
    for index in range(sentence.first, sentence.last):
        word = view.shapes[index]
        yield Gram(word, index, index + 1)
        if len(word) > STEM and word[0] != "#":
            yield Gram(stem(word), index, index + 1)
        yield Gram(f"{before} {word}", index if before == BEGIN else index - 1, index + 1)
        before = word
    if before != BEGIN:
        yield Gram(f"{before} {END}", sentence.last - 1, sentence.last)


def stem(word: str) -> str:
    """How words that begin like this longer one are named."""
    return f"{word[:STEM]}*"


class Weights:
    """Fitted weights, ready to be looked up quickly."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.of = weights
        pairs = [name.split(" ") for name in weights if " " in name]
        self._firsts = frozenset(first for first, _ in pairs)
        self._seconds = frozenset(second for _, second in pairs)
        self._notable = self._seconds.union(weights)
        self._stems = {name[:STEM]: name for name in weights if name[-1] == "*"}

    def found(self, view: View, sentence: Sentence) -> tuple[Places, Places]:
        """What of a sentence has a weight, spam's and letters', each at its first place."""
        of, firsts, seconds, notable = self.of, self._firsts, self._seconds, self._notable
        stems = self._stems
        spam: Places = {}
        person: Places = {}
        before = BEGIN
        index = sentence.first
        for word in view.shapes[index : sentence.last]:
            if word in notable:
                if word in of:
                    (spam if of[word] > 0 else person).setdefault(word, (index, index + 1))
                if before in firsts and word in seconds:
                    pair = f"{before} {word}"
                    if pair in of:
                        at = index if before == BEGIN else index - 1
                        (spam if of[pair] > 0 else person).setdefault(pair, (at, index + 1))
            if len(word) > STEM and word[:STEM] in stems:
                begun = stems[word[:STEM]]
                (spam if of[begun] > 0 else person).setdefault(begun, (index, index + 1))
            before = word
            index += 1
        if before in firsts and (pair := f"{before} {END}") in of:
            place = (sentence.last - 1, sentence.last)
            (spam if of[pair] > 0 else person).setdefault(pair, place)
        return spam, person


def share(count: int) -> float:
    """How often the first `count` words of a lexicon count together: 1, 1.5, 1.83, …, 2.45."""
    return _SHARES[min(count, len(_SHARES) - 1)]
