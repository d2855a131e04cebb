"""What a worker does for a run: look at the file, count, write. Each may be killed anywhere.

Looking and counting write nothing but the run's own rows, so whoever takes over begins them
anew. Writing is one transaction that ends the run as well: it happened, or it did not.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from typing import Any, BinaryIO

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.db.models import F

from accounts.models import Workspace
from outreach.audit.actions import record
from outreach.customers.imports import columns, comparing, merging, staging, storage, tables
from outreach.customers.imports.dates import seems_day_first
from outreach.customers.imports.refusing import FileRefused, RowRefused
from outreach.customers.imports.rows import Reading, reader
from outreach.customers.models import (
    ImportMemory,
    ImportPiece,
    ImportRefusal,
    ImportRun,
    ImportStage,
)
from outreach.ground import runs
from outreach.ground.clock import Now, now
from outreach.ground.runs import RunLost, RunState
from outreach.ground.writes import engine_action, step

log = logging.getLogger("outreach.customers")

BATCH = 25_000  # rows a step
MOST_TRIES = 5
# An arbitrary number that, with the workspace's, names the lock of whoever writes there.
WRITER_LOCK = 0x1A90
_AGAIN = timedelta(seconds=3)


class _Cancelled(Exception):  # noqa: N818  says what happened
    """Somebody asked to cancel."""


def work(run_id: int) -> bool:
    """Do what is next for this run, where nobody else does. Returns whether it did anything."""
    token = runs.take(ImportRun, run_id)
    if token is None:
        return False
    try:
        _work(ImportRun.everywhere.get(pk=run_id), token)
    except RunLost:
        log.info("import %s: another worker has it", run_id)
    return True


def _work(run: ImportRun, token: uuid.UUID) -> None:
    try:
        _try(run, token)
        _STAGES.get(run.stage, _expire)(run, token)
    except _Cancelled:
        _end(run, token, RunState.CANCELLED, "")
    except FileRefused as refused:
        _end(run, token, RunState.FAILED, str(refused))
    except IntegrityError as error:
        # Somebody made one of the newcomers meanwhile: the next look finds them.
        log.warning("import %s: %s", run.pk, str(error).partition("\n")[0])
        _put_off(run, token)
    except RunLost:
        raise
    except (OperationalError, InterfaceError):
        raise  # the lease ends, and the tick finds the run again
    except Exception as error:
        # Its class alone: cells of the file may be in its words.
        log.error("import %s: %s at %s", run.pk, type(error).__name__, run.stage)
        _put_off(run, token)


@engine_action
def _try(run: ImportRun, token: uuid.UUID) -> None:
    """Count who takes it: a file that kills its worker must not go round for ever."""
    if runs.keep(ImportRun, run.pk, token, tries=F("tries") + 1):
        raise _Cancelled
    if run.tries >= MOST_TRIES:
        raise FileRefused(
            f"It was begun {MOST_TRIES} times and never came to its end. Split the file, or save it as CSV."
        )


def wait_a_moment() -> None:
    """For whoever waits in this process until another one has done its step."""
    time.sleep(0.2)


# --- looking ---------------------------------------------------------------------------------


def _look(run: ImportRun, token: uuid.UUID) -> None:
    with storage.opened(run) as file:
        table = tables.look(file)
    _looked(run, token, table)


@engine_action
def _looked(run: ImportRun, token: uuid.UUID, table: tables.Table) -> None:
    """Store the header, the first rows and a guess; a person has the next word."""
    memory = ImportMemory.everywhere.filter(workspace_id=run.workspace_id).first()
    targets = columns.guess(table.header, table.first, memory.columns if memory else {})
    zone_name = Workspace.objects.get(pk=run.workspace_id).time_zone
    dates = [
        row[place]
        for row in table.first
        for place, target in enumerate(targets)
        if target == columns.GIVEN_ON and place < len(row)
    ]
    shape = table.shape
    runs.put_off(
        ImportRun, run.pk, token, look_at=Now() + timedelta(days=settings.IMPORT_KEEP_DAYS),
        stage=ImportStage.COLUMNS, tries=0,
        shape={"kind": shape.kind, "encoding": shape.encoding, "delimiter": shape.delimiter,
               "sheet": shape.sheet, "words": table.words},
        header=[_stored(name) for name in table.header],
        header_line=table.header_line,
        shown=[[_stored(cell) for cell in row[: len(table.header)]]
               for row in table.first[: tables.SHOWN_ROWS]],
        targets=targets,
        day_first=seems_day_first(dates, otherwise=not zone_name.startswith("America/")),
    )  # fmt: skip


def _stored(cell: str) -> str:
    """PostgreSQL's JSON takes no NUL; a page shows no more of a cell than this."""
    return cell[:200].replace("\x00", "�").encode("utf-8", "replace").decode()


# --- counting --------------------------------------------------------------------------------


def _count(run: ImportRun, token: uuid.UUID) -> None:
    _begin_counting(run, token)
    with storage.opened(run) as file:
        _stage_all(run, token, file)
    _compare(run, token)
    _counted(run, token)


@engine_action
def _begin_counting(run: ImportRun, token: uuid.UUID) -> None:
    of = run.size if run.shape["kind"] == tables.CSV else None
    _keep(run, token, done=0, of=of)
    ImportRefusal.everywhere.filter(run=run).delete()
    staging.begin(run.pk)


def _stage_all(run: ImportRun, token: uuid.UUID, file: BinaryIO) -> None:
    read = reader(_reading(run))
    shape = shape_of(run)
    rows = tables.rows_of(file, shape)
    for line, _ in rows:
        if line >= run.header_line:
            break
    staged = 0
    while True:
        batch = staging.Batch(run.pk, run.workspace_id)
        stage, seen = batch.stage, 0
        for line, cells in islice(rows, BATCH):
            seen += 1
            try:
                stage(read(line, cells))
            except RowRefused as refused:
                batch.refuse(line, cells, str(refused))
        staged += seen
        if not seen:
            break
        _copy(run, token, batch, done=file.tell() if shape.kind == tables.CSV else staged)


def _reading(run: ImportRun) -> Reading:
    return Reading(
        targets=run.targets,
        width=len(run.header),
        file_name=run.file_name,
        day_first=run.day_first,
        zone=Workspace.objects.get(pk=run.workspace_id).zone,
        now=now(),
    )


def shape_of(run: ImportRun) -> tables.Shape:
    """How the run's file is read."""
    return tables.Shape(
        **{key: run.shape[key] for key in ("kind", "encoding", "delimiter", "sheet")}
    )


@engine_action
def _copy(run: ImportRun, token: uuid.UUID, batch: staging.Batch, *, done: int) -> None:
    _keep(run, token, done=done)
    batch.copy()


@engine_action
def _compare(run: ImportRun, token: uuid.UUID) -> None:
    _keep(run, token)
    staging.refuse_repeated(run.pk, run.workspace_id)
    counts = comparing.compare(run.pk, run.workspace_id)
    _fill_refusals(run)
    refused = ImportRefusal.everywhere.filter(run=run).count()
    _keep(run, token, **counts.as_dict(), refused=refused)


@step
def _fill_refusals(run: ImportRun) -> None:
    """The cells of rows that were refused for what others say: the file is read once more."""
    bare = ImportRefusal.everywhere.filter(run=run, cells=[])
    lines = list(bare.values_list("line", flat=True))
    if not lines:
        return
    with storage.opened(run) as file:
        cells = tables.cells_of(file, shape_of(run), lines)
        while some := list(islice(cells, BATCH)):
            staging.fill_refusals(run.pk, some)


@engine_action
def _counted(run: ImportRun, token: uuid.UUID) -> None:
    """Wait for a person's word; where nothing is to be written there is nothing to ask."""
    fresh = ImportRun.everywhere.get(pk=run.pk)
    if fresh.new + fresh.changed == 0:
        _close(run, token, RunState.DONE, "")
    elif run.expected:
        # Confirmed before the staged rows were lost with the database's last crash.
        runs.put_off(ImportRun, run.pk, token, Now(), stage=ImportStage.WRITING, tries=0)
    else:
        later = Now() + timedelta(days=settings.IMPORT_KEEP_DAYS)
        runs.put_off(ImportRun, run.pk, token, later, stage=ImportStage.COUNTED, tries=0)


# --- writing ---------------------------------------------------------------------------------


@engine_action
def _write(run: ImportRun, token: uuid.UUID) -> None:
    """Compare anew, write, and end the run: one transaction, all or nothing."""
    _keep(run, token, done=0, of=None)
    if not _intact(run):
        runs.put_off(ImportRun, run.pk, token, Now(), stage=ImportStage.COUNTING, tries=0)
        return
    if not _alone(run.workspace_id):
        runs.put_off(ImportRun, run.pk, token, Now() + _AGAIN, tries=0)
        return
    counts = comparing.compare(run.pk, run.workspace_id)
    _fill_refusals(run)
    stopped = merging.merge(run.pk, run.workspace_id, run.confirmed_by_id)
    refused = ImportRefusal.everywhere.filter(run=run).count()
    _close(run, token, RunState.DONE, "", stopped=stopped, **counts.as_dict(), refused=refused)


def _intact(run: ImportRun) -> bool:
    """Whether the staged rows are there: a crash of the database empties unlogged tables."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [staging.table_of(run.pk)])
        if not cursor.fetchone()[0]:
            return False
        comparing.execute_on(cursor, run.pk, "SELECT count(*) FROM {staged}")
        return int(cursor.fetchone()[0]) == run.new + run.changed + run.unchanged


def _alone(workspace_id: int) -> bool:
    """Whether no other import writes in this workspace; held to the transaction's end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [WRITER_LOCK, workspace_id])
        return bool(cursor.fetchone()[0])


# --- ending ----------------------------------------------------------------------------------


def _expire(run: ImportRun, token: uuid.UUID) -> None:
    days = settings.IMPORT_KEEP_DAYS
    _end(run, token, RunState.CANCELLED, f"Nobody confirmed it within {days} days.")


@engine_action
def _end(run: ImportRun, token: uuid.UUID, state: RunState, problem: str) -> None:
    _close(run, token, state, problem)


@engine_action
def _put_off(run: ImportRun, token: uuid.UUID) -> None:
    runs.put_off(ImportRun, run.pk, token, Now() + _AGAIN)


@step
def _close(
    run: ImportRun,
    token: uuid.UUID,
    state: RunState,
    problem: str,
    *,
    stopped: int = 0,
    **counts: int,
) -> None:
    runs.end(ImportRun, run.pk, token, state, problem=problem, stage=ImportStage.ENDED, **counts)
    clear(run.pk)
    fresh = ImportRun.everywhere.get(pk=run.pk)
    details: dict[str, Any] = {"file": run.file_name, "state": str(state)}
    if state == RunState.DONE:
        details |= {
            name: getattr(fresh, name) for name in ("new", "changed", "unchanged", "refused")
        }
    if stopped:
        details["stopped"] = stopped
    if problem:
        details["problem"] = problem
    record(
        "import.ended", target_kind="import", target_id=run.pk, workspace_id=run.workspace_id,
        actor_id=run.confirmed_by_id, details=details,
    )  # fmt: skip


@step
def clear(run_id: int) -> None:
    """Keep nothing of the file but the rows that were left out."""
    ImportRun.everywhere.filter(pk=run_id).update(shown=[])
    ImportPiece.everywhere.filter(run_id=run_id).delete()
    staging.drop(run_id)


@step
def _keep(run: ImportRun, token: uuid.UUID, **values: Any) -> None:
    if runs.keep(ImportRun, run.pk, token, **values):
        raise _Cancelled


@engine_action
def forget_old() -> int:
    """Remove the refused rows of runs that ended some days ago. Returns of how many runs."""
    old = ImportRun.everywhere.filter(
        file_kept=True, ended_at__lt=Now() - timedelta(days=settings.IMPORT_KEEP_DAYS)
    )
    ids = list(old.values_list("pk", flat=True)[:100])
    ImportRefusal.everywhere.filter(run_id__in=ids).delete()
    return ImportRun.everywhere.filter(pk__in=ids).update(file_kept=False)


_STAGES: dict[str, Callable[[ImportRun, uuid.UUID], None]] = {
    ImportStage.LOOKING: _look,
    ImportStage.COUNTING: _count,
    ImportStage.WRITING: _write,
}
