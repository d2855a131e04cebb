"""Words that weigh, named together sentence by sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator

from outreach.guidance.rules.base import Mark, Reading
from outreach.guidance.scoring import REPEATED
from outreach.guidance.words import Places, share

FITTED_SPAM, FITTED_PERSON = "words.often-spam", "words.often-letters"
WORTH_TELLING = 0.5
"""Log-odds that the fitted words of a sentence must come to before they are told and counted."""
_NAMED_MOST = 12
_WORDS_THAT_SAY = 2


def lexicons(reading: Reading) -> Iterator[Mark]:
    """Words of the lexicons written by hand; what is praised only in clean sentences.

    One such word says nothing; they are told from the second different one in a letter on.
    """
    view, lexicon = reading.view, reading.language.lexicon
    shapes = view.shapes
    places = [index for index, word in enumerate(shapes) if word in lexicon]
    if len(places) < _WORDS_THAT_SAY:
        return
    for rule, by_sentence in _by_rule(reading, places).items():
        if len({shapes[index] for here in by_sentence for index in here}) < _WORDS_THAT_SAY:
            continue
        seen: set[str] = set()
        for here in by_sentence:
            new = [index for index in here if shapes[index] not in seen]
            if not new:
                continue
            before = share(len(seen))
            seen.update([shapes[index] for index in new])
            added = share(len(seen)) - before
            if added > 0:
                runs = [(index, index + 1) for index in new]
                yield _mark(reading, rule, runs, amount=round(added, 6))


def _by_rule(reading: Reading, places: list[int]) -> dict[str, list[list[int]]]:
    """By rule, the places of its lexicon's words sentence by sentence."""
    lexicon, praise = reading.language.lexicon, reading.language.praise
    view, clean = reading.view, reading.clean_starts
    sentences = iter(view.sentences)
    sentence = next(sentences)
    found: dict[str, list[list[int]]] = {}
    reached: dict[str, int] = {}
    for index in places:
        while index >= sentence.last:
            sentence = next(sentences)
        first = sentence.first
        for rule in lexicon[view.shapes[index]]:
            if rule in praise and first not in clean:
                continue
            if reached.get(rule) == first:
                found[rule][-1].append(index)
            else:
                found.setdefault(rule, []).append([index])
                reached[rule] = first
    return found


def fitted(reading: Reading) -> Iterator[Mark]:
    """Words and pairs with a fitted weight, spam's and letters', sentence by sentence.

    Where they come to little in a sentence they are passed over: that is noise, not a reason. In a
    sentence with a phrase that is warned of, letters' words take at most half of what the phrase
    adds where it is not the first: the sentence may mend something else as well, as a call does.
    """
    view, weights, entries = reading.view, reading.language.words, reading.language.entries
    seen: set[str] = set()
    for index, sentence in enumerate(view.sentences):
        spam, person = weights.found(view, sentence)
        if spam and (mark := _told(reading, FITTED_SPAM, spam, seen)):
            yield mark
        if person:
            warned = reading.warned_in.get(index)
            most = (
                REPEATED / 2 * max([entries[family].weight for family in warned])
                if warned
                else math.inf
            )
            mark = _told(reading, FITTED_PERSON, person, seen, most)
            if mark:
                yield mark


def _told(
    reading: Reading, rule: str, found: Places, seen: set[str], most: float = math.inf
) -> Mark | None:
    """The mark on what a sentence holds of one kind, if that is worth telling and is new."""
    of = reading.language.words.of
    total = sum([of[name] for name in found])
    if abs(total) < WORTH_TELLING:
        return None
    places = list(found.values())
    if not seen.isdisjoint(found):
        new = [name for name in found if name not in seen]
        total = sum([of[name] for name in new])
        places = [found[name] for name in new]
    seen.update(found)
    weight = round(max(-most, total), 6)
    return _mark(reading, rule, _runs(places), weight=weight) if weight else None


def _mark(
    reading: Reading,
    rule: str,
    runs: list[tuple[int, int]],
    *,
    amount: float | None = None,
    weight: float | None = None,
) -> Mark:
    """A mark over all words at tokens[first:last] of `runs`, which names them."""
    tokens, text = reading.view.tokens, reading.text
    spans = [(tokens[first].start, tokens[last - 1].end) for first, last in runs]
    listed = ", ".join([f"“{text[start:end]}”" for start, end in spans[:_NAMED_MOST]])
    if len(spans) > _NAMED_MOST:
        listed += f" and {len(spans) - _NAMED_MOST} more"
    values = {"listed": listed}
    return Mark(rule, spans[0][0], spans[-1][1], values=values, amount=amount, weight=weight)


def _runs(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places in order, those that overlap taken together."""
    runs: list[tuple[int, int]] = []
    for first, last in sorted(places):
        if runs and first < runs[-1][1]:
            runs[-1] = (runs[-1][0], max(runs[-1][1], last))
        else:
            runs.append((first, last))
    return runs
