"""The notation in which phrases are kept as data, and the index that finds them in a view.

    thank you for               these words, one after the other
    (thanks|thank you) for      one of several
    for [the|your] follow       a part that may be missing
    follow*                     a word that begins so
    _                           any one word
    ~3                          up to three words of any kind
    #money                      what the view names so (see view.py)
    ^ …  /  … $                 only where a sentence begins / ends

A phrase never reaches over the end of a sentence, unless it says so with "." or "?". Apostrophes
may be left out by the writer. The first part of a phrase must be a word (not `*`, `_` or `~`), so
that a text of n words costs n look-ups, however many phrases there are; every gap is bounded, so
that no text takes more than its length's share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from outreach.guidance.view import View

_PIECE = re.compile(r"[()\[\]|]|[^\s()\[\]|]+")
_END_MARKS = (".", "?")
_ANY = r"(?![.?] )\S+ "


class PhraseError(ValueError):
    """A phrase in a data file that does not follow the notation."""


@dataclass(slots=True)
class Phrase:
    """One phrase of one family. Its expression is made when a text first has its first word."""

    family: str
    notation: str
    _pattern: re.Pattern[str] | None = None

    @property
    def opens_sentence(self) -> bool:
        """Whether the phrase counts only where a sentence begins."""
        return self.notation[0] == "^"

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression that matches the phrase in a view's line."""
        if self._pattern is None:
            self._pattern = re.compile(_Parser(self.notation).expression())
        return self._pattern


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase of `family` covers tokens[first:last]."""

    family: str
    first: int
    last: int


class PhraseBook:
    """Phrases of many families, found by their first words.

    `not_after` names, by family, words that make the phrase mean something else when they stand
    before it: "your order today", "no hurry".
    """

    def __init__(
        self,
        families: Iterable[tuple[str, Iterable[str]]],
        not_after: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self._by_first_word: dict[str, list[Phrase]] = {}
        self._not_after = not_after or {}
        for family, notations in families:
            for notation in notations:
                phrase = Phrase(family, notation)
                for word in _Parser(notation).first_words():
                    self._by_first_word.setdefault(word, []).append(phrase)

    def phrases(self) -> Iterator[Phrase]:
        """Every phrase once for each of its first words."""
        for phrases in self._by_first_word.values():
            yield from phrases

    def hits(self, view: View) -> Iterator[Hit]:
        """Where the phrases stand, in the order of the text; a family's hits do not overlap."""
        line, starts, tokens = view.line, view.line_starts, view.tokens
        reached: dict[str, int] = {}
        for index, token in enumerate(tokens):
            phrases = self._by_first_word.get(token.word)
            if phrases is None:
                continue
            before = tokens[index - 1].word if index else "."
            for phrase in phrases:
                family = phrase.family
                if reached.get(family, 0) > index or before in self._not_after.get(family, ()):
                    continue
                if phrase.opens_sentence and before not in _END_MARKS:
                    continue
                match = phrase.pattern.match(line, starts[index])
                if match:
                    last = index + match.group().count(" ")
                    while tokens[last - 1].word in _END_MARKS:
                        last -= 1
                    reached[family] = last
                    yield Hit(family, index, last)


class _Parser:
    """Reads one phrase; a small recursive descent over its pieces."""

    def __init__(self, notation: str) -> None:
        self._notation = notation
        body = notation.strip()
        self._pieces = _PIECE.findall(body.removeprefix("^").removesuffix("$"))
        self._ends = body.endswith("$")
        self._at = 0

    def expression(self) -> str:
        """The phrase as a regular expression over a view's line."""
        self._at = 0
        made = self._sequence()
        if self._at != len(self._pieces):
            raise self._error("a bracket is closed that was not opened")
        return made + (r"(?=[.?] |\Z)" if self._ends else "")

    def first_words(self) -> set[str]:
        """The words that a match can begin with."""
        self._at = 0
        words, skippable = self._first()
        if skippable or not words or "" in words:
            raise self._error("it has no first word")
        return words

    def _error(self, what: str) -> PhraseError:
        return PhraseError(f"{what}: {self._notation!r}")

    def _peek(self) -> str:
        return self._pieces[self._at] if self._at < len(self._pieces) else ""

    def _take(self) -> str:
        piece = self._peek()
        self._at += 1
        return piece

    def _sequence(self) -> str:
        made: list[str] = []
        while (piece := self._peek()) and piece not in ")]|":
            made.append(self._item())
        if not made:
            raise self._error("a part is empty")
        return "".join(made)

    def _item(self) -> str:
        piece = self._take()
        if piece in "([":
            choices = [self._sequence()]
            while self._peek() == "|":
                self._take()
                choices.append(self._sequence())
            if self._take() != (")" if piece == "(" else "]"):
                raise self._error("a bracket is not closed")
            return f"(?:{'|'.join(choices)})" + ("" if piece == "(" else "?")
        if piece[0] == "~":
            if not piece[1:].isdigit() or not 1 <= int(piece[1:]) <= 9:
                raise self._error("~ takes a number from 1 to 9")
            return f"(?:{_ANY}){{0,{piece[1:]}}}?"
        if piece == "_":
            return _ANY
        stem = re.escape(piece.removesuffix("*")).replace("'", "'?")
        return stem + (r"\S* " if piece.endswith("*") else " ")

    def _first(self) -> tuple[set[str], bool]:
        """First words of the sequence at hand, and whether the whole of it may be missing."""
        words: set[str] = set()
        open_still = True
        while (piece := self._peek()) and piece not in ")]|":
            found, skippable = self._first_of_item()
            if open_still:
                words |= found
                open_still = skippable
        return words, open_still

    def _first_of_item(self) -> tuple[set[str], bool]:
        piece = self._take()
        if piece in "([":
            words, skippable = self._first()
            while self._peek() == "|":
                self._take()
                more, may_skip = self._first()
                words |= more
                skippable = skippable or may_skip
            self._take()
            return words, skippable or piece == "["
        if piece[0] in "~_" or piece.endswith("*"):
            # "" stands for what cannot be looked up; it matters only where a match may begin.
            return {""}, False
        return {piece, piece.replace("'", "")}, False
