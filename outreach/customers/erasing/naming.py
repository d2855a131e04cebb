"""Whether a text names somebody: for what is kept of words alone, such as a search or a file's name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus

# Thai, Lao, Myanmar and Khmer; kana, Chinese characters and Hangul, to whose words endings are tied.
_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)


class Names:
    """What somebody is called. A name is found whole, in any case, with or without its accents."""

    def __init__(self, names: Iterable[str]) -> None:
        said = sorted({_folded(name) for name in names} - {""})
        self._found = re.compile("|".join(whole(name, r"(?<!\w)", r"(?!\w)") for name in said))
        self._anybody = bool(said)

    def stand_in(self, *texts: str) -> bool:
        """Whether one of the texts names them; also as an address writes it."""
        return self._anybody and any(
            self._found.search(_folded(form))
            for text in texts
            for form in {text, unquote_plus(text)}
        )

    def stand_in_details(self, details: Any) -> bool:
        """The same of an audit event's details: of their texts, however deep."""
        if isinstance(details, str):
            return self.stand_in(details)
        if isinstance(details, dict):
            return any(self.stand_in_details(each) for each in [*details, *details.values()])
        if isinstance(details, list):
            return any(self.stand_in_details(each) for each in details)
        return False


def whole(name: str, before: str = r"(^|\W)", after: str = r"($|\W)") -> str:
    """A regular expression for a name as a word of its own; as PostgreSQL reads it, unless said.

    Where words are written without spaces, wherever it stands.
    """
    escaped = re.escape(name)
    return escaped if _WITHOUT_SPACES.search(name) else f"{before}{escaped}{after}"


def _folded(text: str) -> str:
    """Small letters without accents; spaces single."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in apart if not unicodedata.combining(c)).split())
