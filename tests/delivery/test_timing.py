"""Spreading letters over a period: evenly, inside their hours, off quiet days, across DST."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.delivery.timing import spread
from outreach.delivery.windows import Hours, next_open
from outreach.ground.zones import at_local

LISBON, TOKYO, DENVER = (
    ZoneInfo(name) for name in ("Europe/Lisbon", "Asia/Tokyo", "America/Denver")
)
NINE, SIX = time(9), time(18)


def office(zone: ZoneInfo, **quiet) -> Hours:
    return Hours(NINE, SIX, zone, **{name: frozenset(days) for name, days in quiet.items()})


def wall(day: int, hour: int = 0, *, month: int = 7) -> datetime:
    """What a clock on the wall shows."""
    return datetime.combine(date(2026, month, day), time(hour))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def test_they_are_evenly_apart_over_the_open_hours():
    found = spread([office(LISBON)] * 6, wall(2), wall(4), LISBON)
    # 18 open hours on two days, six letters: one every three hours
    assert found == [
        utc(2026, 7, 2, 9, 30), utc(2026, 7, 2, 12, 30), utc(2026, 7, 2, 15, 30),
        utc(2026, 7, 3, 9, 30), utc(2026, 7, 3, 12, 30), utc(2026, 7, 3, 15, 30),
    ]  # fmt: skip


def test_over_a_day_of_theirs_each_has_their_own():
    found = spread(
        [office(TOKYO), office(LISBON), office(DENVER)],
        wall(2),
        wall(3),
        None,
    )
    zones = [TOKYO, LISBON, DENVER]
    theirs = [at.astimezone(zone) for at, zone in zip(found, zones, strict=True)]
    assert [f"{at:%a %H:%M}" for at in theirs] == ["Thu 10:30", "Thu 13:30", "Thu 16:30"]


def test_quiet_days_are_left_out():
    quiet = office(LISBON, quiet_weekdays={5, 6}, quiet_dates={date(2026, 7, 3)})
    found = spread([quiet] * 2, wall(2), wall(7), LISBON)
    assert found == [utc(2026, 7, 2, 12, 30), utc(2026, 7, 6, 12, 30)]


def test_whoever_has_no_hours_within_the_period_comes_as_soon_as_they_have():
    found = spread([office(TOKYO)], wall(2, 12), wall(2, 13), LISBON)
    assert found == [utc(2026, 7, 3)]


def test_a_day_that_daylight_saving_shortens_is_spread_over_what_is_left_of_it():
    any_hour = Hours(time(0), time(0), LISBON)
    found = spread([any_hour] * 23, wall(29, month=3), wall(30, month=3), LISBON)
    assert {after - before for before, after in pairwise(found)} == {timedelta(hours=1)}
    assert found[0] == utc(2026, 3, 29, 0, 30)


def test_a_period_has_a_length():
    with pytest.raises(ValueError, match="ends after it begins"):
        spread([office(LISBON)], wall(2), wall(2), LISBON)


def test_nobody_is_nobody():
    assert spread([], wall(2), wall(3), LISBON) == []


hours = st.builds(
    Hours,
    st.sampled_from([time(0), time(9), time(22)]),
    st.sampled_from([time(0), time(1, 30), time(18)]),
    st.sampled_from([LISBON, TOKYO, DENVER, ZoneInfo("Australia/Lord_Howe")]),
    st.sampled_from([frozenset(), frozenset({5, 6})]),
    st.sampled_from([frozenset(), frozenset({date(2026, 10, 24)})]),
)


@given(
    everybody=st.lists(hours, min_size=1, max_size=30),
    since=st.datetimes(wall(22, month=10), wall(2, month=11)),
    length=st.timedeltas(timedelta(minutes=1), timedelta(days=6)),
    zone=st.sampled_from([None, LISBON]),
)
@settings(deadline=None)
def test_everybody_is_placed_inside_their_hours_and_as_far_apart_as_these_allow(
    everybody, since, length, zone
):
    until = since + length
    found = spread(everybody, since, until, zone)
    assert len(found) == len(everybody)
    for theirs, at in zip(everybody, found, strict=True):
        quiet = (theirs.quiet_weekdays, theirs.quiet_dates)
        window = (theirs.opens, theirs.closes, theirs.zone, *quiet)
        begins, ends = (
            at_local(wall.date(), wall.time(), zone or theirs.zone) for wall in (since, until)
        )
        assert at >= begins
        assert next_open(at, *window) == at
        # Past the period's end only where it leaves them no moment.
        assert at < ends or next_open(begins, *window) >= ends
    for theirs in set(everybody):
        mine = [at for each, at in zip(everybody, found, strict=True) if each == theirs]
        assert mine == sorted(mine)
