"""`manage.py sandbox`: the server that stands in for X, and its phone."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from outreach.sandbox.__main__ import add_arguments


class Command(BaseCommand):
    help = "Start the sandbox: a server that stands in for X, with a phone at /phone/."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what `python -m outreach.sandbox` takes, with defaults from the settings."""
        add_arguments(parser, settings.SANDBOX_PORT, settings.SANDBOX_STATE)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until a signal ends it."""
        from outreach.sandbox.server import serve  # its framework is only needed here

        sys.exit(serve(options["host"], options["port"], options["state"]))
