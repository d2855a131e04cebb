"""What X told about a person is taken away; that it told something stays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from outreach.ground.scope import Scope
from outreach.ground.writes import step
from outreach.x.models import BETWEEN_TWO, ActivityEvent, HeardDM, XAccount


@step
def erase_told(scope: Scope, x_user_id: int, *, wait: bool = True) -> int:
    """Blank the events about this person that the workspace's accounts were told.

    Locks them, oldest first; where `wait` is false, not those that somebody handles now. Also what
    its X apps were told about accounts that are not connected, and which messages are theirs.
    Returns how many events.
    """
    forget_dms(scope.workspace_id, [x_user_id])
    ids = list(told_about(scope, x_user_id, nobodys=True).values_list("pk", flat=True))
    rows = ActivityEvent.objects.filter(pk__in=ids).order_by("pk")
    locked = rows.select_for_update(no_key=True, skip_locked=not wait)
    return ActivityEvent.objects.filter(pk__in=[event.pk for event in locked.only("pk")]).update(
        payload={}
    )


@step
def forget_dms(workspace_id: int, x_user_ids: Iterable[int]) -> None:
    """Which messages are theirs is known no more; told again they are news, and blanked again."""
    accounts = XAccount.everywhere.filter(workspace_id=workspace_id).values("pk")
    theirs = HeardDM.objects.filter(account__in=accounts, x_user_id__in=x_user_ids)
    # In the order in which readings write.
    locked = theirs.order_by("dm_event_id").select_for_update().values_list("pk", flat=True)
    HeardDM.objects.filter(pk__in=list(locked)).delete()


def dms_of(scope: Scope, x_user_id: int) -> QuerySet[HeardDM, HeardDM]:
    """The messages between the workspace's accounts and this person that we know of."""
    accounts = XAccount.everywhere.filter(workspace_id=scope.workspace_id).values("pk")
    return HeardDM.objects.filter(account__in=accounts, x_user_id=x_user_id).order_by("dm_event_id")


def told_about(
    scope: Scope, x_user_id: int, *, nobodys: bool = False
) -> QuerySet[ActivityEvent, ActivityEvent]:
    """The events with this person at one of their ends, in the order of storing; by an index.

    Of a kind that nobody here reads, whichever names them.
    """
    accounts = XAccount.everywhere.filter(workspace_id=scope.workspace_id)
    ids, apps = set(), set()
    for account_id, app_id in accounts.values_list("pk", "app_id"):
        ids.add(account_id)
        apps.add(app_id)
    whose = Q(account_id__in=ids)
    if nobodys:
        whose |= Q(account=None, app_id__in=apps)
    at_an_end = Q()
    for place in _ends(str(x_user_id)):
        at_an_end |= Q(payload__contains=place)
    rows = ActivityEvent.objects.filter(whose)
    # Two queries, each by an index of its own; one for both would read every event.
    between_two = rows.filter(at_an_end).values_list("pk", flat=True)
    others = (
        rows.filter(~Q(kind__in=BETWEEN_TWO))
        .annotate(said=Cast("payload", TextField()))
        .filter(said__regex=rf"(^|[^0-9]){x_user_id}([^0-9]|$)")
        .values_list("pk", flat=True)
    )
    return ActivityEvent.objects.filter(pk__in=[*between_two, *others]).order_by("pk")


def _ends(id_: str) -> list[dict[str, Any]]:
    """Where an event names whom it is about."""
    ends: list[dict[str, Any]] = []
    for end in ("source", "target"):
        ends += [{end: {"id": id_}}, {end: {"data": {"id": id_}}}]
    for said in ({"sender_id": id_}, {"target": {"recipient_id": id_}}):
        ends.append({"direct_message_events": [{"message_create": said}]})
        ends.append({"direct_message_mark_read_events": [said]})
    return ends
