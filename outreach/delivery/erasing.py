"""What this room keeps of a person: where their letters went, when, and what X answered."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, QuerySet, Value, When

from outreach.customers.erasing.queries import audited
from outreach.customers.errors import InTheAir
from outreach.customers.hooks import Erasure, Whom
from outreach.delivery.actions import move
from outreach.delivery.models import OPEN, Attempt, Delivery, DeliveryState, SeenDM
from outreach.delivery.queries import words_of
from outreach.ground.writes import step

CODE = "erased"
REASON = "The person it was for was erased."
# Their erasure outranks our wish to know: it is not looked for any more, and never sent again.
UNKNOWN = "The person it was for was erased before it was known whether the letter arrived."


@step
def erase_deliveries(erasure: Erasure) -> None:
    """Cancel what waits, give up what is unsure, and blank all of one person's deliveries.

    The caller has locked the customer, so no claim for them runs. Raises InTheAir while a call to X
    is under way: its worker holds the words, and what becomes of it is known within a minute.
    """
    rows = Delivery.everywhere.filter(
        workspace_id=erasure.whom.workspace_id, customer_id__in=erasure.whom.customer_ids
    )
    found = list(rows.select_for_update(no_key=True).order_by("pk"))
    ids = [delivery.pk for delivery in found]
    if any(delivery.state == DeliveryState.SENDING for delivery in found):
        raise InTheAir(
            "A letter to them is being sent at this very moment. Nothing was erased. Try again in "
            "a minute, when it is known what became of it."
        )
    for delivery in found:
        if delivery.state in OPEN:
            move(delivery, DeliveryState.CANCELLED, None, code=CODE, reason=REASON)
        elif delivery.state == DeliveryState.UNCERTAIN:
            move(delivery, DeliveryState.FAILED, None, code=CODE, reason=UNKNOWN)
    rows.filter(pk__in=ids).update(
        text="",
        recipient_x_user_id=None,
        dm_event_id=None,
        contradiction="",
        # A reason may quote a name or what they said; one that is only ours stays.
        reason=Case(
            When(state=DeliveryState.SENT, then=Value("")),
            When(reason=UNKNOWN, then=Value(UNKNOWN)),
            default=Value(REASON),
        ),
    )
    Attempt.objects.filter(delivery__in=ids).update(request_id="", dm_event_id=None, settle_at=None)
    erasure.gone["messages"] += _seen(erasure.whom).delete()[0]
    erasure.gone["deliveries"] = len(ids)
    erasure.audited["delivery"] = ids


def _seen(whom: Whom) -> QuerySet[SeenDM]:
    """The messages of ours to them that X showed."""
    return SeenDM.objects.filter(
        x_account__workspace_id=whom.workspace_id, recipient_x_user_id__in=whom.x_user_ids
    )


def deliveries_to(whom: Whom) -> dict[str, Any]:
    """Everything kept of the way of one person's letters. Five queries."""
    rows = Delivery.objects.of(whom).filter(customer_id__in=whom.customer_ids).order_by("pk")
    rows = rows.select_related("x_account")
    attempts: dict[int, list[Attempt]] = {}
    for attempt in Attempt.objects.filter(delivery__in=rows).order_by("started_at"):
        attempts.setdefault(attempt.delivery_id, []).append(attempt)
    return {
        "deliveries": [_delivery(each, attempts.get(each.pk, [])) for each in rows],
        "messages_seen": [
            {
                "dm": str(seen.dm_event_id),
                "to": str(seen.recipient_x_user_id),
                "stamped_at": seen.stamped_at.isoformat(),
                "words_sha256": bytes(seen.words_sha256).hex(),
            }
            for seen in _seen(whom).order_by("pk")
        ],
        "audit_of_deliveries": audited(whom, "delivery", [delivery.pk for delivery in rows]),
    }


def _delivery(delivery: Delivery, attempts: list[Attempt]) -> dict[str, Any]:
    return {
        "revision": delivery.revision_id,
        "from": f"@{delivery.x_account.handle}",
        "to": str(delivery.recipient_x_user_id),
        "text": delivery.text,
        "state": words_of(delivery),
        "reason": delivery.reason,
        "contradiction": delivery.contradiction,
        "due_at": delivery.due_at.isoformat(),
        "sent_at": delivery.sent_at.isoformat() if delivery.sent_at else None,
        "dm": str(delivery.dm_event_id) if delivery.dm_event_id else None,
        "attempts": [
            {
                "outcome": attempt.get_outcome_display(),
                "answer": attempt.kind,
                "status": attempt.status,
                "request_id": attempt.request_id,
                "dm": str(attempt.dm_event_id) if attempt.dm_event_id else None,
                "started_at": attempt.started_at.isoformat(),
                "ended_at": attempt.ended_at.isoformat() if attempt.ended_at else None,
            }
            for attempt in attempts
        ],
    }
