"""The claim: what it takes, what it leaves, and who comes first when two want the same."""

from __future__ import annotations

import itertools
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from outreach.customers import actions as customers
from outreach.customers.models import Customer, Suppression
from outreach.delivery import actions, claim, outcomes
from outreach.delivery.claim import Busy, Claimed, Closed, Held, NothingDue, OnHold
from outreach.delivery.gates import Block, Wait
from outreach.delivery.models import AppPace, Attempt, Delivery, SendingPolicy
from outreach.drafts import actions as drafts
from outreach.drafts.errors import OnItsWay
from outreach.ground.clock import now
from outreach.x import actions as x_actions
from outreach.x.client import SentDM
from outreach.x.errors import LimitedUntil, NotCalled
from outreach.x.limits import Limits
from tests import factories
from tests.delivery.meanwhile import (
    halt_before,
    somebody_waits_for_a_lock,
    threads,
    wait_until,
)

_ids = itertools.count(10**17)


def accepted() -> SentDM:
    return SentDM(next(_ids), None, Limits(), None)


def claim_for(house) -> Any:
    """Whatever the claim answers about the house's account."""
    return claim.claim(house.account.pk)


def no_cap(house):
    SendingPolicy.everywhere.filter(pk=house.workspace.pk).update(cap_letters=0)


@pytest.fixture
def real_house(transactional_db):
    """A house whose rows other connections see."""
    return factories.house()


# --- one after the other ---------------------------------------------------------------------


def test_a_claim_writes_the_attempt_before_anything_is_called(house):
    delivery = factories.delivery(house)
    claimed = claim_for(house)
    assert isinstance(claimed, Claimed)
    attempt = Attempt.objects.get()
    delivery.refresh_from_db()
    assert (claimed.text, claimed.recipient_x_user_id) == (
        delivery.text,
        delivery.recipient_x_user_id,
    )
    assert (delivery.state, delivery.claim_token) == ("sending", claimed.token)
    assert (attempt.outcome, attempt.claim_token, attempt.ended_at) == (
        "posting",
        claimed.token,
        None,
    )


def test_an_attempt_under_way_counts_until_nothing_of_it_can_arrive(house, settings):
    settings.CALL_DEADLINE, settings.CALL_ANSWER_TIMEOUT = 5, 15
    factories.delivery(house)
    claim_for(house)
    attempt = Attempt.objects.get()
    assert attempt.counts_until - attempt.started_at == timedelta(seconds=20)


def test_a_claimed_letter_is_not_claimed_again(house):
    factories.delivery(house)
    assert isinstance(claim_for(house), Claimed)
    assert claim_for(house) == NothingDue(None)


def test_what_is_due_first_leaves_first(house):
    later, sooner = factories.delivery(house), factories.delivery(house)
    Delivery.everywhere.filter(pk=sooner.pk).update(look_at=now() - timedelta(minutes=1))
    claimed = [claim_for(house) for _ in range(2)]
    assert [found.delivery_id for found in claimed] == [sooner.pk, later.pk]


def test_without_anything_due_it_says_when_to_look_again(house):
    delivery = factories.delivery(house, due=False)
    assert claim_for(house) == NothingDue(delivery.look_at)


def test_a_second_letter_to_somebody_waits_until_the_first_has_left(house):
    no_cap(house)
    maria = house.customer()
    first, second = factories.delivery(house, maria), factories.delivery(house, maria)
    claimed = claim_for(house)
    held = claim_for(house)
    assert (claimed.delivery_id, held.delivery_id) == (first.pk, second.pk)
    assert held.verdict.code == "one_at_a_time"
    outcomes.record_sent(claimed, accepted())
    Delivery.everywhere.filter(pk=second.pk).update(look_at=now())
    assert claim_for(house).delivery_id == second.pk


def test_what_is_in_the_air_counts_as_written_and_is_looked_at_again_soon(house):
    maria = house.customer()
    factories.delivery(house, maria)
    factories.delivery(house, maria)
    claim_for(house)
    held = claim_for(house)
    assert held.verdict.code == "one_at_a_time"
    # not in seven days, for the first may turn out not to have left
    assert held.verdict.look_at - now() < timedelta(minutes=1)


def to_the_same_person_from_another_account(house, maria) -> Delivery:
    house.account = factories.account(house.workspace)
    maria.relationships.create(
        workspace=house.workspace,
        x_account=house.account,
        following=True,
        followed_by=True,
        accepts_dms=True,
        checked_at=now(),
    )
    return factories.delivery(house, maria)


def test_a_letter_from_the_brand_s_other_account_counts_for_the_cap(house):
    maria = house.customer()
    factories.delivery(house, maria)
    outcomes.record_sent(claim_for(house), accepted())
    to_the_same_person_from_another_account(house, maria)
    held = claim_for(house)
    assert (type(held), held.verdict.code) == (Held, "frequency_cap")


@pytest.mark.parametrize("state", ["sending", "uncertain"])
def test_a_letter_in_the_air_from_another_account_counts_for_the_cap_for_now(house, state):
    maria = house.customer()
    factories.delivery(house, maria)
    claim_for(house)
    Delivery.everywhere.update(state=state)
    second = to_the_same_person_from_another_account(house, maria)
    held = claim_for(house)
    assert (held.delivery_id, held.verdict.code) == (second.pk, "frequency_cap")
    assert held.verdict.look_at - now() < timedelta(minutes=1)


def test_a_wait_beyond_leave_by_ends_at_leave_by(house, clock):
    maria = house.customer()
    factories.delivery(house, maria)
    outcomes.record_sent(claim_for(house), accepted())
    second = factories.delivery(house, maria)
    held = claim_for(house)
    assert (held.verdict.code, held.verdict.look_at > second.leave_by) == ("frequency_cap", True)
    assert claim_for(house) == NothingDue(second.leave_by)
    clock(3 * 86400 + 11)
    assert claim_for(house) == Held(
        second.pk,
        Block("too_late", "It should have left by now and could not. Give it a new time."),
    )


def test_it_leaves_once_the_cap_s_days_are_over(house, clock):
    SendingPolicy.everywhere.filter(pk=house.workspace.pk).update(cap_days=2)
    maria = house.customer()
    factories.delivery(house, maria)
    outcomes.record_sent(claim_for(house), accepted())
    second = factories.delivery(house, maria)
    held = claim_for(house)
    assert isinstance(held.verdict, Wait)
    clock(2 * 86400 + 1)
    maria.relationships.update(checked_at=now())
    assert claim_for(house).delivery_id == second.pk


def test_a_reason_too_long_to_store_does_not_hold_up_the_account(house):
    long = house.customer(name="M" * 100, first_name="")
    factories.delivery(house, long)
    # Around the action, which would have cancelled the letter.
    Suppression.everywhere.create(
        workspace=house.workspace, x_user_id=long.x_user_id, reason="r" * 200
    )
    after = factories.delivery(house)
    held = claim_for(house)
    assert (type(held), held.verdict.code) == (Held, "suppressed")
    assert claim_for(house).delivery_id == after.pk


def test_a_reached_limit_keeps_the_letter_queued(house, settings):
    settings.X_ACCOUNT_WINDOWS = [(1, 60)]
    factories.delivery(house)
    second = factories.delivery(house)
    claimed = claim_for(house)
    outcomes.record_sent(claimed, accepted())
    ended = Attempt.objects.get().ended_at
    assert claim_for(house) == Closed(ended + timedelta(seconds=60))
    second.refresh_from_db()
    assert (second.state, second.reason) == ("queued", "")


@pytest.mark.parametrize("windows", [[], [(1440, 86400)]])
def test_an_app_that_x_closed_is_closed_with_and_without_windows_of_its_own(
    house, settings, windows
):
    settings.X_APP_WINDOWS = windows
    factories.delivery(house)
    until = now() + timedelta(minutes=5)
    AppPace.objects.filter(pk=house.account.app_id).update(closed_until=until)
    assert claim_for(house) == Closed(until)


def test_the_database_lets_only_one_letter_to_a_person_be_in_the_air(house):
    maria = house.customer()
    first, second = factories.delivery(house, maria), factories.delivery(house, maria)
    claimed = claim_for(house)
    assert claimed.delivery_id == first.pk
    with pytest.raises(IntegrityError, match="one_in_the_air_to_a_person"), transaction.atomic():
        Delivery.everywhere.filter(pk=second.pk).update(
            state="uncertain", claim_token=claimed.token
        )


# --- at once ---------------------------------------------------------------------------------


def claim_until_closed(account_id):
    """As a worker does, but that X is not called: every claim counts as accepted."""
    mine = []
    while True:
        answer = claim.claim(account_id)
        match answer:
            case Claimed():
                mine.append(answer.delivery_id)
                outcomes.record_sent(answer, accepted())
            case Busy():
                time.sleep(0.002)
            case Closed() | NothingDue(None):
                return mine


def test_many_workers_claim_each_letter_once_and_no_more_than_the_window_holds(
    real_house, settings
):
    settings.X_ACCOUNT_WINDOWS = [(7, 60)]
    deliveries = {factories.delivery(real_house).pk for _ in range(10)}
    with threads(5) as start:
        workers = [start(claim_until_closed, real_house.account.pk) for _ in range(5)]
        taken = [pk for worker in workers for pk in worker.result()]
    assert len(taken) == len(set(taken)) == 7
    assert set(taken) <= deliveries
    assert Attempt.objects.count() == 7
    assert Delivery.everywhere.filter(state="queued").count() == 3


def test_accounts_share_the_window_of_their_app(real_house, settings):
    settings.X_ACCOUNT_WINDOWS, settings.X_APP_WINDOWS = [(100, 60)], [(5, 60)]
    houses = [real_house, factories.house(), factories.house()]
    for house in houses:
        for _ in range(4):
            factories.delivery(house)
    with threads(6) as start:
        workers = [start(claim_until_closed, house.account.pk) for house in houses * 2]
        for worker in workers:
            worker.result()
    assert Attempt.objects.count() == 5


def test_a_claim_waits_for_another_account_s_to_count_for_the_app(
    real_house, settings, monkeypatch
):
    settings.X_APP_WINDOWS = [(1, 60)]
    other = factories.house()
    factories.delivery(real_house)
    factories.delivery(other)
    halt = halt_before(monkeypatch, claim, "_take")
    with threads(2) as start:
        first = start(claim_for, real_house)
        halt.wait()
        second = start(claim_for, other)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        assert isinstance(first.result(), Claimed)
        assert isinstance(second.result(), Closed)


def test_a_claim_that_waited_past_its_call_deadline_takes_nothing_and_the_next_one_does(
    real_house, settings, monkeypatch
):
    other = factories.house()
    factories.delivery(real_house)
    factories.delivery(other)
    halt = halt_before(monkeypatch, claim, "_take")
    with threads(2) as start:
        first = start(claim_for, real_house)
        halt.wait()
        settings.CALL_DEADLINE = 0.2
        second = start(claim_for, other)
        wait_until(somebody_waits_for_a_lock)
        began = now()
        wait_until(lambda: now() > began + timedelta(seconds=settings.CALL_DEADLINE))
        halt.let_go()
        assert isinstance(first.result(), Claimed)
        assert isinstance(second.result(), NothingDue)
    assert Attempt.objects.count() == 1
    settings.CALL_DEADLINE = 5.0
    assert isinstance(claim_for(other), Claimed)


def test_a_sliding_window_is_never_exceeded_while_it_slides(real_house, settings):
    limit, seconds = 3, 1
    settings.X_ACCOUNT_WINDOWS = [(limit, seconds)]
    for _ in range(8):
        factories.delivery(real_house)

    def worker():
        while True:
            answer = claim_for(real_house)
            if isinstance(answer, Claimed):
                outcomes.record_not_sent(answer, NotCalled("connect_failed"))
            elif isinstance(answer, NothingDue):
                return
            else:
                time.sleep(0.002)

    with threads(4) as start:
        for running in [start(worker) for _ in range(4)]:
            running.result()
    ledger = list(Attempt.objects.order_by("started_at"))
    assert len(ledger) == 8
    for attempt in ledger:
        counted = [
            other
            for other in ledger
            if other.started_at
            <= attempt.started_at
            < other.counts_until + timedelta(seconds=seconds)
        ]
        assert len(counted) <= limit


def test_two_letters_to_one_person_are_never_in_the_air_together(real_house):
    no_cap(real_house)
    maria = real_house.customer()
    for _ in range(4):
        factories.delivery(real_house, maria)
    with threads(4) as start:
        answers = [start(claim.claim, real_house.account.pk) for _ in range(4)]
        taken = [answer.result() for answer in answers]
    assert sum(isinstance(answer, Claimed) for answer in taken) == 1
    assert Delivery.everywhere.filter(state="sending").count() == 1


def test_a_worker_that_finds_the_account_taken_does_not_wait(real_house, monkeypatch):
    factories.delivery(real_house)
    halt = halt_before(monkeypatch, claim, "judge")
    with threads(1) as start:
        first = start(claim.claim, real_house.account.pk)
        halt.wait()
        assert claim_for(real_house) == Busy()
        halt.let_go()
        assert isinstance(first.result(), Claimed)


# --- against people --------------------------------------------------------------------------


def test_a_stop_that_came_first_is_waited_for_and_nothing_leaves(real_house, monkeypatch):
    delivery = factories.delivery(real_house)
    halt = halt_before(monkeypatch, customers, "suppressed")
    with threads(2) as start:
        stop = start(stop_writing_to, real_house, delivery)
        halt.wait()
        claiming = start(claim.claim, real_house.account.pk)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        stop.result()
        assert isinstance(claiming.result(), NothingDue)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == ("cancelled", "They wrote 'stop'.")
    assert Attempt.objects.count() == 0


def test_a_stop_that_came_later_waits_for_the_claim_and_ends_what_is_left(real_house, monkeypatch):
    no_cap(real_house)
    maria = real_house.customer()
    first, second = factories.delivery(real_house, maria), factories.delivery(real_house, maria)
    halt = halt_before(monkeypatch, claim, "judge")
    with threads(2) as start:
        claiming = start(claim.claim, real_house.account.pk)
        halt.wait()
        stop = start(stop_writing_to, real_house, first)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        claimed = claiming.result()
        stop.result()
    assert claimed.delivery_id == first.pk
    assert Attempt.objects.get().started_at < Suppression.everywhere.get().since
    states = Delivery.everywhere.in_bulk([first.pk, second.pk])
    assert (states[first.pk].state, states[second.pk].state) == ("sending", "cancelled")
    # What was in the air did not leave after all: it is held back now.
    outcomes.record_not_sent(claimed, NotCalled("connect_failed"))
    Delivery.everywhere.filter(pk=first.pk).update(look_at=now())
    held = claim_for(real_house)
    assert (held.delivery_id, held.verdict.code) == (first.pk, "suppressed")


def stop_writing_to(house, delivery):
    customers.suppress(house.marketer, delivery.customer_id, reason="They wrote 'stop'.")


@pytest.mark.parametrize("how", ["take_back", "undo"])
def test_an_approval_withdrawn_first_stops_the_letter(real_house, monkeypatch, how):
    delivery = factories.delivery(real_house)
    halt = halt_before(monkeypatch, drafts, "_undo_review")
    with threads(2) as start:
        withdrawing = start(withdraw, how, real_house, delivery)
        halt.wait()
        claiming = start(claim.claim, real_house.account.pk)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        withdrawing.result()
        assert isinstance(claiming.result(), NothingDue)
    delivery.refresh_from_db()
    assert delivery.state == "cancelled"
    assert Attempt.objects.count() == 0


@pytest.mark.parametrize("how", ["take_back", "undo"])
def test_once_it_is_sending_the_approval_stays(real_house, monkeypatch, how):
    delivery = factories.delivery(real_house)
    halt = halt_before(monkeypatch, claim, "judge")
    with threads(2) as start:
        claiming = start(claim.claim, real_house.account.pk)
        halt.wait()
        withdrawing = start(withdraw, how, real_house, delivery)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        assert isinstance(claiming.result(), Claimed)
        with pytest.raises(OnItsWay):
            withdrawing.result()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.approval.undone_at) == ("sending", None)
    assert delivery.revision.draft.state == "approved"


def withdraw(how, house, delivery):
    if how == "take_back":
        drafts.take_back(house.marketer, delivery.revision.draft_id)
    else:
        drafts.undo_approval(house.manager, delivery.revision_id)


def test_a_member_s_cancel_and_a_claim_exclude_each_other(real_house, monkeypatch):
    delivery = factories.delivery(real_house)
    halt = halt_before(monkeypatch, claim, "judge")
    with threads(2) as start:
        claiming = start(claim.claim, real_house.account.pk)
        halt.wait()
        cancelling = start(actions.cancel, real_house.marketer, delivery.pk)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        assert isinstance(claiming.result(), Claimed)
        with pytest.raises(actions.CannotMove):
            cancelling.result()


def test_a_pause_that_came_while_a_claim_waited_holds_the_letter(real_house):
    delivery = factories.delivery(real_house)
    with threads(2) as start:
        with transaction.atomic():
            Customer.everywhere.select_for_update().get(pk=delivery.customer_id)
            claiming = start(claim.claim, real_house.account.pk)
            wait_until(somebody_waits_for_a_lock)
            start(x_actions.pause_account, real_house.manager, real_house.account.pk).result()
        held = claiming.result()
    assert (type(held), held.verdict.code) == (OnHold, "paused")


def test_a_limit_that_closes_while_a_claim_runs_ends_in_no_deadlock(real_house, monkeypatch):
    """An answer that a worker brings late, to a letter that is queued again, meets its claim."""
    delivery = factories.delivery(real_house)
    late = claim_for(real_house)
    assert outcomes.rescue(late.attempt_id)
    Attempt.objects.update(outcome="not_sent")
    Delivery.everywhere.update(state="queued")
    halt = halt_before(monkeypatch, claim, "_lock")
    with threads(2) as start:
        claiming = start(claim.claim, real_house.account.pk)  # holds the account's pace
        halt.wait()
        recording = start(outcomes.record_not_sent, late, LimitedUntil("rate_limited"))
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        assert isinstance(claiming.result(), Claimed)
        recording.result()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.claim_token != late.token) == ("sending", True)
