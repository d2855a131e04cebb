"""Reading the audit log, and proving that none of it was altered or removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from outreach.audit.models import GENESIS, AuditEvent, AuditSeal
from outreach.ground.scope import Scope


@dataclass(frozen=True, slots=True)
class Verdict:
    """What walking the chain found. `faults` is empty when the log is whole."""

    sealed: int
    head: str
    unsealed: int
    oldest_unsealed: datetime | None
    erased_details: int
    faults: list[str] = field(default_factory=list)


def verify(most_faults: int = 20) -> Verdict:
    """Walk the whole chain from its beginning. Time grows with the log; memory does not."""
    faults: list[str] = []
    previous, expected, erased = GENESIS, 0, 0
    seals = AuditSeal.objects.select_related("event__detail").order_by("position")
    for seal in seals.iterator(chunk_size=2000):
        expected += 1
        if seal.position != expected:
            faults.append(f"Positions {expected} to {seal.position - 1} are gone.")
            expected = seal.position
        event = seal.event
        link = event.chained_after(previous)
        if link != bytes(seal.chain_hash):
            faults.append(f"Event {event.pk} ({event.verb}, position {seal.position}) was altered.")
        # Going on from what is stored names each altered event once, not all that follow it.
        previous = bytes(seal.chain_hash)
        detail = getattr(event, "detail", None)
        if detail is None:
            erased += 1
        elif detail.digest() != bytes(event.details_digest):
            faults.append(f"The details of event {event.pk} ({event.verb}) were altered.")
        if len(faults) >= most_faults:
            break
    tail = AuditEvent.objects.filter(seal__isnull=True).order_by("pk")
    oldest = tail.first()
    return Verdict(
        sealed=expected,
        head=previous.hex(),
        unsealed=tail.count(),
        oldest_unsealed=oldest.at if oldest else None,
        erased_details=erased,
        faults=faults,
    )


def events_of(scope: Scope, *, before: int | None = None, limit: int = 50) -> list[AuditEvent]:
    """A workspace's events, newest first, with actor and details; `before` pages by event id."""
    rows: QuerySet[AuditEvent, Any] = AuditEvent.objects.filter(workspace_id=scope.workspace_id)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.select_related("actor", "detail").order_by("-pk")[:limit])


def events_about(
    scope: Scope, target_kind: str, target_ids: Iterable[int], *, verb: str = ""
) -> Iterator[tuple[AuditEvent, dict[str, Any] | None]]:
    """Every event of a workspace about these, oldest first, with its details (None: erased).

    `verb`: those of one act alone.
    """
    rows = AuditEvent.objects.filter(
        workspace_id=scope.workspace_id, target_kind=target_kind, target_id__in=list(target_ids)
    )
    if verb:
        rows = rows.filter(verb=verb)
    for event in rows.select_related("actor", "detail").order_by("pk"):
        detail = getattr(event, "detail", None)
        yield event, detail.details if detail else None
