"""The words that were written, out of the words that X shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# What X escapes in a text. A text is unescaped once and only by these: '&copy=' in somebody's
# words is not theirs to lose.
_ESCAPED = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'"}
_ESCAPES = re.compile("|".join(map(re.escape, _ESCAPED)))
_SHORT = re.compile(r"https?://t\.co/[A-Za-z0-9]+", re.ASCII | re.IGNORECASE)


def expanded(text: str, entities: object) -> str:
    """Return a message's text with its t.co links replaced by where they lead, and unescaped.

    `entities` is X's object of that name, or whatever stands in its place. A link is found by its
    own address, since X counts positions in units that its documentation leaves open; positions
    are looked at only where the address is not in the text. A link that X does not explain stays.
    """
    leads_to = _leads_to(text, entities)
    if not leads_to:
        return _unescaped(text)
    # The longest first, and in one pass: one address may begin like another, and what a link leads
    # to may hold a link itself.
    alternatives = "|".join(map(re.escape, sorted(leads_to, key=len, reverse=True)))
    parts = re.split(rf"({alternatives})(?![A-Za-z0-9])", text)
    # Where a link leads to is not escaped by X, so it is not unescaped either.
    return "".join(leads_to[part] if n % 2 else _unescaped(part) for n, part in enumerate(parts))


def escaped(text: str) -> str:
    """A text as X would show it: `expanded` brings these very words back."""
    return text.replace("&", "&amp;")


def _unescaped(text: str) -> str:
    return _ESCAPES.sub(lambda found: _ESCAPED[found[0]], text)


def _leads_to(text: str, entities: object) -> dict[str, str]:
    urls = entities.get("urls") if isinstance(entities, Mapping) else None
    found: dict[str, str] = {}
    for url in urls if isinstance(urls, list) else []:
        if not isinstance(url, dict):
            continue
        target = url.get("expanded_url")
        if not isinstance(target, str) or not target:
            continue
        short = url.get("url")
        if not isinstance(short, str) or not short or short not in text:
            short = _at_its_place(text, url)
        if short:
            found[short] = target
    return found


def _at_its_place(text: str, url: dict[str, Any]) -> str:
    """Return the t.co link that stands exactly where the entity says, or ''."""
    # X's v2 says start and end; its events carry the older pair of indices.
    pair = url.get("indices") or [url.get("start"), url.get("end")]
    if not isinstance(pair, list) or len(pair) != 2 or {type(place) for place in pair} != {int}:
        return ""
    start, end = pair
    piece = text[start:end] if 0 <= start < end <= len(text) else ""
    return piece if _SHORT.fullmatch(piece) else ""
