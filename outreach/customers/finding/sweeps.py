"""Walking all customers that a filter finds, in committed steps: a count, or a tag for everybody.

Each step is one transaction that looks at the next customers by id and says how far it got
(outreach/ground/runs.py). So a worker that dies loses one step, which the next one does again.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

from django.db import connection

from outreach.audit.actions import record
from outreach.customers.finding import ways
from outreach.customers.finding.criteria import Criteria, of_query
from outreach.customers.models import Sweep, SweepKind
from outreach.ground.runs import RunLost, RunState, end, keep, take
from outreach.ground.writes import engine_action

log = logging.getLogger("outreach.customers")

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
    token = take(Sweep, sweep_id)
    try:
        while token is not None and advance(sweep_id, token):
            pass
    except RunLost:
        log.info("sweep %s: another worker has it, or it was stopped", sweep_id)


@engine_action
def advance(sweep_id: int, token: uuid.UUID) -> bool:
    """One step; whether there is a further one. Raises RunLost where it was stopped, or taken."""
    keep(Sweep, sweep_id, token)  # the row first: whoever lost it changes nothing
    sweep = Sweep.everywhere.get(pk=sweep_id)
    kind = SweepKind(sweep.kind)
    size = STEPS[kind]
    looked, up_to, changed = _look(sweep, kind, size)
    sweep.done += looked
    sweep.found += changed
    got: dict[str, Any] = {
        "done": sweep.done,
        "found": sweep.found,
        "up_to_id": up_to if up_to is not None else sweep.last_id,
    }
    if looked == size:
        keep(Sweep, sweep_id, token, **got)
        return True
    end(Sweep, sweep_id, token, RunState.DONE, of=sweep.done, **got)
    _say_done(sweep, kind)
    return False


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
    return ways.together(ways.tests_of(criteria, terms, sweep.created_at))


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
        actor_id=sweep.started_by_id,
        details={"query": sweep.query, "tag": sweep.tag, "changed": sweep.found},
    )
