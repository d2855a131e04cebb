"""A form's field for a day and a time of somebody's clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime


class WallTime(forms.DateTimeField):
    """A day and time as a clock on the wall shows it; whose clock, the form knows."""

    def to_python(self, value: Any) -> datetime | None:
        """Return it, naive. Raises ValidationError for what is no day and time."""
        if not isinstance(value, str) or not value.strip():
            return super().to_python(value)
        try:
            local = parse_datetime(value.strip())
        except ValueError:
            local = None
        if local is None or not 2000 < local.year < 2100:
            # Beyond this century the calendar's ends overflow where zones and days are reckoned.
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return local.replace(tzinfo=None)
