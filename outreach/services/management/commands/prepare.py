"""`manage.py prepare`: the development installation made ready, in one process to save time."""

import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Migrate, load the demo workspace (unless X is the real one), collect static files."""

    help = "Migrate, load the demo workspace (its log-ins go to stdout), collect static files."

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError in production, which has no demo workspace."""
        if settings.PRODUCTION:
            raise CommandError(
                "This is for development. In production run migrate and collectstatic."
            )
        # stdout is for the log-ins alone; whoever calls us shows it to people.
        call_command("migrate", interactive=False, verbosity=0, stdout=sys.stderr)
        call_command("collectstatic", interactive=False, verbosity=0, stdout=sys.stderr)
        if settings.PRACTICE:
            call_command("load_demo", stdout=self.stdout)
