"""Send windows and quiet days: when, by their own clock, a customer may be written to.

What daylight saving does to an hour is reckoned in outreach/ground/zones.py.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from outreach.ground.zones import at_local

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
# A policy may leave no day open; nobody looks further than this for one.
LOOKS_AHEAD = timedelta(days=366)


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
        day_ends = at_local(day + DAY, time(), zone)
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
