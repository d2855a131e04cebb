"""Whether a message asks us to stop: `python -m outreach.inbox.opt_out`, JSON lines in and out.

A line in: {"id", "text"}; a line out, in the same order: {"id", "verdict"}. A line that cannot be
read is named on stderr and left out; the exit status is then 1.

The verdict is 'stop' where the whole message is one, courtesies apart: 'STOP', 'please stop',
'unsubscribe me, thanks'. Words beside it may turn it round ('don't stop', 'stop by the shop'), so a
longer message is at most 'unsure', where it holds what nobody says by chance. Pure: no Django.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import IO, Literal

from outreach.guidance.lines import LineError, encoded, id_of, letter_of, words_of

Verdict = Literal["stop", "unsure", "no"]

_USAGE = """\
usage: python -m outreach.inbox.opt_out < messages.jsonl > verdicts.jsonl

Reads messages on stdin, one JSON object a line: {"id": …, "text": "…"}
and writes one line each to stdout: {"id": …, "verdict": "stop"|"unsure"|"no"}
"""
_BROKEN_PIPE = 141
_INTERRUPTED = 130
# Nobody says stop at such a length; what is longer is looked through only so far.
_LONGEST_WHOLE = 120
_LONGEST = 10_000
# Apostrophes as keyboards write them, and letters that no decomposition brings to the plain one.
_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "ı": "i"}
    # Arabic: forms of alef, the end forms that keyboards mix up, and the lengthening stroke.
    | {"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ة": "ه", "ـ": ""}
)
# Marks that people leave out: of Latin letters, and the vowel signs of Arabic. Those of Thai, and
# the two that tell Japanese syllables apart, are no ornament.
_MARKS = re.compile("[\u0300-\u036f\u064b-\u0652\u0670]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0f\ufeff]")
# What parts words: all but letters, marks, digits, and an apostrophe within a word.
_BETWEEN = re.compile(r"[^\w'\u0e31-\u0e4e]+|_+|(?<!\w)'+|'+(?!\w)")
# Scripts that set no spaces: there a courtesy ends or begins a message without one.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
# Repeated for emphasis: 'STOOOP', 'stop stop stop'.
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")


@dataclass(frozen=True, slots=True)
class _Words:
    whole: frozenset[str]
    within: re.Pattern[str]
    within_unspaced: tuple[str, ...]
    courtesies: tuple[str, ...]


def verdict(text: str) -> Verdict:
    """Whether the message is a stop, may be one, or is none."""
    words = _words()
    said = _folded(text[:_LONGEST])
    if len(said) <= _LONGEST_WHOLE and any(
        _is_whole(each, words) for each in {said, _DRAWN_OUT.sub(r"\1", said)}
    ):
        return "stop"
    if words.within.search(said) or any(each in said for each in words.within_unspaced):
        return "unsure"
    return "no"


def reads_as_stop(text: str) -> bool | None:
    """The verdict as `customers` asks for it: True for a stop, None where it may be one."""
    return {"stop": True, "unsure": None, "no": False}[verdict(text)]


def _folded(text: str) -> str:
    """A text as its words sound: no capitals, accents, punctuation or decoration."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold().translate(_PLAIN)
    text = _MARKS.sub("", unicodedata.normalize("NFD", text))
    return _BETWEEN.sub(" ", unicodedata.normalize("NFC", text)).strip()


def _is_whole(said: str, words: _Words) -> bool:
    seen: set[str] = set()
    left = [said]
    while left:
        candidate = left.pop()
        if candidate in words.whole or _once(candidate) in words.whole:
            return True
        for shorter in _without_a_courtesy(candidate, words.courtesies):
            if shorter and shorter not in seen:
                seen.add(shorter)
                left.append(shorter)
    return False


def _once(said: str) -> str:
    """'stop stop stop' is 'stop', and so is 's t o p'."""
    parts = said.split()
    if len(parts) > 2 and all(len(part) == 1 for part in parts):
        return "".join(parts)
    return parts[0] if parts and len(set(parts)) == 1 else said


def _without_a_courtesy(said: str, courtesies: Iterable[str]) -> Iterable[str]:
    for each in courtesies:
        unspaced = _UNSPACED.search(each) is not None
        if said.startswith(each):
            rest = said[len(each) :]
            if unspaced or rest.startswith(" "):
                yield rest.strip()
        if said.endswith(each):
            rest = said[: -len(each)]
            if unspaced or rest.endswith(" "):
                yield rest.strip()


@cache
def _words() -> _Words:
    data = files(__package__ or "outreach.inbox").joinpath("opt_out.toml").read_text("utf-8")
    languages = tomllib.loads(data).values()
    within = {_folded(each) for language in languages for each in language["within"]}
    spaced = sorted(each for each in within if not _UNSPACED.search(each))
    return _Words(
        whole=frozenset(_folded(each) for language in languages for each in language["whole"]),
        # A beginning ('desabonn') stands for all of its endings.
        within=re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, spaced)) + ")"),
        within_unspaced=tuple(sorted(within - set(spaced))),
        courtesies=tuple(
            sorted({_folded(each) for language in languages for each in language["courtesy"]})
        ),
    )


# --- the command line ----------------------------------------------------------------------------


def answer(line: bytes) -> bytes:
    """The verdict on one line, as a line. Raises LineError for a line that is no message."""
    message = letter_of(line)
    return encoded({"id": id_of(message), "verdict": verdict(words_of(message))})


def run(lines: Iterable[bytes], out: IO[bytes], errors: IO[str]) -> int:
    """Answer line by line; 1 if any line could not be read, else 0."""
    status = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            answered = answer(line)
        except LineError as error:
            errors.write(f"line {number}: {error}\n")
            errors.flush()
            status = 1
            continue
        out.write(answered)
        out.flush()
    return status


def main(arguments: list[str]) -> int:
    """Run as a command; returns the exit status."""
    if arguments in (["-h"], ["--help"]):
        sys.stdout.write(_USAGE)
        return 0
    if arguments:
        sys.stderr.write(f"unknown argument: {arguments[0]}\n{_USAGE}")
        return 2
    try:
        return run(sys.stdin.buffer, sys.stdout.buffer, sys.stderr)
    except BrokenPipeError:
        # Whoever read the answers has gone. Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
