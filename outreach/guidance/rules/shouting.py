"""Raised voices: capitals, heaps of marks, strings of emoji."""

from __future__ import annotations

import re
from collections.abc import Iterator

from outreach.guidance.report import Fix
from outreach.guidance.rules.base import Mark, Reading
from outreach.guidance.view import Token

_MARKS = re.compile("[!?\u00a1\u00bf\uff01\uff1f\u203c\u2049\u2757\u2753]{2,}")
# One emoji: a flag, or a sign with its variations, joined to further ones.
_SIGN = (
    "[\U0001f300-\U0001f3fa\U0001f400-\U0001faff\u2600-\u27bf\u2b00-\u2bff]"
    "[\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
)
_EMOJI = f"(?:[\U0001f1e6-\U0001f1ff]{{2}}|{_SIGN}(?:\u200d{_SIGN})*)"
_FIRST_EMOJI = re.compile(_EMOJI)
_EMOJI_STRING = re.compile(f"{_EMOJI}(?: ?{_EMOJI}){{2,}}")
_CAPITALS = re.compile("[A-Z]{3}")
_ABBREVIATION = 2
_WORDS_IN_A_RUN = 3


def capitals(reading: Reading) -> Iterator[Mark]:
    """Several words in a row in capitals, or one that is known from shouting."""
    if not reading.strange and not _CAPITALS.search(reading.text):
        return
    run: list[Token] = []
    for token in reading.view.tokens:
        word = reading.text[token.start : token.end]
        if word.isupper() and word.isalpha():
            run.append(token)
        elif token.word not in (".", "?") or not run:
            yield from _shouted(reading, run)
            run = []
    yield from _shouted(reading, run)


def _shouted(reading: Reading, run: list[Token]) -> Iterator[Mark]:
    """A run counts where it is long enough to be a voice, not an abbreviation or two."""
    if not run:
        return
    spoken = any(token.word in reading.language.lists["shouted"] for token in run)
    long_words = [token for token in run if token.end - token.start > _ABBREVIATION]
    if not spoken and len(long_words) < _WORDS_IN_A_RUN:
        return
    start, end = run[0].start, run[-1].end
    words = reading.text[start:end]
    calm = words.lower()
    if _begins_sentence(reading, start):
        calm = calm[:1].upper() + calm[1:]
    fix = Fix("Say it calmly", start, end, calm) if words.isascii() else None
    yield Mark("shouting.capitals", start, end, fix)


def _begins_sentence(reading: Reading, offset: int) -> bool:
    index = reading.view.sentence_at(offset)
    return index is not None and reading.view.sentences[index].start == offset


def repeated_punctuation(reading: Reading) -> Iterator[Mark]:
    """Two marks or more where one would do."""
    for match in _MARKS.finditer(reading.text):
        one = "?" if set(match.group()) & set("?\uff1f\u2049\u2753\u00bf") else "!"
        fix = Fix(f"Keep one {one}", match.start(), match.end(), one)
        yield Mark("shouting.marks", match.start(), match.end(), fix)


def emoji_strings(reading: Reading) -> Iterator[Mark]:
    """Three emoji or more in a row."""
    if reading.text.isascii():
        return
    for match in _EMOJI_STRING.finditer(reading.text):
        first = _FIRST_EMOJI.match(match.group())
        kept = first.group() if first else match.group()[0]
        yield Mark(
            "shouting.emoji",
            match.start(),
            match.end(),
            Fix(f"Keep {kept}", match.start(), match.end(), kept),
        )
