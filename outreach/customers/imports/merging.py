"""The one write of an import: all of it in one transaction, by sets.

Newcomers go in first and the locks on customers who are there come last, so that letters to them
wait as short a time as can be.
"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, connection

from outreach.customers.actions import suppress_step
from outreach.customers.imports.comparing import execute_on
from outreach.customers.imports.staging import execute, execute_of
from outreach.ground.writes import step

INSERT = """
    INSERT INTO customers_customer
        (id, workspace_id, x_user_id, handle, name, first_name, time_zone, tags, attributes)
    SELECT staged.new_id, %(workspace)s, staged.x_user_id, staged.handle,
        coalesce(staged.name, staged.handle), coalesce(staged.first_name, ''),
        coalesce(staged.time_zone, ''), coalesce(staged.tags, '{}'),
        coalesce(staged.attributes, '{}')
    FROM {staged} staged
    WHERE NOT EXISTS (SELECT FROM import_found found WHERE found.line = staged.line)
"""
# In the order of their ids, as whoever else locks several does. Whoever was erased or merged since
# they were compared is somebody else now.
LOCK = """
    SELECT count(*) FROM (
        SELECT erased_at, merged_into_id FROM customers_customer
        WHERE id IN (SELECT customer_id FROM import_changes) ORDER BY id FOR NO KEY UPDATE
    ) locked
    WHERE erased_at IS NOT NULL OR merged_into_id IS NOT NULL
"""
UPDATE = """
    UPDATE customers_customer customer SET
        x_user_id = coalesce(customer.x_user_id, staged.x_user_id),
        name = CASE WHEN changes.renamed THEN staged.name ELSE customer.name END,
        first_name = coalesce(staged.first_name, customer.first_name),
        time_zone = coalesce(staged.time_zone, customer.time_zone),
        tags = customer.tags || ARRAY(
            SELECT tag FROM unnest(staged.tags) WITH ORDINALITY AS given(tag, place)
            WHERE tag <> ALL(customer.tags) ORDER BY place)::varchar[],
        attributes = customer.attributes || coalesce(staged.attributes, '{}')
    FROM import_changes changes JOIN {staged} staged ON staged.line = changes.line
    WHERE customer.id = changes.customer_id AND changes.profile
"""
PERMIT = """
    INSERT INTO customers_permission
        (workspace_id, customer_id, basis, given_at, place, evidence, recorded_by_id)
    SELECT %(workspace)s, coalesce(found.customer_id, staged.new_id), staged.basis,
        staged.given_at, coalesce(staged.place, ''), staged.evidence, %(actor)s
    FROM {staged} staged
    LEFT JOIN import_found found ON found.line = staged.line
    LEFT JOIN import_changes changes ON changes.line = staged.line
    WHERE staged.basis IS NOT NULL AND (found.line IS NULL OR changes.permitted)
"""
# Somebody stopped by handle alone, whose X user id the file brings, stays stopped by that id.
STOPS = """
    SELECT coalesce(customer.x_user_id, staged.x_user_id), coalesce(staged.handle, ''),
        coalesce(staged.stop, earlier.reason), customer.id IS NOT NULL
    FROM {staged} staged
    LEFT JOIN import_found found ON found.line = staged.line
    LEFT JOIN customers_customer customer ON customer.id = found.customer_id
    LEFT JOIN customers_suppression earlier
        ON earlier.workspace_id = %(workspace)s AND earlier.x_user_id IS NULL
        AND lower(earlier.handle) = staged.key
        AND staged.x_user_id IS NOT NULL
    LEFT JOIN customers_suppression standing
        ON standing.workspace_id = %(workspace)s
        AND standing.x_user_id = coalesce(customer.x_user_id, staged.x_user_id)
    WHERE (staged.stop IS NOT NULL OR earlier.id IS NOT NULL) AND standing.id IS NULL
    ORDER BY customer.id, staged.line
"""
STOP_NEW = """
    INSERT INTO customers_suppression (workspace_id, x_user_id, handle, reason, recorded_by_id)
    SELECT %(workspace)s, said.x_user_id, said.handle, said.reason, %(actor)s
    FROM unnest(%(ids)s::bigint[], %(handles)s::text[], %(reasons)s::text[])
        AS said(x_user_id, handle, reason)
    ON CONFLICT DO NOTHING
"""


@step
def merge(run_id: int, workspace_id: int, actor_id: int | None) -> int:
    """Write what `compare` found, in the same transaction as that. Returns how many it stopped.

    Raises IntegrityError where somebody else made one of the newcomers meanwhile, or erased or
    merged one of those who change.
    """
    values: dict[str, Any] = {"workspace": workspace_id, "actor": actor_id}
    execute_of(run_id, INSERT, **values)
    _lock(run_id)
    stops = _stops(run_id, values)
    execute_of(run_id, UPDATE, **values)
    execute_of(run_id, PERMIT, **values)
    _suppress(stops, values)
    return len(stops)


def _lock(run_id: int) -> None:
    with connection.cursor() as cursor:
        execute_on(cursor, run_id, LOCK)
        if cursor.fetchone()[0]:
            raise IntegrityError("a customer was erased or merged meanwhile")


def _stops(run_id: int, values: dict[str, Any]) -> list[tuple[int | None, str, str, bool]]:
    """(X user id, handle, reason, whether they are a customer already) of whom to suppress."""
    with connection.cursor() as cursor:
        execute_on(cursor, run_id, STOPS, **values)
        return list(cursor.fetchall())


def _suppress(stops: list[tuple[int | None, str, str, bool]], values: dict[str, Any]) -> None:
    by_set = []
    for x_user_id, handle, reason, is_customer in stops:
        if is_customer and x_user_id is not None:
            # Something may be queued for them: it is cancelled in this transaction.
            suppress_step(values["workspace"], x_user_id, reason, actor_id=values["actor"])
        else:
            by_set.append((x_user_id, "" if x_user_id else handle, reason))
    if by_set:
        ids, handles, reasons = (list(column) for column in zip(*by_set, strict=True))
        execute(STOP_NEW, values | {"ids": ids, "handles": handles, "reasons": reasons})
