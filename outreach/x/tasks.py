"""Celery's way in. Every task is a wake-up: repeated, late or lost, it does no harm."""

from __future__ import annotations

import logging

from celery import Task, shared_task
from kombu.exceptions import OperationalError

from outreach.x import dm_reading, events, refreshing, subscribing, telling
from outreach.x.refreshing import Refreshed

log = logging.getLogger("outreach.x")


@shared_task
def refresh_soon() -> None:
    """Refresh the tokens that end soon, so that an account nobody writes from stays connected."""
    silent: set[int] = set()
    for account_id, generation, app_id in refreshing.soon():
        # Where X did not answer for one, the others of its app would only wait as long.
        if app_id in silent:
            continue
        try:
            if refreshing.refresh(account_id, seen_generation=generation) is Refreshed.LATER:
                silent.add(app_id)
        except Exception as error:
            # One account's trouble is not the others'. Its class alone: no row in a log.
            log.error("account %s: not refreshed: %s", account_id, type(error).__name__)


@shared_task
def warn_of_caps() -> None:
    """Tell the administrators of an app whose month nears its cap."""
    telling.warn_of_caps()


@shared_task
def hand_on(account_id: int) -> None:
    """Hand an account's events to whoever asked for them."""
    events.handle(account_id)


@shared_task
def hand_on_waiting() -> None:
    """Find events that no wake-up announced, and those whose next try is due."""
    for account_id in events.with_waiting_events():
        try:
            events.handle(account_id)
        except Exception as error:
            log.error("account %s: its events wait: %s", account_id, type(error).__name__)


@shared_task
def subscribe_missing() -> None:
    """Have X tell about accounts of which it does not yet."""
    subscribing.subscribe_missing()


@shared_task
def compare_subscriptions() -> None:
    """Believe X's own list of what it tells us."""
    subscribing.reconcile_all()


@shared_task
def forget_messages() -> None:
    """Forget which messages were heard, once X shows them no more."""
    dm_reading.forget()


def wake_events(account_id: int) -> None:
    """Ask a worker to hand on an account's events. A broker that is down is no loss."""
    _wake(hand_on, account_id)


def wake_subscribing() -> None:
    """Ask a worker to make what subscriptions are missing."""
    _wake(subscribe_missing)


def _wake(task: Task[..., None], *arguments: int) -> None:
    try:
        task.apply_async(arguments, expires=60, retry=False)
    except OperationalError as error:
        log.warning("no wake-up, the tick will find it: %s", type(error).__name__)
