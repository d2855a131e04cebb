"""Which language the letter is in, as far as guidance must know: its own, or another.

Function words decide, for they are in every sentence; scripts other than Latin decide by
themselves. Letters that only look like Latin ones are no other script.
"""

from __future__ import annotations

from collections.abc import Iterator

from outreach.guidance.folding import look_alike
from outreach.guidance.rules.base import Mark, Reading

_WORDS_TO_JUDGE = 4
_WORDS_OF_IT = 3
_SHARE_OF_OWN = 4
"""A text of which one different word in four carries English sentences is English."""
_LETTERS_OF_IT = 0.3
_LATIN_ENDS = "\u0250"
_OTHER_SCRIPT = "another script"

_ENGLISH_ONLY = ("greeting.", "speaking.", "call.", "praise.", "words.", "form.long", "form.hard")
_STILL = ("greeting.name", "greeting.other-name")


def other_tongue(reading: Reading) -> str | None:
    """The name of the language if it is not the one the rules are for."""
    foreign = sum(
        char >= _LATIN_ENDS and char.isalpha() and look_alike(char) is None
        for char in reading.strange
    )
    if foreign and foreign >= _LETTERS_OF_IT * sum(map(str.isalpha, reading.text)):
        return _OTHER_SCRIPT
    words = set(reading.view.spoken)
    if len(words) < _WORDS_TO_JUDGE:
        return None
    own = len(words & reading.language.function_words)
    if own > len(words) // _SHARE_OF_OWN:
        return None
    best, name = max(
        ((len(words & known), name) for name, known in reading.language.tongues.items()),
        default=(0, ""),
    )
    return name if best >= _WORDS_OF_IT and best > own else None


def language(reading: Reading) -> Iterator[Mark]:
    """Say so where the text is in another language."""
    tongue = other_tongue(reading)
    if tongue:
        yield Mark("language.other", 0, 0, values={"tongue": tongue})


def only_what_holds(marks: list[Mark]) -> list[Mark]:
    """Without what was found by rules for the language that the text is not in."""
    if not any(mark.rule == "language.other" for mark in marks):
        return marks
    return [
        mark for mark in marks if mark.rule in _STILL or not mark.rule.startswith(_ENGLISH_ONLY)
    ]
