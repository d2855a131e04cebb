"""Days and moments in the forms that spreadsheets and people write."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from outreach.customers.imports.refusing import RowRefused
from outreach.ground.zones import at_local

_NOON = time(12)
_NUMBERS = re.compile(
    r"(\d{1,4})([./-])(\d{1,2})\2(\d{2,4})(?:[ T,]+(\d{1,2}):(\d{2})(?::\d{2})?)?"
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        start=1,
    )
}
_DAY_FIRST = re.compile(
    r"(?:[A-Za-z]+,? +)?(\d{1,2})(?:st|nd|rd|th|\.)?[ -]+([A-Za-z]{3,9})\.?,?[ -]+(\d{4})"
)
_MONTH_FIRST = re.compile(
    r"(?:[A-Za-z]+, +)?([A-Za-z]{3,9})\.? +(\d{1,2})(?:st|nd|rd|th)?,? +(\d{4})"
)


def moment_of(cell: str, *, day_first: bool, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The moment that a cell names, in UTC; None where it is blank.

    A day without a time counts as its noon in `zone`. `day_first` decides about 04/05/2026 alone.
    Raises RowRefused where it is no day, one to come, or one before X.
    """
    text = cell.strip().lstrip("'")
    if not text:
        return None
    try:
        found = _read(text, day_first, zone)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise RowRefused(_unreadable(text, day_first))
    if found.year < 2006:
        raise RowRefused(f"‘{text[:40]}’ is before X began. Check the year.")
    if found > now and found.astimezone(zone).date() > now.astimezone(zone).date():
        raise RowRefused(f"‘{text[:40]}’ has not come yet. Give the day on which they said so.")
    return found


def _read(text: str, day_first: bool, zone: ZoneInfo) -> datetime | None:
    if text[:4].isdecimal():
        written = datetime.fromisoformat(text)
        if len(text) <= 10:
            return at_local(written.date(), _NOON, zone)
        return (
            written.astimezone(UTC)
            if written.tzinfo
            else at_local(written.date(), written.time(), zone)
        )
    numbers = _NUMBERS.fullmatch(text)
    if numbers:
        first, mark, second, year = numbers[1], numbers[2], numbers[3], int(numbers[4])
        # Dots are written where the day comes first.
        day, month = (first, second) if mark == "." or day_first else (second, first)
        clock = time(int(numbers[5]), int(numbers[6])) if numbers[5] else _NOON
        full = year if year > 99 else 2000 + year
        return at_local(datetime(full, int(month), int(day), tzinfo=UTC).date(), clock, zone)
    spelt = _DAY_FIRST.fullmatch(text)
    if spelt:
        return _spelt(spelt[1], spelt[2], spelt[3], zone)
    spelt = _MONTH_FIRST.fullmatch(text)
    return _spelt(spelt[2], spelt[1], spelt[3], zone) if spelt else None


def _spelt(day: str, month: str, year: str, zone: ZoneInfo) -> datetime | None:
    number = _MONTHS.get(month[:3].lower())
    if number is None:
        return None
    return at_local(datetime(int(year), number, int(day), tzinfo=UTC).date(), _NOON, zone)


def _unreadable(text: str, day_first: bool) -> str:
    said = text[:40]
    if _NUMBERS.fullmatch(text) and "." not in text and not text[:4].isdecimal():
        order = "day first" if day_first else "month first"
        return f"‘{said}’ is no date when read {order}. Write it as 2026-11-24."
    return f"‘{said}’ is no date that can be read. Write it as 2026-11-24."


def seems_day_first(cells: list[str], *, otherwise: bool) -> bool:
    """Whether these cells write the day before the month, judged by numbers over 12."""
    for cell in cells:
        numbers = _NUMBERS.fullmatch(cell.strip())
        if numbers and len(numbers[1]) < 3 and numbers[2] != ".":
            if int(numbers[1]) > 12:
                return True
            if int(numbers[3]) > 12:
                return False
    return otherwise
