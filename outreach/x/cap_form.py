"""The form for the monthly cap of an X app that a workspace brought."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from crispy_forms.helper import FormHelper
from django import forms

MOST = Decimal("9999999.99")


class CapForm(forms.Form):
    """What a UTC month may cost at X, and from which share of it on the warning shows."""

    monthly_cap = forms.DecimalField(
        min_value=0,
        max_value=MOST,
        max_digits=9,
        decimal_places=2,
        label="Monthly cap, in US dollars",
        # No number fields: a browser sends nothing of what it takes for no number.
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text="Letters wait from 95 % of it on. Set a spending limit at X, too.",
        error_messages={
            "required": "Give a sum, such as 25.",
            "invalid": "Give a sum, such as 25 or 12.50.",
            "min_value": "Give 0 or more.",
            "max_value": "Give less than ten million.",
            "max_digits": "Give less than ten million.",
            "max_whole_digits": "Give less than ten million.",
            "max_decimal_places": "Give no more than two places after the point.",
        },
    )
    warn_percent = forms.IntegerField(
        min_value=1,
        max_value=100,
        label="Warn and stop syncs at, in percent of it",
        help_text="Syncs read whole lists, such as who follows you.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={
            "required": "Give a share, such as 80.",
            "invalid": "Give a whole number, such as 80.",
            "min_value": "Give 1 or more.",
            "max_value": "Give 100 or less.",
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper(self)
        self.helper.form_tag = False
        self.helper.disable_csrf = True
