"""Speaking to the reader, or at them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from outreach.guidance.rules.base import Mark, Reading
from outreach.guidance.view import Token, View

_OURS_AT_LEAST = 2


def speaking(reading: Reading) -> Iterator[Mark]:
    """Warn of a letter that is about its sender; praise one that is about its reader.

    The brand's own name counts as the sender's.
    """
    are_ours, are_yours = reading.language.lists["ours"], reading.language.lists["yours"]
    brand = _words_of(reading.context.brand or "")
    begins_brand = brand[0] if brand else ""
    ours, yours = [], []
    for sentence in reading.clean_sentences:
        words = reading.view.words(sentence)
        for index, token in enumerate(words):
            word = token.word
            if word in are_yours:
                yours.append(token)
            elif word in are_ours or (word == begins_brand and _stands(brand, words, index)):
                ours.append(token)
    if len(ours) >= _OURS_AT_LEAST and not yours:
        yield Mark("speaking.at", ours[0].start, ours[0].end, values={"count": len(ours)})
    elif yours and len(yours) >= len(ours):
        yield Mark("speaking.to", yours[0].start, yours[0].end)


@lru_cache(maxsize=256)
def _words_of(brand: str) -> list[str]:
    return [token.word for token in View(brand).tokens]


def _stands(brand: list[str], words: list[Token], index: int) -> bool:
    """Whether the brand's name stands at words[index:]."""
    return brand == [token.word for token in words[index : index + len(brand)]]


def asking(reading: Reading) -> Iterator[Mark]:
    """A question is a reason to answer."""
    for sentence in reading.clean_sentences:
        words = reading.view.words(sentence)
        if sentence.question and len(words) > 1 and words[0].word != "#link":
            yield Mark("speaking.question", sentence.start, sentence.end)
            return
