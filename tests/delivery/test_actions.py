"""What people do to letters that were approved."""

from __future__ import annotations

from datetime import timedelta

import pytest

from outreach.customers import actions as customers
from outreach.delivery import actions
from outreach.delivery.models import MOVES, Delivery, DeliveryState
from outreach.drafts import actions as drafts
from outreach.drafts.errors import OnItsWay
from outreach.ground.clock import now
from outreach.ground.writes import NoTransaction
from tests import factories


def put(delivery: Delivery, state: str) -> Delivery:
    """The delivery as it stands in that state."""
    Delivery.everywhere.filter(pk=delivery.pk).update(
        state=state,
        reason="" if state in ("queued", "sending", "sent") else "So it is.",
        claim_token="8b1ff9a4-3b36-4a5c-8a2e-0c3b34c7c001",
        sent_at=now() if state == "sent" else None,
    )
    delivery.refresh_from_db()
    return delivery


@pytest.fixture
def delivery(house) -> Delivery:
    return factories.delivery(house)


def test_approval_makes_one_delivery_with_the_approved_words(house):
    revision = factories.submitted(house)
    review = factories.decided(house, revision)
    delivery = Delivery.everywhere.get(approval=review)
    assert (delivery.text, delivery.text_sha256) == (revision.text, revision.text_sha256)
    assert (delivery.state, delivery.recipient_x_user_id) == (
        "queued",
        revision.customer.x_user_id,
    )


def test_it_is_due_no_sooner_than_the_seconds_to_undo(house, settings):
    settings.UNDO_SECONDS = 10
    review = factories.decided(house, factories.submitted(house))
    delivery = Delivery.everywhere.get(approval=review)
    assert delivery.due_at >= review.decided_at + timedelta(seconds=10)
    assert delivery.look_at == delivery.due_at
    assert delivery.leave_by == delivery.due_at + timedelta(days=3)


def test_it_is_due_when_its_author_wanted_it(house):
    wanted = now() + timedelta(days=2)
    made = factories.draft(house)
    words = drafts.Words(factories.WORDS, send_at=wanted)
    revision = drafts.submit(house.marketer, made.pk, version=made.version, words=words).revision
    factories.decided(house, revision)
    delivery = Delivery.everywhere.get()
    assert (delivery.due_at, delivery.leave_by) == (wanted, wanted + timedelta(days=3))


@pytest.mark.parametrize("state", ["queued", "blocked"])
def test_a_member_cancels_what_waits(house, delivery, state):
    put(delivery, state)
    actions.cancel(house.marketer, delivery.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == ("cancelled", "Cancelled by Jo Writer.")


@pytest.mark.parametrize("state", ["sending", "sent", "failed", "cancelled", "uncertain"])
def test_what_does_not_wait_is_not_cancelled(house, delivery, state):
    put(delivery, state)
    with pytest.raises(actions.CannotMove):
        actions.cancel(house.marketer, delivery.pk)
    delivery.refresh_from_db()
    assert delivery.state == state


def test_a_blocked_letter_tried_again_gets_a_new_time(house, delivery):
    put(delivery, "blocked")
    long_ago = now() - timedelta(days=9)
    Delivery.everywhere.update(due_at=long_ago, look_at=long_ago, leave_by=long_ago)
    actions.try_again(house.marketer, delivery.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason, delivery.reason_code) == ("queued", "", "")
    assert delivery.leave_by > now() + timedelta(days=2)
    assert delivery.look_at <= now()


@pytest.mark.parametrize("state", ["queued", "sending", "sent", "failed", "cancelled", "uncertain"])
def test_only_a_blocked_letter_is_tried_again(house, delivery, state):
    put(delivery, state)
    with pytest.raises(actions.CannotMove):
        actions.try_again(house.marketer, delivery.pk)
    delivery.refresh_from_db()
    assert delivery.state == state


@pytest.mark.parametrize("act", [actions.cancel, actions.try_again])
def test_another_workspace_s_letter_does_not_exist(delivery, act):
    put(delivery, "blocked")
    with pytest.raises(Delivery.DoesNotExist):
        act(factories.house().administrator, delivery.pk)
    delivery.refresh_from_db()
    assert delivery.state == "blocked"


def test_a_stop_cancels_what_waits_for_the_person_and_nothing_else(house, delivery):
    maria = delivery.customer
    blocked = put(factories.delivery(house, maria), "blocked")
    others = factories.delivery(house)
    elsewhere = factories.house()
    same_person = factories.delivery(elsewhere, elsewhere.customer(x_user_id=maria.x_user_id))
    customers.suppress(house.marketer, maria.pk, reason="They wrote 'stop'.")
    states = {row.pk: (row.state, row.reason) for row in Delivery.everywhere.all()}
    stopped = ("cancelled", "They wrote 'stop'.")
    assert states == {
        delivery.pk: stopped,
        blocked.pk: stopped,
        others.pk: ("queued", ""),
        same_person.pk: ("queued", ""),
    }


def test_a_stop_reaches_letters_from_every_account_of_the_workspace(house, delivery):
    house.account = factories.account(house.workspace)
    factories.delivery(house, delivery.customer)
    customers.suppress(house.marketer, delivery.customer_id, reason="They wrote 'stop'.")
    states = Delivery.everywhere.values_list("state", flat=True)
    assert list(states) == ["cancelled", "cancelled"]


@pytest.mark.parametrize("state", ["queued", "blocked", "failed", "cancelled"])
def test_editing_takes_the_approval_with_it(house, delivery, state):
    put(delivery, state)
    drafts.take_back(house.marketer, delivery.revision.draft_id)
    delivery.refresh_from_db()
    assert delivery.state == "cancelled"
    assert delivery.approval.undone_at is not None


@pytest.mark.parametrize("state", ["sending", "uncertain", "sent"])
def test_what_left_or_may_have_left_is_not_edited(house, delivery, state):
    put(delivery, state)
    with pytest.raises(OnItsWay):
        drafts.take_back(house.marketer, delivery.revision.draft_id)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.approval.undone_at) == (state, None)


def test_a_new_time_takes_nothing_from_the_seconds_to_undo(house, settings):
    settings.UNDO_SECONDS = 10
    delivery = factories.delivery(house, due=False)
    actions.reschedule(house.marketer, delivery.pk, now())
    delivery.refresh_from_db()
    seconds = (delivery.due_at - delivery.approval.decided_at).total_seconds()
    assert 10 <= seconds < 15
    assert delivery.look_at == delivery.due_at


def test_after_them_a_time_that_is_over_means_now(house, clock):
    delivery = factories.delivery(house, due=False)
    clock(11)
    before = now()
    actions.reschedule(house.marketer, delivery.pk, before - timedelta(hours=2))
    delivery.refresh_from_db()
    assert before <= delivery.due_at <= now()
    assert delivery.leave_by == delivery.due_at + actions.LEAVE_BY


def test_steps_insist_on_the_caller_s_transaction(transactional_db):
    with pytest.raises(NoTransaction):
        actions.cancel_for_people(1, [1], "so")


def test_sent_is_where_every_way_may_end():
    assert set(MOVES) == set(DeliveryState)
    assert all(
        DeliveryState.SENT in to for state, to in MOVES.items() if state != DeliveryState.SENT
    )
    # Where its proof turns out to be another letter's: unsure, or what X's refusal makes of it.
    assert MOVES[DeliveryState.SENT] == {
        DeliveryState.UNCERTAIN,
        DeliveryState.QUEUED,
        DeliveryState.BLOCKED,
        DeliveryState.FAILED,
    }
