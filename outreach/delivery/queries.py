"""Reads about deliveries: the schedule, and each step of one letter's way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse

from accounts.access import Member
from outreach.customers.hooks import Happened
from outreach.delivery.facts import allowed_at
from outreach.delivery.models import (
    IN_THE_AIR,
    Attempt,
    Delivery,
    DeliveryState,
    Outcome,
    SendingPolicy,
)
from outreach.drafts.models import Decision, Draft, DraftState, Review, Revision
from outreach.drafts.queries import ERASED_WORDS, Tab, opening
from outreach.ground.clock import now
from outreach.ground.paging import Page, keyset

_S = DeliveryState
TONE = {
    _S.QUEUED: "",
    _S.SENDING: "",
    _S.SENT: "good",
    _S.UNCERTAIN: "mend",
    _S.BLOCKED: "mend",
    _S.FAILED: "spam",
    _S.CANCELLED: "",
}
# The schedule's tabs: what people call a state, and the states behind it. A letter waits when it
# is queued and something holds it.
TABS: dict[str, tuple[str, tuple[DeliveryState, ...]]] = {
    "": ("On their way", (_S.QUEUED, _S.SENDING)),
    "unsure": ("Unsure", (_S.UNCERTAIN,)),
    "sent": ("Sent", (_S.SENT,)),
    "not-sent": ("Not sent", (_S.BLOCKED, _S.FAILED, _S.CANCELLED)),
}


UNSURE_NOW = "Look into the conversation at X. It is not sent again by itself."


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    id: int
    url: str
    person: str
    handle: str
    opening: str
    state: str
    state_words: str
    reason: str
    leaves_at: datetime | None
    sent_at: datetime | None
    tone: str
    may_cancel: bool
    may_try_again: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a letter's way. `state`: done, now, waiting or failed."""

    label: str
    detail: str
    at: datetime | None
    state: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """A letter's way so far; `is_final` when no step follows by itself."""

    steps: list[Step]
    state_words: str
    is_final: bool
    delivery: Delivery | None


def page_of(member: Member, tab: str, *, older: str, newer: str) -> Page[Delivery]:
    """One tab of the schedule, newest change first. One query."""
    _, states = TABS[tab]
    rows = (
        Delivery.objects.of(member).filter(state__in=states).select_related("customer", "revision")
    )
    return keyset(rows, by="changed_at", older=older, newer=newer, size=30)


def tabs(member: Member, current: str) -> list[Tab]:
    """The schedule's tabs with their counts. One query."""
    counts: dict[str, int] = dict(
        Delivery.objects.of(member).values_list("state").annotate(Count("pk")).order_by()
    )
    here = reverse("delivery:schedule", args=[member.workspace.slug])
    found = []
    for name, (label, states) in TABS.items():
        count = sum(counts.get(state.value, 0) for state in states)
        found.append(Tab(label, count, f"{here}?state={name}" if name else here, name == current))
    return found


def rows(member: Member, deliveries: Iterable[Delivery]) -> list[DeliveryRow]:
    slug = member.workspace.slug
    return [
        DeliveryRow(
            id=delivery.pk,
            url=reverse("delivery:letter", args=[slug, delivery.revision.draft_id]),
            person=delivery.customer.name,
            handle=delivery.customer.handle,
            opening=opening(delivery.text or ERASED_WORDS),
            state=delivery.state,
            state_words=words_of(delivery),
            reason=delivery.reason,
            leaves_at=delivery.look_at if delivery.state == _S.QUEUED else None,
            sent_at=delivery.sent_at,
            tone=tone_of(delivery),
            may_cancel=delivery.state in (_S.QUEUED, _S.BLOCKED),
            may_try_again=delivery.state == _S.BLOCKED,
        )
        for delivery in deliveries
    ]


def words_of(delivery: Delivery) -> str:
    """What people call the state: a queued letter that something holds is waiting."""
    if delivery.state == _S.QUEUED and delivery.reason_code:
        return "Waiting"
    return DeliveryState(delivery.state).label


def tone_of(delivery: Delivery) -> str:
    if delivery.state == _S.QUEUED and delivery.reason_code:
        return "mend"
    return TONE[DeliveryState(delivery.state)]


def letters_to(member: Member, customer_id: int) -> list[Delivery]:
    """What was sent, or is to be, to one customer; newest first, fifty at most. One query."""
    return list(
        Delivery.objects.of(member)
        .filter(customer_id=customer_id)
        .select_related("customer", "revision")
        .order_by("-created_at", "-pk")[:50]
    )


def history_of(
    workspace_id: int, slug: str, customer_ids: Sequence[int], before: datetime, most: int
) -> list[Happened]:
    """Letters to some customers as a part of their history, newest first. One query."""
    rows = (
        Delivery.everywhere.filter(workspace_id=workspace_id, customer_id__in=customer_ids)
        .annotate(at=Coalesce("sent_at", "created_at"))
        .filter(at__lt=before)
        .select_related("x_account", "revision")
        .order_by("-at", "-pk")[:most]
    )
    return [
        Happened(
            at=delivery.at,
            kind="letter",
            words=f"Letter from @{delivery.x_account.handle}: {words_of(delivery).lower()}",
            detail=opening(delivery.text),
            url=reverse("delivery:letter", args=[slug, delivery.revision.draft_id]),
            tone=tone_of(delivery),
        )
        for delivery in rows
    ]


def way_of(member: Member, draft: Draft) -> Way:
    """Every step of a letter, from the first word to X's answer. Four queries."""
    revision = (
        Revision.objects.of(member)
        .filter(draft=draft)
        .select_related("author")
        .order_by("-number")
        .first()
    )
    if revision is None or draft.is_editable:
        return Way([_written(draft)], draft.get_state_display(), True, None)
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
        return Way(steps, draft.get_state_display(), True, None)
    if review is None:
        return Way(steps, draft.get_state_display(), False, None)
    if review.decision != Decision.APPROVE:
        return Way(steps, draft.get_state_display(), True, None)
    delivery = Delivery.objects.of(member).filter(approval=review).select_related("x_account").get()
    steps += _sending(delivery, list(delivery.attempts.order_by("started_at")), now())
    is_final = delivery.state in (_S.SENT, _S.FAILED, _S.CANCELLED, _S.BLOCKED)
    return Way(steps, words_of(delivery), is_final, delivery)


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


def _sending(delivery: Delivery, attempts: list[Attempt], moment: datetime) -> list[Step]:
    """The steps after approval: queued, each call to X, and what came of it."""
    account = f"@{delivery.x_account.handle}"
    steps = [
        Step("Queued", f"to leave from {account}", delivery.created_at, "done"),
        *(_tried(attempt) for attempt in attempts if attempt.outcome in _TRIED),
    ]
    if delivery.state == _S.QUEUED:
        steps.append(_queued(delivery, moment))
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


_TRIED = (Outcome.NOT_SENT, Outcome.NOT_CALLED)


def _tried(attempt: Attempt) -> Step:
    said = "X was not reached" if attempt.outcome == Outcome.NOT_CALLED else "X did not take it"
    return Step("Tried", said, attempt.ended_at, "done")


def _queued(delivery: Delivery, moment: datetime) -> Step:
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


def letters_since(member: Member, days: int) -> int:
    """How many letters were sent in the last `days` days. One query."""
    since = now() - timedelta(days=days)
    return Delivery.objects.of(member).filter(state=_S.SENT, sent_at__gt=since).count()


def delivery(member: Member, delivery_id: int) -> Delivery:
    """One delivery with its revision. Raises Delivery.DoesNotExist."""
    return Delivery.objects.of(member).select_related("revision").get(pk=delivery_id)


def spent_on_letters(app_id: int, since: datetime, until: datetime) -> dict[int, Decimal]:
    """What an X app's letters cost between two moments, in US dollars by account id. One query.

    An attempt that may have reached X counts; one that certainly made no call does not.
    """
    calls = Attempt.objects.filter(
        app_id=app_id, started_at__gte=since, started_at__lt=until
    ).exclude(outcome=Outcome.NOT_CALLED)
    sums = calls.values_list("x_account_id").annotate(Sum("price")).order_by()
    return dict(sums)


def about_to_be_written_to(x_account_id: int) -> list[int]:
    """X user ids of those to whom letters of an account are queued, the soonest first. One query."""
    queued = Delivery.everywhere.filter(
        x_account_id=x_account_id, state=_S.QUEUED, recipient_x_user_id__isnull=False
    )
    soonest = queued.values("recipient_x_user_id").annotate(soonest=Min("look_at"))
    rows = soonest.order_by("soonest", "recipient_x_user_id")
    found = rows.values_list("recipient_x_user_id", flat=True)
    return [x_user_id for x_user_id in found if x_user_id is not None]


def fresh_for(workspace_id: int) -> timedelta:
    """How old what X said of a relationship may be when a letter leaves. One query."""
    hours = SendingPolicy.everywhere.values_list("relationship_hours", flat=True)
    return timedelta(hours=hours.get(pk=workspace_id))


def last_letter(workspace_id: int, x_user_id: int) -> datetime | None:
    """When a letter last left for a person from any account of the workspace. One query.

    What is being sent or is unsure counts as written, since its claim.
    """
    written = Delivery.everywhere.filter(
        Q(state=_S.SENT) | Q(state__in=IN_THE_AIR),
        workspace_id=workspace_id,
        recipient_x_user_id=x_user_id,
    )
    last: datetime | None = written.aggregate(at=Max(Coalesce("sent_at", "changed_at")))["at"]
    return last
