"""Forms about one customer: that they opted in, that they asked to stop, that they may be asked again."""

from __future__ import annotations

from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from crispy_forms.helper import FormHelper
from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from outreach.customers.actions import File, Given
from outreach.customers.evidence import kind_of, safe_name
from outreach.ground.zones import at_local

MEGABYTE = 1024 * 1024


class HouseForm(forms.Form):
    """A form inside a template's own `<form>`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper(self)
        self.helper.form_tag = False
        self.helper.disable_csrf = True


class PermissionForm(HouseForm):
    """That this person opted in: when, where, and what shows it."""

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
        help_text="Such as: shop form, a fair, a newsletter.",
        error_messages={
            "required": "Say where they did.",
            "max_length": "Say it in 100 characters; it has %(show_value)d.",
        },
    )
    evidence = forms.CharField(
        required=False,
        max_length=2000,
        label="Evidence",
        help_text="Their words, or what they ticked.",
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        error_messages={"max_length": "Say it in 2,000 characters; it has %(show_value)d."},
    )
    file = forms.FileField(
        required=False,
        label="Evidence as a file",
        help_text="A PNG or JPEG picture, a PDF or a text, of 5 MB at most.",
        widget=forms.FileInput(attrs={"accept": ".png,.jpg,.jpeg,.pdf,.txt"}),
        error_messages={"empty": "The file is empty. Choose another one."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        most = settings.EVIDENCE_BYTES // MEGABYTE
        self.fields[
            "file"
        ].help_text = f"A PNG or JPEG picture, a PDF or a text, of {most} MB at most."

    def clean_given_on(self) -> Any:
        """A day that has come: nobody gave a permission tomorrow."""
        day = self.cleaned_data["given_on"]
        if day > timezone.localdate():
            raise forms.ValidationError("That day has not come yet. Give the day they said so.")
        if day.year < 2006:
            raise forms.ValidationError("That is before X began. Check the year.")
        return day

    def clean_file(self) -> File | None:
        """The file, where it is one of those that are kept."""
        sent: UploadedFile | None = self.cleaned_data["file"]
        if sent is None:
            return None
        if (sent.size or 0) > settings.EVIDENCE_BYTES:
            raise forms.ValidationError(
                f"The file has {(sent.size or 0) / MEGABYTE:.1f} MB; "
                f"{settings.EVIDENCE_BYTES // MEGABYTE} MB is the most. Choose a smaller one."
            )
        content = sent.read()
        kind = kind_of(content)
        if kind is None:
            raise forms.ValidationError(
                "This is neither a PNG or JPEG picture, nor a PDF, nor a text in UTF-8. "
                "Save it as one of those."
            )
        return File(safe_name(sent.name or "", kind), kind, content)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        tried = "evidence" in data and "file" in data
        if tried and not data["evidence"] and not data["file"]:
            self.add_error("evidence", "Write down what shows it, or add a file that does.")
        return data

    def given(self, zone: ZoneInfo) -> Given:
        """What was said, for the action; a day means its noon in the workspace's time zone."""
        data = self.cleaned_data
        return Given(
            at=at_local(data["given_on"], time(12), zone),
            place=data["place"],
            evidence=data["evidence"],
            file=data["file"],
        )


class StopForm(HouseForm):
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


class LiftForm(PermissionForm):
    """Why a suppression is lifted, and the permission that they gave anew."""

    reason = forms.CharField(
        max_length=200,
        label="Why the stop no longer holds",
        help_text="Such as: asked for letters again at the fair on 4 May.",
        error_messages={
            "required": "Say why it no longer holds.",
            "max_length": "Say it in 200 characters; it has %(show_value)d.",
        },
    )
    field_order = ("reason",)


class RequirePermissionForm(HouseForm):
    """Switching off that a permission is needed, which is confirmed."""

    understood = forms.BooleanField(
        label="I know what this risks, and I decide it for this workspace",
        error_messages={"required": "Tick that you know what this risks, or leave it on."},
    )
