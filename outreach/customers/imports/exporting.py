"""Customers as CSV that an import takes back and calls unchanged."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from accounts.access import Member
from outreach.customers.imports.columns import ATTRIBUTE
from outreach.customers.imports.queries import Echo, defused

HEADER = (
    "Handle", "X user id", "Name", "First name", "Tags", "Time zone", "Permission",
    "Permission date", "Permission place", "Permission evidence", "Said stop",
)  # fmt: skip
PAGE = 2_000

_KEYS = """
    SELECT DISTINCT jsonb_object_keys(attributes) AS key FROM customers_customer
    WHERE workspace_id = %(workspace)s AND merged_into_id IS NULL ORDER BY key
"""
_ROWS = """
    SELECT customer.id, customer.handle, customer.x_user_id, customer.name, customer.first_name,
        customer.tags::text[], customer.time_zone, permission.basis, permission.given_at,
        permission.place, permission.evidence, suppression.reason,
        ARRAY(SELECT coalesce(customer.attributes ->> key, '')
            FROM unnest(%(keys)s::text[]) WITH ORDINALITY AS asked(key, place) ORDER BY place)
    FROM (SELECT * FROM customers_customer
        WHERE workspace_id = %(workspace)s AND id > %(after)s
            AND merged_into_id IS NULL AND erased_at IS NULL
        ORDER BY id LIMIT %(page)s) customer
    LEFT JOIN LATERAL (SELECT * FROM customers_permission permission
        WHERE permission.customer_id = customer.id AND permission.withdrawn_at IS NULL
        ORDER BY given_at DESC LIMIT 1) permission ON true
    LEFT JOIN LATERAL (SELECT reason FROM customers_suppression suppression
        WHERE suppression.workspace_id = %(workspace)s
            AND (suppression.x_user_id = customer.x_user_id
                OR (customer.x_user_id IS NULL AND suppression.x_user_id IS NULL
                    AND lower(suppression.handle) = lower(customer.handle)))
        LIMIT 1) suppression ON true
    ORDER BY customer.id
"""


def keys_of(member: Member) -> list[str]:
    """The merge fields that the workspace's customers have. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_KEYS, {"workspace": member.workspace_id})
        return [row[0] for row in cursor.fetchall()]


def lines(member: Member, keys: Sequence[str]) -> Iterator[str]:
    """Every customer as a line of CSV, formulas defused, in pages by id: memory stays flat.

    A row that was merged into another has no line of its own: the other one's speaks for it.
    """
    write = csv.writer(Echo()).writerow
    yield write([*HEADER, *(ATTRIBUTE + " " + key for key in keys)])
    after = 0
    while True:
        values: dict[str, Any] = {
            "workspace": member.workspace_id, "keys": list(keys), "after": after, "page": PAGE,
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_ROWS, values)
            rows = cursor.fetchall()
        if not rows:
            return
        after = rows[-1][0]
        yield "".join(write(_cells(row)) for row in rows)


def _cells(row: tuple[Any, ...]) -> list[str]:
    (
        _,
        handle,
        x_user_id,
        name,
        first,
        tags,
        zone,
        basis,
        given_at,
        place,
        evidence,
        stop,
        said,
    ) = row
    return [
        handle,
        # Marked as text: a spreadsheet rounds whole numbers of more than fifteen digits.
        f"'{x_user_id}" if x_user_id else "",
        defused(name),
        defused(first),
        defused(", ".join(tags)),
        zone,
        (basis or "").replace("_", " "),
        given_at.isoformat() if given_at else "",
        defused(place or ""),
        defused(evidence or ""),
        defused(stop or ""),
        *map(defused, said),
    ]
