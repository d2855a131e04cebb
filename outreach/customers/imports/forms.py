"""Forms of an import: which file, and what its columns are."""

from __future__ import annotations

from typing import Any

from crispy_forms.helper import FormHelper
from django import forms

from outreach.customers.imports import columns, storage
from outreach.customers.imports.queries import words_of
from outreach.customers.imports.refusing import FileRefused
from outreach.customers.models import ImportRun


class UploadForm(forms.Form):
    """One file."""

    file = forms.FileField(
        label="File",
        help_text="CSV or XLSX, with a header and a column of handles.",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.xlsm,text/csv"}),
        error_messages={
            "required": "Choose a file.",
            "empty": "The file is empty. Choose one with a header and at least one row.",
            "invalid": "Choose a file.",
        },
    )

    def __init__(self, *args: Any, too_big: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper(self)
        self.helper.form_tag = False
        self.helper.disable_csrf = True
        if too_big:
            self.fields["file"].error_messages["required"] = storage.too_big()


class ColumnsForm(forms.Form):
    """What each column of a file is; the guess is what it shows first."""

    day_first = forms.TypedChoiceField(
        label="04/05/2026 in this file is",
        choices=[
            ("day", "4 May: the day comes first"),
            ("month", "5 April: the month comes first"),
        ],
        coerce=lambda said: said == "day",
        widget=forms.RadioSelect,
        error_messages={"required": "Say which comes first.", "invalid_choice": "Choose one."},
    )

    def __init__(self, run: ImportRun, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"day_first": "day" if run.day_first else "month"})
        super().__init__(*args, **kwargs)
        self.run = run
        for place, name in enumerate(run.header):
            own = _attribute(run, place)
            self.fields[f"column_{place}"] = forms.ChoiceField(
                label=f"{name or f'Column {place + 1}'} is",
                required=False,
                choices=[
                    (columns.LEFT_OUT, "Left out"),
                    *columns.TARGETS.items(),
                    (own, words_of(own)),
                ],
                initial=run.targets[place],
                widget=forms.Select(attrs={"class": "form-select"}),
                error_messages={"invalid_choice": "Choose one of the list."},
            )

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The columns with their first cells and their fields, for the page."""
        return [
            {
                "name": name or f"Column {place + 1}",
                "cells": [row[place] for row in self.run.shown[:3] if place < len(row)],
                "field": self[f"column_{place}"],
            }
            for place, name in enumerate(self.run.header)
        ]

    @property
    def targets(self) -> list[str]:
        """What was chosen, column by column."""
        return [self.cleaned_data[f"column_{place}"] for place in range(len(self.run.header))]

    def clean(self) -> dict[str, Any]:
        """Raises ValidationError where no customers come of these columns."""
        if not self.errors:
            try:
                columns.check(self.targets)
            except FileRefused as refused:
                raise forms.ValidationError(str(refused)) from None
        return self.cleaned_data


def _attribute(run: ImportRun, place: int) -> str:
    """The merge field that this column would be."""
    if run.targets[place].startswith(columns.ATTRIBUTE):
        return str(run.targets[place])
    return columns.ATTRIBUTE + (columns.key_of(run.header[place]) or f"column_{place + 1}")
