"""Opaque pagination tokens: base32hex of at least 16 characters, as X describes them."""

from __future__ import annotations

import base64
import binascii

from outreach.sandbox.problems import invalid_request

_MARK = b"\x00\x01"  # with it a token is 10 bytes: 16 characters without padding


def page_after(last_id: int) -> str:
    """Return the token of the page that goes on after that id."""
    return base64.b32hexencode(_MARK + last_id.to_bytes(8, "big")).decode().lower()


def read_token(token: str | None) -> int | None:
    """Return the id that a token goes on after; None for no token.

    Raises a 400 for a token that this server did not give out.
    """
    if token is None:
        return None
    try:
        raw = base64.b32hexdecode(token.upper())
    except (binascii.Error, ValueError):
        raw = b""
    number = int.from_bytes(raw[2:], "big")
    if len(raw) != 10 or not raw.startswith(_MARK) or number >= 2**63:
        message = "The `pagination_token` parameter is not one that was given out."
        raise invalid_request(message, "pagination_token", token[:50])
    return number
