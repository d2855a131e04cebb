"""An erasure comes before a claim, an approval, an event, or after it; never between, never stuck."""

from __future__ import annotations

import pytest

from outreach.customers import actions as customers
from outreach.customers.erasing import actions, telling
from outreach.customers.erasing import queries as erasing_queries
from outreach.customers.errors import InTheAir
from outreach.customers.models import Customer, ErasedPerson
from outreach.delivery import claim, outcomes
from outreach.delivery.claim import Claimed, NothingDue
from outreach.delivery.models import Attempt, Delivery
from outreach.drafts import actions as drafts
from outreach.drafts.errors import AlreadyDecided, NotEditable
from outreach.drafts.models import Draft, Revision
from outreach.x import events
from outreach.x.errors import NotCalled, Unknown
from outreach.x.models import ActivityEvent, Via
from outreach.x.payloads import Told
from tests import factories
from tests.delivery.meanwhile import (
    Halt,
    halt_before,
    somebody_waits_for_a_lock,
    threads,
    wait_until,
)
from tests.delivery.test_outcomes import accepted
from tests.x.telling import follow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def delivery(house):
    return factories.delivery(house)


def erase(house, customer_id):
    return actions.erase(house.manager, customer_id)


def is_blank(delivery) -> bool:
    row = Delivery.everywhere.get(pk=delivery.pk)
    return (row.text, row.recipient_x_user_id, row.revision.text) == ("", None, "")


# --- a claim -----------------------------------------------------------------------------------


def test_an_erasure_that_comes_first_leaves_nothing_to_claim(house, delivery, monkeypatch):
    halt = halt_before(monkeypatch, actions, "_erase_own")
    with threads(2) as start:
        erasing = start(erase, house, delivery.customer_id)
        halt.wait()
        claiming = start(claim.claim, house.account.pk)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        erasing.result()
        assert isinstance(claiming.result(), NothingDue)
    assert Attempt.objects.count() == 0
    assert is_blank(delivery)


@pytest.mark.parametrize("step", ["judge", "_take"])
def test_a_claim_that_comes_first_makes_the_erasure_wait_and_then_refuse(
    house, delivery, monkeypatch, step
):
    halt = halt_before(monkeypatch, claim, step)
    with threads(2) as start:
        claiming = start(claim.claim, house.account.pk)
        halt.wait()
        erasing = start(erase, house, delivery.customer_id)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        assert isinstance(claiming.result(), Claimed)
        with pytest.raises(InTheAir, match="Nothing was erased"):
            erasing.result()
    assert Customer.everywhere.get(pk=delivery.customer_id).erased_at is None
    assert Delivery.everywhere.get(pk=delivery.pk).text != ""
    assert ErasedPerson.everywhere.count() == 0


def test_a_claim_that_stands_at_its_first_lock_and_an_erasure_do_not_wait_for_each_other(
    house, delivery, monkeypatch
):
    """The claim has the account's pace row and its candidate; the erasure runs through."""
    halt = halt_before(monkeypatch, claim, "_lock")
    with threads(1) as start:
        claiming = start(claim.claim, house.account.pk)
        halt.wait()
        erase(house, delivery.customer_id)
        halt.let_go()
        assert isinstance(claiming.result(), NothingDue)
    assert is_blank(delivery)


def test_once_the_call_is_over_they_can_be_erased(house, delivery):
    claimed = claim.claim(house.account.pk)
    assert isinstance(claimed, Claimed)
    with pytest.raises(InTheAir):
        erase(house, delivery.customer_id)
    outcomes.record_not_sent(claimed, NotCalled("connect_failed"))
    erase(house, delivery.customer_id)
    assert is_blank(delivery)
    assert Delivery.everywhere.get().state == "cancelled"


# --- an answer that comes after all ------------------------------------------------------------


def test_an_answer_after_the_erasure_of_an_unsure_letter_is_recorded_without_its_name(
    house, delivery
):
    claimed = claim.claim(house.account.pk)
    assert isinstance(claimed, Claimed)
    outcomes.record_not_sent(claimed, Unknown("timeout"))
    erase(house, delivery.customer_id)
    assert Delivery.everywhere.get().state == "failed"
    for _ in range(2):
        outcomes.record_sent(claimed, accepted())
    row, attempt = Delivery.everywhere.get(), Attempt.objects.get()
    assert (row.state, row.dm_event_id, row.text) == ("sent", None, "")
    assert (attempt.outcome, attempt.dm_event_id, attempt.request_id) == ("sent", None, "")
    assert row.sent_at is not None


# --- the work of people ------------------------------------------------------------------------


def test_words_that_are_being_saved_are_saved_first_and_then_erased(house, monkeypatch):
    draft = factories.draft(house)
    halt = halt_before(monkeypatch, drafts, "_keep")
    with threads(2) as start:
        saving = start(save, house, draft)
        halt.wait()
        erasing = start(erase, house, draft.customer_id)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        saving.result()
        erasing.result()
    assert (Draft.everywhere.get().words, Draft.everywhere.get().state) == ("", "erased")


def test_words_that_come_after_the_erasure_are_not_kept(house, monkeypatch):
    draft = factories.draft(house)
    halt = halt_before(monkeypatch, actions, "_erase_own")
    with threads(2) as start:
        erasing = start(erase, house, draft.customer_id)
        halt.wait()
        saving = start(save, house, draft)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        erasing.result()
        with pytest.raises(NotEditable, match="erased with the person"):
            saving.result()
    assert Draft.everywhere.get().words == ""


def save(house, draft):
    words = drafts.Words("Hi Maria, the ink")
    return drafts.save(house.marketer, draft.pk, version=draft.version, words=words)


def test_a_submission_under_way_is_erased_with_the_rest(house, monkeypatch):
    draft = factories.draft(house)
    halt = halt_before(monkeypatch, drafts, "_move")
    with threads(2) as start:
        submitting = start(submit, house, draft)
        halt.wait()
        erasing = start(erase, house, draft.customer_id)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        submitting.result()
        erasing.result()
    assert (Revision.everywhere.get().text, Draft.everywhere.get().state) == ("", "erased")


def submit(house, draft):
    words = drafts.Words(factories.WORDS)
    return drafts.submit(house.marketer, draft.pk, version=draft.version, words=words)


def test_an_approval_and_an_erasure_take_turns(house, monkeypatch):
    revision = factories.submitted(house)
    halt = halt_before(monkeypatch, drafts, "approved")
    with threads(2) as start:
        approving = start(factories.decided, house, revision)
        halt.wait()
        erasing = start(erase, house, revision.customer_id)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        approving.result()
        erasing.result()
    delivery = Delivery.everywhere.get()
    assert (delivery.state, is_blank(delivery)) == ("cancelled", True)


def test_an_approval_after_the_erasure_is_refused(house, monkeypatch):
    revision = factories.submitted(house)
    halt = halt_before(monkeypatch, actions, "_erase_own")
    with threads(2) as start:
        erasing = start(erase, house, revision.customer_id)
        halt.wait()
        approving = start(factories.decided, house, revision)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        erasing.result()
        with pytest.raises(AlreadyDecided, match="erased with the person"):
            approving.result()
    assert Delivery.everywhere.count() == 0


def test_a_letter_that_is_begun_meanwhile_is_not_begun(house, monkeypatch):
    customer = house.customer()
    halt = halt_before(monkeypatch, actions, "_erase_own")
    with threads(2) as start:
        erasing = start(erase, house, customer.pk)
        halt.wait()
        beginning = start(factories.draft, house, customer)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        erasing.result()
        with pytest.raises(Customer.DoesNotExist):
            beginning.result()
    assert Draft.everywhere.count() == 0


def test_two_managers_erase_the_same_person_once(house, monkeypatch):
    customer = house.customer()
    halt = halt_before(monkeypatch, actions, "_erase_own")
    with threads(2) as start:
        first = start(erase, house, customer.pk)
        halt.wait()
        second = start(erase, house, customer.pk)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        first.result()
        with pytest.raises(Customer.DoesNotExist):
            second.result()
    assert ErasedPerson.everywhere.count() == 1


# --- what X tells ------------------------------------------------------------------------------


def hand_on_a_follow(house, x_user_id):
    told = Told(
        f"n{factories.unique()}",
        "follow.follow",
        house.account.x_user_id,
        follow(x_user_id, house.account.x_user_id),
    )
    events.store(house.account.app_id, [told], Via.STREAM)
    return events.handle(house.account.pk)


def test_an_event_that_is_handled_during_the_erasure_is_blanked_after_it(house, monkeypatch):
    customer = house.customer()
    halt = halt_before(monkeypatch, actions, "_erase_own")
    with threads(2) as start:
        erasing = start(erase, house, customer.pk)
        halt.wait()
        handling = start(hand_on_a_follow, house, customer.x_user_id)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        erasing.result()
        assert handling.result() == 1
    assert ActivityEvent.objects.get().payload == {}


def test_an_event_that_is_being_handled_before_the_erasure_is_blanked_by_it(house, monkeypatch):
    customer = house.customer()
    halt = halt_before(monkeypatch, telling, "erased_among")
    with threads(2) as start:
        handling = start(hand_on_a_follow, house, customer.x_user_id)
        halt.wait()
        erasing = start(erase, house, customer.pk)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        assert handling.result() == 1
        erasing.result()
    assert ActivityEvent.objects.get().payload == {}


def test_an_event_that_comes_between_the_two_looks_is_blanked(house, monkeypatch):
    customer = house.customer()
    halt = Halt()
    real = actions.accounts.forget_in_sessions

    def between(words):
        halt()
        return real(words)

    monkeypatch.setattr(actions.accounts, "forget_in_sessions", between)
    with threads(1) as start:
        erasing = start(erase, house, customer.pk)
        halt.wait()
        assert hand_on_a_follow(house, customer.x_user_id) == 1
        halt.let_go()
        erasing.result()
    assert ActivityEvent.objects.get().payload == {}


def test_an_event_that_waits_for_the_erasure_is_not_waited_for(house, monkeypatch):
    customer = house.customer()
    halt, real = Halt(), actions.erase_told

    def at_the_second_look(*arguments, wait=True):
        if not wait:
            halt()  # the customer is locked
        return real(*arguments, wait=wait)

    monkeypatch.setattr(actions, "erase_told", at_the_second_look)
    with threads(2) as start:
        erasing = start(erase, house, customer.pk)
        halt.wait()
        handling = start(hand_on_a_follow, house, customer.x_user_id)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        erasing.result()
        assert handling.result() == 1
    event = ActivityEvent.objects.get()
    assert (event.payload, event.failure) == ({}, "")


def test_a_stop_and_an_erasure_take_turns(house, delivery, monkeypatch):
    halt = halt_before(monkeypatch, actions, "_erase_own")
    with threads(2) as start:
        erasing = start(erase, house, delivery.customer_id)
        halt.wait()
        stopping = start(stop, house, delivery)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        erasing.result()
        with pytest.raises(Customer.DoesNotExist):
            stopping.result()
    x_user_id = delivery.recipient_x_user_id
    assert erasing_queries.erased_among(house.workspace.pk, [x_user_id]) == {x_user_id}


def stop(house, delivery):
    customers.suppress(house.marketer, delivery.customer_id, reason="They wrote 'stop'.")
