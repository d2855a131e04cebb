"""Everybody's picture: a letter for the phone, and one that X's API names, drawn as a PNG."""

from __future__ import annotations

import colorsys
import hashlib
import struct
import zlib
from functools import lru_cache
from html import escape

from outreach.sandbox.records import User

CELLS = 6  # a side; the left half is mirrored
CELL = 7  # pixels
MARGIN = 3
SIDE = 2 * MARGIN + CELLS * CELL  # 48, as X's _normal pictures

Colour = tuple[int, int, int]


def colour_of(user_id: int) -> Colour:
    """Return the colour that is a user's own: dark enough for white letters."""
    red, green, blue = colorsys.hls_to_rgb((user_id * 47 % 360) / 360, 0.36, 0.38)
    return round(255 * red), round(255 * green), round(255 * blue)


def svg(user: User) -> str:
    """Return the user's initial on their colour."""
    red, green, blue = colour_of(user.id)
    initial = escape(user.name.strip()[:1].upper() or user.handle[:1].upper())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" width="48" height="48">'
        f'<rect width="48" height="48" fill="rgb({red},{green},{blue})"/>'
        '<text x="24" y="32" text-anchor="middle" font-family="system-ui,sans-serif" '
        f'font-size="22" font-weight="600" fill="#fff">{initial}</text></svg>'
    )


@lru_cache(maxsize=1000)
def png(user_id: int) -> bytes:
    """Return a pattern of the user's own on their colour, the same left and right: 48 by 48."""
    bits = int.from_bytes(hashlib.sha256(str(user_id).encode()).digest()[:4], "big")
    half = CELLS // 2
    rows = [
        [bool(bits >> (row * half + place) & 1) for place in range(half)] for row in range(CELLS)
    ]
    lines = [bytes(SIDE)] * MARGIN
    for row in rows:
        cells = row + row[::-1]
        line = bytes(MARGIN) + b"".join(bytes([lit]) * CELL for lit in cells) + bytes(MARGIN)
        lines += [line] * CELL
    lines += [bytes(SIDE)] * MARGIN
    return _indexed(lines, [colour_of(user_id), (255, 255, 255)])


def _indexed(lines: list[bytes], palette: list[Colour]) -> bytes:
    """Return a PNG whose lines hold places in the palette, a byte each (PNG 1.2, colour type 3)."""
    header = struct.pack(">IIBBBBB", len(lines[0]), len(lines), 8, 3, 0, 0, 0)
    colours = b"".join(bytes(colour) for colour in palette)
    # Each line begins with its filter; 0 is none.
    packed = zlib.compress(b"".join(b"\0" + line for line in lines), 9)
    parts = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
