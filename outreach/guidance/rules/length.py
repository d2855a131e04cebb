"""Short and simple: the letter's length against the house limit and X's own."""

from __future__ import annotations

from collections.abc import Iterator

from outreach.guidance.language import Language
from outreach.guidance.rules.base import Mark, Reading

X_LIMIT = 10_000
"""Characters that X takes in one direct message (X API v2, POST /2/dm_conversations)."""


def counted_length(text: str, language: Language) -> int:
    """Characters that count against the house limit: the line on how to stop does not."""
    body = text.rstrip()
    stop = language.lines["stop"]
    return len(body.removesuffix(stop).rstrip()) if body.endswith(stop) else len(text)


def length(reading: Reading) -> Iterator[Mark]:
    """Within the house limit praise, up to twice a quiet note, beyond a warning."""
    text, limit = reading.text, reading.context.house_limit
    if not text.strip():
        return
    count = counted_length(text, reading.language)
    values = {"count": f"{count:,}", "limit": f"{limit:,}", "most": f"{X_LIMIT:,}"}
    if len(text) > X_LIMIT:
        yield Mark("length.x-limit", X_LIMIT, len(text), values=values)
    elif count <= limit:
        yield Mark("length.short", count, count, values=values)
    elif count <= 2 * limit:
        yield Mark("length.over", limit, count, values=values)
    else:
        yield Mark("length.long", limit, count, values=values)
