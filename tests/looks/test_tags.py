"""Numbers, initials, icons, and the sum of a form's errors."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.template.loader import render_to_string

from outreach.ground.templatetags import house


class LetterForm(forms.Form):
    name = forms.CharField(error_messages={"required": "Enter a name."})
    text = forms.CharField(error_messages={"required": "Write something."})

    def clean(self) -> dict[str, Any]:
        raise forms.ValidationError("It was changed <elsewhere>.")


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (1440, "1,440"), (1204881, "1,204,881"), (12.6, "13"), ("many", "many"), (None, "")],
)
def test_numbers_have_their_thousands_apart(value: Any, words: str) -> None:
    assert house.number(value) == words


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Maria Silva", "MS"),
        ("Ink & Loom", "IL"),
        ("Łukasz Żak", "ŁŻ"),
        ("Cher", "C"),
        ("Ana Maria Prado", "AP"),
        ("", "?"),
        (None, "?"),
    ],
)
def test_an_avatar_has_the_letters_of_first_and_last_name(name: str | None, letters: str) -> None:
    assert house.initials(name) == letters


def test_an_allowance_is_never_less_than_nothing() -> None:
    assert [house.left_of(15, 4), house.left_of(15, 20)] == [11, 0]


def test_each_severity_has_a_form_and_words_of_its_own() -> None:
    icons = {severity: house.severity_icon(severity) for severity in ("block", "warn", "praise")}
    for severity, words in (("block", "Stops it"), ("warn", "To mend"), ("praise", "Good")):
        assert f'aria-label="{words}"' in icons[severity]
    assert len({icon.rpartition("#")[2] for icon in icons.values()}) == len(icons)


def test_the_summary_names_every_error_and_leads_to_its_field() -> None:
    form = LetterForm({})
    assert [(error.target, error.words) for error in house.all_errors(form)] == [
        ("", "It was changed <elsewhere>."),
        ("id_name", "Enter a name."),
        ("id_text", "Write something."),
    ]
    page = render_to_string("house/_errors.html", {"form": form})
    assert "3 things to mend" in page
    assert '<a href="#id_name">Enter a name.</a>' in page
    assert "<elsewhere>" not in page


@pytest.mark.parametrize("form", [LetterForm(), None, ""])
def test_what_was_not_posted_has_no_summary(form: Any) -> None:
    assert house.all_errors(form) == []
    assert render_to_string("house/_errors.html", {"form": form}).strip() == ""
