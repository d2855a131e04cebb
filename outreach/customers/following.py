"""What X tells about follows: the relationship concerned changes within seconds, for one cent."""

from __future__ import annotations

from typing import Any

from django.db import connection

from outreach.ground.writes import step
from outreach.x.models import ActivityEvent, XAccount
from outreach.x.payloads import follow_of

FOLLOW, UNFOLLOW = "follow.follow", "follow.unfollow"

# Which of the two flags an event is about, by whether the brand is who follows.
_FLAG = {True: "following", False: "followed_by"}

# An event says when we heard of it, not when it happened; a look-up that began after we heard
# knows better. checked_at stays: nobody looked at the rest of the relationship.
_CHANGE = """
    UPDATE customers_relationship relationship
    SET {flag} = %(holds)s, {flag}_heard_at = %(heard_at)s
    FROM customers_customer customer
    WHERE customer.id = relationship.customer_id
        AND relationship.x_account_id = %(account)s
        AND customer.workspace_id = %(workspace)s
        AND customer.x_user_id = %(person)s
        AND relationship.checked_at < %(heard_at)s
        AND coalesce(relationship.{flag}_heard_at, '-infinity') <= %(heard_at)s
"""


@step
def heard_of_follow(event: ActivityEvent) -> None:
    """Somebody followed or unfollowed the brand, or the brand them. Who is no customer is nobody.

    Where X was never asked about the two there is no relationship to change: the first look-up
    will know.
    """
    follow = follow_of(event)
    assert event.account_id is not None  # nobody's events are not handed on
    account = XAccount.everywhere.get(pk=event.account_id)
    if follow is None:
        return
    if account.x_user_id not in (follow.source_id, follow.target_id):
        return
    by_brand = account.x_user_id == follow.source_id
    values: dict[str, Any] = {
        "holds": event.kind == FOLLOW,
        "heard_at": event.received_at,
        "account": account.pk,
        "workspace": account.workspace_id,
        "person": follow.target_id if by_brand else follow.source_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CHANGE.format(flag=_FLAG[by_brand]), values)
