"""What syncs keep of a person: whom pages showed, who is to be asked about, and changes of follows."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from outreach.customers.hooks import Erasure, Whom
from outreach.customers.models import FollowChange, SeenMutual, SyncedUser
from outreach.customers.sync.actions import forget_person
from outreach.ground.writes import step


@step
def erase_shown(erasure: Erasure) -> None:
    """Nothing that a sync holds names the person, and no change of theirs is told any more."""
    whom = erasure.whom
    for handle in whom.handles:
        forget_person(whom.workspace_id, None, handle)
    for x_user_id in whom.x_user_ids:
        forget_person(whom.workspace_id, x_user_id, "")
    changes = FollowChange.objects.of(whom).filter(customer_id__in=whom.customer_ids)
    erasure.gone["follows"] = changes.delete()[0]


def shown(whom: Whom) -> dict[str, Any]:
    """Changes of follows, and what X showed of somebody to a sync. Three queries."""
    changes = FollowChange.objects.of(whom).filter(customer_id__in=whom.customer_ids)
    theirs = Q(x_user_id__in=whom.x_user_ids)
    return {
        "follows": [
            {
                "with": f"@{each.x_account.handle}",
                "who": "you" if each.by_brand else "they",
                "what": "began to follow" if each.holds else "ceased to follow",
                "after": each.before.isoformat(),
                "by": each.by.isoformat(),
            }
            for each in changes.select_related("x_account").order_by("pk")
        ],
        "shown_by_x": [
            {"x_user_id": str(each.x_user_id), "handle": each.handle, "name": each.name}
            | {"seen_at": each.seen_at.isoformat()}
            for kind in (SyncedUser, SeenMutual)
            for each in kind.objects.of(whom).filter(theirs).order_by("pk")
        ],
    }
