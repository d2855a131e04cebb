"""Reads about deliveries that other rooms need too. Pages: schedule_, week_ and letter_queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Max, Min, Q, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse

from accounts.access import Member
from outreach.customers.hooks import Happened
from outreach.delivery.models import (
    IN_THE_AIR,
    Attempt,
    Delivery,
    DeliveryState,
    Outcome,
    SendingPolicy,
)
from outreach.drafts.queries import opening
from outreach.ground.clock import now

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
        .select_related("customer", "revision", "x_account", "campaign")
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


def letters_since(member: Member, days: int) -> int:
    """How many letters were sent in the last `days` days. One query."""
    since = now() - timedelta(days=days)
    return Delivery.objects.of(member).filter(state=_S.SENT, sent_at__gt=since).count()


def delivery(member: Member, delivery_id: int) -> Delivery:
    """One delivery with its revision and whom it is for. Raises Delivery.DoesNotExist."""
    rows = Delivery.objects.of(member).select_related("revision", "customer", "x_account")
    return rows.get(pk=delivery_id)


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
