"""The clock: one SQL function, `outreach_now()`, so that all machines read the same time.

It is `clock_timestamp()` plus the session setting `outreach.clock_offset`, which only tests and
the loader of the demo workspace set (for its own transaction).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, Func


class Now(Func):
    """`outreach_now()` in a query or as a column's database default."""

    function = "outreach_now"
    arity = 0
    output_field: Any = DateTimeField()


def now() -> datetime:
    """The database's time, aware. One query; inside a transaction it still moves on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT outreach_now()")
        moment: datetime = cursor.fetchone()[0]
    return moment
