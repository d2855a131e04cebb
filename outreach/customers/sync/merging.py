"""Both lists are read: what they say is taken over at once, in one transaction of set operations."""

from __future__ import annotations

from typing import Any

from django.db import connection

from outreach.customers import following
from outreach.customers.models import SyncChoice, SyncedUser, SyncRun
from outreach.customers.sync import adopting, handles, names, relationships
from outreach.ground.clock import now
from outreach.ground.writes import step
from outreach.x.models import ActivityEvent

# Somebody on both lists was seen twice: what was seen last holds.
SEEN = """
    CREATE TEMP TABLE sync_seen ON COMMIT DROP AS
    SELECT DISTINCT ON (x_user_id) x_user_id, handle, name, following, followed_by, accepts_dms,
        seen_at
    FROM customers_synceduser WHERE run_id = %(run)s
    ORDER BY x_user_id, seen_at DESC
"""
MUTUALS = "(SELECT * FROM sync_seen WHERE following AND followed_by AND accepts_dms IS NOT NULL)"

# What X did not say of somebody is not known, and is not 'no'. Those who were on a list once and
# are on neither now had ceased to be by the time that the run began; where X left somebody out of
# a page, nobody can be said not to be on it. Of all other customers nothing new is known.
TOLD = """
    CREATE TEMP TABLE sync_told ON COMMIT DROP AS
    SELECT customer.id AS customer_id, seen.following, seen.followed_by, seen.accepts_dms,
        true AS reachable, seen.seen_at
    FROM sync_seen seen
    JOIN customers_customer customer
        ON customer.workspace_id = %(workspace)s AND customer.x_user_id = seen.x_user_id
    WHERE seen.following IS NOT NULL AND seen.followed_by IS NOT NULL
        AND seen.accepts_dms IS NOT NULL
    UNION ALL
    SELECT known.customer_id, false, false, known.accepts_dms, known.reachable, %(began_at)s
    FROM customers_relationship known
    JOIN customers_customer customer ON customer.id = known.customer_id
    WHERE known.x_account_id = %(account)s AND (known.following OR known.followed_by)
        AND %(whole)s
        AND NOT EXISTS (SELECT FROM sync_seen seen WHERE seen.x_user_id = customer.x_user_id)
"""


@step
def merge(run: SyncRun) -> dict[str, int]:
    """Take over what the run's pages say, and drop them; return what came of it, by SyncRun field.

    Whatever an event or a later look-up said wins.
    """
    values: dict[str, Any] = {
        "run": run.pk,
        "workspace": run.workspace_id,
        "account": run.x_account_id,
        "began_at": run.began_at,
        "whole": run.unreadable == 0,
    }
    with connection.cursor() as cursor:
        cursor.execute(SEEN, values)
        cursor.execute("ANALYZE sync_seen")
    found = handles.resolve("sync_seen", {}, run.workspace_id)
    renamed = names.keep("sync_seen", {}, run.workspace_id)
    strangers = adopting.strangers(MUTUALS, run.workspace_id)
    adopted = adopting.adopt(MUTUALS, strangers, values) if run.adopt else 0
    relationships.take_over_alone(run.x_account_id)
    with connection.cursor() as cursor:
        cursor.execute(TOLD, values)
        cursor.execute("ANALYZE sync_told")
    stored = relationships.store(
        "sync_told",
        {},
        workspace_id=run.workspace_id,
        x_account_id=run.x_account_id,
        run_id=run.pk,
    )
    left = [] if run.adopt else strangers
    adopting.remember(MUTUALS, left, values)
    hear_again(run)
    return {
        "found": found,
        "renamed": renamed,
        "strangers": len(left),
        "adopted": adopted,
        "began": stored.began,
        "ceased": stored.ceased,
    } | _count(run)


@step
def hear_again(run: SyncRun) -> None:
    """Events that came while pages were read and found nobody to change do so now; twice is once."""
    events = ActivityEvent.objects.filter(
        account_id=run.x_account_id,
        kind__in=(following.FOLLOW, following.UNFOLLOW),
        received_at__gte=run.began_at,
        handled_at__isnull=False,
    )
    for event in events.order_by("pk").iterator():
        following.heard_of_follow(event)


def _count(run: SyncRun) -> dict[str, int]:
    """How long the lists are, kept for the next forecast; the pages go."""
    rows = SyncedUser.everywhere.filter(run=run)
    counts = {name: rows.filter(reading=name).count() for name in ("followers", "following")}
    SyncChoice.everywhere.update_or_create(
        x_account_id=run.x_account_id,
        defaults={"workspace_id": run.workspace_id, "counted_at": now(), **counts},
    )
    rows.delete()
    return counts
