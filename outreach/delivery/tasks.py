"""Celery's way in. Every task is a wake-up: repeated, late or lost, it does no harm."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.conf import settings
from django.core.cache import cache
from kombu.exceptions import OperationalError

from outreach.delivery import coming_back, outcomes, reconcile, sender, settling
from outreach.delivery.statements import rows
from outreach.ground.clock import now

log = logging.getLogger("outreach.delivery")

# So many accounts a tick; the next one takes the rest.
MOST_ACCOUNTS = 1000
# The clock is read once, as a subquery: what may change from row to row is no bound for an index.
SOON = """
    /* tick: which accounts are to be looked at */
    SELECT x_account_id, look_at FROM delivery_accountqueue
    WHERE look_at <= (SELECT outreach_now()) + %(ahead)s ORDER BY look_at LIMIT %(most)s
"""


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
def settle(attempt_id: int) -> None:
    """Look for one unsure letter at X."""
    reconcile.reconcile(attempt_id)


@shared_task
def forget_messages() -> None:
    """Forget which messages of ours X showed, once it shows them no more."""
    settling.forget()


@shared_task
def come_back() -> None:
    """Queue what nothing holds back any more."""
    if count := coming_back.come_back():
        log.info("%d letters came back", count)


@shared_task
def tick() -> None:
    """Find due work that no wake-up announced, attempts whose worker died, and what is unsure."""
    moment = now()
    for attempt_id in outcomes.overdue(moment):
        if outcomes.rescue(attempt_id):
            log.warning("attempt %s was never completed: its letter is unsure", attempt_id)
    for pace in rows(SOON, ahead=timedelta(seconds=settings.TICK_SECONDS), most=MOST_ACCOUNTS):
        seconds = max(0.0, (pace.look_at - moment).total_seconds())
        # Due already: whoever was woken for it before did not come, or is not done yet.
        if _first_to_ask(pace.x_account_id, pace.look_at, seconds):
            wake(pace.x_account_id, seconds)
    for attempt_id in reconcile.due():
        _ask(settle, attempt_id, 0)
    # Where `manage.py doctor` reads that somebody ticks.
    cache.set(settings.HEARTBEAT, moment.timestamp(), timeout=None)


def wake(x_account_id: int, seconds: float) -> None:
    """Ask a worker to look at an account, in at most a minute. A broker that is down is no loss."""
    _ask(send_due, x_account_id, seconds)


def _ask(task: Any, pk: int, seconds: float) -> None:
    try:
        task.apply_async((pk,), countdown=seconds, expires=seconds + 60, retry=False)
    except OperationalError as error:
        log.warning("no wake-up for %s of %s, the tick will find it: %s", task.name, pk, error)
