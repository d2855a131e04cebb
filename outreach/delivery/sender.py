"""Claim, call, record: the way of one letter, and of all that are due.

PostgreSQL holds the truth; whoever calls this (a wake-up, the tick, a test) may do so at any time
and any number of times.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Q

from outreach.customers import actions as customers
from outreach.delivery import outcomes
from outreach.delivery.claim import Answer, Busy, Claimed, Closed, Held, NothingDue, claim
from outreach.delivery.models import AccountPace, Delivery, DeliveryState, SendingPolicy
from outreach.ground.clock import now as clock_now
from outreach.ground.writes import outside_transactions
from outreach.x import actions as x_actions
from outreach.x.client import CallDeadline, XClient, XUser
from outreach.x.errors import LimitedUntil, NotCalled, Unknown, XError
from outreach.x.expenses import CapReached, Purpose, open_tab
from outreach.x.models import AccountState, PausedBy, XAccount, XToken
from outreach.x.queries import client_for
from outreach.x.refreshing import UNREADABLE
from outreach.x.tokens import TokenKeyMissing

log = logging.getLogger("outreach.delivery")

T = TypeVar("T")

# X answers 100 users a look-up; whoever is written to within the minute is worth one.
LOOK_AHEAD = timedelta(minutes=1)
LOOK_UP = 100
# Whoever X did not answer about is asked about again after this; look-ups are charged and limited.
LOOK_UP_RETRY = timedelta(seconds=30)
# A look-up whose answer was lost may have been charged, so it is not repeated as soon.
LOST_RETRY = timedelta(minutes=5)


@outside_transactions
def send_due(
    x_account_id: int, *, keep_going: Callable[[], bool] = lambda: True
) -> datetime | None:
    """Send what is due from one account, until nothing is or a limit closes.

    Returns when to look again (None: nothing waits, or another worker is at it).
    """
    account = XAccount.everywhere.get(pk=x_account_id)
    client = _client(account)
    if client is not None and account.state == AccountState.CONNECTED:
        look_up_stale(account, client)
    while keep_going():
        # Anew for each letter: its token is refreshed where it ends soon, or was refused.
        answer = send_one(x_account_id, _client(account))
        match answer:
            case Busy():
                return None
            case NothingDue(look_at):
                if look_at is None or look_at > clock_now():
                    return look_at
            case Closed(until):
                return until
            case Claimed() | Held():
                continue
    return clock_now()


def _client(account: XAccount) -> XClient | None:
    """A client for the account; None where its token is gone or cannot be read.

    Its letters then wait, each with the reason: the claim sees the account's state.
    """
    try:
        return client_for(account)
    except XToken.DoesNotExist:
        return None
    except TokenKeyMissing:
        log.error("account %s: its token cannot be read with TOKEN_KEYS", account.pk)
        x_actions.pause_account_itself(account.pk, by=PausedBy.KEY, reason=UNREADABLE)
        return None


def send_one(x_account_id: int, client: XClient | None) -> Answer:
    """Claim one letter, call X once, record what came of it."""
    # Before the claim begins: what counts is the age of the decision, not of the connection.
    deadline = CallDeadline.starting_now(settings.CALL_DEADLINE)
    claimed = claim(x_account_id)
    if isinstance(claimed, Claimed):
        call_and_record(claimed, client, deadline)
    return claimed


@outside_transactions
def call_and_record(claimed: Claimed, client: XClient | None, deadline: CallDeadline) -> None:
    """The one call for a claim, and its outcome. Every way out records one."""
    if client is None:
        # Connected between the look at its token and the claim.
        _record(outcomes.record_not_sent, claimed, NotCalled("no_token"))
        return
    try:
        sent = client.send_dm(claimed.recipient_x_user_id, claimed.text, deadline=deadline)
    except XError as error:
        log.info("delivery %s: %s", claimed.delivery_id, error)
        _record(outcomes.record_not_sent, claimed, error)
        outcomes.stop_for(error, claimed.account, generation=client.generation)
    except Exception:
        # A bug of ours around the call. X may have the words, so nobody calls again.
        _record(outcomes.record_not_sent, claimed, Unknown("internal"))
        raise
    else:
        _record(outcomes.record_sent, claimed, sent)


def _record(outcome: Callable[[Claimed, T], None], claimed: Claimed, answer: T) -> None:
    """Write down what X said; where the database connection was lost meanwhile, on a new one.

    Only this process knows the answer. An outcome that was recorded after all is not changed.
    """
    try:
        outcome(claimed, answer)
    except (OperationalError, InterfaceError):
        log.warning("delivery %s: the database connection was lost", claimed.delivery_id)
        connection.close()
        outcome(claimed, answer)


@outside_transactions
def look_up_stale(account: XAccount, client: XClient) -> int:
    """Ask X about those due soon whose relationship is not known freshly enough.

    Returns how many were asked about. Where X does not answer, their letters wait.
    """
    ids = stale_recipients(account)
    if not ids:
        return 0
    # Stamped with the time before the call: X answers as of some moment after it.
    looked_at = clock_now()
    pace = AccountPace.objects.get(pk=account.pk)
    if pace.look_up_after is not None and pace.look_up_after > looked_at:
        return 0
    try:
        with open_tab(account.app_id, account.pk, "user", len(ids), purpose=Purpose.LETTER) as tab:
            # Near the cap it pays for fewer.
            ids = ids[: tab.left]
            answer = client.users(ids)
            tab.spend(len(ids) - len(answer.missing))
    except CapReached:
        return 0  # the claim says so to each letter
    except XError as error:
        log.warning("look-up for account %s: %s", account.pk, error)
        until = error.until if isinstance(error, LimitedUntil) else None
        lost = error.status is None and not isinstance(error, NotCalled)
        retry = LOST_RETRY if lost else LOOK_UP_RETRY
        _look_up_later(account, max(until or looked_at, looked_at + retry))
        outcomes.stop_for(error, account, generation=client.generation)
        return 0
    # What X did not say is not known, and is not 'no'.
    found = [user for user in answer.found if None not in _said(user)]
    told = [user.id for user in found] + list(answer.missing)
    if len(told) < len(ids):
        _look_up_later(account, looked_at + LOOK_UP_RETRY)
    customers.store_relationships(account.pk, told, found, looked_at=looked_at)
    # What waited for just this may be looked at again.
    Delivery.everywhere.filter(
        x_account=account,
        state=DeliveryState.QUEUED,
        reason_code="relationship_unknown",
        recipient_x_user_id__in=told,
    ).update(look_at=clock_now())
    return len(ids)


def _said(user: XUser) -> tuple[bool | None, bool | None, bool | None]:
    return user.following, user.followed_by, user.accepts_dms


def _look_up_later(account: XAccount, moment: datetime) -> None:
    AccountPace.objects.filter(pk=account.pk).update(look_up_after=moment)


def stale_recipients(account: XAccount) -> list[int]:
    """X user ids of those about to be written to, whose relationship is unknown or too old."""
    policy = SendingPolicy.everywhere.get(pk=account.workspace_id)
    now = clock_now()
    fresh_since = now - timedelta(hours=policy.relationship_hours) + LOOK_AHEAD
    fresh = Q(
        customer__relationships__x_account=account,
        customer__relationships__checked_at__gt=fresh_since,
    )
    soon = Q(look_at__lte=now + LOOK_AHEAD) | Q(reason_code="relationship_unknown")
    stale = (
        Delivery.everywhere.filter(soon, x_account=account, state=DeliveryState.QUEUED)
        .exclude(pk__in=Delivery.everywhere.filter(fresh, state=DeliveryState.QUEUED).values("pk"))
        .order_by("look_at", "pk")
        .values_list("recipient_x_user_id", flat=True)
    )
    # Several letters may wait for the same person.
    found = dict.fromkeys(stale[: LOOK_UP * 2])
    return [x_user_id for x_user_id in found if x_user_id is not None][:LOOK_UP]
