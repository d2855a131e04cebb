"""`manage.py listen`: hears what X tells about connected accounts, until it is told to end."""

import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from outreach.x.listening import Listener


class Command(BaseCommand):
    """One stream an X app; a second process stands by and takes over when the first one dies."""

    help = "Hear what X tells about connected accounts. A second one stands by."

    def handle(self, *args: Any, **options: Any) -> None:
        """Runs until SIGTERM or Ctrl-C, and ends within seconds then."""
        stop = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        Listener().run(stop)
