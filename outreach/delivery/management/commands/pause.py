"""`manage.py pause`: nothing leaves from this installation until `manage.py resume`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from outreach.delivery.pausing import pause_everything


class Command(BaseCommand):
    """Takes effect before the next claim; what X is being called for at this moment is finished."""

    help = "Stop all letters of this installation. They wait, with the reason that you give."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("reason", help="in plain words, for marketers")

    def handle(self, *args: Any, **options: Any) -> None:
        pause_everything(options["reason"])
        self.stdout.write("No letter leaves until `manage.py resume`.")
