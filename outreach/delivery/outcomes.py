"""What became of an attempt, recorded once.

A 201 is always recorded and makes the delivery sent from every state; every other outcome needs
the claim's own token, so that a worker which woke up late cannot undo what happened since.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import QuerySet, Value
from django.db.models.functions import Greatest

from outreach.audit.actions import record
from outreach.customers.finding.actions import written_step
from outreach.delivery.claim import Claimed, longest_call
from outreach.delivery.models import (
    MOVES,
    AccountPace,
    AppPace,
    Attempt,
    Delivery,
    DeliveryState,
    Outcome,
)
from outreach.ground.clock import now as clock_now
from outreach.ground.writes import engine_action, outside_transactions
from outreach.x import actions as x_actions
from outreach.x.client import SentDM
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
from outreach.x.models import PausedBy, XAccount
from outreach.x.refreshing import refresh

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
UNPAID = "X wants its credits topped up before it takes more letters."
UNSURE = "X took the call and did not answer clearly: the letter may or may not have arrived."


@dataclass(frozen=True, slots=True)
class Next:
    """Where a delivery goes after an attempt that was not sent, or nobody knows."""

    state: DeliveryState
    outcome: Outcome
    code: str
    reason: str
    look_at: datetime | None = None


@engine_action
def record_sent(claimed: Claimed, sent: SentDM) -> None:
    """X said 201: the delivery is sent, whatever state it is in by now. Twice is success.

    A 201 without a readable id leaves the letter unsure: X has it, and we cannot name it.
    """
    # X has it, whatever else is known; the customer is locked before the delivery, as everywhere.
    written_step(claimed.account.workspace_id, claimed.customer_id, clock_now())
    delivery = Delivery.everywhere.select_for_update(no_key=True).get(pk=claimed.delivery_id)
    attempt = Attempt.objects.select_for_update(no_key=True).get(pk=claimed.attempt_id)
    now = clock_now()
    if sent.dm_event_id is None:
        unnamed = Next(DeliveryState.UNCERTAIN, Outcome.UNCERTAIN, "accepted_without_id", UNSURE)
        _complete(attempt, Outcome.UNCERTAIN, "accepted_without_id", now, sent.request_id, 201)
        _go(delivery, claimed, unnamed, now)
        return
    if attempt.dm_event_id == sent.dm_event_id:
        return
    if delivery.recipient_x_user_id is None:
        # Erased while nobody knew: that it arrived is known now, its name at X is not kept.
        sent = replace(sent, dm_event_id=None, request_id="")
    attempt.dm_event_id = sent.dm_event_id
    _complete(attempt, Outcome.SENT, "accepted", now, sent.request_id, 201)
    was = delivery.state
    if was == DeliveryState.SENT:
        return
    delivery.state, delivery.sent_at, delivery.changed_at = DeliveryState.SENT, now, now
    delivery.dm_event_id = sent.dm_event_id
    delivery.reason_code = delivery.reason = ""
    delivery.save(
        update_fields=["state", "sent_at", "changed_at", "dm_event_id", "reason_code", "reason"]
    )
    _say(delivery, "delivery.sent", {"was": was, "dm_event_id": str(sent.dm_event_id or "")})


@engine_action
def record_not_sent(claimed: Claimed, error: XError) -> None:
    """Anything but a 201. Only the claim's own token may move the delivery."""
    if isinstance(error, LimitedUntil | PaymentNeeded):
        # What it closes is locked first, as everywhere: a claim locks the pace, then a delivery.
        AccountPace.objects.select_for_update(no_key=True).get(pk=claimed.account.pk)
    delivery = Delivery.everywhere.select_for_update(no_key=True).get(pk=claimed.delivery_id)
    attempt = Attempt.objects.select_for_update(no_key=True).get(pk=claimed.attempt_id)
    now = clock_now()
    goes = _after(error, delivery, now)
    if attempt.outcome == Outcome.POSTING or (
        attempt.outcome == Outcome.UNCERTAIN and isinstance(error, NotSent)
    ):
        _complete(attempt, goes.outcome, error.kind, now, error.request_id, error.status)
    _go(delivery, claimed, goes, now)
    _close_limits(claimed, error, now)


@engine_action
def rescue(attempt_id: int) -> bool:
    """An attempt that was never completed: its worker died. Nobody knows, so it is unsure.

    Returns False where its worker was faster after all.
    """
    found = Attempt.objects.select_related("delivery").get(pk=attempt_id)
    delivery = Delivery.everywhere.select_for_update(no_key=True).get(pk=found.delivery_id)
    attempt = Attempt.objects.select_for_update(no_key=True).get(pk=attempt_id)
    if attempt.outcome != Outcome.POSTING or delivery.claim_token != attempt.claim_token:
        return False
    now = clock_now()
    counts_until = attempt.counts_until
    _complete(attempt, Outcome.UNCERTAIN, "worker_died", now, None, None)
    Attempt.objects.filter(pk=attempt_id).update(counts_until=counts_until)
    if delivery.state == DeliveryState.SENDING:
        unsure = Next(DeliveryState.UNCERTAIN, Outcome.UNCERTAIN, "worker_died", UNSURE)
        _move(delivery, unsure, now)
    return True


@outside_transactions
def stop_for(error: XError, account: XAccount, *, generation: int | None) -> None:
    """Stop what the error says cannot work: the account, or all that its app pays for.

    A refused token is refreshed first; only where X gives no other one is the account paused.
    `generation` is that of the token which was refused.
    """
    if isinstance(error, TokenRefused):
        if generation is not None:
            refresh(account.pk, seen_generation=generation, refused=True)
    elif isinstance(error, AccountLocked):
        x_actions.pause_account_itself(account.pk, by=PausedBy.LOCKED, reason=LOCKED)
    elif isinstance(error, PaymentNeeded):
        _close(AppPace.objects.filter(pk=account.app_id), clock_now() + UNPAID_PAUSE, UNPAID)


def _after(error: XError, delivery: Delivery, now: datetime) -> Next:
    queued, not_sent = DeliveryState.QUEUED, Outcome.NOT_SENT
    if not isinstance(error, NotSent):
        return Next(DeliveryState.UNCERTAIN, Outcome.UNCERTAIN, error.kind, UNSURE)
    if isinstance(error, NeverWill):
        state, reason = NEVER[error.reason]
        return Next(state, not_sent, error.reason.value, reason)
    tries = delivery.attempts.count()
    again = now + _backoff(tries)
    if isinstance(error, NotCalled):
        return Next(queued, Outcome.NOT_CALLED, error.kind, "X could not be reached.", again)
    if isinstance(error, LimitedUntil):
        until = _opens_at(error, now) or again
        return Next(queued, not_sent, error.kind, "X asks us to wait.", until)
    if isinstance(error, TokenRefused):
        # Where X gives no other token the account is paused, and the next claim says so.
        return Next(queued, not_sent, error.kind, RENEWING, again)
    if isinstance(error, AccountLocked):
        return Next(queued, not_sent, error.kind, LOCKED, again)
    if isinstance(error, PaymentNeeded):
        return Next(queued, not_sent, error.kind, UNPAID, now + UNPAID_PAUSE)
    return Next(queued, not_sent, error.kind, "X had a problem; we try again.", again)


def _backoff(tries: int) -> timedelta:
    """Exponential, with full jitter above the first delay, so that retries do not come in step."""
    longest: timedelta = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(tries, 10))
    return FIRST_RETRY + (longest - FIRST_RETRY) * random.random()


def _go(delivery: Delivery, claimed: Claimed, goes: Next, now: datetime) -> None:
    """Move on only while this claim still holds the delivery."""
    if delivery.claim_token != claimed.token:
        return
    # A worker that was thought dead may still bring a certain answer to an unsure letter.
    settles = delivery.state == DeliveryState.UNCERTAIN and goes.outcome != Outcome.UNCERTAIN
    if delivery.state == DeliveryState.SENDING or settles:
        _move(delivery, goes, now)


def _move(delivery: Delivery, goes: Next, now: datetime) -> None:
    was = DeliveryState(delivery.state)
    assert goes.state in MOVES[was], f"{was} to {goes.state}"
    delivery.state, delivery.changed_at = goes.state, now
    delivery.reason_code, delivery.reason = goes.code, goes.reason
    if goes.look_at is not None:
        delivery.look_at = min(goes.look_at, delivery.leave_by)
    delivery.save(update_fields=["state", "changed_at", "reason_code", "reason", "look_at"])
    _say(delivery, f"delivery.{goes.state.value}", {"was": was.value, "code": goes.code})


def _complete(
    attempt: Attempt,
    outcome: Outcome,
    kind: str,
    now: datetime,
    request_id: str | None,
    status: int | None,
) -> None:
    attempt.outcome, attempt.kind, attempt.ended_at = outcome, kind[:48], now
    attempt.counts_until = now
    attempt.request_id, attempt.status = request_id or "", status
    attempt.save()


def _close_limits(claimed: Claimed, error: XError, now: datetime) -> None:
    """A 429 closes the limit that it names until it opens; 402 closes the app."""
    account = AccountPace.objects.filter(pk=claimed.account.pk)
    app = AppPace.objects.filter(pk=claimed.account.app_id)
    if isinstance(error, PaymentNeeded):
        _close(app, now + UNPAID_PAUSE, UNPAID)
    elif isinstance(error, LimitedUntil):
        until = _opens_at(error, now) or now + _backoff(1)
        _close(app if error.scope == "app" else account, until, "X's limit.")


def _close(pace: QuerySet[AccountPace] | QuerySet[AppPace], until: datetime, reason: str) -> None:
    """Close it until then; never shorten what closed it for longer."""
    pace.update(closed_until=Greatest("closed_until", Value(until)), closed_reason=reason)


def _opens_at(error: LimitedUntil, now: datetime) -> datetime | None:
    """When X says the limit opens; None where it does not, or names a moment that is over.

    X's clock is not ours: calling again at once would only meet the same closed limit.
    """
    return error.until if error.until and error.until > now else None


def _say(delivery: Delivery, verb: str, details: dict[str, str]) -> None:
    record(
        verb,
        target_kind="delivery",
        target_id=delivery.pk,
        workspace_id=delivery.workspace_id,
        details=details,
    )


def overdue(now: datetime) -> list[int]:
    """Attempts whose worker must have died: past deadline, timeouts and a little slack."""
    slack = longest_call() + timedelta(seconds=5)
    return list(
        Attempt.objects.filter(outcome=Outcome.POSTING, started_at__lt=now - slack)
        .order_by("started_at")
        .values_list("pk", flat=True)[:500]
    )
