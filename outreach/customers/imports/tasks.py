"""Celery's way in. Every task is a wake-up: repeated, late or lost, it does no harm."""

from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from outreach.customers.imports import running
from outreach.customers.models import ImportRun
from outreach.ground import runs

log = logging.getLogger("outreach.customers")


@shared_task
def go_on(run_id: int) -> None:
    """Do what is next for a run, where nobody else does."""
    running.work(run_id)


@shared_task
def tick() -> None:
    """Wake a worker for each run that waits or whose worker died; remove what is kept too long."""
    for run_id in runs.waiting(ImportRun):
        wake(run_id)
    running.forget_old()


def wake(run_id: int) -> None:
    """Ask a worker to go on with a run. A broker that is down is no loss."""
    try:
        go_on.apply_async((run_id,), expires=60, retry=False)
    except OperationalError as error:
        log.warning("no wake-up, the tick will find it: %s", type(error).__name__)
