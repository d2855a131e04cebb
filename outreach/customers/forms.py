"""Forms about one customer: why they may be written to, and that they asked to stop."""

from __future__ import annotations

from typing import Any

from crispy_forms.helper import FormHelper
from django import forms
from django.utils import timezone

from outreach.customers.models import Basis


class PermissionForm(forms.Form):
    """Why the brand may write to this person."""

    basis = forms.ChoiceField(
        label="They…", choices=Basis.choices, error_messages={"required": "Say which it was."}
    )
    given_on = forms.DateField(
        label="When",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={
            "required": "Give the day on which they did.",
            "invalid": "Give a day, such as 2026-11-24.",
        },
    )
    place = forms.CharField(
        max_length=100,
        label="Where",
        help_text="Such as: shop form, a fair, a message.",
        error_messages={
            "required": "Say where they did.",
            "max_length": "Say it in 100 characters; it has %(show_value)d.",
        },
    )
    evidence = forms.CharField(
        max_length=2000,
        label="Evidence",
        help_text="Their words, or where they are kept.",
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        error_messages={
            "required": "Write down what shows it.",
            "max_length": "Say it in 2,000 characters; it has %(show_value)d.",
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper(self)
        self.helper.form_tag = False
        self.helper.disable_csrf = True

    def clean_given_on(self) -> Any:
        """A day that has come: nobody gave a permission tomorrow."""
        day = self.cleaned_data["given_on"]
        if day > timezone.localdate():
            raise forms.ValidationError("That day has not come yet. Give the day they said so.")
        if day.year < 2006:
            raise forms.ValidationError("That is before X began. Check the year.")
        return day


class StopForm(forms.Form):
    """That this person is never to be written to again."""

    reason = forms.CharField(
        max_length=200,
        label="What they said, and when",
        help_text="Such as: said stop on 4 May.",
        error_messages={
            "required": "Say what they said, and when.",
            "max_length": "Say it in 200 characters; it has %(show_value)d.",
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper(self)
        self.helper.form_tag = False
        self.helper.disable_csrf = True
