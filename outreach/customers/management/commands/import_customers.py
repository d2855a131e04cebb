"""`manage.py import_customers FILE --workspace SLUG`: a file of customers, without the pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Workspace
from outreach.customers.imports import at_once
from outreach.customers.imports.refusing import FileRefused


class Command(BaseCommand):
    """Arguments and words only; the work is in `outreach.customers.imports.at_once`."""

    help = (
        "Import customers from a CSV or XLSX file, its columns as they are guessed by name or "
        "were chosen on the pages before. Refused rows go into a file beside it, with reasons."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file, `--workspace` and `--json`."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--workspace", required=True, metavar="SLUG")
        parser.add_argument("--json", action="store_true", help="the last line is one of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError where nothing of the file is taken."""
        path: Path = options["file"]
        workspace = Workspace.objects.filter(slug=options["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']}.")
        try:
            done = at_once.import_file(workspace, path.name, _chunks(path))
            refused_file = at_once.write_refused(done, path) if done.refused else None
        except OSError as error:
            raise CommandError(f"{error.filename or path}: {error.strerror}.") from None
        except FileRefused as refused:
            raise CommandError(str(refused)) from None
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "new": done.new,
                        "changed": done.changed,
                        "unchanged": done.unchanged,
                        "refused": done.refused,
                        "refused_file": str(refused_file) if refused_file else None,
                    }
                )
            )
            return
        self.stdout.write(
            f"{done.new:,} new, {done.changed:,} changed, {done.unchanged:,} unchanged, "
            f"{done.refused:,} refused."
        )
        if refused_file:
            self.stdout.write(f"The refused rows, each with its reason: {refused_file}")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk
