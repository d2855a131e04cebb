"""Forms of the composer and of the review."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from crispy_forms.helper import FormHelper
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from outreach.drafts.actions import Words
from outreach.drafts.models import Clock, Decision, Draft, Side
from outreach.ground.clock import now
from outreach.ground.moments import WallTime
from outreach.ground.zones import at_local, oddity, place

# More than X takes (10,000), so that guidance can say by how much a letter is too long.
LONGEST = 20_000


def _line(label: str, help_text: str = "") -> forms.CharField:
    """One of the three answers for the manager."""
    return forms.CharField(
        max_length=300,
        required=False,
        label=label,
        help_text=help_text,
        error_messages={"max_length": "Say it in 300 characters; it has %(show_value)d."},
    )


class WhenForm(forms.Form):
    """When a letter leaves, by the writer's clock or the customer's."""

    send_at = WallTime(
        required=False,
        label="Leave at",
        help_text="Empty: as soon as it is approved.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": "Give a day and a time, such as 2026-11-24 09:30."},
    )
    send_at_clock = forms.ChoiceField(
        required=False,
        label="By whose clock?",
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": "Say by whose clock: yours, or theirs."},
    )

    def __init__(self, *args: Any, theirs: ZoneInfo, **kwargs: Any) -> None:
        """`theirs`: the customer's time zone; the reader's own is Django's current one."""
        super().__init__(*args, **kwargs)
        ours = ZoneInfo(str(timezone.get_current_timezone()))
        self.zones = {Clock.OURS: ours, Clock.THEIRS: theirs}
        clock: Any = self.fields["send_at_clock"]
        clock.choices = [
            (each.value, f"{each.label.capitalize()}, {place(zone)}")
            for each, zone in self.zones.items()
        ]

    def clean(self) -> dict[str, Any]:
        """The time as a moment; what daylight saving does to it is kept beside it."""
        data = super().clean() or {}
        clock = Clock(data.get("send_at_clock") or Clock.OURS)
        data["send_at_clock"], data["oddity"] = clock, ""
        wall = data.get("send_at")
        if wall is not None:
            zone = self.zones[clock]
            data["oddity"] = oddity(wall, zone)
            data["send_at"] = at_local(wall.date(), wall.time(), zone)
        return data


class ComposeForm(WhenForm):
    """One letter: what the manager is told, the words, when it leaves."""

    why_person = _line("Why this person?", "For the manager, not for them.")
    why_now = _line("Why now?")
    what_they_get = _line("What do they get?")
    text = forms.CharField(
        max_length=LONGEST,
        required=False,
        strip=False,
        label="The letter",
        widget=forms.Textarea(attrs={"rows": 7, "dir": "auto", "spellcheck": "true"}),
        error_messages={"max_length": "X takes 10,000 characters; this letter has %(show_value)d."},
    )
    disagreement = forms.CharField(
        max_length=1000,
        required=False,
        label="Why should it go all the same?",
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": "Say it in 1,000 characters; it has %(show_value)d."},
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The page itself brings the form's frame, token and buttons.
        self.helper = FormHelper(self)
        self.helper.form_tag = False
        self.helper.disable_csrf = True

    @classmethod
    def of(cls, draft: Draft, theirs: ZoneInfo) -> ComposeForm:
        """The form as the draft was last saved."""
        form = cls(
            theirs=theirs,
            initial={
                "why_person": draft.why_person,
                "why_now": draft.why_now,
                "what_they_get": draft.what_they_get,
                "text": draft.words,
                "send_at_clock": draft.send_at_clock,
                "version": draft.version,
            },
        )
        if draft.send_at is not None:
            local = draft.send_at.astimezone(form.zones[Clock(draft.send_at_clock)])
            form.initial["send_at"] = local.replace(tzinfo=None)
        return form

    def clean_text(self) -> str:
        """Line ends as one character: browsers post two, and they would be sent and counted."""
        words: str = self.cleaned_data["text"]
        if "\x00" in words:
            raise ValidationError("The letter holds a character that cannot be sent. Remove it.")
        return words.replace("\r\n", "\n").replace("\r", "\n")

    def typed(self) -> Words:
        """What was typed, of a form that is valid."""
        data = self.cleaned_data
        return Words(
            words=data["text"],
            why_person=data["why_person"],
            why_now=data["why_now"],
            what_they_get=data["what_they_get"],
            send_at=data["send_at"],
            send_at_clock=data["send_at_clock"],
        )

    def refuse_past(self) -> bool:
        """Add an error where the time to leave has passed; True where it did."""
        send_at = self.cleaned_data.get("send_at")
        if send_at and send_at < now():
            self.add_error("send_at", "That time has passed. Give a later one, or leave it empty.")
            return True
        return False


class DecisionForm(forms.Form):
    """A manager's decision on the words that the page showed."""

    decision = forms.ChoiceField(choices=Decision.choices, widget=forms.HiddenInput)
    sha256 = forms.CharField(min_length=64, max_length=64, widget=forms.HiddenInput)
    sided_with = forms.ChoiceField(
        choices=Side.choices,
        required=False,
        label="Who is right about it?",
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": "Say who was right: its writer, or guidance."},
    )
    comment = forms.CharField(
        max_length=2000,
        required=False,
        label="A word to its author",
        help_text="Needed when you ask for a change or reject.",
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper(self)
        self.helper.form_tag = False
        self.helper.disable_csrf = True
