"""Writing audit events, and sealing them into the chain."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import connection

from outreach.audit.models import (
    GENESIS,
    AuditDetail,
    AuditEvent,
    AuditSeal,
    AuditUnsealed,
    canonical,
    digest_of,
)
from outreach.ground.writes import engine_action, step

# One sealer at a time: an arbitrary number that names this advisory lock.
SEALER_LOCK = 0x0A0D17

# An event and what it says beyond its row, in one statement: several stand in the way of each
# letter. The time is the column's default.
RECORD = """
    /* audit: record an event with its details */
    WITH event AS (
        INSERT INTO audit_auditevent
            (workspace_id, actor_id, verb, target_kind, target_id, details_digest)
        VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
    )
    INSERT INTO audit_auditdetail (event_id, salt, details)
    SELECT id, %s, %s::jsonb FROM event RETURNING event_id
"""


@step
def record(
    verb: str,
    *,
    target_kind: str,
    target_id: int,
    workspace_id: int | None,
    actor_id: int | None = None,
    details: dict[str, Any] | None = None,
) -> int:
    """Write down that something was done, in the transaction that does it; the event's id.

    `actor_id` is None where the product acted by itself. `details` must be JSON without floats
    (TypeError) and may hold personal data: it can be erased without breaking the chain.
    """
    salt = os.urandom(16)
    said = details or {}
    _refuse_unstable(said)
    digest = digest_of(salt, said)
    with connection.cursor() as cursor:
        cursor.execute(
            RECORD,
            [
                *(workspace_id, actor_id, verb, target_kind, target_id, digest),
                *(salt, canonical(said).decode()),
            ],
        )
        event_id: int = cursor.fetchone()[0]
    return event_id


@step
def record_all(
    verb: str,
    *,
    target_kind: str,
    targets: Mapping[int, dict[str, Any]],
    workspace_id: int | None,
    actor_id: int | None = None,
) -> None:
    """Write down that the same was done to many things at once: an event each, with its details.

    Two statements however many there are. TypeError as in `record`.
    """
    for said in targets.values():
        _refuse_unstable(said)
    salts = {target_id: os.urandom(16) for target_id in targets}
    events = AuditEvent.objects.bulk_create(
        AuditEvent(
            workspace_id=workspace_id,
            actor_id=actor_id,
            verb=verb,
            target_kind=target_kind,
            target_id=target_id,
            details_digest=digest_of(salts[target_id], said),
        )
        for target_id, said in targets.items()
    )
    AuditDetail.objects.bulk_create(
        AuditDetail(event=event, salt=salts[event.target_id], details=targets[event.target_id])
        for event in events
    )


@step
def erase_details(workspace_id: int, target_kind: str, target_ids: Iterable[int]) -> int:
    """Take away what a workspace's events say beyond their rows about these; the chain stays whole.

    Returns how many events lost their details.
    """
    gone, _ = AuditDetail.objects.filter(
        event__workspace_id=workspace_id,
        event__target_kind=target_kind,
        event__target_id__in=list(target_ids),
    ).delete()
    return gone


@step
def erase_details_saying(workspace_id: int, target_kind: str, key: str, value: str) -> int:
    """The same for events about nobody's row (target 0) whose details say `value` under `key`."""
    gone, _ = AuditDetail.objects.filter(
        event__workspace_id=workspace_id,
        event__target_kind=target_kind,
        event__target_id=0,
        **{f"details__{key}": value},
    ).delete()
    return gone


@step
def erase_details_where(
    workspace_id: int, target_kinds: Iterable[str], says: Callable[[dict[str, Any]], bool]
) -> int:
    """The same for events about things of these kinds whose details say something.

    Reads all of them: for kinds of which there are few. Returns how many.
    """
    rows = AuditDetail.objects.filter(
        event__workspace_id=workspace_id, event__target_kind__in=list(target_kinds)
    )
    found = [event for event, said in rows.values_list("event_id", "details") if says(said)]
    gone, _ = AuditDetail.objects.filter(pk__in=found).delete()
    return gone


def _refuse_unstable(value: Any) -> None:
    """What PostgreSQL's JSON gives back in another form, so that its digest would differ."""
    if isinstance(value, float):
        raise TypeError(f"Details hold the float {value}: say it as a string or a whole number.")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"Details have the key {key!r}, which is no string.")
            _refuse_unstable(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _refuse_unstable(inner)


@engine_action
def seal(limit: int = 1000) -> int:
    """Chain up to `limit` committed events that wait for it. Returns how many it sealed.

    Serialised by an advisory lock for the length of this transaction; whoever finds it taken
    returns 0, since somebody is at it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SEALER_LOCK])
        if not cursor.fetchone()[0]:
            return 0
    waiting = list(AuditUnsealed.objects.order_by("event_id").values_list("pk", flat=True)[:limit])
    if not waiting:
        return 0
    head = AuditSeal.objects.order_by("-position").first()
    position, previous = (head.position, bytes(head.chain_hash)) if head else (0, GENESIS)
    seals = []
    for event in AuditEvent.objects.filter(pk__in=waiting).order_by("pk"):
        position += 1
        previous = event.chained_after(previous)
        seals.append(AuditSeal(position=position, event=event, chain_hash=previous))
    AuditSeal.objects.bulk_create(seals)
    AuditUnsealed.objects.filter(pk__in=waiting).delete()
    return len(seals)
