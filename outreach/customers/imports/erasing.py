"""What imports keep of a person: files that wait, rows that were left out, and a file's name."""

from __future__ import annotations

from typing import Any

from outreach.customers.erasing.naming import Names
from outreach.customers.hooks import Erasure, Whom
from outreach.customers.imports import actions, staging
from outreach.customers.models import ImportMemory, ImportRun
from outreach.ground.writes import step

NAMELESS = "a file whose name was erased"


@step
def erase_files(erasure: Erasure) -> None:
    """Files that wait are cancelled, and what is left of any loses whatever names a person.

    The runs are held by the erasure already.
    """
    whom, names = erasure.whom, Names(erasure.whom.names)
    erasure.gone["imports"] = actions.forget_step(whom.workspace_id, whom.names)
    runs = ImportRun.objects.of(whom)
    for run in runs:
        said: dict[str, Any] = {}
        if names.stand_in(run.file_name):
            said["file_name"] = NAMELESS
        if names.stand_in(run.problem):
            said["problem"] = ""
        # A file without a header has its first row in its place.
        if names.stand_in(*run.header):
            said["header"] = ["" if names.stand_in(each) else each for each in run.header]
        if names.stand_in(*run.targets):
            said["targets"] = ["" if names.stand_in(each) else each for each in run.targets]
        if names.stand_in_details(run.shape):
            said["shape"] = {}
        if said:
            runs.filter(pk=run.pk).update(**said)
    for memory in ImportMemory.objects.of(whom):
        kept = {name: each for name, each in memory.columns.items() if not names.stand_in(name)}
        if kept != memory.columns:
            ImportMemory.objects.of(whom).update(columns=kept)


def left_out(whom: Whom) -> dict[str, Any]:
    """The rows of files that were left out and name somebody. One query."""
    return {"left_out_of_files": staging.refusals_naming(whom.workspace_id, whom.names)}
