"""Merge fields: `{first_name|there}` becomes the customer's first name, or 'there'.

Pure. Knows which part of the received text came from which part of the written words, so that
guidance, which reads what the customer will receive, can mark what the author wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

FIELD = re.compile(r"\{([a-z][a-z0-9_]{0,30})(?:\|([^{}\n]{0,100}))?\}")


@dataclass(frozen=True, slots=True)
class Piece:
    """Where `words[written]` went in `text[received]`. A field's two lengths differ."""

    written: tuple[int, int]
    received: tuple[int, int]
    is_field: bool


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A merge field without a value and without a fallback, at `start:end` of the words."""

    field: str
    start: int
    end: int
    known: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """The words as received."""

    text: str
    pieces: tuple[Piece, ...]
    unresolved: tuple[Unresolved, ...]

    def written_span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the written words behind `text[start:end]`; a field counts whole."""
        first = self._written(start, at_end=False)
        last = self._written(end, at_end=True)
        return first, max(first, last)

    def _written(self, offset: int, *, at_end: bool) -> int:
        for piece in self.pieces:
            low, high = piece.received
            inside = low < offset <= high if at_end else low <= offset < high
            if inside:
                if piece.is_field:
                    return piece.written[1] if at_end else piece.written[0]
                return piece.written[0] + offset - low
        return self.pieces[-1].written[1] if self.pieces and offset else 0


def merge(words: str, values: Mapping[str, str]) -> Merged:
    """Fill the merge fields of `words` with `values`.

    A field that has no value takes its fallback; without one it stays as it is and is named in
    `unresolved`. Whatever else stands in braces is left alone (guidance calls it a leftover).
    """
    pieces: list[Piece] = []
    unresolved: list[Unresolved] = []
    out: list[str] = []
    length = 0
    at = 0

    def take(text: str, written: tuple[int, int], is_field: bool) -> None:
        nonlocal length
        if written[0] != written[1]:
            pieces.append(Piece(written, (length, length + len(text)), is_field))
            out.append(text)
            length += len(text)

    for found in FIELD.finditer(words):
        take(words[at : found.start()], (at, found.start()), False)
        name, fallback = found.group(1), found.group(2)
        value = values.get(name) or fallback
        if value is None:
            unresolved.append(Unresolved(name, found.start(), found.end(), name in values))
            value = found.group(0)
        take(value, found.span(), True)
        at = found.end()
    take(words[at:], (at, len(words)), False)
    return Merged("".join(out), tuple(pieces), tuple(unresolved))
