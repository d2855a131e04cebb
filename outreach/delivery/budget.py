"""The budget: what the limits still allow, counted on the ledger with the database's clock.

Any number of sliding windows (`settings.X_ACCOUNT_WINDOWS`, `settings.X_APP_WINDOWS`), each
'so many attempts in so many seconds'. An attempt counts from its start until one window after
`counts_until`, so that what X counts on arrival is never more than what we count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db import connection
from django.db.models import Q, QuerySet

from outreach.delivery.models import Attempt

Owner = Literal["x_account_id", "app_id"]
Windows = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class WindowUse:
    """One window's state: `free_at` is when the next attempt fits (now, where one fits now)."""

    limit: int
    seconds: int
    used: int
    free_at: datetime

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)


def next_allowed(owner: Owner, pk: int, windows: Windows, now: datetime) -> datetime:
    """`now` where every window has room, else when all of them have. One query a window.

    For the claim: looks only at the attempt that would have to leave each window first.
    """
    moments = [now]
    for limit, seconds in windows:
        free_at = _free_at(owner, pk, limit, seconds, now)
        if free_at:
            moments.append(free_at)
    return max(moments)


def _ledger(owner: Owner, pk: int, seconds: int, now: datetime) -> QuerySet[Attempt]:
    since = now - timedelta(seconds=seconds)
    return Attempt.objects.filter(Q((owner, pk)), counts_until__gt=since)


def _free_at(owner: Owner, pk: int, limit: int, seconds: int, now: datetime) -> datetime | None:
    """When the window has room again, or None where it has some now."""
    counted = (
        _ledger(owner, pk, seconds, now)
        .order_by("-counts_until")
        .values_list("counts_until", flat=True)
    )
    # The limit-th newest: when it leaves, fewer than `limit` are left.
    in_the_way = list(counted[limit - 1 : limit])
    return in_the_way[0] + timedelta(seconds=seconds) if in_the_way else None


USE = """
    WITH wanted(most, seconds) AS (SELECT * FROM unnest(%(limits)s::int[], %(seconds)s::int[])),
    counted AS (
        SELECT attempt.x_account_id, most, seconds, attempt.counts_until,
            row_number() OVER (
                PARTITION BY attempt.x_account_id, most, seconds
                ORDER BY attempt.counts_until DESC
            ) AS place
        FROM delivery_attempt attempt
        JOIN wanted ON attempt.counts_until > %(now)s - make_interval(secs => seconds)
        WHERE attempt.x_account_id = ANY(%(accounts)s)
    )
    SELECT x_account_id, most, seconds, count(*), max(counts_until) FILTER (WHERE place = most)
    FROM counted GROUP BY x_account_id, most, seconds
"""


def use_of_accounts(
    account_ids: Sequence[int], windows: Windows, now: datetime
) -> dict[int, list[WindowUse]]:
    """How full each window of each account is, in the order of `windows`. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            USE,
            {
                "limits": [limit for limit, _ in windows],
                "seconds": [seconds for _, seconds in windows],
                "accounts": list(account_ids),
                "now": now,
            },
        )
        found = {(row[0], row[1], row[2]): (row[3], row[4]) for row in cursor.fetchall()}
    uses: dict[int, list[WindowUse]] = {}
    for pk in account_ids:
        for limit, seconds in windows:
            used, in_the_way = found.get((pk, limit, seconds), (0, None))
            free_at = in_the_way + timedelta(seconds=seconds) if in_the_way else now
            uses.setdefault(pk, []).append(WindowUse(limit, seconds, used, free_at))
    return uses
