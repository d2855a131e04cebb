"""The budget: what the limits still allow, counted on the ledger with the database's clock.

Any number of sliding windows (`settings.X_ACCOUNT_WINDOWS`, `settings.X_APP_WINDOWS`), each
'so many attempts in so many seconds'. An attempt counts from its start until one window after
`counts_until`, so that what X counts on arrival is never more than what we count.

Accounts that share an app's limit take turns: whoever finds it closed gets a ticket, and those with
an older one go first (`AccountPace.wants_since`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from django.db import connection

Owner = Literal["x_account_id", "app_id"]
Windows = Sequence[tuple[int, int]]

# One window's next free moment: when the limit-th newest attempt that counts leaves it; with
# others ahead, so many more have to leave first. Reads that many entries of the ledger's index.
_FREE_AT = """
    (SELECT attempt.counts_until + interval '{seconds} seconds' FROM delivery_attempt attempt
    WHERE attempt.{owner} AND attempt.counts_until > clock.now - interval '{seconds} seconds'
    ORDER BY attempt.counts_until DESC OFFSET greatest({limit} - 1 - {ahead}, 0) LIMIT 1)
"""


def free_at(owner: str, windows: Windows, ahead: str = "0") -> str:
    """SQL for the moment from which all windows have room; NULL where they have it now.

    Expects `clock.now`; `owner` is a condition on an attempt, such as 'app_id = account.app_id'.
    """
    return _free_at(owner, tuple((int(limit), int(seconds)) for limit, seconds in windows), ahead)


@lru_cache(maxsize=32)
def _free_at(owner: str, windows: tuple[tuple[int, int], ...], ahead: str) -> str:
    moments = [
        _FREE_AT.format(owner=owner, limit=limit, seconds=seconds, ahead=ahead)
        if limit
        else f"clock.now + interval '{seconds} seconds'"
        for limit, seconds in windows
    ]
    return f"greatest({', '.join(moments)})" if moments else "NULL::timestamptz"


ALLOWED_AT = """
    SELECT greatest(clock.now, {free_at}) FROM (SELECT %(now)s::timestamptz AS now) clock
"""


def next_allowed(owner: Owner, pk: int, windows: Windows, now: datetime) -> datetime:
    """`now` where every window has room, else when all of them have. One query."""
    sql = free_at(f"{owner} = %(pk)s", windows)
    with connection.cursor() as cursor:
        cursor.execute(ALLOWED_AT.format(free_at=sql), {"pk": pk, "now": now})
        moment: datetime = cursor.fetchone()[0]
    return moment


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
    uses: dict[int, list[WindowUse]] = {pk: [] for pk in account_ids}
    for pk in account_ids:
        for limit, seconds in windows:
            used, in_the_way = found.get((pk, limit, seconds), (0, None))
            free_at = in_the_way + timedelta(seconds=seconds) if in_the_way else now
            uses[pk].append(WindowUse(limit, seconds, used, free_at))
    return uses
