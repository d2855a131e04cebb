"""What each answer of X means for a letter: where it goes, and what its page says."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace

from outreach.delivery.models import DeliveryState, Outcome
from outreach.delivery.statements import one
from outreach.x.errors import (
    AccountLocked,
    LimitedUntil,
    NeverReason,
    NeverWill,
    NotCalled,
    NotSent,
    PaymentNeeded,
    TokenRefused,
    XError,
)

FIRST_RETRY = timedelta(seconds=15)
LONGEST_RETRY = timedelta(hours=1)
UNPAID_PAUSE = timedelta(hours=1)

NEVER = {
    NeverReason.NO_DMS: (DeliveryState.BLOCKED, "X says this person takes no messages from you."),
    NeverReason.BLOCKED: (DeliveryState.BLOCKED, "This person blocked you at X."),
    NeverReason.GONE: (DeliveryState.BLOCKED, "X knows no such account any more."),
    NeverReason.SUSPENDED: (DeliveryState.BLOCKED, "X suspended this person's account."),
    NeverReason.SPAM: (DeliveryState.FAILED, "X refused it as spam or automated."),
    NeverReason.DUPLICATE: (DeliveryState.FAILED, "X refused it as the same words again."),
    NeverReason.NO_ACCESS: (
        DeliveryState.BLOCKED,
        "X does not let this account send messages. An administrator must check its connection.",
    ),
    NeverReason.BAD_REQUEST: (DeliveryState.FAILED, "X did not accept the letter as it was sent."),
    NeverReason.REFUSED: (DeliveryState.FAILED, "X refused it and did not say why."),
}
RENEWING = "X asked for a newer token; the connection is being renewed."
LOCKED = "X locked this account. Unlock it at X, then resume."
REFUSED = "X refused three letters in a row as spam or automated. Look at them before you resume."
UNPAID = "X wants its credits topped up before it takes more letters."
UNSURE = "X took the call and did not answer clearly: the letter may or may not have arrived."
UNNAMED = "X took the letter and did not name it, so whether it arrived is looked for."
DUPLICATE = "X says that it has these words already: the attempt before may have arrived after all."
TRIES = "/* outcome: how often it was tried */ SELECT count(*) AS n FROM delivery_attempt WHERE delivery_id = %(delivery)s"


@dataclass(frozen=True, slots=True)
class Next:
    """Where a delivery goes after an attempt that was not sent, or nobody knows."""

    state: DeliveryState
    outcome: Outcome
    code: str
    reason: str
    look_at: datetime | None = None


def after(error: XError, letter: SimpleNamespace) -> Next:
    """Where a letter goes after anything but a 201; `letter` is what arrival.lock returned."""
    queued, not_sent, now = DeliveryState.QUEUED, Outcome.NOT_SENT, letter.now
    if not isinstance(error, NotSent):
        return Next(DeliveryState.UNCERTAIN, Outcome.UNCERTAIN, error.kind, UNSURE)
    if isinstance(error, NeverWill):
        state, reason = NEVER[error.reason]
        return Next(state, not_sent, error.reason.value, reason)
    tries = one(TRIES, delivery=letter.id)
    again = now + backoff(tries.n if tries else 1)
    if isinstance(error, NotCalled):
        return Next(queued, Outcome.NOT_CALLED, error.kind, "X could not be reached.", again)
    if isinstance(error, LimitedUntil):
        until = opens_at(error, now) or again
        return Next(queued, not_sent, error.kind, "X asks us to wait.", until)
    if isinstance(error, TokenRefused):
        # Where X gives no other token the account is paused, and the next claim says so.
        return Next(queued, not_sent, error.kind, RENEWING, again)
    if isinstance(error, AccountLocked):
        return Next(queued, not_sent, error.kind, LOCKED, again)
    if isinstance(error, PaymentNeeded):
        return Next(queued, not_sent, error.kind, UNPAID, now + UNPAID_PAUSE)
    return Next(queued, not_sent, error.kind, "X had a problem; we try again.", again)


def backoff(tries: int) -> timedelta:
    """Exponential, with full jitter above the first delay, so that retries do not come in step."""
    longest: timedelta = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(tries, 10))
    return FIRST_RETRY + (longest - FIRST_RETRY) * random.random()


def opens_at(error: LimitedUntil, now: datetime) -> datetime | None:
    """When X says the limit opens; None where it does not, or names a moment that is over.

    X's clock is not ours: calling again at once would only meet the same closed limit.
    """
    return error.until if error.until and error.until > now else None
