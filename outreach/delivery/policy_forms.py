"""The form of a workspace's sending policy."""

from __future__ import annotations

from datetime import date
from typing import Any

from crispy_forms.helper import FormHelper
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from outreach.delivery.policy import WEEKDAYS, Rules

MOST_DATES = 366


def _number(label: str, lowest: int, highest: int, unit: str, help_text: str) -> forms.IntegerField:
    wanted = f"Give a whole number of {unit} from {lowest} to {highest}."
    return forms.IntegerField(
        min_value=lowest,
        max_value=highest,
        label=label,
        help_text=help_text,
        error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), wanted),
    )


def _time(label: str, help_text: str) -> forms.TimeField:
    wanted = "Give a time of day, such as 09:00."
    return forms.TimeField(
        label=label,
        help_text=help_text,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"required": wanted, "invalid": wanted},
    )


class DatesField(forms.CharField):
    """Days, one a line; gives them in order, without doubles and without those that are over."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            required=False,
            max_length=MOST_DATES * 40,
            widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
            error_messages={"max_length": f"Keep to {MOST_DATES} days."},
            **options,
        )

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return "\n".join(day.isoformat() for day in value)
        return value

    def clean(self, value: Any) -> tuple[date, ...]:
        """Raises ValidationError for a line that is no day."""
        found = set()
        for line in super().clean(value).splitlines():
            if not line.strip():
                continue
            try:
                found.add(date.fromisoformat(line.strip()))
            except ValueError:
                raise ValidationError(
                    f"‘{line.strip()[:40]}’ is no day. Give each as year-month-day on a line of its "
                    "own, such as 2026-12-24."
                ) from None
        if len(found) > MOST_DATES:
            raise ValidationError(f"Keep to {MOST_DATES} days; these are {len(found):,}.")
        today = timezone.localdate()
        return tuple(sorted(day for day in found if day >= today))


class SendingPolicyForm(forms.Form):
    """When, and how often, customers are written to."""

    seen = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    cap_letters = _number(
        "Letters to one person",
        0,
        100,
        "letters",
        "More than so many wait, from whichever of your X accounts. 0: no cap.",
    )
    cap_days = _number("In so many days", 1, 365, "days", "The days slide with the clock.")
    window_opens = _time("From", "By the customer’s clock.")
    window_closes = _time("Until", "Earlier than From: over midnight. The same: at any hour.")
    quiet_weekdays = forms.TypedMultipleChoiceField(
        coerce=int,
        required=False,
        label="Days of the week",
        choices=list(enumerate(WEEKDAYS)),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "Choose days of the week from the list."},
    )
    quiet_dates = DatesField(
        label="Dates",
        help_text="One a line, such as 2026-12-24. Days that are over are left out.",
    )
    relationship_hours = _number(
        "Hours for which a relationship is known",
        1,
        720,
        "hours",
        "Before a letter leaves, X is asked whether you still follow each other, unless it said so "
        "this lately. Each look-up costs a cent.",
    )
    hear_minutes = _number(
        "Minutes within which messages were heard",
        1,
        1440,
        "minutes",
        "Letters wait while an account’s incoming messages were not heard for longer: who cannot "
        "hear ‘stop’ does not speak.",
    )
    answer_days = _number(
        "Days for which a letter is an answer",
        0,
        30,
        "days",
        "Whoever wrote to you so lately may be answered at any hour and above the cap. 0: never.",
    )

    def __init__(self, data: Any = None, *, rules: Rules) -> None:
        initial = {name: getattr(rules, name) for name in Rules.__slots__}
        super().__init__(data, initial=initial | {"seen": rules.digest})
        self.helper = FormHelper(self)
        self.helper.form_tag = False
        self.helper.disable_csrf = True

    def clean_quiet_weekdays(self) -> tuple[int, ...]:
        """Not all of them: then nothing would ever leave."""
        days = tuple(sorted(self.cleaned_data["quiet_weekdays"]))
        if len(days) == len(WEEKDAYS):
            raise ValidationError(
                "Leave at least one day open, or no letter ever leaves. To stop for a while, pause "
                "the account."
            )
        return days

    def rules(self) -> Rules:
        """What was set, of a form that is valid."""
        return Rules(**{name: self.cleaned_data[name] for name in Rules.__slots__})
