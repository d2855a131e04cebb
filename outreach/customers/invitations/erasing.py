"""What invitations and histories keep of a person: that they accepted, and what was just read."""

from __future__ import annotations

from typing import Any

from outreach.customers.hooks import Erasure, Whom
from outreach.customers.models import HeardMessage, HistoryPerson, OptIn
from outreach.ground.writes import step


@step
def erase_heard(erasure: Erasure) -> None:
    """Who they are, and what they wrote, goes; their permissions go after it."""
    whom = erasure.whom
    of_permissions = HeardMessage.objects.of(whom).filter(
        permission__customer_id__in=whom.customer_ids
    )
    of_permissions.delete()
    accepted = OptIn.objects.of(whom).filter(customer_id__in=whom.customer_ids)
    erasure.gone["opted_in"] = accepted.delete()[0]
    HistoryPerson.objects.of(whom).filter(x_user_id__in=whom.x_user_ids).delete()


def heard(whom: Whom) -> dict[str, Any]:
    """Invitations they accepted, and messages that a reading holds. Two queries."""
    accepted = OptIn.objects.of(whom).filter(customer_id__in=whom.customer_ids)
    read = HistoryPerson.objects.of(whom).filter(x_user_id__in=whom.x_user_ids)
    return {
        "opted_in": [
            {"invitation": each.invitation.name, "place": each.invitation.place}
            | {"at": each.at.isoformat()}
            for each in accepted.select_related("invitation").order_by("pk")
        ],
        "just_read": [
            {
                "x_user_id": str(each.x_user_id),
                "handle": each.handle,
                "name": each.name,
                "text": each.text,
                "dm": str(each.dm_event_id) if each.dm_event_id else None,
                "written_at": each.written_at.isoformat() if each.written_at else None,
                "said_stop": each.said_stop,
            }
            for each in read.order_by("pk")
        ],
    }
