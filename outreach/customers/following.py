"""What X tells about follows: the relationship concerned changes within seconds, for one cent."""

from __future__ import annotations

from typing import Any

from django.db import connection

from outreach.customers.models import SeenMutual
from outreach.customers.sync import relationships
from outreach.ground.writes import step
from outreach.x.models import ActivityEvent, XAccount
from outreach.x.payloads import follow_of

FOLLOW, UNFOLLOW = "follow.follow", "follow.unfollow"

# Which of the two flags an event is about, by whether the brand is who follows.
_FLAG = {True: "following", False: "followed_by"}

# An event says when we heard of it, not when it happened; a look-up that began after we heard
# knows better. checked_at stays: nobody looked at the rest of the relationship.
_CHANGE = """
    WITH held AS (
        SELECT relationship.id, coalesce(customer.merged_into_id, customer.id) AS customer_id,
            relationship.{flag} AS held,
            greatest(relationship.checked_at, relationship.{flag}_heard_at) AS since
        FROM customers_relationship relationship
        JOIN customers_customer customer ON customer.id = relationship.customer_id
        WHERE relationship.x_account_id = %(account)s
            AND customer.workspace_id = %(workspace)s
            AND customer.x_user_id = %(person)s
            AND relationship.checked_at < %(heard_at)s
            AND coalesce(relationship.{flag}_heard_at, '-infinity') <= %(heard_at)s
        FOR NO KEY UPDATE OF relationship
    ), said AS (
        UPDATE customers_relationship relationship
        SET {flag} = %(holds)s, {flag}_heard_at = %(heard_at)s
        FROM held WHERE held.id = relationship.id
    )
    INSERT INTO customers_followchange (workspace_id, x_account_id, customer_id, by_brand, holds,
        before, by)
    SELECT %(workspace)s, %(account)s, customer_id, %(by_brand)s, %(holds)s, since, %(heard_at)s
    FROM held WHERE held <> %(holds)s
"""


@step
def heard_of_follow(event: ActivityEvent) -> None:
    """Somebody followed or unfollowed the brand, or the brand them. Who is no customer is nobody.

    Where X was never asked about the two there is no relationship to change: the first look-up
    will know. Raises relationships.Merging: the event is tried again.
    """
    follow = follow_of(event)
    assert event.account_id is not None  # nobody's events are not handed on
    account = XAccount.everywhere.get(pk=event.account_id)
    if follow is None:
        return
    if account.x_user_id not in (follow.source_id, follow.target_id):
        return
    relationships.beside_no_merge(account.pk)
    by_brand = account.x_user_id == follow.source_id
    values: dict[str, Any] = {
        "holds": event.kind == FOLLOW,
        "by_brand": by_brand,
        "heard_at": event.received_at,
        "account": account.pk,
        "workspace": account.workspace_id,
        "person": follow.target_id if by_brand else follow.source_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CHANGE.format(flag=_FLAG[by_brand]), values)
    if event.kind == UNFOLLOW:
        # Whoever is no mutual any more is not offered as a customer.
        SeenMutual.everywhere.filter(
            x_account=account, x_user_id=values["person"], seen_at__lt=event.received_at
        ).delete()
