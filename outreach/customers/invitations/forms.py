"""The form of a new invitation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crispy_forms.helper import FormHelper
from django import forms

from accounts.queries import MemberRow
from outreach.customers.invitations.words import LONGEST, SHORTEST, problem_with
from outreach.x.models import XAccount


class InvitationForm(forms.Form):
    """What an invitation is called, where it is shown, and what it brings about."""

    name = forms.CharField(
        max_length=80,
        label="Name",
        help_text="Yours alone, such as: Autumn fair.",
        error_messages={
            "required": "Give it a name, so that you know it again.",
            "max_length": "Say it in 80 characters; it has %(show_value)d.",
        },
    )
    place = forms.CharField(
        max_length=100,
        label="Where people see it",
        help_text="Such as: poster at the fair, or the shop’s counter. It stands with each permission.",
        error_messages={
            "required": "Say where it will be shown: it is part of the permission.",
            "max_length": "Say it in 100 characters; it has %(show_value)d.",
        },
    )
    word = forms.CharField(
        max_length=40,
        label="The word they send",
        help_text=(
            f"{SHORTEST} to {LONGEST} letters that anybody can type. Capitals and accents make no "
            "difference; a message that begins with it counts too."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto", "spellcheck": "false"}),
        error_messages={
            "required": "Choose a word, such as: fox.",
            "max_length": f"Choose a word of {SHORTEST} to {LONGEST} letters.",
        },
    )
    account = forms.TypedChoiceField(
        coerce=int,
        label="X account they write to",
        error_messages={
            "required": "Choose the account.",
            "invalid_choice": "Choose one of this workspace’s accounts.",
        },
    )
    writer = forms.TypedChoiceField(
        coerce=int,
        label="Who writes to them",
        help_text="Their drafts are prepared in this member’s name.",
        error_messages={
            "required": "Choose who writes.",
            "invalid_choice": "Choose a member of this workspace.",
        },
    )
    starting_words = forms.CharField(
        max_length=2000,
        required=False,
        label="What the drafts begin with (may be empty)",
        help_text=(
            "Merge fields work: {first_name|there}. Nothing is sent until somebody wrote on and a "
            "manager approved it."
        ),
        widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
        error_messages={"max_length": "Say it in 2,000 characters; it has %(show_value)d."},
    )

    def __init__(
        self,
        *args: Any,
        accounts: Sequence[XAccount],
        members: Sequence[MemberRow],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        choices = [(each.pk, f"@{each.handle}") for each in accounts]
        self.fields["account"].choices = choices  # type: ignore[attr-defined]
        if len(choices) == 1:
            self.fields["account"].initial = choices[0][0]
        self.fields["writer"].choices = [  # type: ignore[attr-defined]
            (row.user_id, f"{row.name}, {row.role.lower()}") for row in members
        ]
        self.helper = FormHelper(self)
        self.helper.form_tag = False
        self.helper.disable_csrf = True

    def clean_word(self) -> str:
        """A word that can serve; whether it is taken the action finds out."""
        word = str(self.cleaned_data["word"]).lstrip("#")
        problem = problem_with(word)
        if problem:
            raise forms.ValidationError(problem)
        return word

    def clean_starting_words(self) -> str:
        """Line ends as a text area's, not as a form's."""
        return str(self.cleaned_data["starting_words"]).replace("\r\n", "\n")
