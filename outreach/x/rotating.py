"""Everything that is encrypted, encrypted anew under the newest key while the product runs.

A row is changed only where its ciphertexts are still those that were read, so that a pair which a
refresh stores meanwhile is never replaced by the one before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from outreach.x.models import Consent, XApp, XToken
from outreach.x.tokens import TokenKeyMissing, renewed

BATCH = 100
# A row that somebody else changes each time we look is left for the next run.
TRIES = 10


@dataclass(frozen=True, slots=True)
class Kind:
    """One table and its encrypted columns; an empty one holds nothing."""

    name: str
    rows: models.Manager[Any]
    columns: tuple[str, ...]


# Rooms above add their own when Django starts.
KINDS = [
    Kind("token pairs", XToken.objects, ("access_token", "refresh_token")),
    Kind("X apps", XApp.objects, ("client_secret", "bearer_token", "consumer_secret")),
    Kind("consents", Consent.everywhere, ("verifier",)),
]


def also(kind: Kind) -> None:
    """Have another room's encrypted rows rotated with the others."""
    if kind not in KINDS:
        KINDS.append(kind)


@dataclass(slots=True)
class Count:
    """What became of the rows of one kind; `unreadable`: no key opens them, so they stay."""

    renewed: int = 0
    current: int = 0
    unreadable: int = 0
    moving: int = 0
    ids: list[int] = field(default_factory=list)  # of the unreadable ones


def rotate(kind: Kind) -> Count:
    """Encrypt all rows of a kind anew. Repeatable: what is current already is left alone.

    Raises TokenKeyMissing where TOKEN_KEYS itself is of no use.
    """
    count = Count()
    for pk in _ids(kind):
        match _rotate_one(kind, pk):
            case "renewed":
                count.renewed += 1
            case "current":
                count.current += 1
            case "unreadable":
                count.unreadable += 1
                count.ids.append(pk)
            case "moving":
                count.moving += 1
    return count


def _rotate_one(kind: Kind, pk: int) -> str:
    rows = kind.rows.filter(pk=pk)
    for _ in range(TRIES):
        found = rows.values(*kind.columns).first()
        if found is None:
            return "gone"
        read = {column: bytes(value) for column, value in found.items()}
        try:
            made = {column: renewed(value) for column, value in read.items() if value}
        except TokenKeyMissing:
            return "unreadable"
        changed = {column: value for column, value in made.items() if value != read[column]}
        if not changed:
            return "current"
        if rows.filter(**read).update(**changed):
            return "renewed"
    return "moving"


def _ids(kind: Kind) -> Iterator[int]:
    """Every row's id, a batch at a time, so that nothing is held open while we work."""
    last = 0
    while batch := list(
        kind.rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]
    ):
        yield from batch
        last = batch[-1]
