"""A letter arrived: by X's own answer, by a message that X showed, or by a person's word.

Whatever state the letter is in by then, it becomes sent. Where that contradicts what we said of it
before, the contradiction is written down and shown.
"""

from __future__ import annotations

from types import SimpleNamespace

from outreach.delivery.models import DeliveryState
from outreach.delivery.statements import one, rows, run
from outreach.delivery.trail import say
from outreach.ground.writes import step

_S = DeliveryState

# The letter and one attempt at it, locked. The customer is locked before.
LOCK = """
    /* outcome: lock the letter */
    SELECT outreach_now() AS now, letter.id, letter.workspace_id, letter.customer_id,
        letter.x_account_id, letter.recipient_x_user_id, letter.state, letter.claim_token,
        letter.reason_code, letter.dm_event_id AS letter_dm, letter.leave_by, letter.text,
        letter.revision_id, attempt.id AS attempt_id, attempt.claim_token AS token,
        attempt.outcome, attempt.dm_event_id AS attempt_dm, attempt.kind, attempt.started_at,
        attempt.counts_until, attempt.absent_reads, attempt.looked_at
    FROM delivery_attempt attempt
    JOIN delivery_delivery letter ON letter.id = attempt.delivery_id
    WHERE attempt.id = %(attempt)s
    FOR NO KEY UPDATE OF letter, attempt
"""
ARRIVED = """
    /* outcome: it arrived */
    WITH attempted AS (
        UPDATE delivery_attempt SET outcome = 'sent', kind = %(kind)s, dm_event_id = %(dm)s,
            ended_at = coalesce(ended_at, %(now)s),
            counts_until = CASE WHEN outcome = 'posting' THEN %(now)s ELSE counts_until END,
            settle_at = NULL, absent_reads = 0,
            request_id = coalesce(nullif(%(request)s, ''), request_id),
            status = coalesce(%(status)s, status)
        WHERE id = %(attempt)s
    )
    UPDATE delivery_delivery SET state = 'sent', reason_code = '', reason = '',
        sent_at = CASE WHEN state = 'sent' THEN sent_at ELSE %(now)s END,
        dm_event_id = CASE WHEN state = 'sent' AND dm_event_id IS NOT NULL
                AND dm_event_id IS DISTINCT FROM %(was)s
            THEN dm_event_id ELSE %(dm)s END,
        contradiction = CASE WHEN %(contradiction)s <> '' THEN %(contradiction)s
            ELSE contradiction END,
        changed_at = %(now)s
    WHERE id = %(delivery)s
"""
NEWER = """
    /* outcome: other letters of the same draft wait for a person */
    UPDATE delivery_delivery SET state = 'blocked', reason_code = 'arrived_before',
        reason = %(reason)s, changed_at = outreach_now()
    WHERE state = 'queued' AND id <> %(delivery)s AND revision_id IN (
        SELECT other.id FROM drafts_revision mine
        JOIN drafts_revision other ON other.draft_id = mine.draft_id
        WHERE mine.id = %(revision)s
    )
    RETURNING id
"""
ARRIVED_BEFORE = (
    "An earlier version of this letter turned out to have arrived. Read both, then cancel this one "
    "or try again."
)
# What we said of a letter before → what is shown once X contradicts it.
CONTRADICTIONS = {
    _S.QUEUED: "It counted as not arrived, and was to be sent again. Then X told that it had arrived "
    "after all.",
    _S.BLOCKED: "It counted as not sent. Then X told that it had arrived after all.",
    _S.FAILED: "It counted as not sent. Then X told that it had arrived after all.",
    _S.CANCELLED: "It was cancelled. Then X told that it had arrived before.",
}
TWICE = "It arrived twice: the first one counted as not arrived, and X showed it only later."


def lock(attempt_id: int) -> SimpleNamespace:
    """The attempt and its letter, locked, as they are now."""
    found = one(LOCK, attempt=attempt_id)
    assert found is not None
    return found


@step
def arrived(
    letter: SimpleNamespace,
    kind: str,
    dm_event_id: int | None,
    *,
    request_id: str = "",
    status: int | None = None,
    actor_id: int | None = None,
) -> None:
    """Record that the attempt's message arrived; `letter` is what `lock` returned."""
    was = DeliveryState(letter.state)
    if letter.recipient_x_user_id is None:
        # Erased while nobody knew: that it arrived is known now, its name at X is not kept.
        dm_event_id, request_id = None, ""
    known = dm_event_id is not None and dm_event_id == letter.attempt_dm
    twice = (
        was == _S.SENT
        and not known
        and letter.letter_dm not in (None, dm_event_id, letter.attempt_dm)
    )
    contradiction = TWICE if twice else CONTRADICTIONS.get(was, "")
    run(
        ARRIVED,
        attempt=letter.attempt_id,
        delivery=letter.id,
        kind=kind,
        dm=dm_event_id,
        was=letter.attempt_dm,
        now=letter.now,
        request=request_id[:100],
        status=status,
        contradiction="" if letter.recipient_x_user_id is None else contradiction,
    )
    if was == _S.SENT and not twice:
        return
    details = {"was": was.value, "how": kind, "dm_event_id": str(dm_event_id or "")}
    say(letter, "delivery.sent_twice" if twice else "delivery.sent", details, actor_id)
    if was in CONTRADICTIONS:
        for other in rows(
            NEWER, delivery=letter.id, revision=letter.revision_id, reason=ARRIVED_BEFORE
        ):
            blocked = SimpleNamespace(id=other.id, workspace_id=letter.workspace_id)
            say(blocked, "delivery.blocked", {"code": "arrived_before"})
