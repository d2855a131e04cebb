"""What became of an attempt, recorded once.

A 201 is always recorded and makes the delivery sent from every state; every other outcome needs
the claim's own token, so that a worker which woke up late cannot undo what happened since.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Greatest

from outreach.customers.finding.actions import written_step
from outreach.delivery import narrowing
from outreach.delivery.arrival import arrived, lock
from outreach.delivery.claim import (
    Answer,
    Busy,
    Claimed,
    NothingDue,
    claim_next,
    lock_pace,
    longest_call,
)
from outreach.delivery.meaning import (
    DUPLICATE,
    LOCKED,
    REFUSED,
    UNNAMED,
    UNPAID,
    UNPAID_PAUSE,
    UNSURE,
    Next,
    after,
    backoff,
    opens_at,
)
from outreach.delivery.models import (
    MOVES,
    AccountPace,
    AppPace,
    Attempt,
    DeliveryState,
    Outcome,
)
from outreach.delivery.settling import LOCK_PERSON, SEEN, match
from outreach.delivery.statements import one, rows, run
from outreach.delivery.trail import say
from outreach.ground.clock import now as clock_now
from outreach.ground.writes import engine_action, outside_transactions, step
from outreach.x import actions as x_actions
from outreach.x.client import SentDM
from outreach.x.errors import (
    AccountLocked,
    LimitedUntil,
    NeverReason,
    NeverWill,
    NotSent,
    PaymentNeeded,
    TokenRefused,
    XError,
)
from outreach.x.models import PausedBy, XAccount
from outreach.x.refreshing import refresh

log = logging.getLogger("outreach.delivery")

# So many letters in a row refused as spam or automated pause the account.
REFUSALS_IN_A_ROW = 3
# How an attempt is known to have arrived by X's own answer to it.
OWN_ANSWER = "accepted"
# Of attempts that X certainly took, or says it has: not being there proves nothing.
UNNAMED_KIND = "accepted_without_id"
DUPLICATE_KIND = "duplicate_refused"
NEVER_ABSENT = frozenset({UNNAMED_KIND, DUPLICATE_KIND})

HOLDER = """
    /* outcome: who has the message's id */
    SELECT id, kind FROM delivery_attempt
    WHERE dm_event_id = %(dm)s AND id <> %(attempt)s
"""
LOSE = """
    /* outcome: its message was another letter's */
    UPDATE delivery_attempt SET dm_event_id = NULL, outcome = %(outcome)s,
        settle_at = CASE WHEN %(outcome)s = 'uncertain' THEN %(settle_at)s::timestamptz END
    WHERE id = %(attempt)s
"""
UNPROVEN = """
    /* outcome: nobody knows of the letter any more */
    UPDATE delivery_delivery SET state = %(state)s, changed_at = %(now)s,
        dm_event_id = NULL, contradiction = %(contradiction)s,
        reason_code = %(code)s, reason = %(reason)s,
        sent_at = CASE WHEN %(state)s IN ('sent', 'uncertain') THEN sent_at END,
        look_at = least(coalesce(%(look_at)s::timestamptz, look_at), leave_by)
    WHERE id = %(delivery)s
"""
UNPROVEN_WORDS = (
    "The message that X showed for it turned out to be another letter with the same words."
)
IN_THE_AIR = """
    /* outcome: is another letter to them in the air */
    SELECT EXISTS (SELECT FROM delivery_delivery other
            WHERE other.x_account_id = %(account)s AND other.recipient_x_user_id = %(recipient)s
            AND other.state IN ('sending', 'uncertain') AND other.id <> %(delivery)s) AS letter,
        EXISTS (SELECT FROM delivery_attempt other
            WHERE other.delivery_id = %(delivery)s AND other.id <> %(attempt)s
            AND other.outcome IN ('posting', 'uncertain')) AS attempt
"""
COMPLETE = """
    /* outcome: complete the attempt */
    UPDATE delivery_attempt SET outcome = %(outcome)s, kind = %(kind)s,
        ended_at = coalesce(ended_at, %(now)s),
        counts_until = CASE WHEN %(dead)s THEN counts_until ELSE %(now)s END,
        request_id = %(request)s, status = %(status)s, settle_at = %(settle_at)s::timestamptz
    WHERE id = %(attempt)s
"""
MOVE = """
    /* outcome: move the letter */
    UPDATE delivery_delivery SET state = %(state)s, reason_code = %(code)s, reason = %(reason)s,
        look_at = least(coalesce(%(look_at)s::timestamptz, look_at), leave_by),
        changed_at = %(now)s
    WHERE id = %(delivery)s AND claim_token = %(token)s AND state = ANY(%(states)s)
"""
ABSENT_BEFORE = """
    /* outcome: was an attempt before judged absent */
    UPDATE delivery_attempt SET outcome = 'uncertain', kind = %(kind)s,
        settle_at = %(settle_at)s::timestamptz, absent_reads = 0
    WHERE id = (
        SELECT id FROM delivery_attempt WHERE delivery_id = %(delivery)s AND outcome = 'absent'
        ORDER BY started_at DESC LIMIT 1
    )
"""


@engine_action
def record_sent(claimed: Claimed, sent: SentDM) -> None:
    """X said 201: the delivery is sent, whatever state it is in by now. Twice is success.

    A 201 without a readable id leaves the letter unsure: X has it, and we cannot name it.
    """
    _sent(claimed, sent)


@engine_action
def record_sent_and_claim(claimed: Claimed, sent: SentDM) -> Answer:
    """The same, and the account's next claim, in one commit. The claim cannot undo the record."""
    return _and_claim(claimed, lambda: _sent(claimed, sent))


@engine_action
def record_not_sent(claimed: Claimed, error: XError) -> None:
    """Anything but a 201. Only the claim's own token may move the delivery."""
    # What may queue a letter again, or close a limit, locks the pace first, as everywhere.
    AccountPace.objects.select_for_update(no_key=True).get(pk=claimed.x_account_id)
    rows(LOCK_PERSON, account=claimed.x_account_id, recipient=claimed.recipient_x_user_id)
    letter = lock(claimed.attempt_id)
    goes = after(error, letter)
    if letter.outcome == Outcome.SENT and letter.kind == SEEN and isinstance(error, NotSent):
        _disowned(letter, error, goes)
    if letter.outcome == Outcome.POSTING or (
        letter.outcome == Outcome.UNCERTAIN and isinstance(error, NotSent)
    ):
        _complete(letter, goes.outcome, error.kind, error.request_id, error.status)
    _go(letter, claimed, goes)
    _close_limits(claimed, error, letter.now)
    narrowing.note(claimed, error.limits, letter)


@engine_action
def rescue(attempt_id: int) -> bool:
    """An attempt that was never completed: its worker died. Nobody knows, so it is unsure.

    Returns False where its worker was faster after all.
    """
    letter = lock(attempt_id)
    if letter.outcome != Outcome.POSTING or letter.claim_token != letter.token:
        return False
    _complete(letter, Outcome.UNCERTAIN, "worker_died", None, None, dead=True)
    if letter.state == DeliveryState.SENDING:
        unsure = Next(DeliveryState.UNCERTAIN, Outcome.UNCERTAIN, "worker_died", UNSURE)
        move(letter, unsure)
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
    elif _is_spam(error) and _refused_in_a_row(account.pk):
        x_actions.pause_account_itself(account.pk, by=PausedBy.REFUSALS, reason=REFUSED)


def overdue(now: datetime) -> list[int]:
    """Attempts whose worker must have died: past deadline, timeouts and a little slack."""
    slack = longest_call() + timedelta(seconds=5)
    return list(
        Attempt.objects.filter(outcome=Outcome.POSTING, started_at__lt=now - slack)
        .order_by("started_at")
        .values_list("pk", flat=True)[:500]
    )


# --- a 201 ---------------------------------------------------------------------------------------


@step
def _sent(claimed: Claimed, sent: SentDM) -> None:
    # X has it, whatever else is known; the customer is locked before the delivery, as everywhere.
    written_step(claimed.workspace_id, claimed.customer_id)
    letter = lock(claimed.attempt_id)
    if sent.dm_event_id is None:
        _unnamed(letter, sent)
        return
    if letter.attempt_dm == sent.dm_event_id and letter.kind == OWN_ANSWER:
        return
    holder = one(HOLDER, dm=sent.dm_event_id, attempt=letter.attempt_id)
    if holder is not None and holder.kind == OWN_ANSWER:
        # X gave two answers one name; to whom it belongs is known, so this one has none.
        _unnamed(letter, sent)
        return
    if holder is not None:
        # One message belongs to one attempt; what becomes of that one is said below.
        Attempt.objects.filter(pk=holder.id).update(dm_event_id=None)
    request_id = sent.request_id or ""
    arrived(letter, OWN_ANSWER, sent.dm_event_id, request_id=request_id, status=201)
    if holder is not None:
        _unproven(letter, holder, sent.dm_event_id)
    if letter.attempt_dm is not None:
        match(letter.attempt_dm)  # matched by its words, and not this letter's after all
    narrowing.note(claimed, sent.limits, letter)


def _unproven(letter: SimpleNamespace, holder: SimpleNamespace, dm_event_id: int) -> None:
    """Another letter had been matched with this message by its words; so nobody knows of it now."""
    loser = lock(holder.id)
    air = _air(loser)
    # The same letter's other attempt may lose it: the letter has its message all the same.
    no_proof = (
        loser.id != letter.id
        and loser.state == DeliveryState.SENT
        and loser.letter_dm == dm_event_id
    )
    # Where it cannot be unsure, since another one is, it stays sent, and says so.
    unsure = no_proof and not air.letter and not air.attempt
    run(
        LOSE,
        attempt=loser.attempt_id,
        outcome="uncertain" if unsure else "absent",
        settle_at=letter.now + timedelta(seconds=settings.SETTLE_SECONDS),
    )
    if not no_proof:
        return
    run(
        UNPROVEN,
        delivery=loser.id,
        state="uncertain" if unsure else "sent",
        code="unproven" if unsure else "",
        reason=UNSURE if unsure else "",
        look_at=None,
        contradiction=UNPROVEN_WORDS,
        now=letter.now,
    )
    if unsure:
        say(loser, "delivery.uncertain", {"was": "sent", "code": "unproven"})


def _air(letter: SimpleNamespace) -> SimpleNamespace:
    """Whether another letter to them, or another attempt at this one, is open."""
    found = one(
        IN_THE_AIR,
        account=letter.x_account_id,
        recipient=letter.recipient_x_user_id,
        delivery=letter.id,
        attempt=letter.attempt_id,
    )
    assert found is not None
    return found


def _unnamed(letter: SimpleNamespace, sent: SentDM) -> None:
    """X took it, and its id cannot be read. It is looked for, and never sent again by itself."""
    if letter.attempt_dm is not None:
        return  # X showed it in the meantime
    air = _air(letter)
    # One attempt a letter is open: with a newer one under way it stays as it was judged.
    outcome = Outcome.ABSENT if air.attempt else Outcome.UNCERTAIN
    _complete(letter, outcome, UNNAMED_KIND, sent.request_id, 201)
    if air.attempt or letter.state not in ("sending", "queued", "blocked"):
        return
    state = DeliveryState.BLOCKED if air.letter else DeliveryState.UNCERTAIN
    if letter.state == state:
        return
    goes = Next(state, Outcome.UNCERTAIN, UNNAMED_KIND, UNNAMED)
    move(letter, goes, token=letter.claim_token)


# --- anything else -------------------------------------------------------------------------------


@step
def _disowned(letter: SimpleNamespace, error: XError, goes: Next) -> None:
    """X did not take what was matched by its words, so that message is another attempt's."""
    _complete(letter, goes.outcome, error.kind, error.request_id, error.status)
    Attempt.objects.filter(pk=letter.attempt_id).update(dm_event_id=None)
    if letter.attempt_dm is None or match(letter.attempt_dm) == letter.id:
        return  # erased meanwhile; or an attempt before at this very letter
    if letter.state != DeliveryState.SENT or letter.letter_dm != letter.attempt_dm:
        return
    run(
        UNPROVEN,
        delivery=letter.id,
        state=goes.state.value,
        code=goes.code,
        reason=goes.reason,
        look_at=goes.look_at,
        contradiction=UNPROVEN_WORDS,
        now=letter.now,
    )
    say(letter, f"delivery.{goes.state.value}", {"was": "sent", "code": goes.code})


def _go(letter: SimpleNamespace, claimed: Claimed, goes: Next) -> None:
    """Move on only while this claim still holds the delivery."""
    holds = letter.claim_token == claimed.token and letter.state in ("sending", "uncertain")
    if holds and goes.code == NeverReason.DUPLICATE.value:
        found = run(
            ABSENT_BEFORE,
            delivery=letter.id,
            kind=DUPLICATE_KIND,
            settle_at=letter.now + timedelta(seconds=settings.SETTLE_SECONDS),
        )
        if found:
            goes = Next(DeliveryState.UNCERTAIN, Outcome.NOT_SENT, DUPLICATE_KIND, DUPLICATE)
    # A worker that was thought dead may still bring a certain answer to an unsure letter.
    certain = goes.outcome != Outcome.UNCERTAIN and goes.state != DeliveryState.UNCERTAIN
    states = ["sending", "uncertain"] if certain else ["sending"]
    move(letter, goes, token=claimed.token, states=states)


@step
def move(
    letter: SimpleNamespace,
    goes: Next,
    *,
    token: object = None,
    states: list[str] | None = None,
    actor_id: int | None = None,
) -> None:
    """Along the table of allowed moves, while the claim named by `token` holds the letter."""
    was = DeliveryState(letter.state)
    moved = run(
        MOVE,
        delivery=letter.id,
        token=token or letter.token,
        states=states or [was.value],
        state=goes.state.value,
        code=goes.code,
        reason=goes.reason,
        look_at=goes.look_at,
        now=letter.now,
    )
    if moved:
        assert goes.state in MOVES[was], f"{was} to {goes.state}"
        details = {"was": was.value, "code": goes.code}
        say(letter, f"delivery.{goes.state.value}", details, actor_id)


def _complete(
    letter: SimpleNamespace,
    outcome: Outcome,
    kind: str,
    request_id: str | None,
    status: int | None,
    *,
    dead: bool = False,
) -> None:
    settle_at = None
    if outcome == Outcome.UNCERTAIN:
        settle_at = letter.started_at + longest_call() + timedelta(seconds=settings.SETTLE_SECONDS)
    run(
        COMPLETE,
        attempt=letter.attempt_id,
        outcome=outcome.value,
        kind=kind[:48],
        now=letter.now,
        request=(request_id or "")[:100],
        status=status,
        settle_at=settle_at,
        dead=dead,  # it may yet arrive, so it counts for as long as that
    )


def _close_limits(claimed: Claimed, error: XError, now: datetime) -> None:
    """A 429 closes the limit that it names until it opens; 402 closes the app."""
    account = AccountPace.objects.filter(pk=claimed.x_account_id)
    app = AppPace.objects.filter(pk=claimed.app_id)
    if isinstance(error, PaymentNeeded):
        _close(app, now + UNPAID_PAUSE, UNPAID)
    elif isinstance(error, LimitedUntil):
        until = opens_at(error, now) or now + backoff(1)
        _close(app if error.scope == "app" else account, until, "X's limit.")


def _close(pace: QuerySet[AccountPace] | QuerySet[AppPace], until: datetime, reason: str) -> None:
    """Close it until then; never shorten what closed it for longer."""
    pace.update(closed_until=Greatest("closed_until", Value(until)), closed_reason=reason)


def _is_spam(error: XError) -> bool:
    return isinstance(error, NeverWill) and error.reason == NeverReason.SPAM


def _refused_in_a_row(x_account_id: int) -> bool:
    # What X only put off (a limit, a token) is no letter between them.
    decided = Q(outcome=Outcome.SENT) | Q(outcome=Outcome.NOT_SENT, kind__in=NeverReason)
    last = Attempt.objects.filter(decided, x_account_id=x_account_id).order_by("-counts_until")
    kinds = list(last.values_list("kind", flat=True)[:REFUSALS_IN_A_ROW])
    return kinds == [NeverReason.SPAM.value] * REFUSALS_IN_A_ROW


@step
def _and_claim(claimed: Claimed, outcome: Callable[[], None]) -> Answer:
    pace = lock_pace(claimed.x_account_id)
    outcome()
    if pace is None:
        return Busy()
    try:
        with transaction.atomic():
            return claim_next(claimed.x_account_id, pace, holding=True)
    except Exception as error:
        if connection.needs_rollback:
            raise  # not even the savepoint is left: the record has to be made again
        # The record stands; the loop claims anew, and there whatever it is shows itself.
        log.warning("the claim behind delivery %s: %s", claimed.delivery_id, type(error).__name__)
        return NothingDue(clock_now())
