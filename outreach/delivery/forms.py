"""Forms of the schedule."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError

from outreach.ground.clock import now
from outreach.ground.moments import LocalMoment

MINE, THEIRS = "mine", "theirs"
FURTHEST = timedelta(days=365)


class RescheduleForm(forms.Form):
    """Another day and time for a letter, by the reader's clock or by the customer's."""

    due_at = LocalMoment(
        label="Day and time",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={
            "required": "Say when it is to leave.",
            "invalid": "Give a day and a time, such as 2026-11-24 09:30.",
        },
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
        chosen = self.data.get("clock") if self.is_bound else MINE
        field = self.fields["due_at"]
        assert isinstance(field, LocalMoment)
        field.zone = theirs if chosen == THEIRS else mine

    def clean_due_at(self) -> datetime:
        """Return the moment. Raises ValidationError for one that is over, or more than a year off."""
        due_at: datetime = self.cleaned_data["due_at"]
        moment = now()
        if due_at <= moment:
            raise ValidationError("That time is over. Give one that is still to come.")
        if due_at > moment + FURTHEST:
            raise ValidationError("That is more than a year away. Give a time within a year.")
        return due_at


def clock_words(moment: datetime, zone: ZoneInfo) -> str:
    """A zone as people know it, with its time now: '03:40 in Singapore now'."""
    place = zone.key.rpartition("/")[2].replace("_", " ")
    return f"{moment.astimezone(zone):%H:%M} in {place} now"
