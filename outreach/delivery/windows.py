"""Send windows and quiet days: when, by their own clock, a customer may be written to.

What daylight saving does to an hour is reckoned in outreach/ground/zones.py.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from outreach.ground.zones import at_local

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
# A policy may leave no day open; nobody looks further than this for one.
LOOKS_AHEAD = timedelta(days=366)
MIDNIGHT = time()


def next_open(
    now: datetime,
    opens: time,
    closes: time,
    zone: ZoneInfo,
    quiet_weekdays: Collection[int] = (),
    quiet_dates: Collection[date] = (),
) -> datetime:
    """`now` where one may write now, else the first moment from which one may (UTC).

    Equal times mean open at any hour; `closes` before `opens` means over midnight. The closing
    moment itself is outside. Weekdays are 0 = Monday to 6 = Sunday; a quiet day is quiet from its
    midnight to the next, in `zone`, also where a window runs into it. Where no day is open within
    `LOOKS_AHEAD`, the end of that: when to look again.
    """
    moment, last = now, now + LOOKS_AHEAD
    while moment < last:
        moment = _next_hour(moment, opens, closes, zone)
        day = moment.astimezone(zone).date()
        if day.weekday() not in quiet_weekdays and day not in quiet_dates:
            return moment
        day_ends = at_local(day + DAY, MIDNIGHT, zone)
        # Over already only where clocks set back over midnight bring the day's end twice.
        moment = day_ends if day_ends > moment else moment + MINUTE
    return last


def _next_hour(now: datetime, opens: time, closes: time, zone: ZoneInfo) -> datetime:
    """The same for the window alone."""
    if opens == closes:
        return now
    today = now.astimezone(zone).date()
    for shift in range(-1, 4):
        day = today + timedelta(days=shift)
        start = at_local(day, opens, zone)
        end = at_local(day + timedelta(days=closes < opens), closes, zone)
        if now < end and start < end:
            return max(now, start)
    raise AssertionError("a window opens every day")


class Rules(Protocol):
    """A sending policy, or what a statement read of one."""

    window_opens: Any
    window_closes: Any
    quiet_weekdays: Any
    quiet_dates: Any


@dataclass(frozen=True, slots=True)
class Hours:
    """What `next_open` goes by, for one customer: many letters share the same."""

    opens: time
    closes: time
    zone: ZoneInfo
    quiet_weekdays: frozenset[int] = frozenset()
    quiet_dates: frozenset[date] = frozenset()

    @classmethod
    def under(cls, policy: Rules, zone: ZoneInfo) -> Hours:
        """What a workspace's sending policy says for somebody in that zone."""
        quiet = frozenset(policy.quiet_weekdays), frozenset(policy.quiet_dates)
        return cls(policy.window_opens, policy.window_closes, zone, *quiet)

    def is_quiet(self, day: date) -> bool:
        """Whether nobody is written to on that day of theirs."""
        return day.weekday() in self.quiet_weekdays or day in self.quiet_dates

    def on(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """The hours of one day of theirs, in order: none, one or two spans [from, until)."""
        if self.is_quiet(day):
            return
        midnight, next_midnight = (at_local(each, MIDNIGHT, self.zone) for each in (day, day + DAY))
        opens, closes = (at_local(day, clock, self.zone) for clock in (self.opens, self.closes))
        if self.opens == self.closes:
            spans = [(midnight, next_midnight)]
        elif self.opens < self.closes:
            spans = [(opens, closes)]
        else:
            spans = [(midnight, closes), (opens, next_midnight)]
        yield from (span for span in spans if span[0] < span[1])


class Openings:
    """The same answers as `next_open`, for many moments: each day's hours are reckoned once."""

    def __init__(self, hours: Hours, since: datetime) -> None:
        """`since`: no moment before it is asked for."""
        self._hours = hours
        self._day = since.astimezone(hours.zone).date() - DAY
        self._from: list[datetime] = []
        self._until: list[datetime] = []

    def next_open(self, moment: datetime) -> datetime:
        """`moment` where one may write then, else the first moment from which one may."""
        if not self._until or self._until[-1] <= moment:
            self._reckon(moment)
        at, last = bisect_right(self._until, moment), moment + LOOKS_AHEAD
        return min(last, max(moment, self._from[at])) if at < len(self._from) else last

    def between(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        """The open spans within [since, until), in order."""
        self._reckon(until)  # so that spans which meet at midnight are one
        spans = []
        opens = self.next_open(since)
        while opens < until:
            closes = self._until[bisect_right(self._until, opens)]
            spans.append((opens, min(closes, until)))
            opens = self.next_open(closes)
        return spans

    def _reckon(self, moment: datetime) -> None:
        """Go on until a span ends after `moment`, or no more is looked for."""
        last_day = (moment + LOOKS_AHEAD).astimezone(self._hours.zone).date()
        while self._day <= last_day and (not self._until or self._until[-1] <= moment):
            for opens, closes in self._hours.on(self._day):
                if self._until and self._until[-1] == opens:
                    self._until[-1] = closes
                else:
                    self._from.append(opens)
                    self._until.append(closes)
            self._day += DAY
