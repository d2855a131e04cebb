"""`manage.py doctor`: what is missing or wrong in this installation, and how to mend it."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from outreach.services.checks import State, examine


class Command(BaseCommand):
    """One line a check; exit status 1 when something is to be mended."""

    help = "What is missing or wrong in this installation, and how to mend it."
    # It reports on the database and the settings itself, so neither may keep it from running.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """`--json` for programs."""
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits with status 1 when something is to be mended."""
        results = examine()
        well = all(result.found.state != State.MEND for result in results)
        if options["json"]:
            checks = [result.as_dict() for result in results]
            self.stdout.write(json.dumps({"ok": well, "checks": checks}))
        else:
            for result in results:
                found = result.found
                how = f" → {found.how}" if found.how else ""
                self.stdout.write(f"{found.state:<11} {result.name}: {found.what}{how}")
        if not well:
            sys.exit(1)
