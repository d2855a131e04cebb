"""Whom the letter speaks to: the recipient's own name, somebody else's, nobody, or everybody."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from outreach.guidance.folding import fold
from outreach.guidance.language import Language
from outreach.guidance.report import Fix, Recipient
from outreach.guidance.rules.base import Mark, Reading
from outreach.guidance.view import Token, View

_SHORTEST_NICKNAME = 3
_AFTER_A_NAME = ",:;-\u2013\u2014"
_Lists = Mapping[str, frozenset[str]]


def greeting(reading: Reading) -> Iterator[Mark]:
    """Praise a greeting by the recipient's name; warn of a wrong one, of none, of everybody."""
    if not reading.view.tokens:
        return
    own = _own_name(reading.context.recipient, reading.language)
    opening = _opening(reading, own)
    if opening.name:
        start, end = opening.name[0].start, opening.name[-1].end
        if not own.words or own.has_any(opening.name):
            yield Mark("greeting.name" if own.words else "greeting.some-name", start, end)
        else:
            fix = Fix(f"Write {own.first}", start, end, own.first) if own.first else None
            yield Mark("greeting.other-name", start, end, fix, {"name": own.full})
        return
    mention = own.mentioned(reading.view)
    if opening.everyone:
        start, end = opening.everyone[0].start, opening.everyone[-1].end
        fix = Fix(f"Write {own.first}", start, end, own.first) if own.first else None
        yield Mark("greeting.everyone", start, end, fix)
    elif mention:
        yield Mark("greeting.name", mention.start, mention.end)
    elif opening.greeting:
        start, end = opening.greeting[0].start, opening.greeting[-1].end
        replacement = f"{opening.text_of_greeting(reading.text)} {own.first}"
        fix = Fix(f"Write {replacement}", start, end, replacement) if own.first else None
        yield Mark("greeting.nameless", start, end, fix)
    else:
        yield Mark("greeting.none", 0, 0, _greet(reading, own.first))


@lru_cache(maxsize=256)
def _own_name(recipient: Recipient | None, language: Language) -> _OwnName:
    return _OwnName(recipient, language.lists)


@dataclass(frozen=True, slots=True)
class _Opening:
    """How a letter begins: the greeting's words, then a name or a word for everybody."""

    greeting: list[Token]
    name: list[Token]
    everyone: list[Token]

    def text_of_greeting(self, text: str) -> str:
        """The greeting as written, without a 'there' that stands for a name."""
        words = [token for token in self.greeting if token.word not in ("there", "again")]
        return text[words[0].start : words[-1].end]


class _OwnName:
    """The recipient's name and handle, ready to be compared with words of a letter."""

    def __init__(self, recipient: Recipient | None, lists: _Lists) -> None:
        self._common = lists["common"]
        self.full = (recipient.name or "").strip() if recipient else ""
        self._handle = _plain(fold((recipient.handle or "").lstrip("@")).text) if recipient else ""
        tokens = [token for token in View(self.full).tokens if _is_name_word(token.word)]
        self.words = frozenset(_plain(token.word) for token in tokens)
        self.first = self._first(tokens, lists["titles"])

    def _first(self, tokens: list[Token], titles: frozenset[str]) -> str:
        called = [token for token in tokens if token.word not in titles]
        if not called:
            return ""
        if called[0].word in self._common:
            # "The Coffee House" is not called The.
            return self.full[called[0].start : called[-1].end]
        first = self.full[called[0].start : called[0].end]
        shouted = first.isupper() and len(first) > 2
        return first.capitalize() if first.isascii() and (first.islower() or shouted) else first

    def has(self, word: str) -> bool:
        """Whether the word is one of the name's, a short form of one, or begins the handle."""
        word = _plain(word)
        if word in self.words:
            return True
        if len(word) < _SHORTEST_NICKNAME:
            return False
        # A handle is often initial and name run together, so only its beginning is a name for sure.
        return self._handle.startswith(word) or any(
            own.startswith(word) or (len(own) >= _SHORTEST_NICKNAME and word.startswith(own))
            for own in self.words
        )

    def has_any(self, tokens: list[Token]) -> bool:
        """Whether one of the words is the recipient's."""
        return any(self.has(token.word) for token in tokens)

    def mentioned(self, view: View) -> Token | None:
        """The first place where the name stands, capitalised, anywhere in the letter."""
        for token in view.tokens:
            if not view.text[token.start].isupper() or token.word in self._common:
                continue
            if _plain(token.word) in self.words:
                return token
        return None


def _opening(reading: Reading, own: _OwnName) -> _Opening:
    view, lists = reading.view, reading.language.lists
    tokens = view.tokens
    at = 0
    while at < len(tokens) and tokens[at].word in lists["greetings"]:
        at += 1
    greeting = tokens[:at]
    if greeting and all(token.word in lists["only-after-greeting"] for token in greeting):
        greeting, at = [], 0
    rest = tokens[at : at + 4]
    everyone = [] if own.words and own.has_any(rest[:1]) else _everyone(rest, lists)
    if everyone and greeting:
        return _Opening(greeting, [], everyone)
    name = _name(reading, at, own, greeted=bool(greeting))
    return _Opening(greeting, name, [])


def _everyone(rest: list[Token], lists: _Lists) -> list[Token]:
    everyone = lists["everyone"]
    found = []
    for token in rest:
        if token.word not in everyone:
            break
        found.append(token)
    return found


def _name(reading: Reading, at: int, own: _OwnName, *, greeted: bool) -> list[Token]:
    """The words at tokens[at:] that are a name: theirs, or one that is written like a name."""
    tokens, text, common = reading.view.tokens, reading.text, reading.language.lists["common"]
    name: list[Token] = []
    for token in tokens[at : at + 4]:
        if name and text[name[-1].end : token.start].strip():
            break
        theirs = own.has(token.word) if own.words else False
        written_so = text[token.start].isupper() and token.word not in common
        if not (theirs or (written_so and _is_name_word(token.word))):
            break
        name.append(token)
    if not name or greeted or own.has_any(name[:1]):
        return name
    following = text[name[-1].end : name[-1].end + 2].lstrip()[:1]
    return name if len(name) == 1 and following and following in _AFTER_A_NAME else []


def _greet(reading: Reading, first: str) -> Fix | None:
    """Begin with a greeting: 'We printed' becomes 'Hi Maria, we printed'."""
    if not first:
        return None
    text = reading.text
    start = len(text) - len(text.lstrip())
    token = reading.view.tokens[0]
    hello = reading.language.lines["greeting"].format(name=first)
    if token.start == start and token.word in reading.language.lists["common"]:
        begin = text[start : start + 1]
        if begin.isascii() and token.word not in ("i", "i'm", "i'd", "i've", "i'll"):
            return Fix(f"Begin with {hello.rstrip(', ')}", start, start + 1, hello + begin.lower())
    return Fix(f"Begin with {hello.rstrip(', ')}", start, start, hello)


def _is_name_word(word: str) -> bool:
    return len(word) > 1 and word[0].isalpha() and word.replace("'", "").isalpha()


def _plain(word: str) -> str:
    """The word without accents and apostrophes."""
    if word.isascii():
        return word.replace("'", "")
    decomposed = unicodedata.normalize("NFKD", word)
    return "".join(char for char in decomposed if char.isalnum())
