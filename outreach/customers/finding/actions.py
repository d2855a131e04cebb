"""Writes of finding people: segments, tags for many, merging duplicates, who was heard of when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connection, transaction

from accounts.access import Act, Member, action
from outreach.audit.actions import record
from outreach.customers.finding import merging, ways
from outreach.customers.finding.criteria import Criteria
from outreach.customers.finding.errors import NameTaken
from outreach.customers.models import Customer, Segment, Sweep, SweepKind
from outreach.ground.runs import OPEN, cancel_at_once
from outreach.ground.writes import step

_HEARD = """
    UPDATE customers_customer SET {column} = greatest({column}, coalesce(%(at)s, outreach_now()))
    WHERE id IN (
        SELECT c.id FROM customers_customer c
        WHERE c.workspace_id = %(workspace)s AND c.id IN (
            SELECT unnest(ARRAY[them.id, them.merged_into_id]) FROM customers_customer them
            WHERE them.workspace_id = %(workspace)s AND them.{known_by} = %(who)s
        ) AND c.erased_at IS NULL
        ORDER BY c.id FOR NO KEY UPDATE
    )
"""


@step
def written_step(workspace_id: int, customer_id: int, at: datetime | None = None) -> None:
    """A letter left for a customer, by default just now.

    Locks the customer, so call it before locking a delivery.
    """
    _heard("last_written_at", "id", workspace_id, customer_id, at)


@step
def answered_step(workspace_id: int, x_user_id: int, at: datetime) -> None:
    """Somebody wrote to us; who is no customer is nobody here. Locks the customer.

    Told late, or twice, it never moves the time back.
    """
    _heard("last_answered_at", "x_user_id", workspace_id, x_user_id, at)


_ANSWERED = """
    UPDATE customers_customer customer
    SET last_answered_at = greatest(customer.last_answered_at, heard.at)
    FROM (
        SELECT rows.id, max(said.at) AS at
        FROM unnest(%(ids)s::bigint[], %(times)s::timestamptz[]) AS said (x_user_id, at)
        JOIN customers_customer them
            ON them.workspace_id = %(workspace)s AND them.x_user_id = said.x_user_id
        CROSS JOIN LATERAL unnest(ARRAY[them.id, them.merged_into_id]) AS rows (id)
        GROUP BY rows.id
    ) heard
    WHERE customer.id = heard.id AND customer.erased_at IS NULL
"""


@step
def answered_many_step(workspace_id: int, answered: Iterable[tuple[int, datetime]]) -> None:
    """The same of many, as (X user id, when they last wrote); their rows are locked already."""
    said = list(answered)
    values: dict[str, Any] = {
        "workspace": workspace_id,
        "ids": [x_user_id for x_user_id, _ in said],
        "times": [at for _, at in said],
    }
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERED, values)


def _heard(column: str, known_by: str, workspace_id: int, who: int, at: datetime | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _HEARD.format(column=column, known_by=known_by),
            {"workspace": workspace_id, "who": who, "at": at},
        )


# --- segments --------------------------------------------------------------------------------


@action(Act.WRITE)
def save_segment(member: Member, *, name: str, criteria: Criteria) -> Segment:
    """Keep a filter under a name. Raises NameTaken."""
    if Segment.objects.of(member).filter(name__iexact=name).exists():
        raise NameTaken("There is a segment of this name. Choose another name.")
    segment = Segment.objects.create(
        workspace_id=member.workspace_id,
        name=name,
        query=criteria.query,
        made_by_id=member.user_id,
    )
    _say(member, "segment.saved", "segment", segment.pk, name=name, query=segment.query)
    return segment


@action(Act.WRITE)
def remove_segment(member: Member, segment_id: int) -> Segment:
    """Forget a filter; nobody in it changes. Raises Segment.DoesNotExist."""
    segment = Segment.objects.of(member).select_for_update().get(pk=segment_id)
    _say(member, "segment.removed", "segment", segment_id, name=segment.name)
    segment.delete()
    segment.pk = segment_id
    return segment


# --- tags ------------------------------------------------------------------------------------

_TAG = """
    UPDATE customers_customer SET tags = tags || ARRAY[%(tag)s]::varchar[]
    WHERE id IN (SELECT id FROM customers_customer WHERE workspace_id = %(workspace)s
        AND id = ANY(%(ids)s) AND merged_into_id IS NULL AND erased_at IS NULL
        AND NOT tags @> ARRAY[%(tag)s]::varchar[] ORDER BY id FOR NO KEY UPDATE)
"""
_UNTAG = """
    UPDATE customers_customer SET tags = array_remove(tags, %(tag)s::varchar)
    WHERE id IN (SELECT id FROM customers_customer WHERE workspace_id = %(workspace)s
        AND id = ANY(%(ids)s) AND merged_into_id IS NULL AND tags @> ARRAY[%(tag)s]::varchar[]
        ORDER BY id FOR NO KEY UPDATE)
"""


@action(Act.WRITE)
def tag_chosen(member: Member, ids: Iterable[int], *, tag: str, away: bool = False) -> int:
    """Give the chosen customers a tag, or take it away. Returns how many changed.

    Raises Customer.DoesNotExist where one of them is no customer of the workspace.
    """
    asked = sorted(set(ids))
    if Customer.objects.of(member).filter(pk__in=asked).count() != len(asked) or not asked:
        raise Customer.DoesNotExist("Not all of these are customers of this workspace.")
    with connection.cursor() as cursor:
        cursor.execute(
            _UNTAG if away else _TAG,
            {"tag": tag, "workspace": member.workspace_id, "ids": asked},
        )
        changed = int(cursor.rowcount)
    verb = "customers.untagged" if away else "customers.tagged"
    _say(
        member, verb, "workspace", member.workspace_id,
        tag=tag, customers=",".join(map(str, asked)), changed=changed,
    )  # fmt: skip
    return changed


@action(Act.WRITE)
def tag_found(member: Member, *, criteria: Criteria, tag: str, away: bool = False) -> Sweep:
    """Begin to give everybody whom a filter finds a tag, or to take it away; a worker does it."""
    kind = SweepKind.UNTAG if away else SweepKind.TAG
    return _begin(member, kind, criteria, tag)


@action(Act.WRITE)
def count_exactly(member: Member, *, criteria: Criteria) -> Sweep:
    """Begin to count everybody whom a filter finds; a worker does it. One count at a time each."""
    running = Sweep.objects.of(member).filter(
        kind=SweepKind.COUNT, query=criteria.query, state__in=OPEN
    )
    return running.first() or _begin(member, SweepKind.COUNT, criteria, "")


@action(Act.WRITE)
def stop_sweep(member: Member, sweep_id: int) -> Sweep:
    """Stop a count or a tagging; what was tagged so far stays. Raises Sweep.DoesNotExist."""
    rows = Sweep.objects.of(member).filter(pk=sweep_id)
    stopped = cancel_at_once(rows)
    sweep = rows.get()
    if stopped:
        _say(member, "sweep.stopped", "sweep", sweep.pk, sweep=sweep.kind, changed=sweep.found)
    return sweep


def _begin(member: Member, kind: SweepKind, criteria: Criteria, tag: str) -> Sweep:
    from outreach.customers.finding.tasks import wake_sweep  # tasks import sweeps, sweeps actions

    last = ways.newest_id(member)
    sweep = Sweep.objects.create(
        workspace_id=member.workspace_id,
        kind=kind,
        query=criteria.query,
        tag=tag,
        of=ways.estimates([ways.by_id(member)])[0] if last else 0,
        last_id=last,
        started_by_id=member.user_id,
    )
    _say(member, "sweep.began", "sweep", sweep.pk, sweep=kind.value, query=sweep.query, tag=tag)
    transaction.on_commit(partial(wake_sweep, sweep.pk), robust=True)
    return sweep


# --- duplicates ------------------------------------------------------------------------------


@action(Act.WRITE)
def merge(member: Member, kept_id: int, other_id: int) -> Customer:
    """Two rows are one person: `kept_id` speaks for both from now on.

    Raises Customer.DoesNotExist, CannotMerge.
    """
    return merge_step(member.workspace_id, kept_id, other_id, actor_id=member.user_id)


@step
def merge_step(workspace_id: int, kept_id: int, other_id: int, *, actor_id: int | None) -> Customer:
    """The merge itself; see `merging.py` for what becomes of what."""
    return merging.merge(workspace_id, kept_id, other_id, actor_id=actor_id)


def _say(member: Member, verb: str, kind: str, target_id: int, **details: str | int) -> None:
    record(
        verb,
        target_kind=kind,
        target_id=target_id,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details=dict(details),
    )
