"""An import from its first step to its last in this process, for the command."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from accounts.models import Workspace
from outreach.customers.imports import actions, running
from outreach.customers.imports.queries import refused_lines
from outreach.customers.imports.refusing import FileRefused
from outreach.customers.models import ImportRun, ImportStage
from outreach.ground.runs import RunState


def import_file(workspace: Workspace, name: str, chunks: Iterable[bytes]) -> ImportRun:
    """The run, ended. Raises FileRefused where nothing of the file was taken."""
    run = actions.upload_by_operator(workspace, name, chunks)
    try:
        run = _through(run, ImportStage.LOOKING)
        actions.choose_as_guessed(workspace, run.pk)
        run = _through(run, ImportStage.COUNTING)
        if run.is_open:
            actions.confirm_by_operator(workspace, run.pk)
            run = _through(run, ImportStage.WRITING)
    except BaseException:
        actions.give_up(workspace, run.pk)
        raise
    return run


def _through(run: ImportRun, stage: ImportStage) -> ImportRun:
    """The run after that stage. A worker that was quicker is waited for. Raises FileRefused."""
    while True:
        fresh = ImportRun.everywhere.get(pk=run.pk)
        if fresh.state == RunState.FAILED or fresh.state == RunState.CANCELLED:
            raise FileRefused(fresh.problem or "The import was cancelled.")
        if fresh.stage != stage:
            return fresh
        if not running.work(run.pk):
            running.wait_a_moment()


def write_refused(run: ImportRun, beside: Path) -> Path:
    """Write the refused rows beside the file: their cells as they were, and why."""
    path = beside.with_name(f"{beside.stem}.refused.csv")
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.writelines(refused_lines(run))
    return path
