"""Celery as it is started everywhere, but that every logger says all it can on stderr."""

from __future__ import annotations

import logging
import sys

import django
from celery.signals import setup_logging


@setup_logging.connect
def say_everything(**_: object) -> None:
    """Every logger at DEBUG, whatever the settings say, to one handler."""
    logging.basicConfig(
        level=logging.DEBUG, format="%(levelname)s %(name)s %(message)s", force=True
    )
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.DEBUG)


if __name__ == "__main__":
    django.setup()
    from outreach.celery import app

    app.start(sys.argv[1:])
