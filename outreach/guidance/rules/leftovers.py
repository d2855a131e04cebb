"""What a template or a machine left behind, and the letter that says nothing at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from outreach.guidance.rules.base import Mark, Reading
from outreach.guidance.view import View

_INSIDE = r"[^\s{}\[\]<>%|][^{}\[\]<>%\n]{0,60}"
_BRACES = re.compile(
    rf"\{{\{{?[ ]?{_INSIDE}\}}\}}?|\$\{{{_INSIDE}\}}|%\{{{_INSIDE}\}}|\{{\}}|%[A-Z][A-Z_]{{2,30}}%"
    r"|\$[a-z_]{0,20}[nN]ame\b|\*\|[A-Z_:]{2,30}\|\*|__[A-Z][A-Z_]{2,30}__"
)
_BRACKETS = re.compile(r"\[([^\[\]\n]{2,80})\]|<([A-Za-z][^<>\n]{1,60})>")
_FIELD_WORD = re.compile(r"[a-z]+")


def empty(reading: Reading) -> Iterator[Mark]:
    """There must be words."""
    if not reading.text.strip() or not reading.view.folded.text.strip():
        yield Mark("letter.empty", 0, len(reading.text))


def placeholders(reading: Reading) -> Iterator[Mark]:
    """Fields that nobody filled, in brackets or as a program's word for nothing."""
    spans = [match.span() for match in _BRACES.finditer(reading.text)]
    fields = reading.language.lists["fields"]
    for match in _BRACKETS.finditer(reading.text):
        inside = match.group(1) or match.group(2)
        words = _FIELD_WORD.findall(inside.lower())
        shouted = match.group(1) and inside.isupper() and words and len(inside) > 2
        if shouted or (words and (words[0] in fields or words[-1] in fields)):
            spans.append(match.span())
    for start, end in spans:
        yield Mark("leftover.field", start, end)
    if not spans:
        yield from _unfilled_greeting(reading)


def _unfilled_greeting(reading: Reading) -> Iterator[Mark]:
    """'Hi undefined', where nobody is called so."""
    blanks = reading.cue("cue.blank")
    if not blanks:
        return
    recipient = reading.context.recipient
    own = {token.word for token in View((recipient and recipient.name) or "").tokens}
    for hit in blanks:
        if reading.view.tokens[hit.last - 1].word not in own:
            yield Mark("leftover.field", *reading.span(hit))
