"""Handles in every shape that people paste."""

from __future__ import annotations

import re
from urllib.parse import unquote

from outreach.customers.imports.refusing import RowRefused

# X: up to 15 letters of the Latin alphabet, digits and underscores.
PLAIN = re.compile(r" *@?([A-Za-z0-9_]{1,15}) *").fullmatch
_PROFILE = re.compile(
    r"(?<![\w.-])(?:https?:)?(?://)?(?:[a-z]+\.)?(?:twitter|x)\.com/(?:#!/)?@?([A-Za-z0-9_]{1,50})(?=[/?#\s\"'>)\],;|]|$)",
    re.IGNORECASE,
)
_ASKED_BY_NAME = re.compile(
    r"[?&]screen_name=@?([A-Za-z0-9_]{1,50})(?![A-Za-z0-9_])", re.IGNORECASE
)
_MENTION = re.compile(r"(?<![\w.+-])@([A-Za-z0-9_]{1,50})(?![\w@])")
_WORDS_AFTER = re.compile(r"(?<![\w.+-])@[A-Za-z0-9_]{1,50}\s+\w")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# First steps of addresses at X that are pages of X's own, not somebody's.
_PAGES = frozenset(
    [
        "compose",
        "download",
        "explore",
        "hashtag",
        "home",
        "i",
        "intent",
        "jobs",
        "login",
        "logout",
        "messages",
        "notifications",
        "privacy",
        "search",
        "settings",
        "share",
        "signup",
        "tos",
        "who_to_follow",
    ]
)
# What is pasted along and not seen: widths, marks of direction, a no-break space, an old BOM.
_UNSEEN = dict.fromkeys(
    map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u202a\u202c"), ""
)
_UNSEEN |= {0xA0: " ", 0x202F: " ", 0x3000: " ", 0xFF20: "@", 0xFE6B: "@", 0xFF3F: "_"}


def handle_of(cell: str) -> str:
    """The handle in a cell, without its @; '' where the cell is blank. Raises RowRefused."""
    plain = PLAIN(cell)
    if plain:
        return plain[1]
    text = cell.translate(_UNSEEN).strip().strip("'\"`<>()[]{},;:.!").strip()
    if not text:
        return ""
    found = _candidate(unquote(text) if "%" in text else text)
    if found is None:
        raise RowRefused(_why_not(text))
    if len(found) > 15:
        raise RowRefused(f"‘{found[:30]}’ is longer than the 15 characters of a handle.")
    return found


def _candidate(text: str) -> str | None:
    plain = PLAIN(text)
    if plain:
        return plain[1]
    by_name = _ASKED_BY_NAME.search(text)
    if by_name:
        return by_name[1]
    profiles = {found.lower(): found for found in _PROFILE.findall(text)}
    for page in _PAGES:
        profiles.pop(page, None)
    mentions = {found.lower(): found for found in _MENTION.findall(text)}
    # A name with its handle, as X shows it: 'Maria Prado (@anaprado)'. Of two nobody knows which.
    # Nor of '@maria prado' whether that is @maria, or somebody whose handle was written apart.
    if not profiles and _WORDS_AFTER.search(text):
        return None
    found = profiles or mentions
    return next(iter(found.values())) if len(found) == 1 else None


def _why_not(text: str) -> str:
    said = text if len(text) <= 40 else f"{text[:40]}…"
    if _MAIL.fullmatch(text):
        return f"‘{said}’ is an e-mail address, not a handle."
    if len(_MENTION.findall(text)) > 1 or len(_PROFILE.findall(text)) > 1:
        return f"‘{said}’ names more than one handle. Give each person a row."
    if "://" in text or "/" in text:
        return f"‘{said}’ is not the address of somebody’s page at X."
    if re.fullmatch(r"@?\w{16,}", text, re.ASCII):
        return f"‘{said}’ is longer than the 15 characters of a handle."
    return f"‘{said}’ is not a handle: those have letters from A to Z, digits and _ only."


def x_user_id_of(cell: str) -> int | None:
    """The X user id in a cell; None where it is blank. Raises RowRefused."""
    text = cell.translate(_UNSEEN).strip().strip("'\"").strip()
    if not text:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= 19 and 0 < int(text) < 2**63:
        return int(text)
    if re.fullmatch(r"\d[.,]?\d*E\+?\d+", text, re.IGNORECASE):
        raise RowRefused(
            f"The X user id ‘{text[:40]}’ was rounded by a spreadsheet. Format the column as text."
        )
    if re.fullmatch(r"\d{1,19}\.0", text):
        return int(text[:-2])
    raise RowRefused(f"‘{text[:40]}’ is not an X user id: those are whole numbers.")
