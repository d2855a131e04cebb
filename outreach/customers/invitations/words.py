"""An invitation's word, and whether a message begins with it. Pure.

Case and accents make no difference, since phones change both. The word stands alone: 'Fox!' and
'fox, and hello' begin with fox, 'foxes', 'fox-print' and 'fox.com' do not.
"""

from __future__ import annotations

import re
import unicodedata

SHORTEST, LONGEST = 3, 16
# A word is at the beginning, or the message does not begin with it.
_LOOKED_AT = 200
# Accents of Latin, Greek and Cyrillic letters. Marks of other scripts make another letter.
_ACCENTS = re.compile("[\u0300-\u036f]")
_PLAIN = str.maketrans({"ı": "i", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe"})
# What makes one word of two.
_JOINS = frozenset(".'’_@-")

_BEGINNINGS = """
hello hey hallo hola ola ciao bonjour salut salam merhaba selam halo namaste good morning evening dear
thanks thank thx yes yeah yep nope okay please sorry who what when where why how which can could would
will does did are was have has had the this that there here you your they and but for with not just
from about gracias buenas buenos perdon favor que como cuando donde por para pero una los las obrigado
obrigada bom boa sim nao quero queria tenho merci oui non est les des vous danke bitte guten ich wie
was wann ist das der die und mit terima kasih apa saya 안녕하세요 こんにちは ありがとう สวัสดี ขอบคุณ مرحبا شكرا
السلام
"""


def folded(text: str) -> str:
    """A text without what makes no difference: case, width, accents."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_PLAIN)
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", plain))
    # Once more: what a letter decomposed into may have a plain form of its own.
    return unicodedata.normalize("NFC", bare).translate(_PLAIN)


def first_word(message: str) -> str:
    """The folded word that a message begins with; '' where it has none.

    Quotes, emoji and signs before it are passed over.
    """
    text = folded(message[:_LOOKED_AT])
    begin = next((n for n, char in enumerate(text) if _is_of_word(char)), len(text))
    end = begin
    while end < len(text):
        joins = text[end] in _JOINS and end + 1 < len(text) and _is_of_word(text[end + 1])
        if not joins and not _is_of_word(text[end]):
            break
        end += 1
    return text[begin:end]


def problem_with(word: str) -> str:
    """Why a word cannot be an invitation's, as a sentence; '' where it can."""
    if not SHORTEST <= len(word) <= LONGEST:
        return f"Choose a word of {SHORTEST} to {LONGEST} letters; ‘{word}’ has {len(word)}."
    if not all(_is_of_word(char) for char in word):
        return "Use letters and digits alone, so that anybody can type it: no spaces, no signs."
    if not any(char.isalpha() for char in word):
        return "Use a letter at least: numbers alone get typed for other reasons."
    if len(folded(word)) < SHORTEST - 1 or first_word(word) != folded(word):
        return "Phones write this word in several ways. Choose another."
    if folded(word) in COMMON:
        return (
            f"People begin messages with ‘{word}’ without meaning to opt in. Choose another word."
        )
    return ""


# People begin messages with these and mean nothing by it.
COMMON = frozenset(folded(each) for each in _BEGINNINGS.split())


def _is_of_word(char: str) -> bool:
    return unicodedata.category(char)[0] in "LNM"
