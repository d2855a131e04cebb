"""Forms of finding people: a tag for many, and a segment's name."""

from __future__ import annotations

from typing import Any

from django import forms

MOST_CHOSEN = 100


class TagForm(forms.Form):
    """A tag to give or to take away."""

    tag = forms.CharField(
        max_length=50,
        label="Tag",
        error_messages={
            "required": "Write the tag first.",
            "max_length": "A tag has 50 characters at most; this one has %(show_value)d.",
        },
    )

    def clean_tag(self) -> str:
        """Spaces within it are single, so that two tags never differ by what nobody sees."""
        tag = " ".join(self.cleaned_data["tag"].split())
        if "," in tag:
            raise forms.ValidationError("A tag has no comma. Give one tag at a time.")
        if not any(letter.isalnum() for letter in tag):
            raise forms.ValidationError("A tag has a letter or a digit in it.")
        return tag


class SegmentForm(forms.Form):
    """What a filter is called."""

    name = forms.CharField(
        max_length=60,
        label="Name of the segment",
        error_messages={
            "required": "Give the segment a name.",
            "max_length": "A name has 60 characters at most; this one has %(show_value)d.",
        },
    )

    def clean_name(self) -> str:
        """Spaces within it are single."""
        return " ".join(self.cleaned_data["name"].split())


def chosen_of(data: Any) -> list[int]:
    """The ids of the chosen rows; what is no id is left out. A page has fewer than a hundred."""
    given = [value for value in data.getlist("chosen") if value.isascii() and value.isdecimal()]
    return [int(value) for value in given[:MOST_CHOSEN] if len(value) <= 18]


def first_error(form: forms.Form) -> str:
    """The first thing to mend, as a sentence."""
    return next(str(error) for errors in form.errors.values() for error in errors)
