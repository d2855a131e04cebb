"""What people write to the brand, as X tells it: a stop, an opt-in, or that they wrote to us.

A stop takes effect in the transaction that stores it (promise 6); all else follows.

Events come late, twice and in any order. What makes that harmless: a message gives one permission
(HeardMessage), an invitation is accepted once (OptIn), and a stop is one whenever it comes. The
words of a message are kept as evidence and go into no log and no audit event.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from outreach.audit.actions import record
from outreach.customers.actions import lock_people_step, suppress_step
from outreach.customers.erasing.telling import heard_of_the_erased
from outreach.customers.finding.actions import answered_step
from outreach.customers.hooks import OptedIn, opted_in, reads_as_stop
from outreach.customers.invitations.words import first_word
from outreach.customers.models import (
    Basis,
    HeardMessage,
    Invitation,
    OptIn,
    Permission,
    Suppression,
)
from outreach.customers.newcomers import Somebody, welcome
from outreach.ground.writes import step
from outreach.x.models import ActivityEvent, XAccount
from outreach.x.payloads import ReceivedDM, people_of, received_dms_of


@step
def heard_stops(events: Sequence[ActivityEvent]) -> None:
    """Messages are being stored: who says stop is written to no more, from the commit on.

    Locks the people who say it, in one order for all of them, before anything else: so it comes
    before a claim or after it. Where nobody does, one query and no lock.
    """
    accounts = XAccount.everywhere.in_bulk({event.account_id for event in events})
    said = [
        (event, accounts[event.account_id], message)
        for event in events
        if event.account_id is not None
        for message in _to_the_brand(accounts[event.account_id], event)
        if reads_as_stop(message.text)
    ]
    if not said:
        return
    lock_people_step(
        {
            (account.workspace_id, x_user_id)
            for event, account, _ in said
            for x_user_id in people_of(event)
        }
    )
    for event in {event.pk: event for event, _, _ in said}.values():
        heard_of_the_erased(event)
    for _, account, message in said:
        _stop(account, message)


@step
def heard_message(event: ActivityEvent) -> None:
    """Somebody wrote to the brand."""
    assert event.account_id is not None  # nobody's events are not handed on
    account = XAccount.everywhere.get(pk=event.account_id)
    for message in _to_the_brand(account, event):
        _hear(account, message, stopped=event.took_effect_at is not None)
        # Whatever they said, and whoever became a customer by it.
        answered_step(account.workspace_id, message.sender_id, message.created_at)


def _to_the_brand(account: XAccount, event: ActivityEvent) -> list[ReceivedDM]:
    return [
        message
        for message in received_dms_of(event)
        if message.recipient_id == account.x_user_id != message.sender_id
    ]


def stop_reason(account: XAccount, at: datetime) -> str:
    """Why somebody is suppressed who wrote stop; without their words."""
    day = at.astimezone(UTC)
    return f"Said stop in a message to @{account.handle} on {day.day} {day:%B %Y}."


def place_of(account: XAccount) -> str:
    """Where somebody wrote to us."""
    return f"a message to @{account.handle}"


def _stop(account: XAccount, message: ReceivedDM) -> None:
    reason = stop_reason(account, message.created_at)
    suppress_step(account.workspace_id, message.sender_id, reason, actor_id=None)


def _hear(account: XAccount, message: ReceivedDM, *, stopped: bool) -> None:
    """`stopped`: a stop took effect already, and a person may have lifted it since then."""
    stop = reads_as_stop(message.text)
    if stop and not stopped:
        _stop(account, message)
    if stop is not False:
        return
    somebody = Somebody(message.sender_id, message.handle, message.name)
    welcomed = welcome(account.workspace_id, [somebody], unnamed=True)
    customer_id = welcomed.customers.get(message.sender_id)
    if customer_id is None:  # suppressed or erased, and no customer
        return
    # The customer is locked: of two who hear the same message, one waits here.
    if HeardMessage.everywhere.filter(
        workspace_id=account.workspace_id, dm_event_id=message.dm_event_id
    ).exists():
        return
    invitation = _invitation(account, message)
    if invitation is None:
        _permit(account, message, customer_id, Basis.WROTE_TO_US, place_of(account))
    else:
        _permit(account, message, customer_id, Basis.OPTED_IN, invitation.place)
        _accept(invitation, account, message, customer_id)


def _invitation(account: XAccount, message: ReceivedDM) -> Invitation | None:
    """The invitation whose word the message begins with, open when it was written."""
    word = first_word(message.text)
    if not word:
        return None
    rows = Invitation.everywhere.filter(x_account=account, word_folded=word)
    open_still = rows.filter(closed_at__isnull=True).first()
    # Late events: a word may be closed, or mean another invitation, by the time they come.
    open_then = (
        rows.filter(created_at__lte=message.created_at, closed_at__gt=message.created_at)
        .order_by("-created_at")
        .first()
    )
    return open_then or open_still


def _permit(
    account: XAccount, message: ReceivedDM, customer_id: int, basis: Basis, place: str
) -> None:
    """Record the permission, one a UTC day of each basis and place.

    Decided so: a row never changes, since it is evidence, and yet a long talk is one line on the
    customer's page and not a hundred.
    """
    day = message.created_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if Permission.everywhere.filter(
        customer_id=customer_id,
        basis=basis,
        place=place,
        message__isnull=False,
        withdrawn_at__isnull=True,
        given_at__gte=day,
        given_at__lt=day + timedelta(days=1),
    ).exists():
        return
    permission = Permission.objects.create(
        workspace_id=account.workspace_id,
        customer_id=customer_id,
        basis=basis,
        given_at=message.created_at,
        place=place,
        evidence=message.text,
    )
    HeardMessage.objects.create(
        workspace_id=account.workspace_id, permission=permission, dm_event_id=message.dm_event_id
    )
    record(
        "permission.recorded",
        target_kind="customer",
        target_id=customer_id,
        workspace_id=account.workspace_id,
        actor_id=None,
        details={"basis": basis, "place": place, "dm_event_id": str(message.dm_event_id)},
    )


def _accept(
    invitation: Invitation, account: XAccount, message: ReceivedDM, customer_id: int
) -> None:
    """Have a draft prepared, once. Who said stop before opted in, and gets none until it is lifted."""
    if Suppression.everywhere.filter(
        workspace_id=account.workspace_id, x_user_id=message.sender_id
    ).exists():
        return
    _, first = OptIn.everywhere.get_or_create(
        invitation=invitation,
        customer_id=customer_id,
        defaults={"workspace_id": account.workspace_id, "at": message.created_at},
    )
    if not first:
        return
    day = message.created_at.astimezone(UTC)
    opted_in(
        OptedIn(
            workspace_id=account.workspace_id,
            x_account_id=account.pk,
            customer_id=customer_id,
            writer_id=invitation.writer_id,
            starting_words=invitation.starting_words,
            why_person=(
                f"Sent us ‘{invitation.word}’ on {day.day} {day:%B}: {invitation.name}, "
                f"{invitation.place}"
            )[:300],
        )
    )
