"""The claim: one short transaction that decides whether a letter leaves now.

No call to X inside. Locks in one order everywhere: the account's pace row, the customer, the
delivery, then the app's pace row, then the app itself where its monthly cap is near. The time is
read after the last lock. A stop locks the customer first, so it comes before a claim or after it,
never between.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace

from django.conf import settings

from outreach.delivery import facts
from outreach.delivery.gates import Block, Go, Hold, Wait, judge
from outreach.delivery.models import Delivery
from outreach.delivery.settling import arrived_after_all
from outreach.delivery.statements import one, run
from outreach.delivery.trail import say
from outreach.ground.clock import now as clock_now
from outreach.ground.writes import engine_action, step
from outreach.x.caps import level_for_letters
from outreach.x.prices import price


@dataclass(frozen=True, slots=True)
class Claimed:
    """Nobody but this process now calls X once with these words."""

    delivery_id: int
    attempt_id: int
    token: uuid.UUID
    x_account_id: int
    app_id: int
    workspace_id: int
    customer_id: int
    recipient_x_user_id: int
    text: str = field(repr=False)  # a traceback may show the rest


@dataclass(frozen=True, slots=True)
class NothingDue:
    """No letter of this account is due; `look_at` is when the next one is to be looked at."""

    look_at: datetime | None


@dataclass(frozen=True, slots=True)
class Closed:
    """A limit is reached: the next attempt fits at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class OnHold:
    """Nothing leaves from the whole account."""

    verdict: Hold


@dataclass(frozen=True, slots=True)
class Held:
    """A gate is closed for one letter; others may still leave."""

    delivery_id: int
    verdict: Wait | Block


@dataclass(frozen=True, slots=True)
class Busy:
    """Another worker claims for this account at this moment."""


Answer = Claimed | NothingDue | Closed | OnHold | Held | Busy

# What came too late for its turn at the app's limit is waited for so long by the others.
TURN_GRACE = timedelta(seconds=30)

LOCK_PACE = """
    /* claim: lock the pace */
    SELECT last_lane, clock_timestamp() AS began FROM delivery_accountpace
    WHERE x_account_id = %(account)s FOR NO KEY UPDATE SKIP LOCKED
"""
# The first letter of each lane, one look at the index a lane; then the next lane whose turn it is.
# A lane whose campaign is paused is left out.
CHOOSE = """
    /* claim: choose a letter */
    WITH RECURSIVE heads (lane, look_at, id) AS (
        (SELECT lane, look_at, id FROM delivery_delivery
        WHERE x_account_id = %(account)s AND state = 'queued'
        ORDER BY x_account_id, lane, look_at, id LIMIT 1)
        UNION ALL
        SELECT next.* FROM heads CROSS JOIN LATERAL (
            SELECT lane, look_at, id FROM delivery_delivery
            WHERE x_account_id = %(account)s AND state = 'queued' AND lane > heads.lane
            ORDER BY x_account_id, lane, look_at, id LIMIT 1
        ) next
    ),
    clock AS MATERIALIZED (SELECT outreach_now() AS now),
    free AS MATERIALIZED (
        SELECT * FROM heads
        WHERE NOT EXISTS (SELECT FROM delivery_pause WHERE campaign_id = heads.lane)
    )
    SELECT soonest.look_at, due.id, due.lane, letter.customer_id, clock.now,
        (SELECT app_id FROM x_xaccount WHERE id = %(account)s) AS app_id
    FROM clock CROSS JOIN (SELECT min(look_at) AS look_at FROM free) soonest
    LEFT JOIN LATERAL (
        SELECT id, lane FROM free, clock WHERE look_at <= clock.now
        ORDER BY lane > %(last_lane)s DESC, lane LIMIT 1
    ) due ON true
    LEFT JOIN delivery_delivery letter ON letter.id = due.id
"""
LOCK_CUSTOMER = """
    /* claim: lock the customer */
    SELECT id FROM customers_customer WHERE id = %(customer)s FOR NO KEY UPDATE
"""
LOCK_LETTER = """
    /* claim: lock the letter */
    SELECT id FROM delivery_delivery WHERE id = %(delivery)s AND state = 'queued'
    FOR NO KEY UPDATE
"""
LOCK_APP = """
    /* claim: lock the app's pace */
    SELECT app_id FROM delivery_apppace
    WHERE app_id = (SELECT app_id FROM x_xaccount WHERE id = %(account)s) FOR NO KEY UPDATE
"""
SINCE = """
    /* claim: count since X's report */
    SELECT count(*) AS used FROM delivery_attempt
    WHERE {owner} = %(owner)s AND started_at > %(since)s
        AND counts_until > %(since)s  -- later than its start, and what the ledger is indexed by
"""
TAKE = """
    /* claim: take the letter */
    WITH taken AS (
        UPDATE delivery_delivery SET state = 'sending', claim_token = %(token)s,
            reason_code = '', reason = '', changed_at = %(now)s
        WHERE id = %(delivery)s AND state = 'queued'
        RETURNING id, x_account_id, lane
    ),
    next AS (
        UPDATE delivery_accountpace SET last_lane = taken.lane,
            held_code = '', held_reason = '', held_since = NULL, held_until = NULL,
            wants_app_id = NULL, wants_since = NULL, wants_until = NULL
        FROM taken WHERE delivery_accountpace.x_account_id = taken.x_account_id
    )
    INSERT INTO delivery_attempt (delivery_id, x_account_id, app_id, claim_token, outcome,
        started_at, counts_until, kind, request_id, price)
    SELECT taken.id, taken.x_account_id, %(app)s, %(token)s, 'posting',
        %(now)s, %(counts_until)s, '', '', %(price)s
    FROM taken RETURNING id
"""
# Nobody waits here: who queues a letter at this moment has the row, and the tick looks again.
LOCK_QUEUE = """
    /* claim: lock the account's queue */
    SELECT x_account_id FROM delivery_accountqueue WHERE x_account_id = %(account)s
    FOR NO KEY UPDATE SKIP LOCKED
"""
LOOK_LATER = """
    /* claim: look at the account later */
    UPDATE delivery_accountqueue SET look_at = %(look_at)s WHERE x_account_id = %(account)s
"""
SAY_WHY = """
    /* claim: say why nothing leaves */
    UPDATE delivery_accountpace SET
        held_code = %(code)s, held_reason = %(reason)s,
        held_since = CASE WHEN %(code)s = '' THEN NULL
            WHEN held_code = %(code)s THEN held_since ELSE outreach_now() END,
        held_until = CASE WHEN %(code)s <> '' THEN %(until)s::timestamptz END,
        wants_app_id = %(app)s,
        wants_since = CASE WHEN %(app)s::bigint IS NOT NULL THEN coalesce(wants_since, outreach_now()) END,
        wants_until = CASE WHEN %(app)s::bigint IS NOT NULL THEN %(wants_until)s::timestamptz END
    WHERE x_account_id = %(account)s
"""
HOLD = """
    /* claim: hold the letter */
    UPDATE delivery_delivery SET state = %(state)s, reason_code = %(code)s, reason = %(reason)s,
        look_at = %(look_at)s,
        changed_at = CASE WHEN state = %(state)s THEN changed_at ELSE %(now)s END
    WHERE id = %(delivery)s AND state = 'queued'
"""


@engine_action
def claim(x_account_id: int) -> Answer:
    """Decide about the account's next due letter, and take it if it may leave.

    The answer holds once this function has returned, for then the transaction is committed.
    """
    pace = lock_pace(x_account_id)
    return Busy() if pace is None else claim_next(x_account_id, pace)


@step
def lock_pace(x_account_id: int) -> SimpleNamespace | None:
    """The account's pace row, locked; None where another claim holds it."""
    return one(LOCK_PACE, account=x_account_id)


@step
def claim_next(x_account_id: int, pace: SimpleNamespace, *, holding: bool = False) -> Answer:
    """The claim itself, for whoever has locked the account's pace.

    `holding`: the caller holds locks on another letter and its customer, so none is waited for.
    """
    chosen = _choose(x_account_id, pace)
    if chosen.id is None:
        return _nothing_due(x_account_id, pace, chosen.look_at)
    if not _lock(chosen, holding=holding):
        # Cancelled between the look and the lock, or held by somebody else: the caller looks again.
        return NothingDue(clock_now())
    if settings.X_APP_WINDOWS:
        one(LOCK_APP, account=x_account_id)
    money = level_for_letters(chosen.app_id, chosen.now)
    letter = facts.read(chosen.id)
    waited = (letter.read_at - pace.began).total_seconds()
    if letter.look_at > letter.now or waited >= settings.CALL_DEADLINE:
        # A claim that waited so long for its locks could not call any more: it would only use up
        # an attempt, and where many wait, none would ever leave.
        return NothingDue(letter.now)
    if letter.once_absent and arrived_after_all(letter):
        return NothingDue(letter.now)
    match judge(facts.of(letter, money)):
        case Go():
            return _within_limits(letter)
        case Hold() as verdict:
            _say_why(x_account_id, verdict.look_at, verdict.code, verdict.reason)
            _look_later(x_account_id, verdict.look_at)
            return OnHold(verdict)
        case verdict:
            _hold(letter, verdict)
            return Held(letter.id, verdict)


def _lock(chosen: SimpleNamespace, *, holding: bool) -> bool:
    """The customer, then the letter; False where it is not queued any more, or is not to be had."""
    skip = " SKIP LOCKED" if holding else ""
    return (
        one(LOCK_CUSTOMER + skip, customer=chosen.customer_id) is not None
        and one(LOCK_LETTER + skip, delivery=chosen.id) is not None
    )


def _within_limits(letter: SimpleNamespace) -> Answer:
    """Take the letter, where the limits of account and app have room for it."""
    of_account = _latest(
        letter.account_free_at,
        letter.closed_until,
        _narrowed(letter, "x_account_id", letter.x_account_id, letter.narrowed),
    )
    of_app = _latest(
        letter.app_free_at,
        letter.app_closed_until,
        _narrowed(letter, "app_id", letter.app_id, letter.app_narrowed),
    )
    until = _latest(of_account, of_app)
    if until is None or until <= letter.now:
        return _take(letter)
    # Its place among those that wait for the app, unless it could not use its turn.
    waits_for_app = of_app is not None and of_app > (of_account or letter.now)
    if waits_for_app and letter.turns_end is not None:
        # Whoever is ahead and does not come loses its turn then, and this one may have it.
        until = min(until, letter.turns_end)
    _say_why(letter.x_account_id, until, wants=letter.app_id if waits_for_app else None)
    _look_later(letter.x_account_id, until)
    return Closed(until)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _narrowed(letter: SimpleNamespace, owner: str, pk: int, reports: str | None) -> datetime | None:
    """When a limit opens that X reported to have less room than our ledger knows of."""
    closed: list[datetime] = []
    for report in json.loads(reports or "{}").values():
        reset = datetime.fromisoformat(report["reset"])
        if reset <= letter.now:
            continue
        since = one(SINCE.format(owner=owner), owner=pk, since=report["since"])
        if since is not None and since.used >= report["remaining"]:
            closed.append(reset)
    return _latest(*closed)


def longest_call() -> timedelta:
    """How long after its claim a call can still arrive at X: deadline, then the whole answer."""
    return timedelta(seconds=settings.CALL_DEADLINE + settings.CALL_ANSWER_TIMEOUT)


def _take(letter: SimpleNamespace) -> Answer:
    """The attempt, written before the call; the delivery is sending from here on."""
    token = uuid.uuid4()
    attempt = one(
        TAKE,
        delivery=letter.id,
        token=token,
        now=letter.now,
        app=letter.app_id,
        counts_until=letter.now + longest_call(),
        price=price("send_dm", letter.now.date()),
    )
    if attempt is None:
        return NothingDue(letter.now)  # somebody else was faster
    say(letter, "delivery.sending", {"attempt": attempt.id})
    return Claimed(
        delivery_id=letter.id,
        attempt_id=attempt.id,
        token=token,
        x_account_id=letter.x_account_id,
        app_id=letter.app_id,
        workspace_id=letter.workspace_id,
        customer_id=letter.customer_id,
        recipient_x_user_id=letter.recipient_x_user_id,
        text=letter.text,
    )


def _choose(x_account_id: int, pace: SimpleNamespace) -> SimpleNamespace:
    """The letter whose turn it is, `.id` None where none is due; `.look_at`: when the next one is."""
    found = one(CHOOSE, account=x_account_id, last_lane=pace.last_lane)
    assert found is not None
    return found


def _nothing_due(x_account_id: int, pace: SimpleNamespace, look_at: datetime | None) -> NothingDue:
    """Leave the account alone until then, unless a letter is being queued at this very moment."""
    _say_why(x_account_id, None)
    if one(LOCK_QUEUE, account=x_account_id) is not None:
        # Read again under the lock: whoever queued something meanwhile is over with it.
        look_at = _choose(x_account_id, pace).look_at
        run(LOOK_LATER, account=x_account_id, look_at=look_at)
    return NothingDue(look_at)


def _look_later(x_account_id: int, look_at: datetime) -> None:
    """Nothing of the account leaves before then, whatever is queued meanwhile."""
    if one(LOCK_QUEUE, account=x_account_id) is not None:
        run(LOOK_LATER, account=x_account_id, look_at=look_at)


def _say_why(
    x_account_id: int,
    until: datetime | None,
    code: str = "",
    reason: str = "",
    *,
    wants: int | None = None,
) -> None:
    run(
        SAY_WHY,
        account=x_account_id,
        until=until,
        code=code,
        reason=reason[:300],
        app=wants,
        wants_until=until + TURN_GRACE if until and wants else None,
    )


def _hold(letter: SimpleNamespace, verdict: Wait | Block) -> None:
    """Write down why it does not leave; a block is a change of state, a wait is not."""
    # A reason may quote names and other reasons; one too long for its column must not hold up
    # everything else the account has to send.
    longest = Delivery._meta.get_field("reason").max_length
    run(
        HOLD,
        delivery=letter.id,
        state="queued" if isinstance(verdict, Wait) else "blocked",
        code=verdict.code,
        reason=verdict.reason[:longest],
        # Looked at no later than *leave by*: that is when it asks for a new time.
        look_at=min(verdict.look_at, letter.leave_by)
        if isinstance(verdict, Wait)
        else letter.look_at,
        now=letter.now,
    )
    if isinstance(verdict, Block):
        say(letter, "delivery.blocked", {"code": verdict.code, "reason": verdict.reason})
