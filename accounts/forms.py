"""Forms about people."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts.models import Role, User


class SignInForm(AuthenticationForm):
    """E-mail and password. Says the same whether the address is known or not."""

    error_messages = {
        "invalid_login": "That e-mail address and password do not belong together. Check both.",
        "inactive": "This log-in is switched off. Ask an administrator of your workspace.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["username"]
        field.label = "E-mail"
        field.widget = forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
        field.error_messages["required"] = "Enter the e-mail address you sign in with."
        self.fields["password"].error_messages["required"] = "Enter your password."

    def clean_username(self) -> str:
        address: str = self.cleaned_data["username"]
        return address.strip().lower()


class InvitationForm(forms.Form):
    """A name and a password for whoever was invited.

    `newcomer` is a user not yet stored, or None for an address that has a log-in: that keeps its
    password, which need not be a good one by today's rules.
    """

    def __init__(self, *args: Any, newcomer: User | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.newcomer = newcomer

    name = forms.CharField(
        max_length=100,
        label="Your name",
        help_text="Colleagues see it beside your letters.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Enter your name."},
    )
    password = forms.CharField(
        label="Password",
        help_text="At least 12 characters. If you have a log-in here already, its password.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": "Enter a password."},
    )
    again = forms.CharField(
        label="The same password again",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": "Enter the password once more."},
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if self.newcomer is not None:
            validate_password(password, self.newcomer)
        return password

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("password") and data.get("again") and data["password"] != data["again"]:
            self.add_error("again", ValidationError("The two passwords differ. Enter both again."))
        return data


class InviteForm(forms.Form):
    """Whom to let into the workspace, and in which role."""

    email = forms.EmailField(
        label="E-mail",
        error_messages={
            "required": "Enter the address of the person to invite.",
            "invalid": "Enter an address such as jo@example.com.",
        },
    )
    role = forms.ChoiceField(label="Role", choices=Role.choices)


class ProfileForm(forms.Form):
    """One's own name and time zone."""

    name = forms.CharField(
        max_length=100, label="Your name", error_messages={"required": "Enter your name."}
    )
    time_zone = forms.ChoiceField(
        label="Your time zone",
        help_text="Times on every page are shown in it.",
        choices=[(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())],
        error_messages={"invalid_choice": "Choose a time zone from the list."},
    )
