"""Times in a reader's words."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from outreach.ground.templatetags.house import relative_words, when

LISBON = ZoneInfo("Europe/Lisbon")
NOW = datetime(2026, 11, 23, 14, 20, tzinfo=LISBON)  # a Monday


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (NOW, "now"),
        (NOW - timedelta(seconds=9), "now"),
        (NOW - timedelta(seconds=40), "40 seconds ago"),
        (NOW - timedelta(minutes=1), "1 minute ago"),
        (NOW - timedelta(minutes=59), "59 minutes ago"),
        (NOW - timedelta(hours=2), "today 12:20"),
        (NOW - timedelta(hours=15), "yesterday 23:20"),
        (NOW - timedelta(days=3), "Friday 14:20"),
        (NOW - timedelta(days=11), "12 Nov"),
        (NOW - timedelta(days=400), "19 Oct 2025"),
        (NOW + timedelta(minutes=5), "in 5 minutes"),
        (NOW + timedelta(hours=3), "today 17:20"),
        (NOW + timedelta(hours=19), "tomorrow 09:20"),
        (NOW + timedelta(days=6), "Sunday 14:20"),
        (NOW + timedelta(days=7), "30 Nov 14:20"),
        (NOW + timedelta(days=60), "22 Jan 2027 14:20"),
    ],
)
def test_it_says_a_moment_as_one_would_say_it_now(moment: datetime, words: str) -> None:
    assert relative_words(moment, NOW) == words


def test_the_exact_time_is_in_the_readers_zone() -> None:
    moment = datetime(2026, 11, 12, 23, 30, 5, tzinfo=ZoneInfo("UTC"))
    with timezone.override("Asia/Tokyo"):
        shown = when(moment)
    assert 'datetime="2026-11-13T08:30:05+09:00"' in shown
    assert 'title="Friday 13 November 2026, 08:30:05 (Asia/Tokyo)"' in shown


def test_a_bare_date_is_a_day() -> None:
    shown = when(date(2020, 5, 4))
    assert shown == '<time datetime="2020-05-04" title="Monday 4 May 2020">4 May 2020</time>'


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_time_shows_nothing(nothing: None) -> None:
    assert when(nothing) == ""
