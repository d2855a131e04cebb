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
_ANY = r"[^ .?]\S* "
_UNKNOWN = ""
"""Stands for a word that cannot be told beforehand."""


class PhraseError(ValueError):
    """A phrase in a data file that does not follow the notation."""


@dataclass(slots=True)
class Phrase:
    """One phrase of one family.

    Its beginnings are read when a text first has its first word, its expression is made when a text
    first has two: most programs need few of either, and all of them take a tenth of a second.
    """

    family: str
    notation: str
    opens_sentence: bool = False
    """Whether the phrase counts only where a sentence begins."""
    compiled: re.Pattern[str] | None = None
    """The expression, once it was needed."""
    _seconds: dict[str, set[str]] | None = None

    def seconds(self, first: str) -> set[str]:
        """The words that may follow `first` where a match begins; _UNKNOWN stands for any."""
        if self._seconds is None:
            self._seconds = {}
            for word, following in _Parser(self.notation).beginnings(2):
                self._seconds.setdefault(word, set()).add(following)
        return self._seconds[first]

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression that matches the phrase in a view's line."""
        if self.compiled is None:
            self.compiled = re.compile(_Parser(self.notation).expression())
        return self.compiled


@dataclass(slots=True)
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
        self._by_second_word: dict[str, dict[str, list[Phrase]]] = {}
        self._not_after = not_after or {}
        for family, notations in families:
            for notation in notations:
                phrase = Phrase(family, notation, notation.startswith("^"))
                for (word,) in sorted(_Parser(notation).beginnings(1)):
                    self._by_first_word.setdefault(word, []).append(phrase)

    def phrases(self) -> Iterator[Phrase]:
        """Every phrase once for each of its first words."""
        for phrases in self._by_first_word.values():
            yield from phrases

    def hits(self, view: View) -> Iterator[Hit]:
        """Where the phrases stand, in the order of the text; a family's hits do not overlap."""
        line, starts, words = view.line, view.line_starts, [*view.spoken, ""]
        firsts, begun, not_after = self._by_first_word, self._by_second_word, self._not_after
        reached: dict[str, int] = {}
        for index, word in enumerate(words):
            if word not in firsts:
                continue
            seconds = begun.get(word) or self._seconds(word)
            following = words[index + 1]
            for phrase in seconds[following if following in seconds else _UNKNOWN]:
                if phrase.opens_sentence and index and words[index - 1] not in _END_MARKS:
                    continue
                match = (phrase.compiled or phrase.pattern).match(line, starts[index])
                if match is None:
                    # Nearly always, so what is asked of a match is asked after it.
                    continue
                family = phrase.family
                if reached.get(family, 0) > index:
                    continue
                if index and words[index - 1] in not_after.get(family, ()):
                    continue
                last = index + match.group().count(" ")
                while words[last - 1] in _END_MARKS:
                    last -= 1
                reached[family] = last
                yield Hit(family, index, last)

    def _seconds(self, first: str) -> dict[str, list[Phrase]]:
        """The phrases that may begin with `first`, by their second word.

        Under _UNKNOWN stand those whose second word may be any: they stand under the others as well.
        """
        begun = [(phrase, phrase.seconds(first)) for phrase in self._by_first_word[first]]
        self._by_second_word[first] = by_second = {
            word: [phrase for phrase, seconds in begun if word in seconds or _UNKNOWN in seconds]
            for word in {_UNKNOWN}.union(*(seconds for _, seconds in begun))
        }
        return by_second


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

    def beginnings(self, count: int) -> frozenset[tuple[str, ...]]:
        """The first `count` words (1 or 2) of every match, _UNKNOWN for one that may be any."""
        self._at = 0
        found = self._beginnings(count)
        if () in found or any(words[0] == _UNKNOWN for words in found):
            raise self._error("it has no first word")
        return frozenset((*words, _UNKNOWN)[:count] for words in found)

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
        if piece == "[" and self._peek()[:1] == "~" and self._pieces[self._at + 1 :][:1] == ["]"]:
            # A gap may be empty as it is; to try that twice would cost as much again.
            gap = self._item()
            self._take()
            return gap
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

    def _beginnings(self, count: int) -> set[tuple[str, ...]]:
        """Up to `count` first words of the sequence at hand; fewer where it is shorter."""
        found: set[tuple[str, ...]] = {()}
        while (piece := self._peek()) and piece not in ")]|":
            if all(len(words) == count for words in found):
                break
            item = self._beginnings_of_item(count)
            found = {
                (*words, *more)[:count]
                for words in found
                for more in (item if len(words) < count else [()])
            }
        return found

    def _beginnings_of_choice(self, count: int) -> set[tuple[str, ...]]:
        """The same, and then on to the end of the sequence."""
        found = self._beginnings(count)
        depth = 0
        while piece := self._peek():
            if depth == 0 and piece in ")]|":
                break
            depth += (piece in "([") - (piece in ")]")
            self._at += 1
        return found

    def _beginnings_of_item(self, count: int) -> set[tuple[str, ...]]:
        piece = self._take()
        if piece in "([":
            found = self._beginnings_of_choice(count)
            while self._peek() == "|":
                self._take()
                found |= self._beginnings_of_choice(count)
            self._take()
            return found | {()} if piece == "[" else found
        if piece[0] == "~":
            return {(), (_UNKNOWN,), (_UNKNOWN, _UNKNOWN)}
        if piece == "_" or piece.endswith("*"):
            return {(_UNKNOWN,)}
        return {(piece,), (piece.replace("'", ""),)}
