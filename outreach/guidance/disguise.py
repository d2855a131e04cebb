"""Words taken apart or spelled with digits, put back together so that phrases are still found.

    fr33, c@sh, cl!ck      digits and signs for letters
    f r e e, f.r.e.e       one letter at a time

Only what becomes a word that guidance knows is put back; the rest stays as written. What was put
back is told, so that a finding can say so. Works on folded text and keeps the way to the original.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Known = Callable[[str], bool]
"""Whether guidance knows a word."""

_SIGNS = "0-9@$€!|"
_MIXED = re.compile(
    rf"(?<![\w@#./$€!|-])(?=[a-z]{{0,21}}[{_SIGNS}])[a-z{_SIGNS}]{{0,20}}?"
    rf"(?:[a-z][{_SIGNS}](?=[a-z{_SIGNS}]{{0,20}}[a-z0-9])|[0-9@$€][a-z]|[a-z][0-9])"
    rf"[a-z{_SIGNS}]{{0,20}}(?![\w@])(?![./][a-z])"
)
_APART = re.compile(r"(?<![\w'@#/])[\w@$](?:(?:[.\-_*·•~|/+,]| {1,3})[\w@$](?![\w'])){2,}")
# What no such word is without. Both begin with a sign that is rare in a letter, so that a search for
# them jumps from one to the next; the expressions above look at every word from each of its letters.
_MAY_BE_MIXED = re.compile(
    rf"[{_SIGNS}](?:(?<=[a-z][0-9])|(?<=[0-9@$€])(?=[a-z])"
    rf"|(?<=[a-z][{_SIGNS}])(?=[a-z{_SIGNS}]{{0,20}}[a-z0-9]))"
)
_MAY_BE_APART = re.compile(r"[.\-_*·•~|/+, ][\w@$][.\-_*·•~|/+, ] {0,2}[\w@$](?![\w'])")
_GAP = re.compile(r"[^\w@$]+")
_AS_I = str.maketrans("0134567890@$€!|", "oieasgtbgoasei" + "l")
_AS_L = str.maketrans("0134567890@$€!|", "oleasgtbgoaseil")
_SHORTEST = 3
_LONGEST = 18
_SURE = 5
"""Letters one at a time are joined from this many on, whatever word they make."""
_LETTER_COST, _WORD_COST = 3.0, 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """folded[start:end] reads as `plain`; `kind` is how it was disguised."""

    start: int
    end: int
    plain: str
    kind: str


def changes(text: str, known: Known) -> Iterator[Change]:
    """What stands in disguise in a folded text, in its order, without overlaps."""
    found = [*_apart(text, known), *_mixed(text, known)]
    found.sort(key=lambda change: change.start)
    reached = 0
    for change in found:
        if change.start >= reached:
            reached = change.end
            yield change


def plain_spelling(word: str, known: Known) -> str | None:
    """The known word that `word` spells with digits and signs for letters, if it does."""
    letters = sum(char.isalpha() for char in word)
    if len(word) < _SHORTEST or not letters or letters == len(word):
        return None
    if 2 * letters < len(word):
        return None
    for table in (_AS_I, _AS_L):
        plain = word.translate(table)
        if plain.isalpha() and known(plain):
            return plain
    return None


def _mixed(text: str, known: Known) -> Iterator[Change]:
    if not _MAY_BE_MIXED.search(text):
        return
    for match in _MIXED.finditer(text):
        word = match.group().rstrip("!|")
        plain = plain_spelling(word, known)
        if plain is not None:
            yield Change(match.start(), match.start() + len(word), plain, "digits")


def _apart(text: str, known: Known) -> Iterator[Change]:
    if not _MAY_BE_APART.search(text):
        return
    for match in _APART.finditer(text):
        words: list[str] = []
        start = match.start()
        gathered = ""
        for letter, gap in _letters(match.group()):
            gathered += letter
            if len(gap) > 1:
                words.append(gathered)
                gathered = ""
        words.append(gathered)
        joined = [_joined(word, known) for word in words]
        if sum(len(word) for word in words) >= _SHORTEST and all(joined) and any(words):
            yield Change(start, match.end(), " ".join(word for word in joined if word), "apart")


def _letters(run: str) -> Iterator[tuple[str, str]]:
    """Each letter with the gap that follows it."""
    at = 0
    for gap in _GAP.finditer(run):
        yield run[at : gap.start()], gap.group()
        at = gap.end()
    yield run[at:], ""


def _joined(word: str, known: Known) -> str | None:
    """The letters as a word, or as words; None where they make none."""
    if known(word) or (len(word) == 1 and word.isalpha()):
        return word
    plain = plain_spelling(word, known) or word.translate(_AS_I)
    if not plain.isalpha() or word.isdigit():
        return None
    if known(plain):
        return plain
    split, cost = _split(plain, known)
    if cost <= _WORD_COST * (1 + len(plain) / 4):
        return split
    return plain if len(plain) >= _SURE else None


def _split(letters: str, known: Known) -> tuple[str, float]:
    """Letters without gaps as the fewest known words, and what that costs."""
    letters = letters[:400]
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(letters) + 1):
        options = [(best[end - 1][0] + _LETTER_COST, end - 1)]
        options.extend(
            (best[start][0] + _WORD_COST, start)
            for start in range(max(0, end - _LONGEST), end - 1)
            if known(letters[start:end])
        )
        best.append(min(options))
    words: list[str] = []
    end = len(letters)
    while end:
        start = best[end][1]
        words.append(letters[start:end])
        end = start
    return " ".join(reversed(words)), best[-1][0]
