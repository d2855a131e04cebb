"""What X said about an account and many customers, stored at once, with what changed by it.

`told` is SQL for rows of (customer_id, following, followed_by, accepts_dms, reachable, seen_at): a
table's name, or a query in parentheses. Whatever is stored keeps three rules: what was seen earlier
never overwrites what was seen later, nor what an event said since; and rows are locked in the order
of their customers, so that two who store at once wait for each other and never for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from outreach.ground.writes import step

LOCK = """
    SELECT count(*) FROM (
        SELECT known.id FROM customers_relationship known
        JOIN {told} told ON told.customer_id = known.customer_id
        WHERE known.x_account_id = %(account)s
        ORDER BY known.customer_id FOR NO KEY UPDATE OF known
    ) locked
"""

# Who is not at X now has not ceased to follow: suspended today, they may be back tomorrow. What is
# told of a row that was merged changes its own relationship, and is news of the one that speaks.
NOTE_CHANGES = """
    WITH noted AS (
        INSERT INTO customers_followchange (workspace_id, x_account_id, customer_id, run_id,
            by_brand, holds, before, by)
        SELECT known.workspace_id, known.x_account_id,
            (SELECT coalesce(customer.merged_into_id, customer.id)
            FROM customers_customer customer WHERE customer.id = known.customer_id), %(run)s,
            each.by_brand, each.holds, greatest(known.checked_at, each.heard_at), told.seen_at
        FROM customers_relationship known
        JOIN {told} told ON told.customer_id = known.customer_id
        CROSS JOIN LATERAL (VALUES
            (false, told.followed_by, known.followed_by, known.followed_by_heard_at),
            (true, told.following, known.following, known.following_heard_at)
        ) AS each (by_brand, holds, held, heard_at)
        WHERE known.x_account_id = %(account)s AND each.holds <> each.held
            AND known.checked_at <= told.seen_at
            AND (each.heard_at IS NULL OR each.heard_at <= told.seen_at)
            AND known.reachable AND told.reachable
        RETURNING by_brand, holds
    )
    SELECT count(*) FILTER (WHERE holds), count(*) FILTER (WHERE NOT holds)
    FROM noted WHERE NOT by_brand
"""

STORE = """
    INSERT INTO customers_relationship AS known (workspace_id, x_account_id, customer_id,
        following, followed_by, accepts_dms, reachable, checked_at)
    SELECT %(workspace)s, %(account)s, told.customer_id,
        told.following, told.followed_by, told.accepts_dms, told.reachable, told.seen_at
    FROM {told} told
    ORDER BY told.customer_id
    ON CONFLICT ON CONSTRAINT one_relationship DO UPDATE SET
        following = CASE WHEN known.following_heard_at > EXCLUDED.checked_at
            THEN known.following ELSE EXCLUDED.following END,
        followed_by = CASE WHEN known.followed_by_heard_at > EXCLUDED.checked_at
            THEN known.followed_by ELSE EXCLUDED.followed_by END,
        accepts_dms = EXCLUDED.accepts_dms, reachable = EXCLUDED.reachable,
        checked_at = EXCLUDED.checked_at
    WHERE known.checked_at <= EXCLUDED.checked_at
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """How many relationships were written, and how many customers began or ceased to follow."""

    rows: int
    began: int
    ceased: int


# With an account's id: who holds it alone takes over whole lists.
MERGING = 0x0F0110


class Merging(Exception):  # noqa: N818  says what is under way
    """Whole lists of this account are being taken over; come back in a moment."""


@step
def take_over_alone(x_account_id: int) -> None:
    """Until this transaction ends no event about a follow of the account is handed on.

    One that was came before, and is found among the events; one that is later finds the rows that
    this transaction makes.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [MERGING, x_account_id])


@step
def beside_no_merge(x_account_id: int) -> None:
    """Until this transaction ends nobody takes over whole lists. Raises Merging; never waits.

    Whoever hands on events must not be held up: it hears 'stop' as well.
    """
    with connection.cursor() as cursor:
        sql = "SELECT pg_try_advisory_xact_lock_shared(%s, %s)"
        cursor.execute(sql, [MERGING, x_account_id])
        if not cursor.fetchone()[0]:
            raise Merging


@step
def store(
    told: str,
    values: dict[str, Any],
    *,
    workspace_id: int,
    x_account_id: int,
    run_id: int | None = None,
) -> Stored:
    """Store what `told` says; `values` are the parameters of its SQL."""
    parameters = values | {"workspace": workspace_id, "account": x_account_id, "run": run_id}
    with connection.cursor() as cursor:
        cursor.execute(LOCK.format(told=told), parameters)
        cursor.execute(NOTE_CHANGES.format(told=told), parameters)
        began, ceased = cursor.fetchone()
        cursor.execute(STORE.format(told=told), parameters)
        return Stored(cursor.rowcount, began, ceased)
