"""What X tells about somebody who was erased is not kept."""

from __future__ import annotations

from outreach.customers.erasing.queries import erased_among
from outreach.customers.models import Customer
from outreach.ground.writes import step
from outreach.x.erasing import forget_dms
from outreach.x.models import ActivityEvent, XAccount
from outreach.x.payloads import people_of

KINDS = ("follow.follow", "follow.unfollow", "dm.received", "dm.sent")


@step
def heard_of_the_erased(event: ActivityEvent) -> None:
    """Blank an event whose other end was erased; that it came stays.

    The customer's lock makes it wait for somebody who is being erased at this moment.
    """
    assert event.account_id is not None  # nobody's events are not handed on
    workspace_id = XAccount.everywhere.values_list("workspace_id", flat=True).get(
        pk=event.account_id
    )
    people = people_of(event)
    locked = Customer.everywhere.select_for_update(no_key=True).filter(
        workspace_id=workspace_id, x_user_id__in=people
    )
    list(locked.order_by("pk").values_list("pk"))
    erased = erased_among(workspace_id, people)
    if erased:
        ActivityEvent.objects.filter(pk=event.pk).update(payload={})
        forget_dms(workspace_id, erased)
