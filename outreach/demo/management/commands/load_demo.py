"""`manage.py load_demo`: the demo workspace, and the log-ins of its members."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from outreach.demo import cast, loading

SAID = {
    "loaded": "The demo workspace is loaded: {customers} customers, {letters} letters.",
    "mended": "The demo workspace was there; its sandbox was filled again.",
    "unchanged": "The demo workspace is loaded already; nothing was changed.",
}


class Command(BaseCommand):
    """Arguments and words only; the work is in `outreach.demo.loading`."""

    help = "Load the demo workspace, unless it is there, and print its log-ins. Not in production."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take `--json`."""
        parser.add_argument("--json", action="store_true", help="one line of JSON instead")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError where the demo is refused."""
        try:
            loaded = loading.load()
        except loading.DemoRefused as refused:
            raise CommandError(str(refused)) from None
        if options["json"]:
            self.stdout.write(json.dumps(_document(loaded)))
            return
        said = SAID[loaded.done].format(customers=loaded.customers, letters=loaded.letters)
        self.stdout.write(said)
        self.stdout.write(f"Sign in with the password {cast.PASSWORD} as")
        for person in cast.COLLEAGUES:
            self.stdout.write(
                f"  {person.email:<18}{person.role.label:<15}{person.name}, {person.does}"
            )


def _document(loaded: loading.Loaded) -> dict[str, Any]:
    return {
        "done": loaded.done,
        "workspace": cast.SLUG,
        "password": cast.PASSWORD,
        "members": [
            {"name": person.name, "email": person.email, "role": person.role.value}
            for person in cast.COLLEAGUES
        ],
    }
