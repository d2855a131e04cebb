"""Template tags of the house: times, numbers, icons, and the sum of a form's errors."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import template
from django.forms import BaseForm
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

# A difference below this many seconds is 'now': a page takes about as long to arrive.
_NOW_SECONDS = 10


def _clock_words(moment: datetime) -> str:
    return f"{moment:%H:%M}"


def _day_words(day: date, today: date) -> str:
    """Name a day as one would say it today: 'Monday' near by, '4 May' within the year."""
    away = (day - today).days
    if away == 0:
        return "today"
    if away == -1:
        return "yesterday"
    if away == 1:
        return "tomorrow"
    if -7 < away < 7:
        return f"{day:%A}"
    if day.year == today.year:
        return f"{day.day} {day:%b}"
    return f"{day.day} {day:%b %Y}"


def _exactly(local: datetime) -> str:
    zone = timezone.get_current_timezone_name()
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S} ({zone})"


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def relative_words(moment: datetime, now: datetime) -> str:
    """Say a moment in the words of a reader who reads it at `now`.

    Both are aware and in the reader's zone. Within the hour it is a distance, within a week
    a day and the time, further away the date alone for what is past and with the time for
    what is to come.
    """
    seconds = (moment - now).total_seconds()
    distance = abs(seconds)
    if distance < _NOW_SECONDS:
        return "now"
    if distance < 3600:
        words = (
            _counted(int(distance), "second")
            if distance < 60
            else _counted(int(distance // 60), "minute")
        )
        return f"in {words}" if seconds > 0 else f"{words} ago"
    day = _day_words(moment.date(), now.date())
    is_far_past = now - moment > timedelta(days=7)
    return day if is_far_past else f"{day} {_clock_words(moment)}"


@register.filter
def when(moment: datetime | date | None) -> SafeString | str:
    """Show a time as relative words, with the exact one in the reader's zone on hover.

    An empty value gives an empty string. A bare date is shown as a day.
    """
    if moment is None or moment == "":
        return ""
    now = timezone.localtime(timezone.now())
    if not isinstance(moment, datetime):
        return format_html(
            '<time datetime="{}" title="{}">{}</time>',
            moment.isoformat(),
            f"{moment:%A} {moment.day} {moment:%B %Y}",
            _day_words(moment, now.date()),
        )
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        _exactly(local),
        relative_words(local, now),
    )


@register.filter
def clock(moment: datetime) -> SafeString:
    """Show the hour of a time under a heading that names its day, with the exact one on hover."""
    local = timezone.localtime(moment)
    # Without its day it is no moment that could go on counting as 'minutes ago'.
    return format_html(
        '<time datetime="{0}" title="{1}">{0}</time>', _clock_words(local), _exactly(local)
    )


@register.filter
def day_words(day: date) -> str:
    """Write a day in full without the year: 'Monday 23 November'."""
    return f"{day:%A} {day.day} {day:%B}"


@register.filter
def number(value: float | str | None) -> str:
    """Write a whole number with thousands apart: 1,440. What is no number stays as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    return f"{value:,.0f}" if isinstance(value, float) else f"{value:,}"


@register.filter
def left_of(limit: int, used: int) -> int:
    """Give what is left of an allowance; never less than nothing."""
    return max(0, limit - used)


@register.filter
def spoken(name: str) -> str:
    """Say the name of a field as words: 'last order' for 'last_order'."""
    return name.replace("_", " ")


@register.filter
def initials(name: str | None) -> str:
    """Give the first letters of the first and last word of a name, for an avatar."""
    words = [word for word in (name or "").split() if word[0].isalnum()]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


_ICON_OF_SEVERITY = {"block": "block", "warn": "warn", "praise": "check"}
_TONE_OF_SEVERITY = {"block": "spam", "warn": "mend", "praise": "good"}
_WORD_OF_SEVERITY = {"block": "Stops it", "warn": "To mend", "praise": "Good"}
_ICON_OF_STATE = {"done": "check", "now": "go", "waiting": "clock", "failed": "cross"}
_WORD_OF_STATE = {"done": "Done", "now": "Now", "waiting": "To come", "failed": "Failed"}


@register.simple_tag
def icon(name: str, words: str = "", tone: str = "") -> SafeString:
    """Draw an icon of `img/icons.svg`; with `words` it is an image that says them."""
    attributes = (
        format_html('role="img" aria-label="{}"', words)
        if words
        else format_html('aria-hidden="{}" focusable="{}"', "true", "false")
    )
    return format_html(
        '<svg class="icon {}" {}><use href="{}#{}"></use></svg>',
        tone,
        attributes,
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
def severity_icon(severity: str) -> SafeString:
    """Draw a finding's severity: form and words differ, not only the colour."""
    key = str(severity)
    return icon(
        _ICON_OF_SEVERITY.get(key, "info"),
        _WORD_OF_SEVERITY.get(key, "Note"),
        _TONE_OF_SEVERITY.get(key, ""),
    )


@register.simple_tag
def state_icon(state: str) -> SafeString:
    """Draw the state of a step of a letter's way."""
    return icon(_ICON_OF_STATE.get(state, "dot"), _WORD_OF_STATE.get(state, ""))


_TONE_OF_LEVEL = {"success": "good", "warning": "mend", "error": "spam"}
_ICON_OF_LEVEL = {"success": "check", "warning": "warn", "error": "block"}


@register.filter
def message_tone(level: str) -> str:
    """Map a message's level tag on the tone of its notice."""
    return _TONE_OF_LEVEL.get(level, "")


@register.filter
def message_icon(level: str) -> str:
    """Map a message's level tag on its icon's name."""
    return _ICON_OF_LEVEL.get(level, "info")


@dataclass(frozen=True)
class FieldError:
    """One line of an error summary: the field to go to ('' = the whole form) and the words."""

    target: str
    words: str


def _errors(form: BaseForm) -> Iterator[FieldError]:
    for words in form.non_field_errors():
        yield FieldError("", str(words))
    for field in form:
        for words in field.errors:
            yield FieldError(field.id_for_label or f"id_{field.html_name}", str(words))


@register.filter
def all_errors(form: Any) -> list[FieldError]:
    """List a form's errors in the order of its fields, for the summary on top.

    Anything that is no bound form has none.
    """
    if not isinstance(form, BaseForm) or not form.is_bound:
        return []
    return list(_errors(form))
