"""A million customers from a CSV: beside raw COPY of the same rows, and beside django-import-export.

Everything runs in a PostgreSQL of its own, in a folder that is removed again. Ours is measured as
people run it: `manage.py import_customers`, from starting Python to the last commit.
"""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from bench.registry import Measured, figure
from outreach.services import running

CHECKOUT = Path(__file__).resolve().parent.parent
ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
THEIRS = min(ROWS, 20_000)
FEW = 10_000
HEADER = ["Handle", "Name", "First name", "Tags", "Time zone", "Favourite print", "Last order"]
ZONES = ["Europe/Lisbon", "Europe/Oslo", "America/New_York", "Asia/Tokyo", ""]
TAGS = [[], ["prints"], ["vip", "prints"], ["letterpress"], ["fair 2026", "prints"]]
NAMES = ["Maria Prado", "José Ñandú", "Fox Lover, she/her", "李小龙", "Анна", "Ana 🦊"]
COLUMNS = "workspace_id, handle, name, first_name, time_zone, tags, attributes"


@figure(goal=3.5, better="lower")
def import_vs_copy() -> Measured:
    """Seconds of an import ÷ seconds of COPY of the same rows into the same indexed table."""
    with _scratch() as scratch:
        rows, ready = scratch.folder / "rows.csv", scratch.folder / "ready.csv"
        few = scratch.folder / "few.csv"
        _write(rows, ROWS)
        _write(few, min(FEW, ROWS))
        few_rss = _import(scratch, few).peak_mb
        _empty(scratch)
        _write_ready(ready, ROWS, scratch.workspace_id)
        copies, ours = [], []
        for _ in range(2):
            copies.append(_copy(scratch, ready))
            _empty(scratch)
            ours.append(_import(scratch, rows))
            assert ours[-1].counts["new"] == ROWS, ours[-1].counts
            again = _import(scratch, rows)
            assert again.counts["unchanged"] == ROWS, again.counts
            _empty(scratch)
    best, raw = min(done.seconds for done in ours), min(copies)
    return Measured(
        best / raw,
        {
            "rows": ROWS,
            "copy_s": [round(seconds, 2) for seconds in copies],
            "import_s": [round(done.seconds, 2) for done in ours],
            "again_s": round(again.seconds, 2),
            "rows_per_s": round(ROWS / best),
            "peak_mb": round(max(done.peak_mb for done in ours)),
            "peak_mb_of_few": round(few_rss),
            "few": min(FEW, ROWS),
        },
    )


@figure(goal=20, better="higher")
def import_vs_django_import_export() -> Measured:
    """Seconds a row of django-import-export ÷ ours, which takes the whole file."""
    with _scratch() as scratch:
        rows, part = scratch.folder / "rows.csv", scratch.folder / "part.csv"
        _write(rows, ROWS)
        _write(part, THEIRS)
        theirs = _run(scratch, "-m", "bench.import_export", str(part), str(scratch.workspace_id))
        _empty(scratch)
        ours = _import(scratch, rows)
        assert ours.counts["new"] == ROWS, ours.counts
    a_row = theirs.counts["seconds"] / THEIRS
    return Measured(
        a_row / (ours.seconds / ROWS),
        {
            "theirs_rows": THEIRS,
            "theirs_s": round(theirs.counts["seconds"], 2),
            "theirs_in_bulk_s": round(theirs.counts["bulk_seconds"], 2),
            "ours_rows": ROWS,
            "ours_s": round(ours.seconds, 2),
        },
    )


# --- a database of its own -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scratch:
    """A migrated database with one workspace, and a folder."""

    folder: Path
    database_url: str
    environment: dict[str, str]
    workspace_id: int


@dataclass(frozen=True, slots=True)
class Done:
    """What a process printed last, how long it took, and its peak of memory in MB."""

    counts: dict[str, Any]
    seconds: float
    peak_mb: float


@contextmanager
def _scratch() -> Iterator[Scratch]:
    with tempfile.TemporaryDirectory(prefix="outreach-bench-") as name:
        folder = Path(name)
        with running(folder / "var", cache=False) as urls:
            environment = os.environ | urls.environment() | {
                "VAR_DIR": str(folder / "var"), "REDIS_URL": "redis://127.0.0.1:1/0",
                "DJANGO_SETTINGS_MODULE": "outreach.settings",
            }  # fmt: skip
            for arguments in (
                ["migrate", "-v0"],
                ["create_workspace", "Bench", "--admin", "sam@example.com"],
            ):
                subprocess.run(
                    [sys.executable, "manage.py", *arguments],
                    cwd=CHECKOUT, env=environment, check=True, stdout=subprocess.DEVNULL,
                )  # fmt: skip
            with psycopg2.connect(urls.database_url) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT id FROM accounts_workspace")
                (workspace_id,) = cursor.fetchone() or (0,)
            connection.close()
            yield Scratch(folder, urls.database_url, environment, workspace_id)


def _run(scratch: Scratch, *arguments: str) -> Done:
    """A Python process whose last line is JSON."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=CHECKOUT, env=scratch.environment,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begun
    if process.returncode:
        raise RuntimeError(f"{arguments} ended with {process.returncode}")
    return Done(json.loads(lines[-1]), seconds, _megabytes(used))


def _megabytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / 1024  # Linux counts in KB


def _import(scratch: Scratch, file: Path) -> Done:
    _settle(scratch)
    return _run(
        scratch, "manage.py", "import_customers", str(file), "--workspace", "bench", "--json"
    )


def _copy(scratch: Scratch, ready: Path) -> float:
    """Seconds of COPY of the same rows, straight into the same table, to the commit."""
    _settle(scratch)
    connection = psycopg2.connect(scratch.database_url)
    with connection.cursor() as cursor, ready.open() as file:
        begun = time.perf_counter()
        cursor.copy_expert(
            f"COPY customers_customer ({COLUMNS}) FROM STDIN (FORMAT csv, NULL 'null')", file
        )
        connection.commit()
        seconds = time.perf_counter() - begun
    connection.close()
    return seconds


def _empty(scratch: Scratch) -> None:
    _statement(scratch, "TRUNCATE customers_customer, customers_permission CASCADE")


def _settle(scratch: Scratch) -> None:
    """Both begin with nothing to write back and with fresh statistics."""
    _statement(scratch, "VACUUM ANALYZE")
    _statement(scratch, "CHECKPOINT")


def _statement(scratch: Scratch, statement: str) -> None:
    connection = psycopg2.connect(scratch.database_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


# --- the rows --------------------------------------------------------------------------------


def _people(count: int) -> Iterator[tuple[str, str, str, list[str], str, str, str]]:
    chance = random.Random(20261126)
    for number in range(count):
        yield (
            f"h{chance.randrange(16**6):06x}_{number:x}",
            f"{NAMES[number % 6]} {number}",
            "Maria" if number % 2 else "",
            TAGS[number % 5],
            ZONES[number % 5],
            f"Print {number % 1000}",
            f"2026-{number % 12 + 1:02}-11",
        )


def _write(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file).writerow
        write(HEADER)
        for handle, name, first, tags, *rest in _people(count):
            write([f"@{handle}", name, first, ", ".join(tags), *rest])


def _write_ready(path: Path, count: int, workspace_id: int) -> None:
    """The same rows as PostgreSQL takes them, in the form in which an import stores them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file).writerow
        for handle, name, first, tags, zone, favourite, order in _people(count):
            said = json.dumps({"favourite_print": favourite, "last_order": order})
            array = "{" + ",".join(f'"{tag}"' for tag in tags) + "}"
            write([workspace_id, handle, name, first, zone, array, said])
