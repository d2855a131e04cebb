"""Claim, call, record: the way of one letter, and of all that are due.

PostgreSQL holds the truth; whoever calls this (a wake-up, the tick, a test) may do so at any time
and any number of times.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, DataError, InterfaceError, ProgrammingError, connection

from outreach.delivery import outcomes
from outreach.delivery.claim import Answer, Busy, Claimed, Closed, NothingDue, OnHold, claim
from outreach.delivery.looking_up import look_up_stale
from outreach.ground.clock import now as clock_now
from outreach.ground.writes import outside_transactions
from outreach.x import actions as x_actions
from outreach.x.client import CallDeadline, XClient
from outreach.x.errors import NotCalled, Unknown, XError
from outreach.x.models import AccountState, PausedBy, XAccount, XToken
from outreach.x.queries import client_for
from outreach.x.refreshing import UNREADABLE
from outreach.x.tokens import TokenKeyMissing
from outreach.x.transport import boot_seconds

log = logging.getLogger("outreach.delivery")

R = TypeVar("R")

# So long (seconds) one client serves a run of letters; then its token is looked at again.
CLIENT_SECONDS = 5.0
# An account that always has something due gives way to others after so long (seconds).
TURN_SECONDS = 20.0
# How long (seconds) an answer waits between tries to write it down.
WAITS_FOR_DATABASE = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0)


@outside_transactions
def send_due(
    x_account_id: int, *, keep_going: Callable[[], bool] = lambda: True
) -> datetime | None:
    """Send what is due from one account, until nothing is or a limit closes.

    Returns when to look again (None: nothing waits, or another worker is at it).
    """
    account = XAccount.everywhere.get(pk=x_account_id)
    clients = Clients(account)
    client = clients.current()
    if client is not None and account.state == AccountState.CONNECTED:
        look_up_stale(account, client)
    ends = boot_seconds() + TURN_SECONDS

    def may_go_on() -> bool:
        return keep_going() and boot_seconds() < ends

    while may_go_on():
        deadline, answer = _claim(x_account_id)
        while isinstance(answer, Claimed):
            deadline, answer = _send(answer, clients.current(), deadline, go_on=may_go_on())
        match answer:
            case Busy():
                return None
            case Closed(until):
                return until
            case OnHold(verdict):
                return verdict.look_at
            case NothingDue(look_at) if look_at is None or look_at > clock_now():
                return look_at
        clients.renew()
    return clock_now()


class Clients:
    """The client for an account's letters, made anew where its token may be another one by now."""

    def __init__(self, account: XAccount) -> None:
        self._account = account
        self._client: XClient | None = None
        self._until = 0.0

    def current(self) -> XClient | None:
        """A client; None where the account's token is gone or cannot be read.

        Its letters then wait, each with the reason: the claim sees the account's state.
        """
        if self._client is None or boot_seconds() >= self._until:
            self._client = self._made()
            self._until = boot_seconds() + CLIENT_SECONDS
        return self._client

    def renew(self) -> None:
        """Look at the token again before the next call: X may have refused it."""
        self._client = None

    def _made(self) -> XClient | None:
        try:
            return client_for(self._account)
        except XToken.DoesNotExist:
            return None
        except TokenKeyMissing:
            log.error("account %s: its token cannot be read with TOKEN_KEYS", self._account.pk)
            x_actions.pause_account_itself(self._account.pk, by=PausedBy.KEY, reason=UNREADABLE)
            return None


def _claim(x_account_id: int) -> tuple[CallDeadline, Answer]:
    # Before the claim begins: what counts is the age of the decision, not of the connection.
    deadline = CallDeadline.starting_now(settings.CALL_DEADLINE)
    return deadline, claim(x_account_id)


def call_and_record(claimed: Claimed, client: XClient | None, deadline: CallDeadline) -> None:
    """The one call for a claim, and its outcome. Every way out records one."""
    _send(claimed, client, deadline, go_on=False)


@outside_transactions
def _send(
    claimed: Claimed, client: XClient | None, deadline: CallDeadline, *, go_on: bool
) -> tuple[CallDeadline, Answer]:
    """Call X once and record what came of it, with the account's next claim where one goes on.

    Returns that claim with the deadline of its call; that something may be due where it made none.
    """
    try:
        if client is None:
            # Connected between the look at its token and the claim.
            raise NotCalled("no_token")
        sent = client.send_dm(claimed.recipient_x_user_id, claimed.text, deadline=deadline)
    except XError as error:
        log.info("delivery %s: %s", claimed.delivery_id, error)
        _record(partial(outcomes.record_not_sent, claimed, error))
        account = XAccount.everywhere.get(pk=claimed.x_account_id)
        outcomes.stop_for(error, account, generation=client.generation if client else None)
        return deadline, NothingDue(clock_now())
    except Exception:
        # A bug of ours around the call. X may have the words, so nobody calls again.
        _record(partial(outcomes.record_not_sent, claimed, Unknown("internal")))
        raise
    if not go_on:
        _record(partial(outcomes.record_sent, claimed, sent))
        return deadline, NothingDue(clock_now())
    # Begins before the transaction in which the next letter is claimed.
    deadline = CallDeadline.starting_now(settings.CALL_DEADLINE)
    return deadline, _record(partial(outcomes.record_sent_and_claim, claimed, sent))


def _record(outcome: Callable[[], R]) -> R:
    """Write down what X said; where the database connection is lost, on a new one, some times over.

    Only this process knows the answer. An outcome that was recorded after all is not changed.
    """
    for pause in WAITS_FOR_DATABASE:
        try:
            return outcome()
        except (DatabaseError, InterfaceError) as error:
            # A server that crashes in mid-sentence is no OperationalError to psycopg2. A statement
            # that is wrong stays wrong.
            if isinstance(error, ProgrammingError | DataError):
                raise
            log.warning("an outcome was not recorded: %s", type(error).__name__)
            connection.close()
            time.sleep(pause)
    return outcome()
