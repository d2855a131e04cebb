"""Celery's way in. Every task is a wake-up: repeated, late or lost, it does no harm."""

from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from outreach.customers.finding import sweeps
from outreach.customers.models import Sweep
from outreach.ground.runs import waiting

log = logging.getLogger("outreach.customers")


@shared_task
def sweep(sweep_id: int) -> None:
    """Count or tag everybody whom a filter finds."""
    sweeps.run(sweep_id)


@shared_task
def take_up_sweeps() -> None:
    """Find sweeps that no wake-up announced, and those whose worker died."""
    for sweep_id in waiting(Sweep):
        wake_sweep(sweep_id)


def wake_sweep(sweep_id: int) -> None:
    """Ask a worker to walk. A broker that is down is no loss."""
    try:
        sweep.apply_async((sweep_id,), expires=60, retry=False)
    except OperationalError as error:
        log.warning("no wake-up, the tick will find it: %s", type(error).__name__)
