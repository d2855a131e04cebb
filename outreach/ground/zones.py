"""Local times in UTC. Time zones are reckoned here, in Python, only.

A time that daylight saving skips moves to just after the gap; one that comes twice is the first.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def place(zone: ZoneInfo) -> str:
    """What people call it: Lisbon, New York."""
    return zone.key.rpartition("/")[2].replace("_", " ")


def known_zone(name: str) -> ZoneInfo | None:
    """The zone of that name; None for none, and for one that the time zone database does not have."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def oddity(wall: datetime, zone: ZoneInfo) -> str:
    """What daylight saving does to a wall clock's time there: 'skipped', 'twice', or nothing."""
    local = wall.replace(tzinfo=zone, fold=0)
    if local.utcoffset() == local.replace(fold=1).utcoffset():
        return ""
    kept = local.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) == wall
    return "twice" if kept else "skipped"


def at_local(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """That time of that day in `zone`, in UTC. Skipped: just after the gap. Twice: the first."""
    local = datetime.combine(day, clock, zone)  # fold=0: the first of two
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    # Inside the gap. Reckoned with the offset after it (fold=1), the clock time lies before the
    # change; the change itself is where the two offsets meet.
    before = local.utcoffset() or timedelta()
    after = local.replace(fold=1).utcoffset() or timedelta()
    low, high = (
        datetime.combine(day, clock, UTC) - max(before, after),
        datetime.combine(day, clock, UTC) - min(before, after),
    )
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
