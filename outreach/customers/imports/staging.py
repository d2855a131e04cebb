"""Rows on their way in: a table of the run's own, unlogged, filled by COPY.

Every staged row already has the id that a new customer would get, so that one statement writes
customers and the next their permissions, without asking who became whom.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from outreach.customers.erasing.naming import whole
from outreach.customers.imports.rows import STAGED
from outreach.ground.writes import step

# PostgreSQL's word for what an import may keep in memory; it sorts and hashes a million rows.
MEMORY = "96MB"

_COLUMNS = """
    line bigint NOT NULL, handle text, key text, x_user_id bigint, name text, first_name text,
    time_zone text, tags text[], attributes jsonb, basis text, given_at timestamptz, place text,
    evidence text, stop text,
    new_id bigint NOT NULL DEFAULT nextval(pg_get_serial_sequence('customers_customer', 'id'))
"""


def table_of(run_id: int) -> str:
    """The name of a run's staging table."""
    return f"customers_importstaged_{int(run_id)}"


def execute(statement: str, values: dict[str, Any] | None = None) -> int:
    """Run one statement; returns the rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def execute_of(run_id: int, statement: str, **values: Any) -> int:
    """The same over `{staged}`, the run's staging table."""
    return execute(statement.replace("{staged}", table_of(run_id)), values)


@step
def begin(run_id: int) -> None:
    """An empty staging table, whatever a worker that died left in one."""
    drop(run_id)
    execute(f"CREATE UNLOGGED TABLE {table_of(run_id)} ({_COLUMNS})")


@step
def drop(run_id: int) -> None:
    """Leave nothing of the run's rows behind."""
    execute(f"DROP TABLE IF EXISTS {table_of(run_id)}")


class Batch:
    """Rows gathered for one COPY each into the staging table and into the refusals."""

    def __init__(self, run_id: int, workspace_id: int) -> None:
        self._run_id, self._workspace_id = run_id, workspace_id
        self._staged, self._refused = io.StringIO(), io.StringIO()
        # PostgreSQL takes a bare CR for a line's end; csv quotes what its line ends are made of.
        self.stage = csv.writer(self._staged, lineterminator="\r\n").writerow
        self._refuse = csv.writer(self._refused, lineterminator="\r\n").writerow
        self.refused = 0

    def refuse(self, line: int, cells: Iterable[str], reason: str) -> None:
        """Leave a row out, as it was."""
        self.refused += 1
        self._refuse((self._workspace_id, self._run_id, line, reason[:300], as_array(cells)))

    @step
    def copy(self) -> None:
        """Send what was gathered."""
        for text, into in (
            (self._staged, f"{table_of(self._run_id)} ({', '.join(STAGED)})"),
            (self._refused, "customers_importrefusal (workspace_id, run_id, line, reason, cells)"),
        ):
            text.seek(0)
            with connection.cursor() as cursor:
                cursor.copy_expert(f"COPY {into} FROM STDIN (FORMAT csv)", text)


def as_array(cells: Iterable[str]) -> str:
    """Cells as PostgreSQL writes an array of texts; it takes no NUL."""
    quoted = (
        '"' + cell.replace("\x00", "�").replace("\\", "\\\\").replace('"', '\\"') + '"'
        for cell in cells
    )
    return "{" + ",".join(quoted) + "}"


REPEATED = """
    WITH firsts AS (
        SELECT {column} AS of, min(line) AS line FROM {staged}
        WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(*) > 1 {unless}
    ), left_out AS (
        DELETE FROM {staged} staged USING firsts
        WHERE staged.{column} = firsts.of AND staged.line > firsts.line
        RETURNING staged.line, format({words}, coalesce(staged.handle, ''), firsts.line) AS reason
    )
    INSERT INTO customers_importrefusal (workspace_id, run_id, line, reason, cells)
    SELECT %(workspace)s, %(run)s, line, reason, '{{}}' FROM left_out
"""


@step
def refuse_repeated(run_id: int, workspace_id: int) -> int:
    """Whom the file names twice counts where it is named first. Returns how many are left out."""
    execute(f"ANALYZE {table_of(run_id)}")
    left_out = 0
    for column, words, unless in (
        ("x_user_id", "'The file names this X user id on line %2$s already.'", ""),
        # Where each has an id of its own they are several people: handles change owners.
        (
            "key",
            "'The file names @%1$s on line %2$s already.'",
            "AND bool_or(x_user_id IS NULL)",
        ),
    ):
        statement = REPEATED.format(
            staged=table_of(run_id), column=column, words=words.replace("%", "%%"), unless=unless
        )
        left_out += execute(statement, {"workspace": workspace_id, "run": run_id})
    return left_out


FILL = """
    UPDATE customers_importrefusal refusal SET cells = said.cells::text[]
    FROM unnest(%(lines)s::bigint[], %(cells)s::text[]) AS said(line, cells)
    WHERE refusal.run_id = %(run)s AND refusal.line = said.line
"""


@step
def fill_refusals(run_id: int, rows: Sequence[tuple[int, list[str]]]) -> None:
    """Put cells to refusals that were made without them."""
    lines, cells = [line for line, _ in rows], [as_array(cells) for _, cells in rows]
    execute(FILL, {"run": run_id, "lines": lines, "cells": cells})


NAMING = """
    FROM customers_importrefusal refusal
    WHERE workspace_id = %(workspace)s AND EXISTS (
        SELECT FROM unnest(%(words)s::text[]) word
        WHERE array_to_string(cells, ' ') || ' ' || reason ~* word)
"""


def refusals_naming(workspace_id: int, words: Sequence[str]) -> list[dict[str, Any]]:
    """The refused rows of a workspace in which one of these words stands, whole, in any case.

    One query.
    """
    statement = f"""
        SELECT (SELECT file_name FROM customers_importrun run WHERE run.id = refusal.run_id),
            line, reason, cells {NAMING} ORDER BY id
    """  # noqa: S608  only its own parts
    with connection.cursor() as cursor:
        cursor.execute(
            statement, {"workspace": workspace_id, "words": [whole(word) for word in words]}
        )
        return [
            {"file": name, "line": line, "why": reason, "cells": cells}
            for name, line, reason, cells in cursor.fetchall()
        ]


@step
def forget_refusals(workspace_id: int, words: Sequence[str]) -> None:
    """Remove the refused rows of a workspace in which one of these words stands, whole."""
    execute(
        f"DELETE {NAMING}",
        {"workspace": workspace_id, "words": [whole(word) for word in words]},
    )
