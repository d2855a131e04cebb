"""Handles and names that changed: a person is followed by X user id, so a new handle is only news."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from outreach.ground.writes import step
from outreach.x.client import XUser

# As long as our columns; X's own are shorter.
LONGEST_HANDLE, LONGEST_NAME = 50, 100

# People as X shows them: rows of (x_user_id, handle, name, seen_at).
USERS = """
    (SELECT * FROM unnest(%(user_ids)s::bigint[], %(handles)s::text[], %(names)s::text[],
        %(seen)s::timestamptz[]) AS shown (x_user_id, handle, name, seen_at))
"""

# Only where something is different, and where nobody looked later than this.
KEEP = """
    WITH other AS (
        SELECT customer.id, shown.handle, coalesce(nullif(shown.name, ''), customer.name) AS name,
            lower(customer.handle) <> lower(shown.handle) AS renamed
        FROM customers_customer customer
        JOIN {shown} shown ON shown.x_user_id = customer.x_user_id
        WHERE customer.workspace_id = %(workspace)s
            AND (customer.handle <> shown.handle
                OR customer.name <> coalesce(nullif(shown.name, ''), customer.name))
            AND NOT EXISTS (
                SELECT FROM customers_relationship known
                WHERE known.customer_id = customer.id AND known.checked_at > shown.seen_at)
        ORDER BY customer.id FOR NO KEY UPDATE OF customer
    ), kept AS (
        UPDATE customers_customer customer SET handle = other.handle, name = other.name
        FROM other WHERE other.id = customer.id
    )
    SELECT count(*) FROM other WHERE renamed
"""


def shown(users: Sequence[XUser], seen_at: datetime) -> dict[str, Any]:
    """The parameters of `USERS`."""
    return {
        "user_ids": [user.id for user in users],
        "handles": [clean(user.handle, LONGEST_HANDLE) for user in users],
        "names": [clean(user.name, LONGEST_NAME) for user in users],
        "seen": [seen_at] * len(users),
    }


def clean(text: str, longest: int) -> str:
    """What X shows as a database can hold it: no NUL, no half of a surrogate pair, no longer."""
    whole = text.replace("\0", "").encode("utf-8", "ignore").decode()
    return whole[:longest]


@step
def keep(source: str, values: dict[str, Any], workspace_id: int) -> int:
    """Take over the present handles and names of those customers in `source` (as USERS has them).

    Returns how many have another handle than they had.
    """
    with connection.cursor() as cursor:
        cursor.execute(KEEP.format(shown=source), values | {"workspace": workspace_id})
        return int(cursor.fetchone()[0])


@step
def keep_of(users: Iterable[XUser], seen_at: datetime, workspace_id: int) -> int:
    """The same for users that a look-up brought."""
    return keep(USERS, shown(list(users), seen_at), workspace_id)
