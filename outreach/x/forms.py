"""Forms about X apps."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms

from outreach.x.brought_apps import SECRETS, Entered


def _secret(label: str, help_text: str, **options: Any) -> forms.CharField:
    # Never filled in again, neither from the database nor after an error.
    widget = forms.PasswordInput(
        render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"}
    )
    return forms.CharField(
        label=label, help_text=help_text, max_length=500, widget=widget, **options
    )


class AppForm(forms.Form):
    """An X app that the workspace brings."""

    name = forms.CharField(
        max_length=100,
        label="Name",
        help_text="As your team knows it, such as the app’s name at X.",
        error_messages={"required": "Give the app a name."},
    )
    client_id = forms.CharField(
        max_length=200,
        label="Client id",
        help_text="From ‘Keys and tokens’ at X, under OAuth 2.0.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Enter the client id."},
    )
    client_secret = _secret(
        "Client secret",
        "Beside the client id. X shows it once.",
        error_messages={"required": "Enter the client secret."},
    )
    bearer_token = _secret(
        "Bearer token",
        "Optional. Without it X cannot tell us of follows and messages as they happen: they are "
        "asked for instead, later and at a price.",
        required=False,
    )
    consumer_secret = _secret(
        "Consumer secret (API key secret)",
        "Optional. Without it X’s webhook cannot be used; the stream works all the same.",
        required=False,
    )

    def entered(self) -> Entered:
        """What was entered, once it is valid."""
        data = self.cleaned_data
        return Entered(
            name=data["name"],
            client_id=data.get("client_id", ""),
            secrets={name: data.get(name, "") for name in SECRETS},
        )


class ChangeAppForm(AppForm):
    """The same of an app that is there: what is left empty stays, the client id always does."""

    def __init__(self, *args: Any, stored: Collection[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["client_id"]
        for name in SECRETS:
            self.fields[name].required = False
            if name in stored:
                self.fields[name].help_text = "Leave it empty to keep the one that is stored."
