"""`manage.py resume`: letters leave again after `manage.py pause`."""

from typing import Any

from django.core.management.base import BaseCommand

from outreach.delivery.pausing import resume_everything


class Command(BaseCommand):
    """Accounts, campaigns and workspaces that were paused by themselves stay so."""

    help = "Let letters leave again."

    def handle(self, *args: Any, **options: Any) -> None:
        resume_everything()
        self.stdout.write("Letters leave again, where nothing else holds them.")
