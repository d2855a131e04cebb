"""Send windows: the local hours in which a customer may be written to.

What daylight saving does to an hour is reckoned in outreach/ground/zones.py.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from outreach.ground.zones import at_local


def next_open(now: datetime, opens: time, closes: time, zone: ZoneInfo) -> datetime:
    """`now` where the window is open, else the moment it opens next (UTC).

    Equal times mean open at any hour; `closes` before `opens` means over midnight. The closing
    moment itself is outside.
    """
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
