"""Celery's way in. Every task is a wake-up: repeated, late or lost, it does no harm."""

from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from outreach.delivery.hearing import queries, reading

log = logging.getLogger("outreach.delivery")


@shared_task
def read_messages(x_account_id: int) -> None:
    """Read the messages of one account that nobody hears."""
    reading.read_messages(x_account_id)


@shared_task
def tick() -> None:
    """Find the accounts that nobody hears and that write."""
    reading.fill_gaps()
    for x_account_id in queries.unheard():
        wake(x_account_id)


def wake(x_account_id: int) -> None:
    """Ask a worker to read. A broker that is down is no loss: the tick finds the account again."""
    try:
        read_messages.apply_async((x_account_id,), expires=60, retry=False)
    except OperationalError as error:
        log.warning("no wake-up, the tick will find it: %s", type(error).__name__)
