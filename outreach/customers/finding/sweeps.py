"""Walking all customers that a filter finds, in committed steps: a count, or a tag for everybody.

A worker leases the sweep for as long as a step may take. Each step is one transaction that checks
the lease and whether somebody stopped it, looks at the next customers by id, and says how far it
got. So a worker that dies loses one step, which the next one does again.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import connection
from django.db.models import Q

from outreach.audit.actions import record
from outreach.customers.finding import ways
from outreach.customers.finding.criteria import Criteria, of_query
from outreach.customers.models import Sweep, SweepKind, SweepState
from outreach.ground.clock import now
from outreach.ground.writes import engine_action

LEASE = timedelta(seconds=60)
# Customers looked at in one step: a second's work, so that progress moves and a stop is heeded.
STEPS = {SweepKind.COUNT: 20_000, SweepKind.TAG: 5_000, SweepKind.UNTAG: 5_000}

_LOOKED = """
    WITH looked AS MATERIALIZED (
        SELECT id FROM customers_customer
        WHERE (workspace_id, id) > (%s, %s) AND (workspace_id, id) <= (%s, %s)
        ORDER BY workspace_id, id LIMIT %s
    )
"""
_FITS = (
    "looked JOIN LATERAL "
    "(SELECT * FROM customers_customer c WHERE c.id = looked.id LIMIT 1) c ON true"
)


def run(sweep_id: int) -> None:
    """Walk until the end, unless somebody else is at it or stops it."""
    token = lease(sweep_id)
    while token is not None and advance(sweep_id, token):
        pass


def abandoned() -> list[int]:
    """Sweeps that nobody walks: their worker died, or no wake-up came."""
    rows = Sweep.everywhere.filter(
        Q(leased_until__isnull=True) | Q(leased_until__lt=now()), state=SweepState.RUNNING
    )
    return list(rows.order_by("pk").values_list("pk", flat=True)[:20])


@engine_action
def lease(sweep_id: int) -> uuid.UUID | None:
    """Take a sweep for ourselves; None where another worker has it, or it has ended."""
    token, moment = uuid.uuid4(), now()
    free = Sweep.everywhere.filter(
        Q(leased_until__isnull=True) | Q(leased_until__lt=moment),
        pk=sweep_id,
        state=SweepState.RUNNING,
    )
    return token if free.update(token=token, leased_until=moment + LEASE) else None


@engine_action
def advance(sweep_id: int, token: uuid.UUID) -> bool:
    """One step. False where there is no further one for us: done, stopped, or leased by another."""
    sweep = Sweep.everywhere.select_for_update(no_key=True).get(pk=sweep_id)
    if sweep.state != SweepState.RUNNING or sweep.token != token:
        return False
    kind = SweepKind(sweep.kind)
    size = STEPS[kind]
    looked, up_to, changed = _look(sweep, kind, size)
    moment = now()
    sweep.done += looked
    sweep.found += changed
    sweep.up_to_id = up_to if up_to is not None else sweep.last_id
    sweep.leased_until, sweep.changed_at = moment + LEASE, moment
    if looked < size:
        sweep.state, sweep.of = SweepState.DONE, sweep.done
        _say_done(sweep, kind)
    sweep.save()
    return sweep.state == SweepState.RUNNING


def _look(sweep: Sweep, kind: SweepKind, size: int) -> tuple[int, int | None, int]:
    """How many were looked at, up to which id, and how many of them fit or were changed."""
    fits = _condition(sweep, of_query(sweep.query))
    ws = sweep.workspace_id
    given = [ws, sweep.up_to_id, ws, sweep.last_id, size]
    with connection.cursor() as cursor:
        cursor.execute(f"{_LOOKED} SELECT count(*), max(id) FROM looked", given)
        looked, up_to = cursor.fetchone()
        if kind == SweepKind.COUNT:
            text = f"{_LOOKED} SELECT count(*) FROM {_FITS} WHERE {fits.text}"
            cursor.execute(text, [*given, *fits.given])
            return int(looked), up_to, int(cursor.fetchone()[0])
        if kind == SweepKind.TAG:
            tags, missing = "tags || ARRAY[%s]::varchar[]", "NOT c.tags @> ARRAY[%s]::varchar[]"
        else:
            tags, missing = "array_remove(tags, %s::varchar)", "c.tags @> ARRAY[%s]::varchar[]"
        text = (
            f"{_LOOKED}, locked AS MATERIALIZED (SELECT c.id FROM customers_customer c "
            f"WHERE c.id IN (SELECT c.id FROM {_FITS} WHERE {fits.text} AND {missing}) "
            "ORDER BY c.id FOR NO KEY UPDATE) "
            f"UPDATE customers_customer SET tags = {tags} WHERE id IN (SELECT id FROM locked)"
        )
        cursor.execute(text, [*given, *fits.given, sweep.tag, sweep.tag])
        return int(looked), up_to, int(cursor.rowcount)


def _condition(sweep: Sweep, criteria: Criteria) -> ways.Sql:
    terms = ways.terms_of(criteria.q) if criteria.q else []
    if criteria.q and not terms:
        return ways.Sql("false")
    # Fixed when it was asked for: 'in the last 30 days' means the same for all.
    return ways.together(ways.tests_of(criteria, terms, sweep.asked_at))


def _say_done(sweep: Sweep, kind: SweepKind) -> None:
    verbs = {
        SweepKind.COUNT: "customers.counted",
        SweepKind.TAG: "customers.tagged",
        SweepKind.UNTAG: "customers.untagged",
    }
    record(
        verbs[kind],
        target_kind="sweep",
        target_id=sweep.pk,
        workspace_id=sweep.workspace_id,
        actor_id=sweep.asked_by_id,
        details={"query": sweep.query, "tag": sweep.tag, "changed": sweep.found},
    )
