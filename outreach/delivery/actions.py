"""Writes about deliveries, but for the claim (claim.py) and its outcome (outcomes.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction

from accounts.access import Act, Member, action
from accounts.models import Workspace
from outreach.audit.actions import record_all
from outreach.customers.models import Customer
from outreach.delivery.models import (
    IN_THE_AIR,
    MOVES,
    OPEN,
    AccountPace,
    AppPace,
    Delivery,
    DeliveryState,
    Outcome,
    SendingPolicy,
)
from outreach.delivery.pausing import pause_stopped_campaigns
from outreach.delivery.trail import say
from outreach.drafts.errors import OnItsWay
from outreach.drafts.models import Campaign, Review, Revision
from outreach.ground.clock import now
from outreach.ground.writes import step

LEAVE_BY = timedelta(days=3)


class CannotMove(Exception):  # noqa: N818  says what is refused
    """The letter is not in a state from which this can be done; `str()` says so."""


@step
def make_policy(workspace_id: int) -> None:
    """A new workspace's sending policy: the careful defaults."""
    SendingPolicy.everywhere.create(workspace=Workspace.objects.get(pk=workspace_id))


@step
def make_app_pace(app_id: int) -> None:
    """An account may now write through this X app: its common limit has a row."""
    AppPace.objects.get_or_create(app_id=app_id)


@step
def take_on(revision_id: int, review_id: int) -> None:
    """An approved revision becomes a delivery, in the transaction that approves it.

    It is due when its author wanted it, and never sooner than the seconds there are to undo the
    approval. The wake-up after the commit is a hint; the tick finds what it misses.
    """
    revision = Revision.everywhere.select_related("customer", "x_account").get(pk=revision_id)
    recipient = revision.customer.x_user_id
    assert recipient is not None  # nobody begins a letter to somebody X was not asked about
    earliest = now() + timedelta(seconds=settings.UNDO_SECONDS)
    due_at = max(earliest, revision.send_at) if revision.send_at else earliest
    AppPace.objects.get_or_create(app_id=revision.x_account.app_id)
    AccountPace.objects.get_or_create(x_account_id=revision.x_account_id)
    delivery = Delivery.objects.create(
        workspace_id=revision.workspace_id,
        revision=revision,
        approval=Review.everywhere.get(pk=review_id),
        x_account_id=revision.x_account_id,
        customer_id=revision.customer_id,
        campaign_id=revision.campaign_id,
        recipient_x_user_id=recipient,
        text=revision.text,
        text_sha256=revision.text_sha256,
        due_at=due_at,
        leave_by=due_at + LEAVE_BY,
        look_at=due_at,
    )
    say(delivery, "delivery.queued", {"text_sha256": delivery.text_sha256})
    hint(delivery)


@step
def call_back(draft_id: int, reason: str, actor_id: int | None) -> None:
    """Cancel what an approval put on its way. Raises drafts.errors.OnItsWay where it left."""
    deliveries = Delivery.everywhere.select_for_update(no_key=True).filter(
        revision__draft_id=draft_id
    )
    for delivery in deliveries.order_by("pk"):
        if delivery.state in (*IN_THE_AIR, DeliveryState.SENT):
            gone = "was sent" if delivery.state == DeliveryState.SENT else "is on its way already"
            raise OnItsWay(f"This letter {gone} and cannot be taken back.")
        if delivery.state != DeliveryState.CANCELLED:
            move(delivery, DeliveryState.CANCELLED, actor_id, code="withdrawn", reason=reason)


@step
def cancel_for_people(workspace_id: int, x_user_ids: Sequence[int], reason: str) -> None:
    """A stop: nothing that is queued for these leaves, from any account of the workspace.

    The caller has locked the customers, so no claim for them runs meanwhile.
    """
    waiting = Delivery.everywhere.select_for_update(no_key=True).filter(
        workspace_id=workspace_id, recipient_x_user_id__in=x_user_ids, state__in=OPEN
    )
    for delivery in waiting.order_by("pk"):
        move(delivery, DeliveryState.CANCELLED, None, code="suppressed", reason=reason)
    pause_stopped_campaigns(workspace_id, list(x_user_ids))


@step
def cancel_for_row(workspace_id: int, customer_id: int, reason: str) -> None:
    """A customer's row was merged into another: nothing that is queued for it leaves.

    The caller has locked the customer, so no claim for them runs meanwhile.
    """
    waiting = Delivery.everywhere.select_for_update(no_key=True).filter(
        workspace_id=workspace_id, customer_id=customer_id, state__in=OPEN
    )
    for delivery in waiting.order_by("pk"):
        move(delivery, DeliveryState.CANCELLED, None, code="merged", reason=reason)


@action(Act.WRITE)
def cancel(member: Member, delivery_id: int) -> Delivery:
    """A member stops a letter that has not left. Raises Delivery.DoesNotExist, CannotMove."""
    delivery = Delivery.objects.of(member).select_for_update(no_key=True).get(pk=delivery_id)
    if delivery.state not in OPEN:
        raise CannotMove("This letter is not waiting any more, so there is nothing to cancel.")
    reason = f"Cancelled by {member.name}."
    move(delivery, DeliveryState.CANCELLED, member.user_id, code="cancelled", reason=reason)
    return delivery


@action(Act.WRITE)
def try_again(member: Member, delivery_id: int) -> Delivery:
    """A member sends a blocked letter back to the queue after mending what blocked it.

    The gates decide anew. It gets a new *leave by*. Raises Delivery.DoesNotExist, CannotMove.
    """
    delivery = _locked(member, delivery_id)
    if delivery.state != DeliveryState.BLOCKED:
        raise CannotMove("Only a letter that is held back can be tried again.")
    _queue_again(delivery, now(), member.user_id)
    return delivery


@action(Act.WRITE)
def reschedule(member: Member, delivery_id: int, due_at: datetime) -> Delivery:
    """A member gives a letter that has not left another time. It gets a new *leave by*.

    A time that is over means now, and none is within the seconds to undo the approval. Raises
    Delivery.DoesNotExist, CannotMove.
    """
    delivery = _locked(member, delivery_id)
    if delivery.state not in OPEN:
        raise CannotMove("This letter is not waiting any more, so its time cannot be changed.")
    _reschedule(delivery, due_at, member.user_id)
    return delivery


@action(Act.WRITE)
def reschedule_campaign(member: Member, campaign_id: int, due_times: Mapping[int, datetime]) -> int:
    """Give letters of a campaign other times, by delivery id; those that left meanwhile stay.

    Returns how many were changed. Locks as everywhere: paces, customers, deliveries, each by id.
    """
    letters = Delivery.objects.of(member).filter(
        campaign_id=campaign_id, pk__in=list(due_times), state__in=OPEN
    )
    _lock_paces(set(letters.values_list("x_account_id", flat=True)))
    customers = Customer.everywhere.filter(pk__in=letters.values("customer_id"))
    list(customers.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    changed = list(letters.select_for_update(no_key=True).order_by("pk"))
    for delivery in changed:
        _reschedule(delivery, due_times[delivery.pk], member.user_id)
    return len(changed)


@action(Act.WRITE)
def cancel_campaign(member: Member, campaign_id: int) -> int:
    """Cancel what waits of a campaign; returns how many letters. Raises Campaign.DoesNotExist.

    The same statements however many those are.
    """
    campaign = Campaign.objects.of(member).get(pk=campaign_id)
    waiting = Delivery.objects.of(member).filter(campaign=campaign, state__in=OPEN)
    locked = waiting.select_for_update(no_key=True).order_by("pk")
    was = dict(locked.values_list("pk", "state"))
    Delivery.objects.of(member).filter(pk__in=list(was)).update(
        state=DeliveryState.CANCELLED,
        changed_at=now(),
        reason_code="cancelled",
        reason=f"{campaign.name} was cancelled by {member.name}."[:300],
    )
    record_all(
        "delivery.cancelled",
        target_kind="delivery",
        targets={pk: {"was": state, "code": "cancelled"} for pk, state in was.items()},
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
    )
    return len(was)


def _locked(member: Member, delivery_id: int) -> Delivery:
    """A letter that may be queued anew, locked in the order that holds everywhere."""
    found = Delivery.objects.of(member).get(pk=delivery_id)
    _lock_paces({found.x_account_id})
    Customer.objects.with_erased(member).select_for_update(no_key=True).get(pk=found.customer_id)
    return Delivery.objects.of(member).select_for_update(no_key=True).get(pk=delivery_id)


def _lock_paces(x_account_ids: set[int]) -> None:
    paces = AccountPace.objects.select_for_update(no_key=True).filter(pk__in=x_account_ids)
    list(paces.order_by("pk").values_list("pk"))


def _reschedule(delivery: Delivery, due_at: datetime, actor_id: int) -> None:
    was = delivery.due_at
    # A new time takes nothing from the seconds there are to undo the approval.
    due_at = max(due_at, now(), delivery.created_at + timedelta(seconds=settings.UNDO_SECONDS))
    if delivery.state == DeliveryState.BLOCKED:
        _queue_again(delivery, due_at, actor_id)
    else:
        delivery.due_at = delivery.look_at = due_at
        delivery.leave_by = delivery.due_at + LEAVE_BY
        delivery.reason_code = delivery.reason = ""
        delivery.save(update_fields=["due_at", "look_at", "leave_by", "reason_code", "reason"])
        hint(delivery)
    details = {"was": was.isoformat(), "due_at": delivery.due_at.isoformat()}
    say(delivery, "delivery.rescheduled", details, actor_id)


def _queue_again(delivery: Delivery, due_at: datetime, actor_id: int) -> None:
    if delivery.attempts.filter(outcome__in=[Outcome.POSTING, Outcome.UNCERTAIN]).exists():
        raise CannotMove(
            "X took this letter, and whether it arrived is still looked for. It cannot be sent "
            "again before that is known."
        )
    delivery.due_at = delivery.look_at = due_at
    delivery.leave_by = due_at + LEAVE_BY
    move(delivery, DeliveryState.QUEUED, actor_id, code="", reason="")
    hint(delivery)


@step
def move(
    delivery: Delivery, to: DeliveryState, actor_id: int | None, *, code: str, reason: str
) -> None:
    """Along the table of allowed moves; the caller has locked the delivery."""
    was = DeliveryState(delivery.state)
    assert to in MOVES[was], f"{was} to {to}"
    delivery.state, delivery.changed_at = to, now()
    delivery.reason_code, delivery.reason = code, reason
    delivery.save(
        update_fields=[
            "state", "changed_at", "reason_code", "reason", "due_at", "look_at", "leave_by",
        ]
    )  # fmt: skip
    say(delivery, f"delivery.{to.value}", {"was": was.value, "code": code}, actor_id)


@step
def hint(delivery: Delivery) -> None:
    """Wake a worker when the letter is due, if that is soon. Losing the hint loses nothing."""
    from outreach.delivery.tasks import wake  # tasks import the sender, which imports this room

    seconds = (delivery.look_at - now()).total_seconds()
    if seconds <= 60:
        hint = partial(wake, delivery.x_account_id, max(0.0, seconds))
        transaction.on_commit(hint, robust=True)
