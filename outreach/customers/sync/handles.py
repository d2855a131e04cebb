"""Handles become X user ids: of customers and of stops that are known by handle alone.

Look-ups bring them, and so do pages of followers, which costs nothing more. A customer who turns
out to have a row already is folded into it: the row known by handle alone has no letters (nobody
writes to somebody without an id), so what it holds moves over and it goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from outreach.audit.actions import erase_details, record
from outreach.customers.actions import suppress_step
from outreach.customers.erasing.queries import erased_among
from outreach.customers.models import Suppression
from outreach.ground.writes import step

# Whom X did not know is asked about again after this: handles come into the world, but seldom.
ASK_AGAIN = timedelta(days=7)
# X refuses a look-up with any other in it.
POSSIBLE = "^[A-Za-z0-9_]{1,15}$"

# Handles without an id whose time to ask has come, each once; customers first, the oldest first.
DUE = """
    SELECT handle, 0 AS place, id FROM customers_customer
    WHERE workspace_id = %(workspace)s AND x_user_id IS NULL AND erased_at IS NULL
        AND handle ~ %(possible)s
        AND (not_found_at IS NULL OR not_found_at < %(before)s)
    UNION ALL
    SELECT handle, 1, id FROM customers_suppression stop
    WHERE workspace_id = %(workspace)s AND x_user_id IS NULL AND handle ~ %(possible)s
        AND (not_found_at IS NULL OR not_found_at < %(before)s)
        AND NOT EXISTS (
            SELECT FROM customers_customer bare
            WHERE bare.workspace_id = stop.workspace_id AND bare.x_user_id IS NULL
                AND lower(bare.handle) = lower(stop.handle))
"""

# Where several users showed the same handle one after the other, the last has it. Where that user's
# row was merged into another, the other one speaks for them.
BARE = """
    SELECT DISTINCT ON (bare.id) bare.id, shown.x_user_id, shown.handle, shown.name,
        coalesce(owner.merged_into_id, owner.id)
    FROM customers_customer bare
    JOIN {shown} shown ON lower(shown.handle) = lower(bare.handle)
    LEFT JOIN customers_customer owner
        ON owner.workspace_id = bare.workspace_id AND owner.x_user_id = shown.x_user_id
    WHERE bare.workspace_id = %(workspace)s AND bare.x_user_id IS NULL AND bare.erased_at IS NULL
    ORDER BY bare.id, shown.seen_at DESC
"""

STOPS = """
    SELECT DISTINCT ON (stop.id) stop.id, shown.x_user_id
    FROM customers_suppression stop
    JOIN {shown} shown ON lower(shown.handle) = lower(stop.handle)
    WHERE stop.workspace_id = %(workspace)s AND stop.x_user_id IS NULL
    ORDER BY stop.id, shown.seen_at DESC
"""

LOCK = """
    SELECT id FROM customers_customer
    WHERE id = ANY(%(ids)s) OR (workspace_id = %(workspace)s AND x_user_id = ANY(%(user_ids)s))
    ORDER BY id FOR UPDATE
"""

IDENTIFY = """
    UPDATE customers_customer bare SET x_user_id = shown.x_user_id, handle = shown.handle,
        name = coalesce(nullif(shown.name, ''), bare.name), not_found_at = NULL
    FROM unnest(%(ids)s::bigint[], %(user_ids)s::bigint[], %(handles)s::text[], %(names)s::text[])
        AS shown (id, x_user_id, handle, name)
    WHERE bare.id = shown.id
"""

# What the row that stays does not say itself; tags of both.
FOLD = (
    """
    UPDATE customers_customer kept SET
        tags = ARRAY(SELECT DISTINCT unnest(kept.tags || gone.tags) ORDER BY 1),
        attributes = gone.attributes || kept.attributes,
        first_name = coalesce(nullif(kept.first_name, ''), gone.first_name),
        time_zone = coalesce(nullif(kept.time_zone, ''), gone.time_zone),
        last_written_at = greatest(kept.last_written_at, gone.last_written_at),
        last_answered_at = greatest(kept.last_answered_at, gone.last_answered_at)
    FROM unnest(%(gone)s::bigint[], %(kept)s::bigint[]) AS pair (gone, kept)
    JOIN customers_customer gone ON gone.id = pair.gone
    WHERE kept.id = pair.kept
    """,
    """
    UPDATE customers_permission permission SET customer_id = pair.kept
    FROM unnest(%(gone)s::bigint[], %(kept)s::bigint[]) AS pair (gone, kept)
    WHERE permission.customer_id = pair.gone
    """,
    """
    UPDATE customers_followchange change SET customer_id = pair.kept
    FROM unnest(%(gone)s::bigint[], %(kept)s::bigint[]) AS pair (gone, kept)
    WHERE change.customer_id = pair.gone
    """,
    """
    UPDATE customers_optin opt_in SET customer_id = pair.kept
    FROM unnest(%(gone)s::bigint[], %(kept)s::bigint[]) AS pair (gone, kept)
    WHERE opt_in.customer_id = pair.gone AND NOT EXISTS (
        SELECT FROM customers_optin other
        WHERE other.invitation_id = opt_in.invitation_id AND other.customer_id = pair.kept)
    """,
    """
    UPDATE customers_relationship known SET customer_id = pair.kept
    FROM unnest(%(gone)s::bigint[], %(kept)s::bigint[]) AS pair (gone, kept)
    WHERE known.customer_id = pair.gone AND NOT EXISTS (
        SELECT FROM customers_relationship other
        WHERE other.x_account_id = known.x_account_id AND other.customer_id = pair.kept)
    """,
)
# Whatever still points at a row that goes, and then the row.
REMOVE = (
    """
    DELETE FROM customers_heardmessage heard USING customers_permission permission
    WHERE permission.id = heard.permission_id AND permission.customer_id = ANY(%(ids)s)
    """,
    """
    DELETE FROM customers_evidencefile file USING customers_permission permission
    WHERE permission.id = file.permission_id AND permission.customer_id = ANY(%(ids)s)
    """,
    "DELETE FROM customers_relationship WHERE customer_id = ANY(%(ids)s)",
    "DELETE FROM customers_followchange WHERE customer_id = ANY(%(ids)s)",
    "DELETE FROM customers_optin WHERE customer_id = ANY(%(ids)s)",
    "DELETE FROM customers_permission WHERE customer_id = ANY(%(ids)s)",
    """
    DELETE FROM customers_customer
    WHERE id = ANY(%(ids)s) AND x_user_id IS NULL AND erased_at IS NULL
    """,
)

NOT_FOUND = """
    UPDATE {table} SET not_found_at = %(at)s
    WHERE workspace_id = %(workspace)s AND x_user_id IS NULL AND lower(handle) = ANY(%(handles)s)
"""
IMPOSSIBLE = """
    UPDATE {table} SET not_found_at = %(at)s
    WHERE workspace_id = %(workspace)s AND x_user_id IS NULL AND handle !~ %(possible)s{living}
"""
# Each with what leaves out whoever was erased.
TABLES = {"customers_customer": " AND erased_at IS NULL", "customers_suppression": ""}


@dataclass(frozen=True, slots=True)
class _Bare:
    """A customer known by handle alone, the user who has it, and the row that user has already."""

    id: int
    x_user_id: int
    handle: str
    name: str
    owner: int | None


def due(workspace_id: int, moment: datetime) -> list[str]:
    """Handles to ask X about at that moment, as they are written here. One query."""
    with connection.cursor() as cursor:
        cursor.execute(f"{DUE} ORDER BY place, id", _due(workspace_id, moment))
        return [handle for handle, _, _ in cursor.fetchall()]


def count_due(workspace_id: int, moment: datetime) -> int:
    """How many they are. One query."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({DUE}) due", _due(workspace_id, moment))  # noqa: S608
        return int(cursor.fetchone()[0])


def _due(workspace_id: int, moment: datetime) -> dict[str, Any]:
    return {"workspace": workspace_id, "before": moment - ASK_AGAIN, "possible": POSSIBLE}


@step
def resolve(shown: str, values: dict[str, Any], workspace_id: int) -> int:
    """Give those known by handle alone the X user id of whoever has that handle in `shown`.

    `shown` is as `names.USERS`. Returns how many customers have an id now, or are part of the row
    that had it. A stop by handle becomes a stop of that user, which cancels what is queued.
    """
    parameters = values | {"workspace": workspace_id}
    with connection.cursor() as cursor:
        bare = _bare(cursor, shown, parameters)
        cursor.execute(STOPS.format(shown=shown), parameters)
        stops = dict(cursor.fetchall())
        if bare or stops:
            wanted: dict[str, Any] = {
                "ids": [each for row in bare for each in (row.id, row.owner) if each],
                "user_ids": [*(each.x_user_id for each in bare), *stops.values()],
            }
            cursor.execute(LOCK, wanted | {"workspace": workspace_id})
            locked = {pk for (pk,) in cursor.fetchall()}
            # As they are under the lock: somebody may have been erased, merged or found meanwhile.
            bare = [
                row
                for row in _bare(cursor, shown, parameters)
                if row.id in locked and (row.owner is None or row.owner in locked)
            ]
    _stop(workspace_id, stops)
    return _identify(workspace_id, bare)


def _bare(cursor: Any, shown: str, parameters: dict[str, Any]) -> list[_Bare]:
    cursor.execute(BARE.format(shown=shown), parameters)
    return [_Bare(*row) for row in cursor.fetchall()]


@step
def not_found(workspace_id: int, handles: Iterable[str], at: datetime) -> None:
    """X knows nobody of these handles: their rows say so and are left alone for some days."""
    values: dict[str, Any] = {
        "workspace": workspace_id,
        "handles": [each.lower() for each in handles],
        "at": at,
    }
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(NOT_FOUND.format(table=table), values)


@step
def not_possible(workspace_id: int, at: datetime) -> int:
    """The same for what X could not have as a handle: nobody is asked about those."""
    values: dict[str, Any] = {"workspace": workspace_id, "possible": POSSIBLE, "at": at}
    with connection.cursor() as cursor:
        found = 0
        for table, living in TABLES.items():
            cursor.execute(IMPOSSIBLE.format(table=table, living=living), values)
            found += cursor.rowcount
    return found


def without_the_erased(workspace_id: int, ids: Sequence[int]) -> Sequence[int]:
    """Those of the X user ids whom nobody erased here."""
    erased = erased_among(workspace_id, ids)
    return [each for each in ids if each not in erased]


def _identify(workspace_id: int, bare: list[_Bare]) -> int:
    welcome = set(without_the_erased(workspace_id, [each.x_user_id for each in bare]))
    erased = [each for each in bare if each.x_user_id not in welcome]
    if erased:
        # Whatever was said of the row was said of them.
        erase_details(workspace_id, "customer", [each.id for each in erased])
    folded = [each for each in bare if each.owner is not None and each.x_user_id in welcome]
    found = [each for each in bare if each.owner is None and each.x_user_id in welcome]
    with connection.cursor() as cursor:
        if folded:
            pairs: dict[str, Any] = {
                "gone": [each.id for each in folded],
                "kept": [each.owner for each in folded],
            }
            for statement in FOLD:
                cursor.execute(statement, pairs)
        gone = [each.id for each in folded + erased]
        for statement in REMOVE if gone else ():
            cursor.execute(statement, {"ids": gone})
        if found:
            identified: dict[str, Any] = {
                "ids": [each.id for each in found],
                "user_ids": [each.x_user_id for each in found],
                "handles": [each.handle for each in found],
                "names": [each.name for each in found],
            }
            cursor.execute(IDENTIFY, identified)
    if folded:
        record(
            "customers.folded",
            target_kind="workspace",
            target_id=workspace_id,
            workspace_id=workspace_id,
            details={"pairs": [[each.id, each.owner] for each in folded]},
        )
    return len(found) + len(folded)


def _stop(workspace_id: int, stops: dict[int, int]) -> None:
    """Stops by handle become stops of their users; whoever is stopped already needs no second."""
    rows = Suppression.everywhere.select_for_update().filter(pk__in=stops)
    stopped = set(
        Suppression.everywhere.filter(
            workspace_id=workspace_id, x_user_id__in=stops.values()
        ).values_list("x_user_id", flat=True)
    ) if stops else set()  # fmt: skip
    erased = erased_among(workspace_id, stops.values()) if stops else set()
    for row in rows.order_by("pk") if stops else ():
        x_user_id = stops[row.pk]
        if x_user_id in erased:
            row.delete()  # the hash that is left of them says as much
            continue
        if x_user_id in stopped:
            row.delete()
        else:
            stopped.add(x_user_id)
            row.x_user_id, row.handle, row.not_found_at = x_user_id, "", None
            row.save(update_fields=["x_user_id", "handle", "not_found_at"])
        # Letters to that user may have been queued while the stop knew a handle alone.
        suppress_step(workspace_id, x_user_id, row.reason, actor_id=None)
        record(
            "suppression.identified",
            target_kind="suppression",
            target_id=row.pk or 0,
            workspace_id=workspace_id,
            details={"x_user_id": str(x_user_id)},
        )
