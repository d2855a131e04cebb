"""What X makes of a text: links become t.co links, and three characters are escaped.

Which words are links follows X's own rules as far as letters need them: whole addresses, and names
of hosts without `https://` under the domains that X knows. Positions count characters (code
points) of the text as it is handed out.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from html import escape
from typing import Any

# Under these X links a host's bare name too. It knows all there are; these are the usual ones.
BARE_DOMAINS = (
    *("com", "org", "net", "edu", "gov", "int", "mil", "info", "biz", "name", "app", "art"),
    *("blog", "cafe", "cloud", "design", "dev", "email", "fashion", "global", "group", "ink"),
    *("live", "media", "news", "online", "page", "paris", "press", "shop", "site", "store"),
    *("studio", "tech", "today", "video", "website", "wiki", "work", "world", "xyz", "berlin"),
)
_HOST = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+"
_PATH = r"(?::\d{1,5})?(?:[/?#][^\s<>\"“”‘’«»„]*)?"
_LINK = re.compile(
    rf"(?<![\w@#$/.=-])(?:https?://{_HOST}[a-z]{{2,63}}{_PATH}"
    rf"|{_HOST}(?:{'|'.join(BARE_DOMAINS)})(?![\w@-]|\.[a-z]){_PATH})",
    re.IGNORECASE | re.ASCII,
)
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BRACKETS = {")": "(", "]": "["}
SHOWN = 25  # characters of an address after its host that X shows


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text as it was written; `leads_to` is empty for words that are no link."""

    words: str
    leads_to: str = ""

    @property
    def display(self) -> str:
        """Return what X shows in the place of a link: without scheme, and cut."""
        bare = re.sub(r"^https?://(www\.)?", "", self.words, flags=re.IGNORECASE)
        host, slash, rest = bare.partition("/")
        cut = slash + rest
        return host + (cut if len(cut) <= SHOWN else cut[:SHOWN] + "…")

    @property
    def short(self) -> str:
        """Return the t.co link, which is the same for the same address."""
        number = int.from_bytes(hashlib.sha256(self.leads_to.encode()).digest()[:8], "big")
        letters = ""
        for _ in range(10):
            number, place = divmod(number, len(_ALPHABET))
            letters += _ALPHABET[place]
        return f"https://t.co/{letters}"


def pieces(text: str) -> list[Piece]:
    """Return the text cut into links and what stands between them, nothing left out."""
    found, at = [], 0
    # Most messages have none, and a point is what every link has.
    for match in _LINK.finditer(text) if "." in text else ():
        words = _without_end(match[0])
        if match.start() > at:
            found.append(Piece(text[at : match.start()]))
        scheme = words[:8].lower().startswith(("http://", "https://"))
        found.append(Piece(words, words if scheme else f"http://{words}"))
        at = match.start() + len(words)
    if at < len(text):
        found.append(Piece(text[at:]))
    return found


def _without_end(words: str) -> str:
    """Return a link without the marks that end a sentence rather than the address."""
    while words:
        last = words[-1]
        if last in _BRACKETS and words.count(_BRACKETS[last]) >= words.count(last):
            break
        if last not in ".,:;!?'*|~@$%&)]([":
            break
        words = words[:-1]
    return words


def as_handed_out(text: str) -> tuple[str, list[dict[str, Any]]]:
    """Return a text as X's API hands it out, and `entities.urls` for its links."""
    handed_out, urls = "", []
    for piece in pieces(text):
        if not piece.leads_to:
            handed_out += escape(piece.words, quote=False)
            continue
        start = len(handed_out)
        handed_out += piece.short
        urls.append(
            {
                "start": start,
                "end": len(handed_out),
                "url": piece.short,
                "expanded_url": piece.leads_to,
                "display_url": piece.display,
            }
        )
    return handed_out, urls


def as_pushed(text: str) -> tuple[str, dict[str, Any]]:
    """Return the same for an event, whose entities are of the older kind: with `indices`."""
    handed_out, urls = as_handed_out(text)
    older: list[dict[str, Any]] = []
    for url in urls:
        indices = [url.pop("start"), url.pop("end")]
        older.append(url | {"indices": indices})
    return handed_out, {"hashtags": [], "symbols": [], "user_mentions": [], "urls": older}
