"""The form of the letter: tags and mentions, long sentences, hard reading, the hand that signs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from outreach.guidance.rules.base import Mark, Reading

_LONG_SENTENCE = 35
"""Words. Plain-language guides ask for 20 on average and call 30 and more hard to follow."""
_WORDS_TO_JUDGE = 25
_HARD = 30.0
"""Flesch reading ease below which a text reads like an academic paper."""
_VOWELS = re.compile(r"[aeiouy]+")
_SIGNED = re.compile(
    r"(?:[\^*~/_]|[-\u2013\u2014]{1,2} ?)(?P<name>[A-Z][A-Za-z.]{0,15}(?: [A-Z][a-z]{1,15})?)\W{0,3}\Z"
    r"|(?:\A|[.!?,)\n]\s{0,5})(?P<alone>[A-Z][a-z]{1,15})\W{0,2}\Z"
)
_MAY_BE_SIGNED = re.compile(r"[A-Z][A-Za-z.]{0,15}\W{0,3}\Z")
_TAIL = 60


def tags(reading: Reading) -> Iterator[Mark]:
    """Hashtags do nothing in a direct message; a mention of somebody else is out of place."""
    if "@" not in reading.text and "#" not in reading.text:
        return
    context = reading.context
    own = {
        name.lower().lstrip("@")
        for name in ((context.recipient and context.recipient.handle), context.brand)
        if name
    }
    for token in reading.view.tokens:
        if token.word == "#tag":
            yield Mark("form.hashtag", token.start, token.end)
        elif token.word == "#at" and reading.text[token.start + 1 : token.end].lower() not in own:
            yield Mark("form.mention", token.start, token.end)


def sentences(reading: Reading) -> Iterator[Mark]:
    """A sentence that is too long to hold in mind."""
    for sentence in reading.view.sentences:
        count = sentence.last - sentence.first
        if count > _LONG_SENTENCE:
            yield Mark("form.long-sentence", sentence.start, sentence.end, values={"count": count})


def reading_ease(reading: Reading) -> Iterator[Mark]:
    """Flesch's reading ease: 206.835 - 1.015 words/sentence - 84.6 syllables/word."""
    words = [token.word for token in reading.view.tokens if token.word.isalpha()]
    if len(words) < _WORDS_TO_JUDGE:
        return
    syllables = sum(map(_syllables, words))
    ease = (
        206.835
        - 1.015 * len(words) / max(1, len(reading.view.sentences))
        - 84.6 * syllables / len(words)
    )
    if ease < _HARD:
        yield Mark("form.hard", 0, 0, values={"ease": max(0, round(ease))})


@lru_cache(maxsize=8192)
def _syllables(word: str) -> int:
    count = len(_VOWELS.findall(word))
    return max(1, count - (word.endswith("e") and count > 1))


def signature(reading: Reading) -> Iterator[Mark]:
    """A name or initials at the end: somebody signs."""
    text = reading.text.rstrip()
    at = max(0, len(text) - _TAIL)
    match = _SIGNED.search(text, at) if _MAY_BE_SIGNED.search(text, at) else None
    if match is None or not reading.view.sentences:
        return
    group = "name" if match.group("name") else "alone"
    start, end = match.span(group)
    if text[start:end].lower() in reading.language.lists["common"] or start == 0:
        return
    index = reading.view.sentence_at(start)
    if index is not None and reading.view.sentences[index].first in reading.clean_starts:
        yield Mark("praise.signed", start, end)
