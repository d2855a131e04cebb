"""Any number of beats: each tick is only a wake-up, so ticks at once do what one does."""

from __future__ import annotations

from collections import Counter

import pytest
from django.core.cache import cache

from outreach.celery import app
from outreach.delivery import tasks
from outreach.delivery.models import Attempt, Delivery
from tests import factories
from tests.delivery.conftest import BRAND, befriended
from tests.delivery.meanwhile import queued, threads

BEATS, LETTERS = 6, 5


@pytest.fixture(autouse=True)
def empty_queue():
    cache.clear()
    app.control.purge()
    yield
    app.control.purge()


def test_ticks_at_once_wake_each_account_once(transactional_db):
    houses = [factories.house() for _ in range(3)]
    for house in houses:
        factories.delivery(house)
    app.control.purge()
    cache.clear()
    with threads(BEATS) as start:
        for ticking in [start(tasks.tick) for _ in range(BEATS)]:
            ticking.result()
    assert queued() == len(houses)


def test_beats_and_workers_at_once_send_each_letter_once(world, sandbox):
    """More wake-ups than letters, all of them at the same time."""
    people = range(783_300, 783_300 + LETTERS)
    for person in people:
        befriended(sandbox, world, person)
    for customer in world.customers[-LETTERS:]:
        factories.delivery(world, customer)
    with threads(BEATS * 2) as start:
        waking = [start(tasks.tick) for _ in range(BEATS)]
        waking += [start(tasks.send_due, world.account.pk) for _ in range(BEATS)]
        for each in waking:
            each.result()
    sent = Counter(int(dm["recipient"]) for dm in sandbox.dms(BRAND))
    assert sent == dict.fromkeys(people, 1)
    assert set(Delivery.everywhere.values_list("state", flat=True)) == {"sent"}
    assert Attempt.objects.count() == LETTERS
