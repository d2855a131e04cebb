"""Wake-up calls: repeated, late or lost, they do no harm, and they do not pile up."""

from __future__ import annotations

import time

import pytest
from django.conf import settings
from django.core.cache import cache

from outreach.celery import app
from outreach.delivery import meaning, outcomes, tasks
from outreach.delivery.claim import claim
from outreach.delivery.models import Delivery
from outreach.drafts.models import Decision
from outreach.ground.clock import now
from outreach.x.client import SentDM
from outreach.x.limits import Limits
from tests import factories
from tests.delivery.meanwhile import queued


@pytest.fixture(autouse=True)
def empty_queue():
    cache.clear()
    app.control.purge()
    yield
    app.control.purge()


def test_an_approval_wakes_a_worker_once_it_is_committed(transactional_db):
    house = factories.house()
    revision = factories.submitted(house)
    assert queued() == 0
    factories.decided(house, revision)
    assert queued() == 1


def test_a_letter_for_much_later_wakes_nobody(transactional_db, settings):
    settings.UNDO_SECONDS = 61
    house = factories.house()
    factories.decided(house, factories.submitted(house))
    assert queued() == 0


def test_other_decisions_wake_nobody(transactional_db):
    house = factories.house()
    factories.decided(house, factories.submitted(house), Decision.REJECT)
    assert queued() == 0


def test_the_tick_wakes_each_account_that_has_something_due_once(house):
    other = factories.house()
    factories.delivery(factories.house(), due=False)
    for _ in range(2):
        factories.delivery(house)
    factories.delivery(other)
    tasks.tick()
    assert queued() == 2


def test_the_tick_says_when_it_last_ran(db):
    tasks.tick()
    assert 0 <= time.time() - cache.get(settings.HEARTBEAT) < 60


def test_follow_ups_for_the_same_moment_are_one(house, settings):
    """Or each look at a closed account would ask for one more, for ever."""
    settings.X_ACCOUNT_WINDOWS = [(1, 30)]
    factories.delivery(house)
    factories.delivery(house)
    sent = claim(house.account.pk)
    outcomes.record_sent(sent, SentDM(1, None, Limits(), None))
    for _ in range(4):
        tasks.send_due(house.account.pk)
    assert queued() == 1


def test_another_moment_gets_a_follow_up_of_its_own(house):
    delivery = factories.delivery(house, due=False)
    for seconds in (20, 10):
        moment = now() + seconds * meaning.FIRST_RETRY / 15
        Delivery.everywhere.filter(pk=delivery.pk).update(look_at=moment)
        tasks.send_due(house.account.pk)
    assert queued() == 2


def test_what_is_beyond_the_minute_is_left_to_the_tick(house, settings):
    settings.X_ACCOUNT_WINDOWS = [(1, 900)]
    factories.delivery(house)
    factories.delivery(house)
    sent = claim(house.account.pk)
    outcomes.record_sent(sent, SentDM(1, None, Limits(), None))
    tasks.send_due(house.account.pk)
    assert queued() == 0
