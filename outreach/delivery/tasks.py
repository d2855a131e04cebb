"""Celery's way in. Every task is a wake-up: repeated, late or lost, it does no harm."""

from __future__ import annotations

import logging
from datetime import datetime

from celery import shared_task
from django.conf import settings
from django.core.cache import cache
from django.db.models import Min
from kombu.exceptions import OperationalError

from outreach.delivery import outcomes, sender
from outreach.delivery.models import Delivery, DeliveryState
from outreach.ground.clock import now

log = logging.getLogger("outreach.delivery")


@shared_task
def send_due(x_account_id: int) -> None:
    """Send what one account has due, and come back within the minute if more is."""
    again = sender.send_due(x_account_id)
    if again is not None:
        seconds = max(0.0, (again - now()).total_seconds())
        if seconds <= 60 and _first_to_ask(x_account_id, again, seconds):
            wake(x_account_id, seconds)


def _first_to_ask(x_account_id: int, moment: datetime, seconds: float) -> bool:
    """Whether no other wake-up of this account asked for this very moment yet.

    All that look at an account meanwhile see the same next moment. Without this each would ask
    for a wake-up of its own, and those again, and the tick adds one more every time.
    """
    key = f"delivery.wake.{x_account_id}.{moment.timestamp():.6f}"
    return bool(cache.add(key, 1, timeout=int(seconds) + 1))


@shared_task
def tick() -> None:
    """Find due work that no wake-up announced, and attempts whose worker died."""
    moment = now()
    for attempt_id in outcomes.overdue(moment):
        if outcomes.rescue(attempt_id):
            log.warning("attempt %s was never completed: its letter is unsure", attempt_id)
    due = (
        Delivery.everywhere.filter(state=DeliveryState.QUEUED, look_at__lte=moment)
        .values("x_account_id")
        .annotate(first=Min("look_at"))
        .order_by("first")
        .values_list("x_account_id", flat=True)
    )
    for x_account_id in due:
        wake(x_account_id, 0)
    # Where `manage.py doctor` reads that somebody ticks.
    cache.set(settings.HEARTBEAT, moment.timestamp(), timeout=None)


def wake(x_account_id: int, seconds: float) -> None:
    """Ask a worker to look at an account, in at most a minute. A broker that is down is no loss."""
    try:
        send_due.apply_async((x_account_id,), countdown=seconds, expires=seconds + 60, retry=False)
    except OperationalError as error:
        log.warning("no wake-up for account %s, the tick will find it: %s", x_account_id, error)
