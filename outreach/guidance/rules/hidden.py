"""Words in disguise: characters that cannot be seen, letters that only look like others."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from outreach.guidance.folding import INVISIBLE, look_alike
from outreach.guidance.report import Fix
from outreach.guidance.rules.base import Mark, Reading

_OVERRIDES = "\u202d\u202e"
_HIDDEN = re.compile(f"[{''.join(sorted(INVISIBLE))}]+")
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_EAST_ASIAN = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def invisible_characters(reading: Reading) -> Iterator[Mark]:
    """Zero-width and direction characters where the script at hand has no use for them."""
    text = reading.text
    if text.isascii():
        return
    right_to_left = _RIGHT_TO_LEFT.search(text) is not None
    for match in _HIDDEN.finditer(text):
        start, end = match.span()
        before, after = text[max(0, start - 1) : start], text[end : end + 1]
        if set(match.group()) & set(_OVERRIDES):
            at_fault = True
        elif right_to_left or not (_is_latin(before) or _is_latin(after)):
            # Joiners and marks belong to Arabic, Hebrew, Indic scripts and to emoji.
            at_fault = False
        else:
            at_fault = True
        if at_fault:
            yield Mark(
                "hidden.invisible",
                start,
                end,
                Fix("Remove it", start, end, ""),
                {"names": _names(match.group())},
            )


def look_alike_letters(reading: Reading) -> Iterator[Mark]:
    """Words with letters of another script or style that pass for Latin ones."""
    if not reading.strange:
        return
    text = reading.text
    east_asian = _EAST_ASIAN.search(text) is not None
    foreign_words = []
    plain_latin = plain_foreign = False
    for match in _WORD.finditer(text):
        word = match.group()
        if word.isascii():
            plain_latin = plain_latin or word[0].isalpha()
            continue
        seen = _as_seen(word)
        if seen is None:
            plain_foreign = plain_foreign or not _is_latin(word[0])
            continue
        foreign_words.append((match, seen))
    for match, seen in foreign_words:
        word = match.group()
        mixed = any(_is_latin(char) and look_alike(char) is None for char in word)
        styled = any(unicodedata.normalize("NFKC", char) != char for char in word)
        if styled and east_asian and not mixed:
            continue
        if mixed or styled or (plain_latin and not plain_foreign):
            fix = Fix(f"Write {seen}", match.start(), match.end(), seen)
            yield Mark("hidden.look-alike", match.start(), match.end(), fix, {"plain": seen})


def disguised_words(reading: Reading) -> Iterator[Mark]:
    """Words spelled with digits and signs, or one letter at a time."""
    for change in reading.view.folded.changes:
        fix = Fix(f"Write {change.plain}", change.start, change.end, change.plain)
        yield Mark(f"hidden.{change.kind}", change.start, change.end, fix, {"plain": change.plain})


@lru_cache(maxsize=4096)
def _as_seen(word: str) -> str | None:
    """The Latin word that this one looks like; None where it is simply another language's."""
    seen = []
    disguised = False
    for char in word:
        plain = look_alike(char)
        if plain is None and not (_is_latin(char) or char.isdigit() or char in "'\u2019"):
            return None
        disguised = disguised or plain is not None
        seen.append(plain or char)
    return "".join(seen) if disguised else None


@lru_cache(maxsize=4096)
def _is_latin(char: str) -> bool:
    if char < "\x80":
        return char.isalpha()
    return len(char) == 1 and unicodedata.name(char, "").startswith("LATIN ")


@lru_cache(maxsize=1024)
def _names(hidden: str) -> str:
    names = {unicodedata.name(char, "unnamed character").lower() for char in hidden}
    return ", ".join(sorted(names))
