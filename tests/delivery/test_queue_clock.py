"""An account is looked at no later than its earliest letter is due, whoever queued that and how."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import transaction
from django.db.models import Min
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from outreach.celery import app
from outreach.delivery import actions, claim, decisions, outcomes, pausing, tasks
from outreach.delivery.claim import Claimed, NothingDue
from outreach.delivery.models import AccountQueue, Delivery
from outreach.ground.clock import now
from outreach.x.errors import NeverReason, TryLater
from tests import factories
from tests.delivery.letters import never, no_cap
from tests.delivery.meanwhile import (
    halt_before,
    queued,
    somebody_waits_for_a_lock,
    threads,
    wait_until,
)

MINUTE = timedelta(minutes=1)
# Approving takes longest of all.
MOST_APPROVED = 1


@pytest.fixture(autouse=True)
def empty_queue():
    cache.clear()
    app.control.purge()
    yield
    app.control.purge()


def look_at(house):
    found = AccountQueue.objects.filter(pk=house.account.pk)
    return found.values_list("look_at", flat=True).first()


def to_be_looked_at(house, moment) -> None:
    AccountQueue.objects.update_or_create(x_account=house.account, defaults={"look_at": moment})


def earliest(house):
    waiting = Delivery.everywhere.filter(x_account=house.account, state="queued")
    return waiting.aggregate(at=Min("look_at"))["at"]


# --- under every write -------------------------------------------------------------------------------


class Queue(RuleBasedStateMachine):
    """All that queues, moves, holds or takes away letters of one account."""

    house: factories.House

    @initialize()
    def begin(self) -> None:
        self.savepoint = transaction.savepoint()
        self.approved = 0

    def teardown(self) -> None:
        # Not there where `begin` failed.
        if hasattr(self, "savepoint"):
            transaction.savepoint_rollback(self.savepoint)

    def letters(self, *states: str) -> list[int]:
        mine = Delivery.everywhere.filter(x_account=self.house.account, state__in=states)
        return list(mine.order_by("pk").values_list("pk", flat=True))

    def some(self, data: st.DataObject, *states: str) -> int:
        return data.draw(st.sampled_from(self.letters(*states)))

    @precondition(lambda self: self.approved < MOST_APPROVED)
    @rule(due=st.booleans())
    def approve(self, due: bool) -> None:
        self.approved += 1
        factories.delivery(self.house, self.house.customers[0], due=due)

    @precondition(lambda self: self.letters("queued", "blocked"))
    @rule(data=st.data(), minutes=st.integers(-90, 90))
    def reschedule(self, data: st.DataObject, minutes: int) -> None:
        letter = self.some(data, "queued", "blocked")
        actions.reschedule(self.house.marketer, letter, now() + minutes * MINUTE)

    @precondition(lambda self: self.letters("queued", "blocked"))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        actions.cancel(self.house.marketer, self.some(data, "queued", "blocked"))

    @precondition(lambda self: self.letters("blocked"))
    @rule(data=st.data())
    def try_again(self, data: st.DataObject) -> None:
        actions.try_again(self.house.marketer, self.some(data, "blocked"))

    @rule(answer=st.sampled_from(["try later", "block", "say nothing", "unsure"]))
    def claim(self, answer: str) -> None:
        found = claim.claim(self.house.account.pk)
        if not isinstance(found, Claimed):
            return
        if answer == "try later":
            outcomes.record_not_sent(found, TryLater("gateway", status=502))
        elif answer == "block":
            outcomes.record_not_sent(found, never(NeverReason.NO_DMS))
        elif answer == "unsure":
            outcomes.rescue(found.attempt_id)

    @precondition(lambda self: self.letters("uncertain"))
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        decisions.send_again(self.house.manager, self.some(data, "uncertain"))

    @invariant()
    def it_is_looked_at_in_time(self) -> None:
        soonest = earliest(self.house)
        if soonest is not None:
            moment = look_at(self.house)
            assert moment is not None
            assert moment <= soonest


@pytest.mark.timeout(400)
def test_under_every_write_an_account_is_looked_at_in_time(house, settings_of_hypothesis):
    no_cap(house)
    house.customer()
    for _ in range(2):
        factories.delivery(house, house.customers[0])
    Queue.house = house
    run_state_machine_as_test(Queue, settings=settings_of_hypothesis)


@pytest.fixture
def settings_of_hypothesis():
    return settings(
        max_examples=20,
        stateful_step_count=10,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def test_who_puts_a_letter_in_by_sql_alone_needs_to_know_nothing_of_it(house):
    delivery = factories.delivery(house, due=False)
    AccountQueue.objects.update(look_at=None)
    Delivery.everywhere.update(look_at=delivery.look_at + MINUTE)
    assert look_at(house) == delivery.look_at + MINUTE


def test_a_later_letter_touches_nothing(house):
    first = factories.delivery(house)
    factories.delivery(house, due=False)
    assert look_at(house) == first.look_at


# --- at once -----------------------------------------------------------------------------------------


@pytest.fixture
def real_house(transactional_db):
    """A house whose rows other connections see."""
    return factories.house()


def test_a_letter_queued_while_a_claim_finds_nothing_is_not_forgotten(real_house, monkeypatch):
    """It is committed when the claim has looked, and before the claim says when to look again."""
    to_be_looked_at(real_house, now())
    revision = factories.submitted(real_house)
    halt = halt_before(monkeypatch, claim, "_nothing_due")
    with threads(2) as start:
        claiming = start(claim.claim, real_house.account.pk)
        halt.wait()
        approving = start(factories.decided, real_house, revision)
        wait_until(lambda: approving.done() or somebody_waits_for_a_lock())
        halt.let_go()
        approving.result()
        claiming.result()
    delivery = Delivery.everywhere.get()
    assert (delivery.state, look_at(real_house)) == ("queued", delivery.look_at)


def test_a_letter_that_is_being_queued_keeps_the_account_looked_at(real_house, monkeypatch):
    """Its approval is not committed yet, so no claim sees it."""
    before = now()
    to_be_looked_at(real_house, before)
    revision = factories.submitted(real_house)
    halt = halt_before(monkeypatch, actions, "hint")
    with threads(2) as start:
        approving = start(factories.decided, real_house, revision)
        halt.wait()
        # It sees no letter, and waits for nobody.
        assert claim.claim(real_house.account.pk) == NothingDue(None)
        halt.let_go()
        approving.result()
    assert look_at(real_house) == before
    delivery = Delivery.everywhere.get()
    assert claim.claim(real_house.account.pk) == NothingDue(delivery.look_at)
    assert look_at(real_house) == delivery.look_at


def test_what_goes_on_while_a_claim_still_sees_the_pause_is_looked_at(real_house, monkeypatch):
    campaign = factories.campaign(real_house)
    factories.delivery(real_house, campaign=campaign)
    pausing.pause_campaign(real_house.manager, campaign.pk)
    to_be_looked_at(real_house, now())
    halt = halt_before(monkeypatch, claim, "_nothing_due")
    with threads(2) as start:
        claiming = start(claim.claim, real_house.account.pk)
        halt.wait()
        resuming = start(pausing.resume_campaign, real_house.manager, campaign.pk)
        wait_until(lambda: resuming.done() or somebody_waits_for_a_lock())
        halt.let_go()
        claiming.result()
        resuming.result()
    moment = look_at(real_house)
    assert moment is not None
    assert moment <= now()
    assert isinstance(claim.claim(real_house.account.pk), Claimed)


# --- the tick ----------------------------------------------------------------------------------------


def test_the_tick_wakes_exactly_who_is_due_or_soon(house, settings, monkeypatch):
    settings.TICK_SECONDS = 2
    others = [factories.house() for _ in range(4)]
    for each, seconds in zip([house, *others], (-3600, 0, 1.5, 30, None), strict=True):
        moment = None if seconds is None else now() + timedelta(seconds=seconds)
        to_be_looked_at(each, moment)
    woken: list[int] = []
    monkeypatch.setattr(tasks, "wake", lambda account, seconds: woken.append(account))
    tasks.tick()
    assert woken == [each.account.pk for each in (house, *others[:2])]


def test_the_tick_takes_those_who_wait_longest_first(house, monkeypatch):
    other = factories.house()
    monkeypatch.setattr(tasks, "MOST_ACCOUNTS", 1)
    for each, minutes in ((house, 1), (other, 2)):
        to_be_looked_at(each, now() - minutes * MINUTE)
    woken = []
    monkeypatch.setattr(tasks, "wake", lambda account, seconds: woken.append((account, seconds)))
    tasks.tick()
    assert woken == [(other.account.pk, 0.0)]


@pytest.mark.parametrize("accounts", [1, 3])
def test_the_tick_asks_as_much_however_much_waits(house, accounts, django_assert_num_queries):
    houses = [house, *(factories.house() for _ in range(accounts - 1))]
    for each in houses:
        for _ in range(accounts):
            factories.delivery(each)
    with django_assert_num_queries(4):
        tasks.tick()
    assert queued() == accounts
