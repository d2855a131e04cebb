"""People who wrote to the brand become customers: one statement for however many they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from outreach.customers.erasing.queries import erased_among, erased_handles_among
from outreach.ground.writes import step


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person as X named them; handle and name are empty where it did not."""

    x_user_id: int
    handle: str
    name: str


_SAID = (
    "unnest(%(ids)s::bigint[], %(handles)s::text[], %(names)s::text[]) AS said(id, handle, name)"
)
_SUPPRESSED = """EXISTS (
        SELECT 1 FROM customers_suppression suppression
        WHERE suppression.workspace_id = %(workspace)s AND (suppression.x_user_id = said.id
            OR suppression.x_user_id IS NULL AND said.handle <> ''
                AND lower(suppression.handle) = lower(said.handle)))"""
_KNOWN = """EXISTS (
        SELECT 1 FROM customers_customer known
        WHERE known.workspace_id = %(workspace)s AND known.x_user_id = said.id)"""

# Somebody known by handle alone is the person whom X names by it now.
_NAMED = f"""
    UPDATE customers_customer customer SET x_user_id = said.id
    FROM {_SAID}
    WHERE customer.workspace_id = %(workspace)s AND customer.x_user_id IS NULL
        AND customer.erased_at IS NULL AND lower(customer.handle) = lower(said.handle)
        AND NOT {_KNOWN} AND NOT {_SUPPRESSED}
"""  # noqa: S608  only its own parts
_MADE = f"""
    INSERT INTO customers_customer
        (workspace_id, x_user_id, handle, name, first_name, time_zone, tags, attributes)
    SELECT %(workspace)s, said.id, said.handle,
        coalesce(nullif(said.name, ''), nullif(said.handle, ''), 'X user ' || said.id),
        '', '', '{{}}', '{{}}'
    FROM {_SAID}
    WHERE NOT {_KNOWN} AND NOT {_SUPPRESSED} AND (%(unnamed)s OR said.handle <> '')
    ORDER BY said.id
    ON CONFLICT (workspace_id, x_user_id) DO NOTHING
"""  # noqa: S608
# Locked in one order, so that those who come at once wait for each other instead of failing; with
# the rows that speak for those that were merged.
_LOCKED = """
    SELECT x_user_id, coalesce(merged_into_id, id) FROM customers_customer
    WHERE workspace_id = %(workspace)s AND id IN (
        SELECT unnest(ARRAY[id, merged_into_id]) FROM customers_customer
        WHERE workspace_id = %(workspace)s AND x_user_id = ANY (%(allowed)s::bigint[]))
    ORDER BY id FOR NO KEY UPDATE
"""


@dataclass(frozen=True, slots=True)
class Welcomed:
    """Customer ids by X user id, their rows locked, and how many of them are new.

    Where a row was merged into another, the id is that of the one that speaks for both.
    """

    customers: dict[int, int]
    made: int


@step
def welcome(workspace_id: int, people: Iterable[Somebody], *, unnamed: bool) -> Welcomed:
    """Make customers of those who are none yet, and lock them all.

    Who is suppressed or was erased, be it by handle, does not become one, nor, unless `unnamed`,
    whom X did not name; who is one already stays one.
    """
    by_id = {each.x_user_id: each for each in people}
    allowed = sorted(not_erased(workspace_id, by_id))
    handles = {by_id[x_user_id].handle for x_user_id in allowed} - {""}
    erased = erased_handles_among(workspace_id, handles)
    found = [by_id[x_user_id] for x_user_id in allowed if by_id[x_user_id].handle not in erased]
    values: dict[str, Any] = {
        "workspace": workspace_id,
        "unnamed": unnamed,
        "allowed": allowed,
        "ids": [each.x_user_id for each in found],
        "handles": [each.handle[:50] for each in found],
        "names": [each.name[:100] for each in found],
    }
    with connection.cursor() as cursor:
        cursor.execute(_NAMED, values)
        cursor.execute(_MADE, values)
        made = int(cursor.rowcount)
        cursor.execute(_LOCKED, values)
        customers = {x_user_id: pk for x_user_id, pk in cursor.fetchall() if x_user_id in by_id}
        return Welcomed(customers, made)


def not_erased(workspace_id: int, ids: Collection[int]) -> set[int]:
    """Those among `ids` who were not erased."""
    return set(ids) - erased_among(workspace_id, ids)
