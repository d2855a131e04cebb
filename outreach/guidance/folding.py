"""Seeing through disguises: the text as an eye reads it, with the way back to the text as written.

Folding lowers case, drops characters that show nothing, and puts the plain Latin letter in place
of one that only looks like it. Every folded character knows which original one it came from.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from outreach.guidance.disguise import Change, Known, changes

INVISIBLE = frozenset(
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200d\u200e\u200f"
    "\u2060\u2061\u2062\u2063\u2064\u206a\u206b\u206c\u206d\u206e\u206f\u3164\ufeff\uffa0"
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""Characters that show nothing by themselves (zero-width, fillers, marks of direction)."""

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
# Apostrophes and hyphens as people's keyboards write them.
_PLAIN = dict.fromkeys("’‘ʼ`´", "'") | {"\u2010": "-", "\u2011": "-"}
# Question marks of other scripts: Arabic, Greek, Armenian, Ethiopic, full width.
_PLAIN |= dict.fromkeys("\u061f\u037e\u055e\u1367\uff1f", "?")


@cache
def _look_alikes() -> dict[str, str]:
    """Letters of other scripts that are drawn like a Latin one.

    After the confusables of Unicode Technical Standard 39, kept to the pairs that look alike in
    common typefaces at reading size.
    """
    data = (Path(__file__).parent / "look_alikes.json").read_text(encoding="utf-8")
    pairs: dict[str, str] = json.loads(data)
    return pairs


def look_alike(char: str) -> str | None:
    """The Latin letter or digit that a letter of another script or style is drawn like, if any."""
    if char < "\u0100":
        return None
    return _foreign_look_alike(char)


@lru_cache(maxsize=4096)
def _foreign_look_alike(char: str) -> str | None:
    plain = _look_alikes().get(char)
    if plain is not None:
        return plain
    # Styled alphabets (mathematical bold, full width, circled, ...) decompose to a plain letter.
    styled = unicodedata.normalize("NFKC", char)
    if len(styled) == 1 and styled != char and styled.isascii() and styled.isalnum():
        return styled
    return _boxed(char)


def _boxed(char: str) -> str | None:
    """White letters in black circles and squares, which Unicode does not decompose."""
    for first in (0x1F150, 0x1F170):
        if first <= ord(char) < first + 26:
            return chr(ord("A") + ord(char) - first)
    return None


def without_accent(char: str) -> str:
    """The Latin letter under an accent; the character itself where there is none."""
    base = unicodedata.normalize("NFD", char)[0]
    return base if base.isascii() else char


@lru_cache(maxsize=8192)
def _folded_char(char: str) -> str:
    if char in INVISIBLE or unicodedata.category(char) == "Mn":
        return ""
    return without_accent(look_alike(char) or _PLAIN.get(char, char)).lower()


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text. `offsets[i]` is where its character i stands in the original.

    None stands for offsets that are the places themselves.
    """

    text: str
    offsets: list[int] | None
    changes: tuple[Change, ...] = ()
    """What stood in disguise: spans in the original."""

    def origin(self, index: int) -> int:
        """Where the folded character at `index` stands in the original."""
        return index if self.offsets is None else self.offsets[index]

    def origin_end(self, index: int) -> int:
        """The end in the original of a span that ends before the folded `index` (at least 1)."""
        return index if self.offsets is None else self.offsets[index - 1] + 1


def fold(text: str, known: Known | None = None) -> Folded:
    """The text as an eye reads it.

    With `known`, words in disguise are put back where they become a word that is known.
    """
    folded = _folded(text)
    return folded if known is None else _unmasked(folded, known)


def _folded(text: str) -> Folded:
    if text.isascii():
        return Folded(text.lower().replace("`", "'"), None)
    signs = [(match.start(), _folded_char(match.group())) for match in _NOT_ASCII.finditer(text)]
    pieces: list[str] = []
    at = 0
    for index, seen in signs:
        pieces += (text[at:index].lower(), seen)
        at = index + 1
    pieces.append(text[at:].lower())
    folded = "".join(pieces)
    if all(len(seen) == 1 for _, seen in signs):
        # One for one, as nearly always: dashes, quotes, emoji, letters with an accent.
        return Folded(folded, None)
    offsets: list[int] = []
    at = 0
    for index, seen in signs:
        offsets.extend(range(at, index))
        offsets.extend((index,) * len(seen))
        at = index + 1
    offsets.extend(range(at, len(text)))
    return Folded(folded, offsets)


def _unmasked(folded: Folded, known: Known) -> Folded:
    found = tuple(changes(folded.text, known))
    if not found:
        return folded
    pieces: list[str] = []
    offsets: list[int] = []
    at = 0
    for change in found:
        pieces += (folded.text[at : change.start], change.plain)
        offsets.extend(folded.origin(index) for index in range(at, change.start))
        # Each letter stands for its share of the disguised span.
        width = change.end - change.start
        steps = range(len(change.plain))
        offsets.extend(
            folded.origin(change.start + step * width // len(change.plain)) for step in steps
        )
        if change.plain:
            offsets[-1] = folded.origin(change.end - 1)
        at = change.end
    pieces.append(folded.text[at:])
    offsets.extend(folded.origin(index) for index in range(at, len(folded.text)))
    spans = tuple(
        Change(folded.origin(c.start), folded.origin_end(c.end), c.plain, c.kind) for c in found
    )
    return Folded("".join(pieces), offsets, spans)
