"""How the engine speaks SQL: each statement begins with a comment that names it.

The names are what the simulation counts steps by, and what an operator reads in pg_stat_activity.

Statements are prepared, each once a connection: to plan the claim's largest one takes PostgreSQL
ten times as long as to execute it.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from itertools import count
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

_VALUE = re.compile(r"%\((\w+)\)s")
_COMMENT = re.compile(r"\s*(/\*.*?\*/)")

# The statements that are prepared on each of psycopg2's connections.
_prepared: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


def plan_once(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Have PostgreSQL plan a prepared statement once, not anew for each of its first executions.

    All of them go by an index for whatever values they get.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plan_cache_mode', 'force_generic_plan', false)")


def rows(sql: str, **values: Any) -> list[SimpleNamespace]:
    """The rows that a statement returns, with its columns as attributes."""
    with connection.cursor() as cursor:
        _execute(cursor, sql, values)
        names = [column.name for column in cursor.description]
        return [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def one(sql: str, **values: Any) -> SimpleNamespace | None:
    """The first of them, or None."""
    found = rows(sql, **values)
    return found[0] if found else None


def run(sql: str, **values: Any) -> int:
    """How many rows a statement changed."""
    with connection.cursor() as cursor:
        _execute(cursor, sql, values)
        changed: int = cursor.rowcount
        return changed


def _execute(cursor: CursorWrapper, sql: str, values: dict[str, Any]) -> None:
    name, prepare, execute = _as_prepared(sql)
    known = _prepared.setdefault(connection.connection, set())
    if name not in known:
        # Not by Django's cursor: it is no step of whoever counts or interrupts those. What is
        # prepared stays so when the transaction is rolled back.
        # A connection that is lost here is to be told apart by whoever writes down X's answer.
        with connection.wrap_database_errors, connection.connection.cursor() as plain:
            plain.execute(prepare)
        known.add(name)
    cursor.execute(execute, values)


@lru_cache(maxsize=512)
def _as_prepared(sql: str) -> tuple[str, str, str]:
    """A name for the statement, how it is prepared under it, and how it is executed with values."""
    name = f"outreach_{hashlib.sha256(sql.encode()).hexdigest()[:16]}"
    # A value that stands in several places is several parameters: each may be of another type.
    number = count(1)
    body = _VALUE.sub(lambda _: f"${next(number)}", sql).replace("%%", "%")
    values = ", ".join(f"%({each})s" for each in _VALUE.findall(sql))
    comment = _COMMENT.match(sql)
    execute = f"{comment[1] if comment else ''} EXECUTE {name}"
    return name, f"PREPARE {name} AS {body}", f"{execute} ({values})" if values else execute
