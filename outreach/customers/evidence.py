"""Evidence files: what may be one, told by its bytes and not by its name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from outreach.customers.models import EvidenceKind

# How a file of each kind begins. Source: the formats' own specifications.
_BEGINS = {
    EvidenceKind.PNG: b"\x89PNG\r\n\x1a\n",
    EvidenceKind.JPEG: b"\xff\xd8\xff",
    EvidenceKind.PDF: b"%PDF-",
}
_ENDINGS = {
    EvidenceKind.PNG: ".png",
    EvidenceKind.JPEG: ".jpg",
    EvidenceKind.PDF: ".pdf",
    EvidenceKind.TEXT: ".txt",
}
# What PostgreSQL, a header or a file system could stumble over.
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff/\\\\\"<>:|?*]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def kind_of(content: bytes) -> EvidenceKind | None:
    """What the bytes are; None where they are nothing that is kept. Text is UTF-8."""
    for kind, begins in _BEGINS.items():
        if content.startswith(begins):
            return kind
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if not text.strip() or _CONTROL.search(text) else EvidenceKind.TEXT


def safe_name(name: str, kind: EvidenceKind) -> str:
    """The name to keep: no path, nothing that hides or breaks, an ending that is true."""
    bare = _UNSAFE.sub("", PurePosixPath(name.replace("\\", "/")).name).strip(" .")
    stem = bare.rsplit(".", 1)[0].strip(" .")[:90] or "evidence"
    return stem + _ENDINGS[kind]
