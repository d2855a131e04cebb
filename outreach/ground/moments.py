"""A form's field for a day and a time of somebody's clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from outreach.ground.zones import at_local


class LocalMoment(forms.DateTimeField):
    """A day and time of which daylight saving makes no error.

    It is the reader's, unless `zone` is set on the field before the form is cleaned.
    """

    zone: ZoneInfo | None = None

    def to_python(self, value: Any) -> datetime | None:
        """Return the moment, aware. Raises ValidationError for what is no day and time."""
        if not isinstance(value, str) or not value.strip():
            return super().to_python(value)
        try:
            local = parse_datetime(value.strip())
        except ValueError:
            local = None
        if local is None or not 2000 < local.year < 2100:
            # Beyond this century the calendar's ends overflow where zones and days are reckoned.
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        zone = self.zone or ZoneInfo(str(timezone.get_current_timezone()))
        return at_local(local.date(), local.time(), zone)
