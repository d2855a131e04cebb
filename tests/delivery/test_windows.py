"""Send windows across daylight saving, midnight and skipped days."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outreach.delivery.windows import LOOKS_AHEAD, Hours, Openings, next_open
from outreach.ground.zones import at_local

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
# Each zone with a day on which its clocks do something.
CHANGES = [
    ("Europe/Lisbon", date(2026, 3, 29)),
    ("Europe/Lisbon", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # by half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # this day began at 01:00
    ("America/Sao_Paulo", date(2019, 2, 16)),  # this day had 23:00 twice
    ("Africa/Cairo", date(2026, 4, 24)),  # this day began at 01:00
    ("Pacific/Apia", date(2011, 12, 30)),  # there was no such day
    ("Asia/Kathmandu", date(2026, 6, 1)),
    ("Pacific/Kiritimati", date(2026, 6, 1)),
    ("UTC", date(2026, 6, 1)),
]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("zone", "day", "clock", "moment"),
    [
        ("Europe/Lisbon", date(2026, 7, 1), time(9), utc(2026, 7, 1, 8)),
        # 01:30 is skipped: just after the gap, which is 02:00 there
        ("Europe/Lisbon", date(2026, 3, 29), time(1, 30), utc(2026, 3, 29, 1)),
        # 01:30 comes twice: the first
        ("Europe/Lisbon", date(2026, 10, 25), time(1, 30), utc(2026, 10, 25, 0, 30)),
        ("America/New_York", date(2026, 3, 8), time(2, 59, 59), utc(2026, 3, 8, 7)),
        ("America/New_York", date(2026, 11, 1), time(1), utc(2026, 11, 1, 5)),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), utc(2026, 10, 3, 15, 30)),
        ("Australia/Lord_Howe", date(2026, 4, 5), time(1, 45), utc(2026, 4, 4, 14, 45)),
        # a day without midnight begins at one
        ("America/Sao_Paulo", date(2018, 11, 4), time(0), utc(2018, 11, 4, 3)),
        ("Africa/Cairo", date(2026, 4, 24), time(0), utc(2026, 4, 23, 22)),
        # a day that did not happen begins with the next
        ("Pacific/Apia", date(2011, 12, 30), time(9), utc(2011, 12, 30, 10)),
    ],
)
def test_a_local_time_is_one_moment(zone, day, clock, moment):
    assert at_local(day, clock, ZoneInfo(zone)) == moment


def test_equal_times_are_open_at_any_hour():
    now = utc(2026, 3, 29, 1, 17, 3)
    assert next_open(now, time(9), time(9), ZoneInfo("Europe/Lisbon")) == now


def test_the_closing_moment_itself_is_outside():
    zone, nine, six = ZoneInfo("UTC"), time(9), time(18)
    last = utc(2026, 6, 1, 17, 59, 59)
    assert next_open(last, nine, six, zone) == last
    assert next_open(utc(2026, 6, 1, 18), nine, six, zone) == utc(2026, 6, 2, 9)


def test_the_opening_moment_itself_is_inside():
    now = utc(2026, 6, 1, 9)
    assert next_open(now, time(9), time(18), ZoneInfo("UTC")) == now


def test_a_window_over_midnight_is_still_open_after_midnight():
    zone = ZoneInfo("America/New_York")
    now = utc(2026, 7, 2, 5)  # 01:00 there
    assert next_open(now, time(22), time(2), zone) == now
    assert next_open(now + 2 * timedelta(hours=1), time(22), time(2), zone) == utc(2026, 7, 3, 2)


def test_a_window_that_daylight_saving_swallows_opens_the_day_after():
    # 01:10 to 01:50 did not exist in Lisbon on 29 March
    now = utc(2026, 3, 29, 0, 30)
    zone = ZoneInfo("Europe/Lisbon")
    assert next_open(now, time(1, 10), time(1, 50), zone) == utc(2026, 3, 30, 0, 10)


def test_the_day_that_apia_skipped_has_no_window():
    # Thursday evening is followed by Saturday morning
    now = utc(2011, 12, 30, 5)  # 19:00 on the 29th
    opens = next_open(now, time(9), time(18), ZoneInfo("Pacific/Apia"))
    assert opens == utc(2011, 12, 30, 19)  # 09:00 on the 31st, at UTC+14


@lru_cache(maxsize=4096)
def first_minute(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """By trying every minute: the first whose local time is not before the one that is wanted."""
    wanted = datetime.combine(day, clock)
    around = [wanted.replace(tzinfo=UTC) + timedelta(hours=hours) for hours in (-36, 0, 36)]
    offset = max(moment.astimezone(zone).utcoffset() or timedelta() for moment in around)
    moment = wanted.replace(tzinfo=UTC) - offset - timedelta(hours=3)
    while moment.astimezone(zone).replace(tzinfo=None) < wanted:
        moment += MINUTE
    return moment


def openings(now: datetime, opens: time, closes: time, zone: ZoneInfo) -> list[tuple]:
    today = now.astimezone(zone).date()
    days = [today + shift * DAY for shift in range(-3, 6)]
    return [
        (first_minute(day, opens, zone), first_minute(day + DAY * (closes < opens), closes, zone))
        for day in days
    ]


clocks = st.builds(
    time, st.sampled_from([0, 0, 1, 1, 2, 3, 9, 18, 22, 23]), st.sampled_from([0, 15, 30, 59])
)


@given(
    change=st.sampled_from(CHANGES),
    away=st.timedeltas(min_value=-2 * DAY, max_value=2 * DAY),
    opens=clocks,
    closes=clocks,
)
@example(CHANGES[6], timedelta(hours=2, minutes=59), time(0), time(0, 30))
@example(CHANGES[0], timedelta(minutes=45), time(1, 15), time(1, 45))
@example(CHANGES[9], timedelta(hours=9, minutes=59), time(23), time(1))
@settings(deadline=None)
def test_it_opens_at_the_first_minute_that_is_inside(change, away, opens, closes):
    zone = ZoneInfo(change[0])
    now = datetime.combine(change[1], time(), UTC) + away
    found = next_open(now, opens, closes, zone)
    assert found >= now
    if opens == closes:
        assert found == now
        return
    intervals = openings(now, opens, closes, zone)
    tried = now
    while not any(start <= tried < end for start, end in intervals):
        tried = tried.replace(second=0, microsecond=0) + MINUTE
    assert found == tried


# --- quiet days ----------------------------------------------------------------------------------
def test_a_quiet_weekday_waits_for_the_next_day_s_window():
    zone = ZoneInfo("Europe/Lisbon")
    saturday = utc(2026, 3, 28, 12)
    # Sunday is the day of the change, so Monday's nine is eight in UTC.
    assert next_open(saturday, time(9), time(18), zone, [5, 6]) == utc(2026, 3, 30, 8)


def test_a_quiet_date_is_that_of_the_customer_s_own_calendar():
    # 23:30 UTC on the 24th is the 25th in Kiritimati, and the 25th in UTC is its 26th
    zone = ZoneInfo("Pacific/Kiritimati")
    christmas = date(2026, 12, 25)
    any_hour = (time(0), time(0), zone, (), [christmas])
    assert next_open(utc(2026, 12, 24, 23, 30), *any_hour) == utc(2026, 12, 25, 10)
    assert next_open(utc(2026, 12, 25, 23, 30), *any_hour) == utc(2026, 12, 25, 23, 30)


def test_a_window_over_midnight_ends_where_a_quiet_day_begins():
    zone, night = ZoneInfo("UTC"), (time(22), time(2))
    friday_late = utc(2026, 6, 5, 23, 59)
    assert next_open(friday_late, *night, zone, [5]) == friday_late
    # Saturday is quiet to its end; the window that opened that evening is open after midnight
    assert next_open(utc(2026, 6, 6, 0, 1), *night, zone, [5]) == utc(2026, 6, 7)


def test_where_every_day_is_quiet_it_is_looked_at_again_after_a_year():
    now = utc(2026, 6, 1)
    assert next_open(now, time(9), time(18), ZoneInfo("UTC"), range(7)) == now + LOOKS_AHEAD


def test_clocks_set_back_over_midnight_bring_a_quiet_evening_twice():
    # In 2010 St. John's went from 00:01 on the 7th to 23:01 on the 6th
    zone = ZoneInfo("America/St_Johns")
    again = utc(2010, 11, 7, 2, 45)  # the second 23:15 of Saturday
    assert again.astimezone(zone).date() == date(2010, 11, 6)
    found = next_open(again, time(0), time(0), zone, [5])
    assert found == utc(2010, 11, 7, 3, 30)


@given(
    change=st.sampled_from(CHANGES),
    away=st.timedeltas(min_value=-2 * DAY, max_value=2 * DAY),
    opens=clocks,
    closes=clocks,
    weekdays=st.sets(st.integers(0, 6), max_size=5),
    days_off=st.sets(st.integers(-3, 6), max_size=4),
)
@example(CHANGES[7], timedelta(hours=1, minutes=30), time(23), time(1), {5}, set())
@example(CHANGES[9], -timedelta(days=2), time(0), time(0), set(), {0})
@settings(deadline=None)
def test_off_quiet_days_it_opens_at_the_first_minute_that_is_inside(
    change, away, opens, closes, weekdays, days_off
):
    zone = ZoneInfo(change[0])
    now = datetime.combine(change[1], time(), UTC) + away
    dates = {change[1] + shift * DAY for shift in days_off}
    found = next_open(now, opens, closes, zone, weekdays, dates)

    def is_open(moment: datetime) -> bool:
        day = moment.astimezone(zone).date()
        if day.weekday() in weekdays or day in dates:
            return False
        return opens == closes or any(
            first_minute(each, opens, zone)
            <= moment
            < first_minute(each + DAY * (closes < opens), closes, zone)
            for each in (day - DAY, day)
        )

    tried = now
    while not is_open(tried):
        tried = tried.replace(second=0, microsecond=0) + MINUTE
    assert found == tried


@given(
    change=st.sampled_from(CHANGES),
    asked=st.lists(st.timedeltas(-2 * DAY, 9 * DAY), min_size=1, max_size=8),
    opens=clocks,
    closes=clocks,
    weekdays=st.frozensets(st.integers(0, 6)),
    days_off=st.frozensets(st.integers(-3, 6), max_size=4),
)
@settings(deadline=None)
def test_openings_that_are_kept_are_those_that_are_reckoned_anew(
    change, asked, opens, closes, weekdays, days_off
):
    zone = ZoneInfo(change[0])
    midnight = datetime.combine(change[1], time(), UTC)
    dates = frozenset(change[1] + shift * DAY for shift in days_off)
    kept = Openings(Hours(opens, closes, zone, weekdays, dates), midnight - 2 * DAY)
    for away in asked:  # in any order
        anew = next_open(midnight + away, opens, closes, zone, weekdays, dates)
        assert kept.next_open(midnight + away) == anew


def test_open_spans_within_a_period_are_cut_to_it():
    openings = Openings(Hours(time(22), time(2), ZoneInfo("UTC")), utc(2026, 6, 1))
    assert openings.between(utc(2026, 6, 1, 1), utc(2026, 6, 2, 23)) == [
        (utc(2026, 6, 1, 1), utc(2026, 6, 1, 2)),
        (utc(2026, 6, 1, 22), utc(2026, 6, 2, 2)),
        (utc(2026, 6, 2, 22), utc(2026, 6, 2, 23)),
    ]
