"""Labelled messages, and how they are parted for cross-validation."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from outreach.guidance import Context, Recipient

FOLDS = 5
SPAM_GROUPS = ("dm-spam", "other-spam")
GOOD_GROUPS = ("good", "care", "personal")
_PART_LARGER_THAN = 55
"""A source with more messages than this is a collection of many writers, and parted."""


@dataclass(frozen=True, slots=True)
class Message:
    """One labelled message."""

    id: str
    text: str
    label: str
    group: str
    kind: str
    source: str
    name: str | None

    @property
    def is_spam(self) -> bool:
        return self.label == "spam"

    @property
    def context(self) -> Context:
        """What guidance may know of the message."""
        return Context(recipient=Recipient(name=self.name)) if self.name else Context()


def load(path: Path) -> list[Message]:
    """The messages of a JSON lines file, in its order."""
    messages = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        messages.append(
            Message(
                id=str(row["id"]),
                text=row["text"],
                label=row["label"],
                group=row.get("group", row["label"]),
                kind=row.get("kind", ""),
                source=row.get("source", ""),
                name=(row.get("recipient") or {}).get("name"),
            )
        )
    return messages


def sources(messages: list[Message]) -> list[str]:
    """Each message's source; large collections are parted by their text, always the same way."""
    sizes = Counter(message.source for message in messages)
    return [
        f"{message.source}/{zlib.crc32(message.text.lower()[:40].encode()) % FOLDS}"
        if sizes[message.source] > _PART_LARGER_THAN
        else message.source
        for message in messages
    ]


def folds(parted: list[str]) -> list[int]:
    """A fold for each message; no source stands in two."""
    return [zlib.crc32(source.encode()) % FOLDS for source in parted]
