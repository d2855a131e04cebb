"""Rules that look for wordings: what they look for stands in the language's data files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from outreach.guidance.phrases import Hit
from outreach.guidance.report import Fix, Severity
from outreach.guidance.rules.base import Mark, Reading

# A sentence may have this many words around a phrase and still say nothing but the phrase.
_WORDS_AROUND = 1
# What stands before is looked at after the first character: so a search can jump to where that stands.
_BEGINS = r"(?<!\w.)"
_PREMIUM_NUMBER = re.compile(r"0(?<![\d+]0)(?:8[0457]|9\d)\d ?\d{3} ?\d{3,4}(?!\d)")
_MAY_BE_PRINT = re.compile(r"[\d&]")
_SMALL_PRINT = re.compile(
    r"\d(?<![\d:.]\d)\d?[05] ?p(?:/| ?per ?| ?a ?|pm|/?m)"
    r"(?:min|msg|text|txt|wk|week|sms|day|call)?\b"
    r"|[\u00a3g](?:(?<=\u00a3)|bp ?)\d(?:\.\d\d)? ?(?:/|per ?|pw|p/w|a )"
    r"(?:wk|week|msg|min|day|text|month|mnth)?\b"
    rf"|[tr]{_BEGINS}(?:(?<=t)e?xt|(?<=r)e?ply) (?:[\w\"\'*]{{1,15}} ){{1,3}}to \d{{4,6}}\b"
    rf"|p{_BEGINS}\.?o\.? ?box ?\w|t{_BEGINS} ?(?:&|and|n) ?c'?s?\b"
    rf"|1{_BEGINS}[68] ?(?:\+|yrs|only\b|&? ?over\b)"
    rf"|[stmc]{_BEGINS}(?:(?<=s)top|(?<=t)e?xt|(?<=m)(?:sg|obile)|(?<=c)all)\d{{4,6}}\b"
    rf"|m{_BEGINS}sg rcvd?\b|s{_BEGINS}td rates?\b"
)
# Small print holds one of these: its own figures, or its own words.
_FIGURES_OF_PRINT = re.compile(r"\d(?:(?<=[05]) ?p|(?<=1)[68]|(?<=[ptgle]\d)|(?<=to \d))")
_TERMS = re.compile(r"t ?(?:and|n) ?c")
_WORDS_OF_PRINT = ("&", "\u00a3", "gbp", "box", "msg rc", "std rate")
# And one of these; an hour ("8:00 pm") holds none.
_SIGNS_OF_PRINT = (
    "0p", "5p", "\u00a3", "gbp", "txt", "text", "rply", "reply", "box", "&", "t and c", "16", "18",
    "stop", "msg", "call", "mobile", "std",
)  # fmt: skip


def phrases(reading: Reading) -> Iterator[Mark]:
    """Every family of phrases that has a severity; praise only in clean sentences."""
    praised: set[str] = set()
    for hit in reading.hits:
        entry = reading.language.entries.get(hit.family)
        if entry is None or hit.family == "secret.asked":
            continue
        if entry.severity is Severity.PRAISE:
            if hit.family in praised or not reading.is_clean(hit):
                continue
            praised.add(hit.family)
        start, end = reading.span(hit)
        fix = _leave_out(reading, hit) if entry.leave_out else None
        yield Mark(hit.family, start, end, fix)


def secrets(reading: Reading) -> Iterator[Mark]:
    """Asking for a password, a card number or the like; warning against it is not asking."""
    warned = {reading.view.sentence_at(reading.span(hit)[0]) for hit in reading.cue("cue.warned")}
    for hit in reading.cue("secret.asked"):
        start, end = reading.span(hit)
        if reading.view.sentence_at(start) not in warned:
            yield Mark("secret.asked", start, end)


def premium_numbers(reading: Reading) -> Iterator[Mark]:
    """Numbers that cost the caller extra, and the small print of paid text services."""
    if not _MAY_BE_PRINT.search(reading.text):
        return
    for match in _PREMIUM_NUMBER.finditer(reading.text):
        yield Mark("money.premium-number", match.start(), match.end())
    small = reading.text.lower()
    if len(small) != len(reading.text):
        # A letter that lower case makes two of; the places would not be the text's.
        small = reading.text
    if not _may_hold_print(small) or not any(sign in small for sign in _SIGNS_OF_PRINT):
        return
    for match in _SMALL_PRINT.finditer(small):
        yield Mark("money.premium-rate", match.start(), match.end())


def _may_hold_print(small: str) -> bool:
    return (
        _FIGURES_OF_PRINT.search(small) is not None
        or _TERMS.search(small) is not None
        or any(words in small for words in _WORDS_OF_PRINT)
    )


def stop_line(reading: Reading) -> Iterator[Mark]:
    """A first letter says how to stop the letters."""
    if not reading.context.first_letter or reading.cue("cue.stop"):
        return
    end = len(reading.text.rstrip())
    line = "\n\n" + reading.language.lines["stop"]
    yield Mark("stop.missing", end, end, Fix("Add the line", end, len(reading.text), line))


def _leave_out(reading: Reading, hit: Hit) -> Fix | None:
    """Leaving out the whole sentence, where it says nothing else and is not all there is."""
    view = reading.view
    index = view.sentence_at(view.tokens[hit.first].start)
    if index is None or len(view.sentences) == 1:
        return None
    sentence = view.sentences[index]
    around = (sentence.last - sentence.first) - (hit.last - hit.first)
    if around > _WORDS_AROUND:
        return None
    end = sentence.end
    while end < len(reading.text) and reading.text[end] in " \t\u00a0":
        end += 1
    return Fix("Leave it out", sentence.start, end, "")
