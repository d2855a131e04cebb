"""Forms about syncs: begin one at a price, and what happens each day."""

from __future__ import annotations

from typing import Any

from crispy_forms.helper import FormHelper
from django import forms

from outreach.customers.models import SyncKind


class StartForm(forms.Form):
    """What a button of the page posts: what to ask X, and the price that stood beside it."""

    kind = forms.ChoiceField(
        choices=SyncKind.choices,
        error_messages={
            "required": "Choose what to ask X.",
            "invalid_choice": "Choose one of the ways on this page.",
        },
    )
    price = forms.CharField(max_length=30, required=False)
    adopt = forms.BooleanField(required=False)


class ChoiceForm(forms.Form):
    """What happens by itself each day, and what X takes for it."""

    daily = forms.ChoiceField(
        required=False,
        label="Each day",
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": "Choose one of the three."},
    )
    adopt = forms.BooleanField(
        required=False,
        label="Make mutuals customers",
        help_text="Whoever you follow and who follows you becomes a customer at the end of a daily "
        "sync of everybody. A permission they give themselves, all the same.",
    )
    owns_app = forms.BooleanField(
        required=False,
        label="This account owns the X app",
        help_text="X takes less for lists that the app’s owner reads of its own account.",
    )

    def __init__(self, *args: Any, daily: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["daily"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = daily
        self.helper = FormHelper(self)
        self.helper.form_tag = False
        self.helper.disable_csrf = True
