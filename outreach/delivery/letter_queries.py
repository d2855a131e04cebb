"""Reads of one letter: each step of its way, and what is known of one that is unsure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from accounts.access import Member
from outreach.delivery.facts import allowed_at
from outreach.delivery.holds import Hold, holds_of
from outreach.delivery.matching import words_key
from outreach.delivery.models import Attempt, Delivery, DeliveryState, Outcome
from outreach.delivery.outcomes import DUPLICATE_KIND, UNNAMED_KIND
from outreach.delivery.queries import tone_of, words_of
from outreach.delivery.settling import CLOCKS_DIFFER, SEEN, unclaimed
from outreach.drafts.models import Decision, Draft, DraftState, Review, Revision
from outreach.ground.clock import now
from outreach.x.addresses import conversation_address

_S = DeliveryState
UNSURE_NOW = "It is not sent again by itself while nobody knows."
MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a letter's way. `state`: done, now, waiting or failed."""

    label: str
    detail: str
    at: datetime | None
    state: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of ours that X shows in the conversation and that belongs to no letter yet."""

    id: int
    at: datetime
    same_words: bool


@dataclass(frozen=True, slots=True)
class Unsure:
    """What is known of a letter that may or may not have arrived.

    `looked`: what was done to find out; `next_look`: when it is looked for again, None where only
    a person decides from here.
    """

    called_at: datetime
    happened: str
    looked: str
    looked_at: datetime | None
    next_look: datetime | None
    shown: list[Shown]
    conversation_url: str

    @property
    def likely(self) -> int | None:
        """The newest message with the same words."""
        return next((each.id for each in self.shown if each.same_words), None)


@dataclass(frozen=True, slots=True)
class Way:
    """A letter's way so far; `is_final` when no step follows by itself."""

    steps: list[Step]
    state_words: str
    is_final: bool
    delivery: Delivery | None = None
    hold: Hold | None = None
    attempts: list[Attempt] = field(default_factory=list)


def way_of(member: Member, draft: Draft) -> Way:
    """Every step of a letter, from the first word to X's answer. Seven queries at most."""
    revision = (
        Revision.objects.of(member)
        .filter(draft=draft)
        .select_related("author")
        .order_by("-number")
        .first()
    )
    if revision is None or draft.is_editable:
        return Way([_written(draft)], draft.get_state_display(), True)
    review = (
        Review.objects.of(member)
        .filter(revision=revision, undone_at__isnull=True)
        .select_related("reviewer")
        .first()
    )
    steps = [
        Step("Submitted", f"by {revision.author.name}", revision.submitted_at, "done"),
        _decided(review),
    ]
    if review is None and draft.state == DraftState.ERASED:
        steps[-1:] = [Step("Erased", "with the person it was for", draft.updated_at, "failed")]
        return Way(steps, draft.get_state_display(), True)
    if review is None:
        return Way(steps, draft.get_state_display(), False)
    if review.decision != Decision.APPROVE:
        return Way(steps, draft.get_state_display(), True)
    delivery = (
        Delivery.objects.of(member)
        .filter(approval=review)
        .select_related("customer", "revision", "x_account", "campaign")
        .get()
    )
    moment = now()
    hold = holds_of(member, moment).of(delivery) if delivery.state == _S.QUEUED else None
    attempts = list(delivery.attempts.order_by("started_at"))
    steps += _sending(delivery, attempts, hold, moment)
    return Way(
        steps=steps,
        state_words="Waiting" if hold else words_of(delivery),
        is_final=delivery.state in (_S.SENT, _S.FAILED, _S.CANCELLED, _S.BLOCKED),
        delivery=delivery,
        hold=hold,
        attempts=attempts,
    )


def _written(draft: Draft) -> Step:
    if draft.state == DraftState.ERASED:
        return Step("Erased", "with the person it was for", draft.updated_at, "failed")
    state = "failed" if draft.state == DraftState.REJECTED else "now"
    return Step("Being written", f"by {draft.author.name}", draft.updated_at, state)


def _decided(review: Review | None) -> Step:
    if review is None:
        return Step("In review", "A manager reads it.", None, "now")
    tone = {"approve": ("done", "good"), "request_changes": ("now", "mend")}
    state, colour = tone.get(review.decision, ("failed", "spam"))
    label = review.get_decision_display()
    return Step(label, f"by {review.reviewer.name}", review.decided_at, state, colour)


def _sending(
    delivery: Delivery, attempts: list[Attempt], hold: Hold | None, moment: datetime
) -> list[Step]:
    """The steps after approval: queued, each call to X, and what came of it."""
    account = f"@{delivery.x_account.handle}"
    steps = [
        Step("Queued", f"to leave from {account}", delivery.created_at, "done"),
        *(_tried(attempt) for attempt in attempts if attempt.outcome in _TRIED),
    ]
    if delivery.state == _S.QUEUED:
        steps.append(_queued(delivery, hold, moment))
    elif delivery.state == _S.SENDING:
        steps.append(Step("Sending", "X is being called.", delivery.changed_at, "now"))
    elif delivery.state == _S.SENT:
        said = f"X calls it message {delivery.dm_event_id}." if delivery.dm_event_id else ""
        steps.append(Step("Sent", said, delivery.sent_at, "done", "good"))
    elif delivery.state == _S.UNCERTAIN:
        said = f"{delivery.reason} {UNSURE_NOW}"
        steps.append(Step("Unsure", said, delivery.changed_at, "now", "mend"))
    else:
        steps.append(
            Step("Not sent", delivery.reason, delivery.changed_at, "failed", tone_of(delivery))
        )
    return steps


_TRIED = {
    Outcome.NOT_SENT: "X did not take it.",
    Outcome.NOT_CALLED: "X was not reached.",
    Outcome.ABSENT: "X did not say whether it took it. Looked for at X, it was not there.",
}


def _tried(attempt: Attempt) -> Step:
    return Step("Tried", _TRIED[Outcome(attempt.outcome)], attempt.ended_at, "done")


def _queued(delivery: Delivery, hold: Hold | None, moment: datetime) -> Step:
    if hold is not None:
        return Step("Waiting", hold.reason, hold.look_at, "waiting", "mend")
    if delivery.reason_code:
        return Step("Waiting", delivery.reason, delivery.look_at, "waiting", "mend")
    if delivery.look_at <= moment:
        return _due(delivery, moment)
    return Step("Leaves", "", delivery.look_at, "now")


def _due(delivery: Delivery, moment: datetime) -> Step:
    """Due, and held by nothing but perhaps the limits."""
    free_at = allowed_at(delivery.x_account_id)
    if free_at > moment:
        account = f"@{delivery.x_account.handle}"
        said = f"{account} has sent as much as X allows just now; the next one may leave then."
        return Step("Waiting", said, free_at, "waiting", "mend")
    return Step("On its way", "It leaves within seconds.", None, "now")


def unsure_of(way: Way) -> Unsure | None:
    """What is known of a letter that is unsure; None of any other. One query."""
    delivery = way.delivery
    if delivery is None or delivery.state != _S.UNCERTAIN or not way.attempts:
        return None
    recipient = delivery.recipient_x_user_id
    assert recipient is not None  # what was erased is not unsure any more
    # Not always the newest: X may have refused that one as the same words again.
    unsure = [each for each in way.attempts if each.outcome == Outcome.UNCERTAIN]
    attempt = (unsure or way.attempts)[-1]
    shown = _shown(delivery, recipient, way.attempts[0].started_at - CLOCKS_DIFFER)
    return Unsure(
        called_at=attempt.started_at,
        happened=_happened(attempt),
        looked=_looked(delivery, attempt.absent_reads, shown),
        looked_at=attempt.looked_at,
        next_look=attempt.settle_at,
        shown=shown,
        conversation_url=conversation_address(delivery.x_account.x_user_id, recipient),
    )


def _shown(delivery: Delivery, recipient: int, since: datetime) -> list[Shown]:
    """The messages of ours that X shows there since then and that belong to no letter. One query."""
    key = words_key(delivery.text)
    return [
        Shown(seen.dm_event_id, seen.stamped_at, same_words=bytes(seen.words_sha256) == key)
        for seen in unclaimed(delivery.x_account_id, recipient, since)[:MOST_SHOWN]
    ]


def _happened(attempt: Attempt) -> str:
    """What is known of the call, as a sentence that goes on from 'X was called'."""
    if attempt.kind == UNNAMED_KIND:
        return "It took the letter, and its answer did not say under which number."
    if attempt.kind == "worker_died":
        return "The process that called stopped before the answer came."
    if attempt.kind == DUPLICATE_KIND:
        return "It refused the next call as the same words again, so it may have taken this one."
    if attempt.kind == SEEN:
        return "The message that was taken for it turned out to be another letter."
    if attempt.status is not None:
        return f"It answered {attempt.status}, which does not say whether it took the letter."
    return "It never answered."


def _looked(delivery: Delivery, reads: int, shown: list[Shown]) -> str:
    """How the conversation was read, and what was there."""
    if delivery.reason_code == "unreadable" and not shown:
        return "Not all of the conversation could be read."
    if not reads and not shown:
        return "The conversation was not looked at since."
    times = {1: "once", 2: "twice"}.get(reads, f"{reads} times")
    if not shown:
        return f"The conversation was read {times} since, and the letter was not there."
    if any(each.same_words for each in shown):
        return "The conversation shows a message with the same words."
    return "The conversation shows a message of yours with other words, so nobody can be certain."
