"""What stops a sync: for a while, or for good, and in which words."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from outreach.ground.clock import now
from outreach.ground.runs import RunState
from outreach.x import actions as x_actions
from outreach.x.caps import Level, cents, day_words, dollars
from outreach.x.errors import (
    AccountLocked,
    LimitedUntil,
    NeverWill,
    PaymentNeeded,
    TokenRefused,
    XError,
)
from outreach.x.health import error_words
from outreach.x.models import AccountState, PausedBy, XAccount

# A limit whose end X does not name, or names too soon, is tried again after this.
LIMIT_OPENS = timedelta(minutes=15)
SOON = timedelta(seconds=5)
# How soon to look whether the cap was raised, or X's credits were topped up.
MONEY_AGAIN = timedelta(hours=1)
TOKEN_AGAIN = timedelta(minutes=1)
FIRST_FAILURE, LONGEST_FAILURE = timedelta(seconds=30), timedelta(minutes=15)
MOST_FAILURES = 8

CONNECT = "An administrator must connect the account again: Settings, X accounts."
KEY_MISSING = "The account's token cannot be read: its key is not in TOKEN_KEYS."
LOCKED = "X locked the account. Somebody must sign in to X and unlock it."
OURS = "Something went wrong here, again and again; the log says what."


class Ended(Exception):  # noqa: N818  says what happened
    """The run is over before its end; `words` say why."""

    def __init__(self, words: str, state: RunState = RunState.FAILED) -> None:
        self.words, self.state = words, state
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class Later:
    """The run waits until `look_at`, and why. `failed`: it counts as a failure in a row."""

    look_at: datetime
    words: str
    failed: bool = False


def cap_words(level: Level) -> str:
    """Why the X app's cap does not pay for a sync, and what changes that."""
    return (
        f"This month's cap for X is {dollars(level.cap)}: syncs stop at {cents(level.at)}, and "
        f"{cents(level.spent)} is spent. It goes on once the cap is raised, or on "
        f"{day_words(level.month.until)}."
    )


def capped(level: Level) -> Later:
    """The cap is reached: wait for the next month, and look now and then whether it was raised."""
    return Later(min(now() + MONEY_AGAIN, level.month.until), cap_words(level))


def after(error: XError, account: XAccount, failures: int) -> Later:
    """What X's answer means for the run. Raises Ended where waiting does not help.

    `failures`: how many calls in a row failed before this one.
    """
    moment = now()
    if isinstance(error, LimitedUntil):
        opens = error.until or moment + LIMIT_OPENS
        return Later(max(opens, moment + SOON), "X's limit is reached; it opens again by itself.")
    if isinstance(error, PaymentNeeded):
        return Later(moment + MONEY_AGAIN, f"{error_words(error.kind)} We look again each hour.")
    if isinstance(error, AccountLocked):
        x_actions.pause_account_itself(account.pk, by=PausedBy.LOCKED, reason=LOCKED)
        raise Ended(error_words(error.kind))
    if isinstance(error, TokenRefused):
        # Another process may be at refreshing it; where X gives no other one, it is paused.
        account.refresh_from_db()
        if account.state == AccountState.DISCONNECTED:
            raise Ended(f"The account is not connected. {CONNECT}")
        if account.mended_by_connecting:
            raise Ended(account.paused_reason)
        return Later(moment + TOKEN_AGAIN, "The account's token is being renewed.", failed=True)
    if isinstance(error, NeverWill):
        raise Ended(error_words(error.kind))
    return failed(error_words(error.kind), failures)


def failed(words: str, failures: int) -> Later:
    """Something that may be otherwise in a while, up to some times in a row. Raises Ended."""
    if failures + 1 >= MOST_FAILURES:
        raise Ended(f"{words} That was so {failures + 1} times in a row. Start the sync again.")
    longest = min(LONGEST_FAILURE, FIRST_FAILURE * 2**failures)
    wait = longest * random.uniform(0.5, 1)
    return Later(now() + wait, f"{words} We try again.", failed=True)
