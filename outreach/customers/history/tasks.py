"""Celery's way in. Every task is a wake-up: repeated, late or lost, it does no harm."""

from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from outreach.customers.history import reading
from outreach.customers.models import HistoryRun
from outreach.ground.runs import waiting

log = logging.getLogger("outreach.customers")


@shared_task
def read_history(run_id: int) -> None:
    """Go on with one run, as far as X's limits let it."""
    reading.work(run_id)


@shared_task
def tick() -> None:
    """Go on with those that nobody works on: put off, not announced, or left by a dead worker."""
    for run_id in waiting(HistoryRun):
        try:
            reading.work(run_id)
        except Exception as error:
            # One run's trouble is not the others'. Its class alone: no row in a log.
            log.error("history %s: not read on: %s", run_id, type(error).__name__)


def wake(run_id: int) -> None:
    """Ask a worker to read on. A broker that is down is no loss: the tick finds the run."""
    try:
        read_history.apply_async((run_id,), expires=60, retry=False)
    except OperationalError as error:
        log.warning("no wake-up, the tick will find it: %s", type(error).__name__)
