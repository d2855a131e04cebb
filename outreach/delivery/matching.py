"""The normal form of a letter's words, in which what we sent and what X shows are the same."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# X shows a link in full where we wrote it bare.
_SCHEME = re.compile(r"\bhttps?://(?=[^\s/])", re.IGNORECASE)
_HOST = re.compile(
    r"""(?<![\w@./-])((?:[a-z0-9-]+\.)+[a-z]{2,})(/(?=[\s.,;:!?)\]"'’”»]|$))?""", re.IGNORECASE
)


def words_key(text: str) -> bytes:
    """SHA-256 of the words' normal form: Unicode composed, line ends alike, ends trimmed, links bare.

    `text` with t.co links expanded and entities unescaped, as x.payloads and x.answers give it.
    """
    words = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    words = _SCHEME.sub("", words.strip())
    # A host has no capitals, and a slash behind it that says nothing more is X's.
    words = _HOST.sub(lambda host: host.group(1).lower(), words)
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).digest()
