"""Spam hidden from filters, made from plain spam: four ways, without chance."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

_LOOK_ALIKES = str.maketrans("aceopxyisjhkmtABCEHKMOPTX", "асеорхуіѕјһкмтАВСЕНКМОРТХ")
_DIGITS = str.maketrans("aeiostAEIOST", "4310574310 7".replace(" ", "5"))
_WORD = re.compile(r"[A-Za-z]{3,}")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S+\.(?:com|net|org|io|co|ly|app)\S*")
_SHARE = 0.6


def _in_words(text: str, change: Callable[[str], str], seed: str) -> str:
    """`change` made in about _SHARE of the words; addresses stay, or they would lead nowhere."""
    chance = random.Random(seed)
    pieces, at = [], 0
    for address in [*_ADDRESS.finditer(text), None]:
        end = address.start() if address else len(text)
        pieces.append(
            _WORD.sub(
                lambda word: change(word.group()) if chance.random() < _SHARE else word.group(),
                text[at:end],
            )
        )
        if address:
            pieces.append(address.group())
            at = address.end()
    return "".join(pieces)


def look_alikes(text: str) -> str:
    """Letters of other alphabets that look the same."""
    return _in_words(text, lambda word: word.translate(_LOOK_ALIKES), text)


def zero_width(text: str) -> str:
    """Characters without width inside words."""
    return _in_words(text, lambda word: "\u200b".join((word[:2], word[2:])), text)


def spacing(text: str) -> str:
    """Words one letter at a time."""
    return _in_words(text, " ".join, text)


def digits(text: str) -> str:
    """Digits for letters."""
    return _in_words(text, lambda word: word.translate(_DIGITS), text)


WAYS: dict[str, Callable[[str], str]] = {
    "look-alikes": look_alikes,
    "zero-width": zero_width,
    "spacing": spacing,
    "digits": digits,
}
