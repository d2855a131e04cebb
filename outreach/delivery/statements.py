"""How the engine speaks SQL: each statement begins with a comment that names it.

The names are what the simulation counts steps by, and what an operator reads in pg_stat_activity.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from django.db import connection


def rows(sql: str, **values: Any) -> list[SimpleNamespace]:
    """The rows that a statement returns, with its columns as attributes."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        names = [column.name for column in cursor.description]
        return [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def one(sql: str, **values: Any) -> SimpleNamespace | None:
    """The first of them, or None."""
    found = rows(sql, **values)
    return found[0] if found else None


def run(sql: str, **values: Any) -> int:
    """How many rows a statement changed."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        count: int = cursor.rowcount
        return count
