"""Celery's way in. Every task is a wake-up: repeated, late or lost, it does no harm."""

from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

log = logging.getLogger("outreach.customers")


@shared_task
def work_on(run_id: int) -> None:
    """Work on a sync for a while, and come back where more is to be done."""
    # actions import this module, to wake a worker.
    from outreach.customers.sync.working import work

    if work(run_id):
        wake(run_id)


@shared_task
def tick() -> None:
    """Find syncs that no wake-up announced, and daily ones whose time has come."""
    from outreach.customers.sync import actions, scheduling

    for x_account_id in scheduling.due_accounts():
        actions.start_daily(x_account_id)
    for run_id in scheduling.waiting_runs():
        wake(run_id)


@shared_task
def forget() -> None:
    """Forget mutuals whom nobody adopted in time."""
    # As above.
    from outreach.customers.sync.actions import forget_old

    forget_old()


def wake(run_id: int) -> None:
    """Ask a worker to look at a sync. A broker that is down is no loss: the tick finds it."""
    try:
        work_on.apply_async((run_id,), expires=60, retry=False)
    except OperationalError as error:
        log.warning("no wake-up for sync %s, the tick will find it: %s", run_id, error)
