"""What nobody can settle, a manager decides: it arrived, or send it again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.access import NotAllowed
from outreach.audit.models import AuditEvent
from outreach.customers import actions as customers
from outreach.delivery import arrival, decisions, outcomes
from outreach.delivery.actions import CannotMove
from outreach.delivery.claim import Claimed, Held, NothingDue
from outreach.delivery.letter_queries import unsure_of, way_of
from outreach.delivery.models import Attempt, Delivery, SeenDM
from outreach.ground.clock import now
from outreach.x.errors import NeverReason
from tests import factories
from tests.delivery.letters import (
    absent,
    accepted,
    claim_for,
    claimed_letter,
    never,
    new_id,
    no_cap,
    outcome,
    state,
    tell,
    unsure,
)
from tests.delivery.meanwhile import halt_before, somebody_waits_for_a_lock, threads, wait_until


@pytest.fixture
def delivery(house):
    no_cap(house)
    return factories.delivery(house)


@pytest.fixture
def claimed(house, delivery):
    return unsure(house, delivery)


def what_is_known(house, delivery):
    """What the letter's page says of one that is unsure."""
    return unsure_of(way_of(house.manager, delivery.revision.draft))


def shown(house, delivery) -> list[int]:
    """The messages that a manager may say the letter is."""
    known = what_is_known(house, delivery)
    return [message.id for message in known.shown] if known else []


def last_said(delivery, verb: str) -> AuditEvent:
    return AuditEvent.objects.filter(verb=verb, target_id=delivery.pk).latest("pk")


# --- it arrived ------------------------------------------------------------------------------------


def test_what_a_manager_saw_at_x_is_sent(house, delivery, claimed):
    decided = decisions.it_arrived(house.manager, delivery.pk, None)
    assert (decided.state, state(delivery)) == ("sent", "sent")
    assert (delivery.dm_event_id, delivery.contradiction, delivery.reason) == (None, "", "")
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.kind, attempt.settle_at) == (
        "sent", "decided_by_person", None,
    )  # fmt: skip
    assert last_said(delivery, "delivery.sent").actor_id == house.manager.user_id
    assert claim_for(house) == NothingDue(None)


def test_it_counts_as_written_to_them(house, delivery, claimed):
    delivery.customer.refresh_from_db()
    assert delivery.customer.last_written_at is None
    decisions.it_arrived(house.manager, delivery.pk, None)
    delivery.customer.refresh_from_db()
    assert delivery.customer.last_written_at is not None


def test_it_claims_the_message_that_was_shown(house, delivery, claimed):
    id_ = new_id()
    tell(house, claimed, id_, "The words as X mangled them")
    assert (shown(house, delivery), state(delivery)) == ([id_], "uncertain")
    decisions.it_arrived(house.manager, delivery.pk, id_)
    assert (state(delivery), delivery.dm_event_id, outcome(claimed)) == ("sent", id_, ("sent", id_))
    assert what_is_known(house, delivery) is None


def test_a_message_that_x_does_not_show_is_refused(house, delivery, claimed):
    with pytest.raises(CannotMove, match="does not show"):
        decisions.it_arrived(house.manager, delivery.pk, new_id())
    assert (state(delivery), outcome(claimed)) == ("uncertain", ("uncertain", None))


def test_one_that_is_another_letter_s_is_not_shown_and_refused(house, delivery, claimed, clock):
    decisions.send_again(house.manager, delivery.pk)
    other = factories.delivery(house, delivery.customer)
    theirs = claimed_letter(house, other)
    id_ = new_id()
    outcomes.record_sent(theirs, accepted(id_))
    tell(house, theirs, id_)
    unsure(house, delivery)
    assert shown(house, delivery) == []
    with pytest.raises(CannotMove):
        decisions.it_arrived(house.manager, delivery.pk, id_)
    assert (state(delivery), state(other)) == ("uncertain", "sent")


def test_one_to_somebody_else_or_from_long_before_is_not_shown(house, delivery, claimed):
    other = unsure(house, factories.delivery(house))
    tell(house, other, new_id(), "Other words")
    tell(house, claimed, new_id(), "Other words", at=now() - timedelta(minutes=5))
    assert SeenDM.objects.count() == 2
    assert shown(house, delivery) == []


def test_the_newest_is_shown_first(house, delivery, claimed):
    first, second = new_id(), new_id()
    for id_, seconds in ((first, 1), (second, 2)):
        tell(house, claimed, id_, "Other words", at=now() + timedelta(seconds=seconds))
    assert shown(house, delivery) == [second, first]


def test_an_answer_of_x_outranks_what_a_person_claimed(house, delivery, claimed):
    id_, own = new_id(), new_id()
    tell(house, claimed, id_, "Other words")
    decisions.it_arrived(house.manager, delivery.pk, id_)
    outcomes.record_sent(claimed, accepted(own))
    assert (state(delivery), delivery.dm_event_id) == ("sent", own)
    assert not Attempt.objects.filter(dm_event_id=id_).exists()


# --- send it again -----------------------------------------------------------------------------------


def test_it_leaves_again_with_a_new_time(house, delivery, claimed, clock):
    clock(4 * 86_400)
    before = now()
    decisions.send_again(house.manager, delivery.pk)
    assert (state(delivery), delivery.reason_code, delivery.reason) == ("queued", "", "")
    assert before <= delivery.due_at <= delivery.look_at <= now()
    assert delivery.leave_by == delivery.due_at + timedelta(days=3)
    assert outcome(claimed) == ("absent", None)
    assert last_said(delivery, "delivery.queued").actor_id == house.manager.user_id
    delivery.customer.relationships.update(checked_at=now())
    assert isinstance(claim_for(house), Claimed)


def test_the_gates_decide_anew(house, delivery, claimed):
    customers.suppress(house.marketer, delivery.customer_id, reason="They wrote 'stop'.")
    assert state(delivery) == "uncertain"  # what is in the air is not called back
    decisions.send_again(house.manager, delivery.pk)
    held = claim_for(house)
    assert (type(held), held.verdict.code) == (Held, "suppressed")


def test_where_it_had_arrived_after_all_that_is_shown(house, delivery, claimed):
    decisions.send_again(house.manager, delivery.pk)
    id_ = new_id()
    tell(house, claimed, id_)
    assert (state(delivery), delivery.dm_event_id) == ("sent", id_)
    assert delivery.contradiction == arrival.CONTRADICTIONS["queued"]


def test_after_a_duplicate_it_may_be_sent_again_too(house, delivery, clock):
    first = absent(house, delivery, clock)
    second = claimed_letter(house, delivery)
    outcomes.record_not_sent(second, never(NeverReason.DUPLICATE))
    decisions.send_again(house.manager, delivery.pk)
    assert (state(delivery), outcome(first)) == ("queued", ("absent", None))


def test_after_a_duplicate_the_page_speaks_of_the_call_that_may_have_arrived(
    house, delivery, clock
):
    first = absent(house, delivery, clock)
    outcomes.record_not_sent(claimed_letter(house, delivery), never(NeverReason.DUPLICATE))
    delivery.refresh_from_db()
    known = what_is_known(house, delivery)
    attempt = Attempt.objects.get(pk=first.attempt_id)
    assert (known.called_at, known.next_look) == (attempt.started_at, attempt.settle_at)
    assert known.next_look is not None
    assert known.happened == (
        "It refused the next call as the same words again, so it may have taken this one."
    )


# --- who, and what ---------------------------------------------------------------------------------

DECISIONS = [
    lambda member, pk: decisions.it_arrived(member, pk, None),
    decisions.send_again,
]


@pytest.mark.parametrize("decide", DECISIONS)
def test_a_marketer_does_not_decide(house, delivery, claimed, decide):
    with pytest.raises(NotAllowed):
        decide(house.marketer, delivery.pk)
    assert state(delivery) == "uncertain"


@pytest.mark.parametrize("decide", DECISIONS)
def test_an_administrator_may(house, delivery, claimed, decide):
    decide(house.administrator, delivery.pk)
    assert state(delivery) != "uncertain"


@pytest.mark.parametrize("decide", DECISIONS)
def test_nobody_decides_about_another_workspace_s_letter(house, delivery, claimed, decide):
    other = factories.house()
    with pytest.raises(Delivery.DoesNotExist):
        decide(other.manager, delivery.pk)
    assert state(delivery) == "uncertain"


@pytest.mark.parametrize("decide", DECISIONS)
def test_there_is_nothing_to_decide_once_it_is_settled(house, delivery, claimed, decide):
    tell(house, claimed, new_id())
    before = Delivery.everywhere.values().get()
    with pytest.raises(CannotMove, match="settled already"):
        decide(house.manager, delivery.pk)
    assert Delivery.everywhere.values().get() == before


@pytest.mark.parametrize("decide", DECISIONS)
@pytest.mark.parametrize("by_then", ["queued", "sending"])
def test_nor_while_it_is_on_its_way(house, delivery, decide, by_then):
    if by_then == "sending":
        claimed_letter(house, delivery)
    with pytest.raises(CannotMove):
        decide(house.manager, delivery.pk)
    assert state(delivery) == by_then


def test_whoever_decides_second_is_told_so(house, delivery, claimed):
    decisions.send_again(house.manager, delivery.pk)
    with pytest.raises(CannotMove):
        decisions.it_arrived(house.administrator, delivery.pk, None)
    assert state(delivery) == "queued"


def test_an_event_that_comes_while_a_manager_decides_is_waited_for(transactional_db, monkeypatch):
    house = factories.house()
    delivery = factories.delivery(house)
    claimed = unsure(house, delivery)
    halt = halt_before(monkeypatch, arrival, "say")
    with threads(2) as start:
        telling = start(tell, house, claimed, new_id())
        halt.wait()
        deciding = start(decisions.send_again, house.manager, delivery.pk)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        telling.result()
        with pytest.raises(CannotMove):
            deciding.result()
    assert state(delivery) == "sent"
