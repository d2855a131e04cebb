"""Imports: the run, its file in pieces, the rows that were left out, and what columns meant."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from outreach.ground.clock import Now
from outreach.ground.runs import Run
from outreach.ground.scope import WorkspaceRow


class ImportStage(models.TextChoices):
    """What happens next; COLUMNS and COUNTED wait for a person."""

    LOOKING = "looking", "Looking at the file"
    COLUMNS = "columns", "Waiting for what the columns are"
    COUNTING = "counting", "Reading and counting"
    COUNTED = "counted", "Waiting for your word"
    WRITING = "writing", "Writing"
    ENDED = "ended", "Ended"


class ImportRun(Run):
    """One file on its way into the customers: looked at, counted, confirmed, written at once."""

    stage = models.CharField(max_length=12, choices=ImportStage, default=ImportStage.LOOKING)
    file_name = models.CharField(max_length=200)
    size = models.BigIntegerField(help_text="bytes")
    sha256 = models.BinaryField(max_length=32)
    tries = models.PositiveSmallIntegerField(
        default=0, help_text="how many workers took this stage; some files kill theirs"
    )
    shape = models.JSONField(default=dict, help_text="kind, encoding, delimiter, sheet")
    header = models.JSONField(default=list)
    header_line = models.BigIntegerField(default=1)
    shown = models.JSONField(default=list, help_text="the first rows")
    targets = models.JSONField(default=list, help_text="what each column is")
    day_first = models.BooleanField(default=True, help_text="how 04/05/2026 is read")
    # What was counted before anything was written, and what then was written.
    new = models.BigIntegerField(default=0)
    changed = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    expected = models.JSONField(default=dict, help_text="the counts that were confirmed")
    confirmed_by = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.PROTECT, related_name="+"
    )
    file_kept = models.BooleanField(default=True, help_text="pieces and refused rows")

    class Meta(Run.Meta):
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="importrun_in_workspace"),
            models.CheckConstraint(
                condition=models.Q(stage__in=ImportStage.values), name="known_import_stage"
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="importrun_newest"),
            models.Index(
                fields=["look_at"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="importrun_open",
            ),
        ]

    def __str__(self) -> str:
        return f"import of {self.file_name}"

    @property
    def waits_for_a_person(self) -> bool:
        return self.is_open and self.stage in (ImportStage.COLUMNS, ImportStage.COUNTED)

    @property
    def recounted(self) -> bool:
        """Whether what was written is not what was confirmed."""
        written = {"new": self.new, "changed": self.changed, "unchanged": self.unchanged}
        return bool(self.expected) and written != self.expected


class ImportPiece(WorkspaceRow):
    """A megabyte of an uploaded file: in the database, so that any worker can read it."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="+")
    number = models.IntegerField()
    content = models.BinaryField()

    class Meta(WorkspaceRow.Meta):
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_piece_a_number")]

    def __str__(self) -> str:
        return f"piece {self.number} of import {self.run_id}"


class ImportRefusal(WorkspaceRow):
    """A row that is left out, as it was, and why."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="+")
    line = models.BigIntegerField()
    reason = models.CharField(max_length=300)
    cells = ArrayField(models.TextField())

    class Meta(WorkspaceRow.Meta):
        constraints = [models.UniqueConstraint(fields=["run", "line"], name="one_refusal_a_line")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class ImportMemory(WorkspaceRow):
    """What columns of each name were in this workspace's last files."""

    workspace = models.OneToOneField(
        "accounts.Workspace", primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    columns = models.JSONField(default=dict, help_text="a column's name, as compared: its target")
    changed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"columns known in workspace {self.workspace_id}"
