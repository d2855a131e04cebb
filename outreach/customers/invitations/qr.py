"""The QR code of an invitation's link. Pure."""

from __future__ import annotations

import io
from typing import Literal

import segno

# Pixels a module: an SVG grows as it likes, a PNG of this size prints at 5 cm with 300 dpi or more.
SVG_SCALE, PNG_SCALE = 8, 20
# Modules of white around it. Source: ISO/IEC 18004, which asks for four.
BORDER = 4


def code(address: str, kind: Literal["svg", "png"]) -> bytes:
    """The code as a picture, black on white whatever the page's colours: that is what scans.

    Error correction M: a seventh may be scratched away.
    """
    made = segno.make(address, error="m", micro=False, boost_error=True)
    out = io.BytesIO()
    if kind == "svg":
        made.save(
            out, kind="svg", scale=SVG_SCALE, border=BORDER, dark="#000", light="#fff",
            svgclass=None, lineclass=None, omitsize=False,
        )  # fmt: skip
    else:
        made.save(out, kind="png", scale=PNG_SCALE, border=BORDER, dark="#000", light="#fff")
    return out.getvalue()
