"""What people do with an import: upload, say what columns are, confirm, cancel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from accounts.access import Act, Member, action
from accounts.models import Workspace
from outreach.audit.actions import record
from outreach.customers.imports import columns, exporting, running, staging, storage
from outreach.customers.imports.comparing import Counts
from outreach.customers.imports.refusing import FileRefused
from outreach.customers.models import (
    Customer,
    ImportMemory,
    ImportRun,
    ImportStage,
)
from outreach.ground import runs
from outreach.ground.clock import Now
from outreach.ground.runs import OPEN, RunState
from outreach.ground.writes import engine_action, step

MOST_OPEN = 5
_MOST_REMEMBERED = 1_000
CUT_SHORT = "Somebody was erased meanwhile, who may be in the file. Upload it again."


class NotNow(Exception):  # noqa: N818  says what happened
    """The run is past the point at which this could be done; `str()` says what it is at."""


@action(Act.WRITE)
def upload(member: Member, name: str, chunks: Iterable[bytes]) -> ImportRun:
    """Keep a file and have a worker look at it. Raises FileRefused where it is too big."""
    return _upload(member.workspace, name, chunks, member.user_id)


@engine_action
def upload_by_operator(workspace: Workspace, name: str, chunks: Iterable[bytes]) -> ImportRun:
    """The same for whoever runs the installation, by command. Raises FileRefused."""
    return _upload(workspace, name, chunks, None)


@step
def _upload(
    workspace: Workspace, name: str, chunks: Iterable[bytes], actor_id: int | None
) -> ImportRun:
    rows = ImportRun.objects.of(workspace).filter(state__in=OPEN)
    if rows.count() >= MOST_OPEN:
        raise FileRefused(
            f"{MOST_OPEN} imports are open already. Confirm or cancel one of them first."
        )
    run = ImportRun.objects.create(
        workspace=workspace,
        started_by_id=actor_id,
        file_name=_file_name(name),
        size=0,
        sha256=b"",
    )
    storage.store(run, chunks)
    if not run.size:
        raise FileRefused("The file is empty. Choose one with a header and at least one row.")
    _record(run, "import.uploaded", actor_id, file=run.file_name, bytes=run.size)
    return run


@action(Act.WRITE)
def choose_columns(
    member: Member, run_id: int, targets: Sequence[str], *, day_first: bool
) -> ImportRun:
    """Say what each column is, remember it, and have the rows counted.

    Raises ImportRun.DoesNotExist, NotNow, and FileRefused where no customers come of it.
    """
    run = _locked(member, run_id)
    return _choose(run, targets, day_first=day_first)


@engine_action
def choose_as_guessed(workspace: Workspace, run_id: int) -> ImportRun:
    """The columns as they were guessed, by command. Raises FileRefused."""
    run = _locked(workspace, run_id)
    return _choose(run, run.targets, day_first=run.day_first)


@step
def _choose(run: ImportRun, targets: Sequence[str], *, day_first: bool) -> ImportRun:
    if not run.waits_for_a_person:
        raise NotNow("The rows are being read already.")
    if len(targets) != len(run.header):
        raise FileRefused("The columns are not those of the file. Load the page again.")
    columns.check(targets)
    _remember(run, targets)
    run.targets, run.day_first = list(targets), day_first
    _to(run, ImportStage.COUNTING)
    return run


@action(Act.WRITE)
def confirm(member: Member, run_id: int) -> ImportRun:
    """Have what was counted written. Doing so twice does it once.

    Raises ImportRun.DoesNotExist, and NotNow where nothing was counted.
    """
    return _confirm(_locked(member, run_id), member.user_id)


@engine_action
def confirm_by_operator(workspace: Workspace, run_id: int) -> ImportRun:
    """The same by command."""
    return _confirm(_locked(workspace, run_id), None)


@step
def _confirm(run: ImportRun, actor_id: int | None) -> ImportRun:
    if run.expected:
        return run
    if not (run.is_open and run.stage == ImportStage.COUNTED):
        raise NotNow("There is nothing to confirm in this import now.")
    run.expected = Counts(run.new, run.changed, run.unchanged).as_dict()
    run.confirmed_by_id = actor_id
    _record(run, "import.confirmed", actor_id, **run.expected, refused=run.refused)
    _to(run, ImportStage.WRITING)
    return run


@action(Act.WRITE)
def cancel(member: Member, run_id: int) -> bool:
    """End an import before it writes. Returns whether that was still to be had.

    Raises ImportRun.DoesNotExist.
    """
    rows = ImportRun.objects.of(member).filter(pk=run_id)
    if not rows.exists():
        raise ImportRun.DoesNotExist
    if not runs.ask_to_cancel(rows):
        return False
    run = rows.get()
    _record(run, "import.cancelled", member.user_id, file=run.file_name)
    if run.state == RunState.CANCELLED:
        rows.update(stage=ImportStage.ENDED)
        running.clear(run.pk)
    return True


@action(Act.REVIEW)
def export(member: Member) -> list[str]:
    """Write down that everybody was exported. Returns the merge fields that they have."""
    keys = exporting.keys_of(member)
    record(
        "customers.exported",
        target_kind="workspace",
        target_id=member.workspace_id,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details={"customers": Customer.objects.speaking(member).count()},
    )
    return keys


@engine_action
def give_up(workspace: Workspace, run_id: int) -> None:
    """End a run that a command began and nobody will confirm."""
    rows = ImportRun.objects.of(workspace).filter(pk=run_id, state__in=OPEN)
    if runs.ask_to_cancel(rows):
        ended = ImportRun.objects.of(workspace).filter(pk=run_id, state=RunState.CANCELLED)
        if ended.update(stage=ImportStage.ENDED):
            running.clear(run_id)


@step
def forget_step(workspace_id: int, words: Iterable[str]) -> int:
    """Part of erasing somebody: what is kept of files that may hold them goes.

    Files that were not written yet are cancelled, since what is packed cannot be searched; of rows
    that were left out those go in which one of `words` stands (handle, name, X user id). A step
    that is under way is waited for, so call it before a customer is locked, or hold the runs.
    Returns how many were cancelled.
    """
    rows = ImportRun.everywhere.filter(workspace_id=workspace_id)
    ended = runs.cancel_at_once(rows, problem=CUT_SHORT, stage=ImportStage.ENDED)
    for run_id in ended:
        running.clear(run_id)
    staging.forget_refusals(workspace_id, [word for word in words if word])
    return len(ended)


@step
def _to(run: ImportRun, stage: ImportStage) -> None:
    """On to what a worker does."""
    run.stage, run.tries = stage, 0
    run.done, run.of = 0, None
    run.save(
        update_fields=[
            "stage", "tries", "done", "of", "targets", "day_first", "expected", "confirmed_by",
        ]
    )  # fmt: skip
    ImportRun.everywhere.filter(pk=run.pk).update(look_at=Now(), changed_at=Now())


@step
def _remember(run: ImportRun, targets: Sequence[str]) -> None:
    """The next file's columns of these names are guessed as these were chosen."""
    memory, _ = ImportMemory.objects.of(run.workspace).get_or_create(workspace_id=run.workspace_id)
    said = {columns.normal(name): target for name, target in zip(run.header, targets, strict=True)}
    said.pop("", None)
    kept = {name: t for name, t in memory.columns.items() if name not in said}
    newest = dict([*kept.items(), *said.items()][-_MOST_REMEMBERED:])
    ImportMemory.objects.of(run.workspace).update(columns=newest, changed_at=Now())


def _locked(scope: Any, run_id: int) -> ImportRun:
    """The run; whoever works on it is not waited for. Raises NotNow, ImportRun.DoesNotExist."""
    rows = ImportRun.objects.of(scope).filter(pk=run_id)
    found = rows.select_for_update(no_key=True, skip_locked=True).first()
    if found is None:
        rows.get()
        raise NotNow("A worker is at it just now. Look again in a moment.")
    return found


def _record(run: ImportRun, verb: str, actor_id: int | None, **details: Any) -> None:
    record(
        verb, target_kind="import", target_id=run.pk, workspace_id=run.workspace_id,
        actor_id=actor_id, details=details,
    )  # fmt: skip


def _file_name(name: str) -> str:
    """The last part of a path, without what is not printed."""
    plain = "".join(letter for letter in name if letter.isprintable())
    last = plain.replace("\\", "/").rpartition("/")[2].strip()
    return last[-200:] or "a file without a name"
