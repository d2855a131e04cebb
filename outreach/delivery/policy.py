"""A workspace's sending policy as a value, and its changes in sentences. One query, no writes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from datetime import date, time
from typing import Any

from outreach.delivery.models import SendingPolicy
from outreach.ground.scope import Scope

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Rules:
    """When, and how often, customers are written to. Names and units are SendingPolicy's."""

    cap_letters: int
    cap_days: int
    window_opens: time
    window_closes: time
    quiet_weekdays: tuple[int, ...]
    quiet_dates: tuple[date, ...]
    relationship_hours: int
    hear_minutes: int
    answer_days: int

    @property
    def digest(self) -> str:
        """What tells a page that somebody changed them since it was opened."""
        return hashlib.sha256(json.dumps(self.as_details()).encode()).hexdigest()[:16]

    def as_details(self) -> dict[str, Any]:
        """As an audit event keeps them."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @property
    def cap_words(self) -> str:
        if not self.cap_letters:
            return "no cap"
        return f"{count(self.cap_letters, 'letter')} in {count(self.cap_days, 'day')}"

    @property
    def window_words(self) -> str:
        if self.window_opens == self.window_closes:
            return "any hour"
        return f"{self.window_opens:%H:%M} to {self.window_closes:%H:%M}"

    @property
    def weekday_words(self) -> str:
        return ", ".join(WEEKDAYS[day] for day in self.quiet_weekdays) or "none"

    @property
    def date_words(self) -> str:
        return ", ".join(day.isoformat() for day in self.quiet_dates) or "none"


def rules_of(scope: Scope) -> Rules:
    """What the workspace has set. One query."""
    return of_row(SendingPolicy.objects.of(scope).get())


def of_row(row: SendingPolicy) -> Rules:
    values = {each.name: getattr(row, each.name) for each in fields(Rules)}
    values["quiet_weekdays"] = tuple(sorted(row.quiet_weekdays))
    values["quiet_dates"] = tuple(sorted(row.quiet_dates))
    return Rules(**values)


def changes(was: Rules, to: Rules) -> list[str]:
    """What is different, each in a sentence; empty where nothing is."""
    pairs = [
        ("The cap for one person", was.cap_words, to.cap_words),
        ("Their hours", was.window_words, to.window_words),
        ("Quiet days of the week", was.weekday_words, to.weekday_words),
        ("Quiet dates", was.date_words, to.date_words),
        ("A relationship may be known for", *_counted(was, to, "relationship_hours", "hour")),
        ("Messages must have been heard within", *_counted(was, to, "hear_minutes", "minute")),
        ("A letter is an answer for", *_counted(was, to, "answer_days", "day")),
    ]
    return [f"{what}: {new}, was {old}." for what, old, new in pairs if old != new]


def count(number: int, unit: str) -> str:
    return f"1 {unit}" if number == 1 else f"{number} {unit}s"


def _counted(was: Rules, to: Rules, name: str, unit: str) -> tuple[str, str]:
    return count(getattr(was, name), unit), count(getattr(to, name), unit)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date | time) else value
