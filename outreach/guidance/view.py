"""The view of a letter that all rules share: words, sentences and links, found once.

The words also stand in one line, each followed by one space, in which phrases are looked for. There
a sentence ends with the word "." or "?", and what has no wording of its own has a name instead:
#money, #percent, #number, #link, #mail, #at (a mention), #tag.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from outreach.guidance.disguise import Known
from outreach.guidance.folding import fold

# Endings that a bare domain may have. Those that are also English words count only before a path
# or after a subdomain: "let me know.so" is a missing space, "youtu.be/x" is a link.
_ENDINGS = (
    "com|net|org|info|biz|io|co|ai|app|dev|ly|gl|uk|de|eu|fr|es|nl|ca|au|in|jp|ru|cn|br|tv|gg|xyz"
    "|shop|store|link|site|online|club|top|vip|live|click|page|blog|tech|studio|art|pro|cc|ws|im"
    "|example|test|gle|edu|gov|mil|int|name|mobi|world|agency|digital|media|email|news|space"
    "|finance|fund|cash|win|bid|loan|work|buzz|icu|su|sh|st|fm|gd|pe|tr|pl|ch|se|dk|nz|za|mx|ie"
)
_LINK = (
    r"(?P<link>https?://[^\s<>\"]+|www\.[^\s<>\"]+"
    r"|(?<![\w@.-])(?:[a-z0-9](?:[a-z0-9-]*)\.)+"
    rf"(?:(?:{_ENDINGS})(?![\w@-])(?:[/?#:][^\s<>\"]*)?|[a-z]{{2,24}}/[^\s<>\"]+))"
)
# Bounded: an unbounded run of digits and commas would be read again from each of its digits.
_AMOUNT = r"\d{1,15}(?:[,.]\d{1,15}){0,5}"
# Most of a letter is words with a space between them: tried first, and as many at once as there are,
# for the rest of the expression takes longer.
_PLAIN_WORD = r"[a-z]+(?:'[a-z]+)*"
_PLAIN_WORDS = (
    rf"(?P<plain>(?<![\w@.#$£€+:/-]){_PLAIN_WORD}(?: {_PLAIN_WORD})*(?=[ ,;\n]|[.!?] |\Z))"
)
# Where a word, a link, an end may begin: to see that none does takes one look, not eleven.
_BEGINS = r"(?=[\w@#$£€¥₹₦.!?…\n+-])"
_WORD = re.compile(
    rf"{_BEGINS}(?:{_PLAIN_WORDS}"
    r"|(?P<end>(?<![.!?…])[.!?…]+(?=[\s\"')\]]|$|[^\w\s.!?…/])|\n+)"
    rf"|{_LINK}|(?P<mail>(?<![\w.+-])[\w+-]+(?:\.[\w+-]+)*@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<at>(?<!\w)@\w+)|(?P<tag>(?<!\w)#[^\W\d]\w*)"
    rf"|(?P<money>[$£€¥₹₦]{{1,2}} ?{_AMOUNT}[km]?\b|[$£€₹₦]{{2,}}"
    rf"|(?<![\w.]){_AMOUNT}[km]? ?(?:usd|usdt|gbp|eur|dollars?|pounds?|euros?|bucks|quid)\b)"
    rf"|(?P<percent>(?<![\w.]){_AMOUNT} ?%)"
    r"|(?P<number>(?<![\w.])\d+(?:[.,:/-]\d+)*\+?(?![\w]))"
    r"|(?P<word>[^\W_]+(?:'[^\W_]+)*))"
)
_NAMED = {kind: f"#{kind}" for kind in ("link", "mail", "at", "tag", "money", "percent", "number")}
_LINK_TAIL = ".,;:!?'\")]}>*…"


_MANY_DIGITS = 5
_SHORT = 2


def shape(word: str, written: str) -> str:
    """The word, or what it stands for, as weights know it: figures and mixtures by their kind."""
    if word[0] == "#":
        long = word == "#number" and _is_long(written)
        return "#long-number" if long else word
    if word[0].isdigit() or word[-1].isdigit():
        if word.isdigit():
            return "#number" if len(word) < _MANY_DIGITS else "#long-number"
        return "#mixed" if len(word) > _SHORT else word
    return word


def _is_long(number: str) -> bool:
    """Whether it is what one dials or quotes, and no time, date or span of days."""
    return sum(map(str.isdigit, number)) >= _MANY_DIGITS and ":" not in number and "/" not in number


@dataclass(slots=True)
class Token:
    """A word, or what stands for one, at text[start:end]."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Link:
    """An address at text[start:end]; `host` in lower case, without www."""

    start: int
    end: int
    url: str
    host: str


@dataclass(slots=True)
class Sentence:
    """text[start:end] with its end mark; its tokens are tokens[first:last], end mark excluded."""

    start: int
    end: int
    first: int
    last: int
    question: bool


class View:
    """One text, looked at once."""

    def __init__(self, text: str, known: Known | None = None) -> None:
        self.text = text
        self.folded = fold(text, known)
        self.tokens: list[Token] = []
        self.links: list[Link] = []
        self.sentences: list[Sentence] = []
        self._split()
        self.spoken = [token.word for token in self.tokens]
        """The tokens' words."""
        self.line = " ".join([*self.spoken, ""])
        """All tokens' words, each followed by one space."""
        self.line_starts = list(accumulate([len(word) + 1 for word in self.spoken], initial=0))
        """Where in `line` each token starts."""
        self.shapes = [
            word
            if word.isalpha()
            else shape(word, text[self.tokens[index].start : self.tokens[index].end])
            for index, word in enumerate(self.spoken)
        ]
        """The tokens' words as weights of words know them."""
        self._sentence_starts = [sentence.start for sentence in self.sentences]

    def _split(self) -> None:
        folded = self.folded
        text, offsets, tokens, search = folded.text, folded.offsets, self.tokens, _WORD.search
        first = 0
        begin = -1
        position = 0
        # Not finditer: a link gives its trailing punctuation back, and scanning goes on there.
        while match := search(text, position):
            kind = match.lastgroup or "word"
            start, end = match.span()
            if kind == "plain":
                # Nearly all of a letter, so it is made into words here and at once.
                position = end
                if begin < 0:
                    begin = folded.origin(start)
                for word in match.group().split(" "):
                    end = start + len(word)
                    if offsets is None:
                        tokens.append(Token(word, start, end))
                    else:
                        tokens.append(Token(word, offsets[start], offsets[end - 1] + 1))
                    start = end + 1
                continue
            if kind == "link":
                end = start + len(match.group().rstrip(_LINK_TAIL))
                if end == start:
                    position = match.end()
                    continue
            position = end
            origin, origin_end = folded.origin(start), folded.origin_end(end)
            if kind == "end":
                if len(self.tokens) > first:
                    question = "?" in match.group()
                    mark_end = origin if match.group()[0] == "\n" else origin_end
                    self._close(begin, mark_end, first, question)
                    self.tokens.append(Token("?" if question else ".", origin, origin_end))
                    first = len(self.tokens)
                begin = -1
                continue
            if begin < 0:
                begin = origin
            word = _NAMED.get(kind) or match.group()
            self.tokens.append(Token(word, origin, origin_end))
            if kind == "link":
                self.links.append(_link(origin, origin_end, folded.text[start:end]))
        if len(self.tokens) > first:
            self._close(begin, self.tokens[-1].end, first, question=False)

    def _close(self, begin: int, end: int, first: int, question: bool) -> None:
        self.sentences.append(Sentence(begin, end, first, len(self.tokens), question))

    def sentence_at(self, offset: int) -> int | None:
        """The index of the sentence that the character at `offset` belongs to."""
        index = bisect_right(self._sentence_starts, offset) - 1
        if index < 0 or offset >= self.sentences[index].end:
            return None
        return index

    def words(self, sentence: Sentence) -> list[Token]:
        """The sentence's tokens without its end mark."""
        return self.tokens[sentence.first : sentence.last]


def _link(start: int, end: int, url: str) -> Link:
    bare = url.split("://", 1)[-1]
    authority = re.split(r"[/?#]", bare, maxsplit=1)[0]
    host = authority.rsplit("@", 1)[-1].split(":", 1)[0].removeprefix("www.")
    return Link(start, end, url, host)
