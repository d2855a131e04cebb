"""When letters are to leave: many of them spread over a period. Pure: facts in, times out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from outreach.delivery.windows import Hours, Openings
from outreach.ground.zones import at_local


def spread(
    hours: Sequence[Hours], since: datetime, until: datetime, zone: ZoneInfo | None
) -> list[datetime]:
    """When each of these letters is to leave, in their order: evenly over the time that is open.

    `since` and `until` are what a clock on the wall shows (naive), in `zone`, or, where that is
    None, in each customer's own. A customer's share of the period is their hours within it, off
    their quiet days. Whoever has none within it comes at the first moment after its beginning at
    which they have. Raises ValueError where the period has no length.
    """
    if since >= until:
        raise ValueError("A period ends after it begins.")
    open_time: dict[Hours, _OpenTime] = {}
    moments = []
    for number, theirs in enumerate(hours):
        if theirs not in open_time:
            begins, ends = (
                at_local(wall.date(), wall.time(), zone or theirs.zone) for wall in (since, until)
            )
            open_time[theirs] = _OpenTime(theirs, begins, ends)
        moments.append(open_time[theirs].at(number, len(hours)))
    return moments


class _OpenTime:
    """The open spans of one customer's period, put end to end."""

    def __init__(self, hours: Hours, begins: datetime, ends: datetime) -> None:
        openings = Openings(hours, begins)
        self._otherwise = openings.next_open(begins)
        self._spans = openings.between(begins, ends)
        lengths = [end - start for start, end in self._spans]
        self._before = list(accumulate(lengths, initial=timedelta()))

    def at(self, number: int, of: int) -> datetime:
        """The middle of the `number`-th of so many equal parts, counted from 0."""
        if not self._spans:
            return self._otherwise
        passed = self._before[-1] * (2 * number + 1) / (2 * of)
        span = min(bisect_right(self._before, passed), len(self._spans)) - 1
        return self._spans[span][0] + (passed - self._before[span])
