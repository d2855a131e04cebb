"""How alike letters are: one letter to everybody, or letters to people.

- *shared*: the share of the text that every recipient gets, exact once merge values are taken out;
- *alike*: the share that most recipients get in nearly the same words (near-duplicates found with
  MinHash, then compared exactly), at least *shared*;
- *again*: people who are told the same thing more than once.

Above ASK_FROM it is fair to ask whether the words are meant for everyone. Pure, and linear in the
letters: equal ones are counted once, near ones are compared with one of their kind.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ASK_FROM = 0.8
"""The share from which letters are alike enough to ask."""
QUESTION = "Meant for everyone? Post it instead."
NEAR = 0.7
"""The share of their three-word pieces that two letters have in common when one is near the other."""

_WORDS_TOGETHER = 3
_TAKEN_OUT = "\x00"
_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_PERMUTATIONS, _BANDS, _SEED = 128, 32, 20090
# 128 numbers in 32 bands of 4: a pair with 0.7 in common is missed once in ten thousand times.

Piece = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of many. `values` are what merge fields were filled with; `recipient` is any key."""

    id: str | int
    text: str
    values: Mapping[str, str] = field(default_factory=dict)
    recipient: Hashable = None


@dataclass(frozen=True, slots=True)
class Group:
    """Letters that are nearly the same; `alike` is what they have in common with the first, 0..1."""

    ids: tuple[str | int, ...]
    alike: float


@dataclass(frozen=True, slots=True)
class Again:
    """A recipient who is told the same thing in several letters."""

    recipient: Hashable
    ids: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class AlikeReport:
    """The answer. `question` is what to ask the writer, if anything."""

    letters: int
    recipients: int
    shared: float
    alike: float
    near: tuple[Group, ...]
    again: tuple[Again, ...]
    question: str | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, in a stable order."""
        return {
            "letters": self.letters,
            "recipients": self.recipients,
            "shared": self.shared,
            "alike": self.alike,
            "near": [{"ids": list(group.ids), "alike": group.alike} for group in self.near],
            "again": [
                {"recipient": found.recipient, "ids": list(found.ids)} for found in self.again
            ],
            "question": self.question,
        }


def how_alike(letters: Sequence[Letter]) -> AlikeReport:
    """How alike these letters are. A single letter is alike to nothing."""
    pieces = [_pieces(letter) for letter in letters]
    kinds = _kinds(pieces)
    recipients = {
        ("", index) if letter.recipient is None else letter.recipient
        for index, letter in enumerate(letters)
    }
    shared = _shared(letters, pieces) if len(recipients) > 1 else 0.0
    near = _groups(letters, pieces, kinds)
    largest = max((len(group.ids) * group.alike for group in near), default=0.0)
    alike = shared
    if len(recipients) > 1:
        alike = max(shared, largest / len(letters))
    return AlikeReport(
        letters=len(letters),
        recipients=len(recipients),
        shared=round(shared, 4),
        alike=round(alike, 4),
        near=near,
        again=_again(letters, kinds),
        question=QUESTION if alike > ASK_FROM else None,
    )


def _without_values(letter: Letter) -> str:
    """The text with every merge value, where it stands as words of its own, taken out."""
    values = sorted({value for value in letter.values.values() if value.strip()}, key=len)
    if not values:
        return letter.text
    any_value = "|".join(re.escape(value) for value in reversed(values))
    return re.sub(rf"(?<!\w)(?:{any_value})(?!\w)", _TAKEN_OUT, letter.text)


def _segments(letter: Letter) -> list[list[str]]:
    """The words between merge values."""
    return [_WORD.findall(segment.lower()) for segment in _without_values(letter).split(_TAKEN_OUT)]


def _pieces(letter: Letter) -> frozenset[Piece]:
    """Every three words in a row; a segment that is shorter is one piece."""
    return frozenset(piece for words in _segments(letter) for piece, _ in _pieces_of(words))


def _pieces_of(words: list[str]) -> list[tuple[Piece, int]]:
    if not words:
        return []
    if len(words) <= _WORDS_TOGETHER:
        return [(tuple(words), 0)]
    return [
        (tuple(words[at : at + _WORDS_TOGETHER]), at)
        for at in range(len(words) - _WORDS_TOGETHER + 1)
    ]


def _shared(letters: Sequence[Letter], pieces: list[frozenset[Piece]]) -> float:
    """The mean share of a letter's characters that stand in every other letter as well."""
    if not letters:
        return 0.0
    everybody = frozenset.intersection(*pieces)
    total = 0.0
    for letter in letters:
        own = common = 0
        for words in _segments(letter):
            covered: set[int] = set()
            for piece, at in _pieces_of(words):
                if piece in everybody:
                    covered.update(range(at, at + len(piece)))
            own += sum(len(word) for word in words)
            common += sum(len(words[index]) for index in covered)
        total += common / own if own else 0.0
    return total / len(letters)


def _resemblance(one: frozenset[Piece], other: frozenset[Piece]) -> float:
    """Jaccard's index: what they have in common, of all that they have."""
    if not one and not other:
        return 1.0
    common = len(one & other)
    return common / (len(one) + len(other) - common)


def _kinds(pieces: list[frozenset[Piece]]) -> list[int]:
    """For each letter, the first letter that it is equal or near to (itself, if none)."""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=NEAR, num_perm=_PERMUTATIONS, num_bands=_BANDS)
    first_of: dict[frozenset[Piece], int] = {}
    kinds: list[int] = []
    for place, own in enumerate(pieces):
        if own in first_of:
            kinds.append(first_of[own])
            continue
        sketch = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
        sketch.update([" ".join(piece) for piece in sorted(own)])
        near = [(_resemblance(own, pieces[other]), -other) for other in index.query(sketch) if own]
        best, other = max(near, default=(0.0, 0))
        if best >= NEAR:
            kinds.append(-other)
        else:
            index.insert(place, sketch)
            kinds.append(place)
        first_of[own] = kinds[-1]
    return kinds


def _groups(
    letters: Sequence[Letter], pieces: list[frozenset[Piece]], kinds: list[int]
) -> tuple[Group, ...]:
    members: dict[int, list[int]] = defaultdict(list)
    for place, kind in enumerate(kinds):
        members[kind].append(place)
    groups = []
    for kind, places in members.items():
        if len(places) > 1:
            alike = sum(_resemblance(pieces[kind], pieces[place]) for place in places)
            ids = tuple(letters[place].id for place in places)
            groups.append(Group(ids, round(alike / len(places), 4)))
    return tuple(sorted(groups, key=lambda group: -len(group.ids)))


def _again(letters: Sequence[Letter], kinds: list[int]) -> tuple[Again, ...]:
    told: dict[tuple[Hashable, int], list[str | int]] = defaultdict(list)
    for letter, kind in zip(letters, kinds, strict=True):
        if letter.recipient is not None:
            told[letter.recipient, kind].append(letter.id)
    return tuple(
        Again(recipient, tuple(ids)) for (recipient, _), ids in told.items() if len(ids) > 1
    )
