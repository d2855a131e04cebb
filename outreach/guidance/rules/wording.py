"""Words that weigh, named together sentence by sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator

from outreach.guidance.rules.base import Mark, Reading
from outreach.guidance.scoring import REPEATED
from outreach.guidance.words import Gram, Weights, share

FITTED_SPAM, FITTED_PERSON = "words.often-spam", "words.often-letters"
WORTH_TELLING = 0.3
"""Log-odds that the fitted words of a sentence must come to before they are told and counted."""
_NAMED_MOST = 12
_WORDS_THAT_SAY = 2


def lexicons(reading: Reading) -> Iterator[Mark]:
    """Words of the lexicons written by hand; what is praised only in clean sentences.

    One such word says nothing; they are told from the second different one in a letter on.
    """
    found = _in_lexicons(reading)
    for rule, by_sentence in found.items():
        seen: set[str] = set()
        if len({gram.name for grams_ in by_sentence for gram in grams_}) < _WORDS_THAT_SAY:
            continue
        for grams_ in by_sentence:
            before = len(seen)
            new = [gram for gram in grams_ if gram.name not in seen]
            seen.update(gram.name for gram in new)
            added = share(len(seen)) - share(before)
            if added > 0:
                yield _mark(reading, rule, new, amount=round(added, 6))


def _in_lexicons(reading: Reading) -> dict[str, list[list[Gram]]]:
    """By rule, the words of its lexicon sentence by sentence."""
    lexicon, praise, clean = (
        reading.language.lexicon,
        reading.language.praise,
        reading.clean_starts,
    )
    shapes = reading.view.shapes
    found: dict[str, list[list[Gram]]] = {}
    for sentence in reading.view.sentences:
        here: dict[str, list[Gram]] = {}
        for index in range(sentence.first, sentence.last):
            word = shapes[index]
            if word not in lexicon:
                continue
            for rule in lexicon[word]:
                if rule not in praise or sentence.first in clean:
                    here.setdefault(rule, []).append(Gram(word, index, index + 1))
        for rule, grams_ in here.items():
            found.setdefault(rule, []).append(grams_)
    return found


def fitted(reading: Reading) -> Iterator[Mark]:
    """Words and pairs with a fitted weight, spam's and letters', sentence by sentence.

    Where they come to little in a sentence they are passed over: that is noise, not a reason. In a
    sentence with a phrase that is warned of, letters' words take less than the phrase adds.
    """
    weights = reading.language.words
    entries = reading.language.entries
    seen: set[str] = set()
    for index, sentence in enumerate(reading.view.sentences):
        found = weights.found(reading.view, sentence)
        if not found:
            continue
        spam = [gram for gram in found if weights.of[gram.name] > 0]
        yield from _told(reading, FITTED_SPAM, spam, weights, seen)
        person = [gram for gram in found if weights.of[gram.name] < 0]
        warned = reading.warned_in.get(index)
        most = REPEATED * max(entries[family].weight for family in warned) if warned else math.inf
        yield from _told(reading, FITTED_PERSON, person, weights, seen, most)


def _told(
    reading: Reading,
    rule: str,
    found: list[Gram],
    weights: Weights,
    seen: set[str],
    most: float = math.inf,
) -> Iterator[Mark]:
    once = {gram.name: gram for gram in reversed(found)}
    if abs(sum(weights.of[name] for name in once)) < WORTH_TELLING:
        return
    new = [gram for name, gram in once.items() if name not in seen]
    seen.update(once)
    weight = round(max(-most, sum(weights.of[gram.name] for gram in new)), 6)
    if weight:
        yield _mark(reading, rule, new, weight=weight)


def _mark(
    reading: Reading,
    rule: str,
    found: list[Gram],
    *,
    amount: float | None = None,
    weight: float | None = None,
) -> Mark:
    tokens = reading.view.tokens
    runs = _runs(found)
    start, end = tokens[runs[0][0]].start, tokens[runs[-1][1] - 1].end
    listed = ", ".join(
        f"“{reading.text[tokens[first].start : tokens[last - 1].end]}”"
        for first, last in runs[:_NAMED_MOST]
    )
    if len(runs) > _NAMED_MOST:
        listed += f" and {len(runs) - _NAMED_MOST} more"
    return Mark(rule, start, end, values={"listed": listed}, amount=amount, weight=weight)


def _runs(found: list[Gram]) -> list[tuple[int, int]]:
    """Where the grams stand, those that touch taken together."""
    runs: list[tuple[int, int]] = []
    for first, last in sorted((gram.first, gram.last) for gram in found):
        if runs and first < runs[-1][1]:
            runs[-1] = (runs[-1][0], max(runs[-1][1], last))
        else:
            runs.append((first, last))
    return runs
