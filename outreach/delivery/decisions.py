"""What a person decides about a letter that nobody can settle: it arrived, or send it again."""

from __future__ import annotations

from types import SimpleNamespace

from accounts.access import Act, Member, action
from outreach.customers.finding.actions import written_step
from outreach.customers.models import Customer
from outreach.delivery.actions import LEAVE_BY, CannotMove, hint
from outreach.delivery.arrival import arrived, lock
from outreach.delivery.meaning import Next
from outreach.delivery.models import AccountPace, Delivery, DeliveryState, Outcome
from outreach.delivery.outcomes import move
from outreach.delivery.settling import CLOCKS_DIFFER, unclaimed
from outreach.delivery.statements import one, run
from outreach.ground.clock import now

SETTLED = "This letter is settled already, so there is nothing to decide."
NOT_SHOWN = "X does not show that message any more, or it belongs to another letter. Look again."
BY_PERSON = "decided_by_person"

# The newest attempt of which nobody knows.
OPEN_ATTEMPT = """
    /* decide: the attempt in question */
    SELECT id FROM delivery_attempt WHERE delivery_id = %(delivery)s AND outcome = 'uncertain'
    ORDER BY started_at DESC LIMIT 1
"""
GIVE_UP = """
    /* decide: it is taken as absent */
    UPDATE delivery_attempt SET outcome = 'absent', settle_at = NULL, kind = %(kind)s
    WHERE id = %(attempt)s
"""
NEW_TIME = """
    /* decide: a new time to leave by */
    UPDATE delivery_delivery SET due_at = %(now)s, leave_by = %(leave_by)s WHERE id = %(delivery)s
"""


@action(Act.REVIEW)
def it_arrived(member: Member, delivery_id: int, dm_event_id: int | None) -> Delivery:
    """A manager saw it at X; `dm_event_id` claims the message that was shown to them.

    Raises Delivery.DoesNotExist, CannotMove.
    """
    delivery, letter = _unsure(member, delivery_id)
    if dm_event_id is not None and dm_event_id not in {
        message.dm_event_id for message in _shown(delivery)
    }:
        raise CannotMove(NOT_SHOWN)
    assert letter.customer_id is not None
    written_step(letter.workspace_id, letter.customer_id, letter.now)
    arrived(letter, BY_PERSON, dm_event_id, actor_id=member.user_id)
    delivery.refresh_from_db()
    return delivery


@action(Act.REVIEW)
def send_again(member: Member, delivery_id: int) -> Delivery:
    """A manager did not find it at X; it goes back to the queue, though it may then arrive twice.

    Raises Delivery.DoesNotExist, CannotMove.
    """
    delivery, letter = _unsure(member, delivery_id)
    run(GIVE_UP, attempt=letter.attempt_id, kind=BY_PERSON)
    moment = now()
    run(NEW_TIME, delivery=delivery.pk, now=moment, leave_by=moment + LEAVE_BY)
    back = Next(DeliveryState.QUEUED, Outcome.ABSENT, "", "", look_at=moment)
    move(letter, back, token=letter.claim_token, actor_id=member.user_id)
    delivery.refresh_from_db()
    hint(delivery)
    return delivery


def _shown(delivery: Delivery) -> list[SimpleNamespace]:
    """Messages of ours to them that X showed since the first attempt and that are nobody's.

    Each with `dm_event_id` and `stamped_at` (X's clock), newest first. Two queries.
    """
    first = delivery.attempts.order_by("started_at").first()
    if first is None or delivery.recipient_x_user_id is None:
        return []
    since = first.started_at - CLOCKS_DIFFER
    return unclaimed(delivery.x_account_id, delivery.recipient_x_user_id, since)


def _unsure(member: Member, delivery_id: int) -> tuple[Delivery, SimpleNamespace]:
    """The letter and the attempt that nobody knows of, locked. Raises CannotMove."""
    delivery = Delivery.objects.of(member).get(pk=delivery_id)
    AccountPace.objects.select_for_update(no_key=True).get(pk=delivery.x_account_id)
    Customer.objects.with_erased(member).select_for_update(no_key=True).get(pk=delivery.customer_id)
    delivery = Delivery.objects.of(member).select_for_update(no_key=True).get(pk=delivery_id)
    attempt = one(OPEN_ATTEMPT, delivery=delivery_id)
    if delivery.state != DeliveryState.UNCERTAIN or attempt is None:
        raise CannotMove(SETTLED)
    return delivery, lock(attempt.id)
