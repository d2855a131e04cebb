"""The form in which a letter gets another time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from outreach.ground.clock import now
from outreach.ground.moments import WallTime
from outreach.ground.zones import at_local, place

MINE, THEIRS = "mine", "theirs"
FURTHEST = timedelta(days=365)


_EXAMPLE = "Give a day and a time, such as 2026-11-24 09:30."


def _moment() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class RescheduleForm(forms.Form):
    """Another day and time for a letter, by the reader's clock or by the customer's."""

    due_at = WallTime(
        label="Day and time",
        widget=_moment(),
        error_messages={"required": "Say when it is to leave.", "invalid": _EXAMPLE},
    )
    clock = forms.ChoiceField(
        label="By whose clock",
        widget=forms.RadioSelect,
        error_messages={
            "required": "Say by whose clock the time is meant.",
            "invalid_choice": "Choose one of these clocks.",
        },
    )

    def __init__(
        self, *args: Any, mine: ZoneInfo, theirs: ZoneInfo, who: str, known: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        moment = now()
        self.fields["clock"].choices = [  # type: ignore[attr-defined]
            (MINE, f"Mine: {clock_words(moment, mine)}"),
            (
                THEIRS,
                f"{who}’s: {clock_words(moment, theirs)}"
                + ("" if known else ", your workspace’s, as theirs is not known"),
            ),
        ]
        self.zones = {MINE: mine, THEIRS: theirs}

    def clean(self) -> dict[str, Any]:
        """The time as a moment, by the clock that was chosen: to come, and within a year."""
        data = super().clean() or {}
        wall, clock = data.get("due_at"), data.get("clock")
        if wall is None or clock is None:
            return data
        moment, due_at = now(), at_local(wall.date(), wall.time(), self.zones[clock])
        if due_at <= moment:
            self.add_error("due_at", "That time is over. Give one that is still to come.")
        elif due_at > moment + FURTHEST:
            self.add_error("due_at", "That is more than a year away. Give a time within a year.")
        data["due_at"] = due_at
        return data


class SpreadForm(forms.Form):
    """A period for a campaign's letters, by the reader's clock or by each customer's own."""

    since = WallTime(
        label="From",
        widget=_moment(),
        error_messages={"required": "Say when the first may leave.", "invalid": _EXAMPLE},
    )
    until = WallTime(
        label="Until",
        widget=_moment(),
        error_messages={"required": "Say by when the last is to leave.", "invalid": _EXAMPLE},
    )
    clock = forms.ChoiceField(
        label="By whose clock",
        widget=forms.RadioSelect,
        initial=MINE,
        error_messages={
            "required": "Say by whose clock the period is meant.",
            "invalid_choice": "Choose one of these clocks.",
        },
    )

    def __init__(self, *args: Any, ours: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ours = ours
        self.fields["clock"].choices = [  # type: ignore[attr-defined]
            (MINE, f"Mine: {clock_words(now(), ours)}"),
            (THEIRS, "Each customer’s own"),
        ]

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone that both times are meant in; None: each customer's own."""
        return self._ours if self.cleaned_data["clock"] == MINE else None

    def clean(self) -> dict[str, Any]:
        """The period has a length, is not over, and ends within a year."""
        data = super().clean() or {}
        since, until = data.get("since"), data.get("until")
        if since is None or until is None:
            return data
        here = now().astimezone(self._ours).replace(tzinfo=None)
        if until <= since:
            self.add_error("until", "The period ends before it begins. Give a later time.")
        elif until <= here:
            self.add_error("until", "That time is over. Give one that is still to come.")
        elif until > here + FURTHEST:
            self.add_error("until", "That is more than a year away. Give a time within a year.")
        return data


def clock_words(moment: datetime, zone: ZoneInfo) -> str:
    """A zone as people know it, with its time now: '03:40 in Singapore now'."""
    return f"{moment.astimezone(zone):%H:%M} in {place(zone)} now"
