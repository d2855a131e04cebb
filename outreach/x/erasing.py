"""What X told about a person is taken away; that it told something stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from outreach.ground.clock import now
from outreach.ground.scope import Scope
from outreach.ground.writes import step
from outreach.x.models import ActivityEvent, XAccount
from outreach.x.payloads import people_of


@step
def erase_told(scope: Scope, x_user_id: int, *, since: int = 0, wait: bool = True) -> list[int]:
    """Blank the events about this person that the workspace's accounts were told, after id `since`.

    Locks the events, oldest first; where `wait` is false, not those that somebody handles now.
    Returns the ids of what it blanked.
    """
    ids = [event.pk for event in told_about(scope, x_user_id, since=since, nobodys=True)]
    rows = ActivityEvent.objects.filter(pk__in=ids).order_by("pk")
    locked = rows.select_for_update(no_key=True, skip_locked=not wait).values_list("pk", flat=True)
    found = list(locked)
    ActivityEvent.objects.filter(pk__in=found).update(payload={})
    return found


def settled_until() -> int:
    """The id up to which no event is still being stored: whoever looked once need not look again."""
    before = now() - timedelta(minutes=1)
    ids = ActivityEvent.objects.filter(received_at__lt=before).order_by("-pk")
    return ids.values_list("pk", flat=True).first() or 0


def told_about(
    scope: Scope, x_user_id: int, *, since: int = 0, nobodys: bool = False
) -> Iterator[ActivityEvent]:
    """The events with this person at one of their ends; of a kind nobody reads, all that name them.

    `nobodys` adds what the workspace's X apps were told about accounts that are not connected.
    Reads the payloads of the accounts' events once: X's events have no index by person.
    """
    accounts = list(
        XAccount.everywhere.filter(workspace_id=scope.workspace_id).values("pk", "app_id")
    )
    whose = Q(account_id__in=[account["pk"] for account in accounts])
    if nobodys:
        whose |= Q(account=None, app_id__in=[account["app_id"] for account in accounts])
    named = (
        ActivityEvent.objects.filter(whose, pk__gt=since)
        .annotate(said=Cast("payload", TextField()))
        .filter(said__regex=rf"(^|[^0-9]){x_user_id}([^0-9]|$)")
        .order_by("pk")
    )
    for event in named.iterator(chunk_size=500):
        people = people_of(event)
        if x_user_id in people or not people:
            yield event
