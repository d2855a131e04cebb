"""The demo's side of the sandbox: its users, follows, blocks and messages.

Made from the people of the demo and from what the database says was sent, so that it can be made
again whenever the sandbox's file is new: after a crash, or because somebody removed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings

from outreach.customers.models import Basis, Permission
from outreach.delivery.models import Attempt, Delivery, DeliveryState, Outcome
from outreach.demo import cast
from outreach.demo.crowd import everybody
from outreach.demo.people import Person, Tie
from outreach.sandbox.state import DEFAULT_APP, SNOWFLAKE_EPOCH_MS, State
from outreach.x.actions import Pair
from outreach.x.client import XUser
from outreach.x.models import XAccount

# How long after a message somebody answers it.
A_WHILE = timedelta(minutes=95)


def dm_id(moment: datetime, recipient: int) -> int:
    """An id such as X gives: the milliseconds are in it. Two people's differ at the same time."""
    milliseconds = int(moment.timestamp() * 1000)
    return ((milliseconds - SNOWFLAKE_EPOCH_MS) << 22) | recipient % (1 << 22)


def connect(state: State, at: datetime) -> Pair:
    """What the brand's consent would bring: a new pair of tokens, issued at that moment."""
    issued = state.issue_pair(cast.X_USER_ID, settings.X_SCOPES)
    return Pair(
        access_token=issued.access_token,
        refresh_token=issued.refresh_token or "",
        scopes=tuple(settings.X_SCOPES),
        expires_at=at + timedelta(seconds=issued.seconds),
    )


def make_world(state: State, people: Iterable[Person]) -> None:
    """Put the brand and its customers there.

    What the file says of the brand from an earlier demo, whose database is gone, goes first.
    """
    with state.writing():
        state.forget(cast.X_USER_ID)
        state.add_user(cast.X_USER_ID, cast.HANDLE, cast.BRAND)
        for person in people:
            _add(state, person)


def write_messages(
    state: State, account: XAccount, answers: Mapping[int, str], beside: Mapping[int, str]
) -> None:
    """Every message that the database knows of: what customers wrote, and letters that arrived.

    By X user id: what a customer wrote back to their first letter, and what somebody wrote to them
    by hand while a letter was unsure.
    """
    brand = account.x_user_id
    consents = {person.x_user_id: person.consent for person in everybody()}
    with state.writing():
        rows = Permission.objects.of(account).filter(basis=Basis.WROTE_TO_US)
        for x_user_id, at in rows.values_list("customer__x_user_id", "given_at"):
            consent = consents.get(x_user_id or 0)
            if x_user_id is None or consent is None or not consent.wrote:
                continue
            _add_dm(state, x_user_id, brand, consent.wrote, at)
            if consent.we_said:
                _add_dm(state, brand, x_user_id, consent.we_said, at + A_WHILE)
        waiting = dict(answers)
        for delivery in Delivery.objects.of(account).exclude(sent_at=None).order_by("sent_at"):
            recipient = delivery.recipient_x_user_id
            if recipient is None or delivery.dm_event_id is None or delivery.sent_at is None:
                continue
            at = delivery.sent_at
            _add_dm(
                state, brand, recipient, delivery.text, at, id_=delivery.dm_event_id, by_app=True
            )
            if recipient in waiting:
                _add_dm(state, recipient, brand, waiting.pop(recipient), at + A_WHILE)
        # X took an unsure letter and its answer was lost on the way: the customer has it. Where
        # there are only other words of ours, nobody but a person can tell.
        for attempt in Attempt.objects.filter(
            x_account=account,
            outcome=Outcome.UNCERTAIN,
            delivery__state=DeliveryState.UNCERTAIN,
        ).select_related("delivery"):
            to, text = attempt.delivery.recipient_x_user_id, attempt.delivery.text
            if to is not None:
                words = beside.get(to, text)
                _add_dm(state, brand, to, words, attempt.started_at, by_app=words == text)


def look_up(state: State, x_user_ids: Iterable[int]) -> list[XUser]:
    """What X would answer the brand about these users; who is gone is not among them."""
    brand = cast.X_USER_ID
    found = (state.user(x_user_id) for x_user_id in x_user_ids)
    return [
        XUser(
            id=user.id,
            handle=user.handle,
            name=user.name,
            avatar_url="",
            following=state.follows(brand, user.id),
            followed_by=state.follows(user.id, brand),
            accepts_dms=state.receives_dm(user, brand),
        )
        for user in found
        if user is not None and not user.suspended
    ]


def _add(state: State, person: Person) -> None:
    if person.tie is Tie.GONE:
        return
    brand = cast.X_USER_ID
    state.add_user(person.x_user_id, person.handle, person.name, person.dms_open)
    if person.tie.we_follow:
        state.follow(brand, person.x_user_id)
    if person.tie.they_follow:
        state.follow(person.x_user_id, brand)
    if person.tie is Tie.BLOCKED:
        state.block(person.x_user_id, brand)


def _add_dm(
    state: State,
    sender: int,
    recipient: int,
    text: str,
    at: datetime,
    *,
    id_: int | None = None,
    by_app: bool = False,
) -> None:
    key = dm_id(at, max(sender, recipient) + sender) if id_ is None else id_
    state.add_dm(key, sender, recipient, text, app=DEFAULT_APP if by_app else None)
