"""The forecast, against counting by hand: no limit is exceeded, and no allowance is wasted."""

from __future__ import annotations

import time as clock
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.delivery.forecast import (
    APP_LIMITS,
    CAP,
    HELD,
    HOURS,
    LIMITS,
    Account,
    App,
    Cap,
    Forecast,
    Letter,
    forecast,
)
from outreach.delivery.windows import Hours, next_open

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)  # a Monday
UTC_ZONE = ZoneInfo("UTC")
ANY_HOUR = Hours(time(0), time(0), UTC_ZONE)
OFFICE = Hours(time(9), time(18), UTC_ZONE)
DAY = timedelta(days=1)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def letter(pk: int, *, due: float = 0, account: int = 1, lane: int = 0, **more) -> Letter:
    look_at = NOW + minutes(due)
    values = {"leave_by": look_at + 3 * DAY, "hours": ANY_HOUR, **more}
    return Letter(id=pk, account=account, lane=lane, look_at=look_at, **values)


def leaves(found: dict[int, Forecast]) -> dict[int, float | None]:
    """Minutes from now, by id."""
    return {
        pk: None if each.leaves_at is None else (each.leaves_at - NOW) / minutes(1)
        for pk, each in found.items()
    }


def test_what_is_due_and_free_leaves_when_it_is_due():
    found = forecast(NOW, [letter(1), letter(2, due=-5), letter(3, due=7)], [Account(1)], App())
    assert leaves(found) == {1: 0, 2: 0, 3: 7}
    assert {each.code for each in found.values()} == {""}


def test_an_account_s_windows_hold_the_rest_up_until_one_has_left_them():
    account = Account(1, windows=[(2, 900), (3, 3600)], counted=[NOW - minutes(10)])
    found = forecast(NOW, [letter(pk) for pk in (1, 2, 3, 4)], [account], App())
    # one at once, one when the old one has left; then the hour is full until 50 minutes from now
    assert leaves(found) == {1: 0, 2: 5, 3: 50, 4: 60}
    assert [found[pk].code for pk in (1, 2, 3, 4)] == ["", LIMITS, LIMITS, LIMITS]


def test_how_long_a_call_takes_moves_the_next_window():
    account = Account(1, windows=[(1, 600)])
    found = forecast(NOW, [letter(1), letter(2)], [account], App(), takes=minutes(1))
    assert leaves(found) == {1: 0, 2: 11}
    found = forecast(
        NOW,
        [letter(1), letter(2), letter(3)],
        [Account(1, windows=[(2, 600)])],
        App(),
        takes=minutes(1),
        apart=minutes(3),
    )
    assert leaves(found) == {1: 0, 2: 3, 3: 11}


def test_an_urgent_letter_does_not_wait_behind_a_campaign():
    many = [letter(pk, due=-60, lane=7) for pk in range(1, 101)]
    account = Account(1, windows=[(1, 60)], counted=[NOW], last_lane=7)
    found = forecast(NOW, [*many, letter(999)], [account], App())
    assert leaves(found)[999] == 1


def test_lanes_take_turns_and_each_keeps_its_order():
    account = Account(1, windows=[(1, 60)])
    letters = [letter(1, lane=5), letter(2, lane=5), letter(3, lane=8), letter(4, lane=8, due=-9)]
    found = leaves(forecast(NOW, letters, [account], App()))
    assert sorted(found, key=lambda pk: found[pk]) == [1, 4, 2, 3]


def test_accounts_that_share_a_budget_take_turns():
    accounts = [Account(pk, windows=[(50, 900)]) for pk in (1, 2, 3)]
    letters = [letter(pk, account=1 + pk % 3, due=-pk) for pk in range(30)]
    found = forecast(NOW, letters, accounts, App(windows=[(1, 60)]))
    order = sorted(letters, key=lambda each: found[each.id].leaves_at)
    in_threes = [{each.account for each in order[at : at + 3]} for at in range(0, 30, 3)]
    assert in_threes == [{1, 2, 3}] * 10
    assert {each.code for each in found.values()} == {"", APP_LIMITS}


def test_whoever_waits_longest_for_the_shared_budget_is_next():
    first, second = Account(1), Account(2, waits_since=NOW - minutes(3))
    app = App(windows=[(1, 60)], counted=[NOW - minutes(0.5)])
    found = leaves(forecast(NOW, [letter(1), letter(2, account=2)], [first, second], app))
    assert found == {2: 0.5, 1: 1.5}


def test_what_x_closed_opens_when_it_said():
    account = Account(1, closed_until=NOW + minutes(20))
    app = App(closed_until=NOW + minutes(30))
    found = forecast(NOW, [letter(1), letter(2, account=2)], [account, Account(2)], app)
    assert leaves(found) == {1: 30, 2: 30}


def test_what_x_reported_to_be_left_is_all_there_is_until_its_reset():
    account = Account(1, windows=[(9, 900)], narrowed=[(1, NOW + minutes(4))])
    app = App(windows=[(9, 900)], narrowed=[(2, NOW + minutes(8))])
    found = leaves(forecast(NOW, [letter(pk) for pk in (1, 2, 3)], [account], app))
    assert found == {1: 0, 2: 4, 3: 8}


def test_it_waits_for_their_hours_and_for_the_cap_and_says_which():
    night = Hours(time(22), time(23), UTC_ZONE, quiet_weekdays=frozenset({0}))
    cap = Cap(1, 7 * DAY)
    letters = [
        letter(1, hours=night),
        letter(2, person="maria", cap=cap),
        letter(3, person="jo", cap=cap),
        letter(4, person="jo", cap=cap, leave_by=NOW + 8 * DAY),
    ]
    found = forecast(NOW, letters, [Account(1)], App(), written={"maria": [NOW - 6 * DAY]})
    assert found[1] == Forecast(datetime(2026, 6, 2, 22, tzinfo=UTC), HOURS)
    assert found[2] == Forecast(NOW + DAY, CAP)
    assert found[3] == Forecast(NOW)
    assert found[4] == Forecast(NOW + 7 * DAY, CAP)


def test_what_cannot_leave_before_its_leave_by_does_not():
    account = Account(1, windows=[(1, 86400)])
    soon = NOW + minutes(30)
    letters = [
        letter(1),
        letter(2, leave_by=soon),
        letter(3, due=-1, account=2, hours=Hours(time(9), time(10), UTC_ZONE), leave_by=soon),
    ]
    found = forecast(NOW, letters, [account, Account(2)], App())
    assert (found[2].leaves_at, found[2].code) == (None, LIMITS)
    assert (found[3].leaves_at, found[3].code) == (None, HOURS)


def test_a_limit_of_none_lets_nothing_leave():
    found = forecast(NOW, [letter(1)], [Account(1, windows=[(0, 900)])], App())
    assert found[1] == Forecast(None, LIMITS)


def test_what_somebody_holds_does_not_leave_and_says_who():
    letters = [
        letter(1),
        letter(2, account=2),
        letter(3, account=2, held="The campaign is paused."),
    ]
    accounts = [Account(1, held="Sam paused the account."), Account(2)]
    found = forecast(NOW, letters, accounts, App())
    assert found[1] == Forecast(None, HELD, "Sam paused the account.")
    assert found[2].leaves_at == NOW
    assert found[3] == Forecast(None, HELD, "The campaign is paused.")


def test_behind_what_was_not_read_it_says_then_or_later():
    one_a_minute = {"windows": [(1, 60)]}
    letters = [letter(pk, lane=pk % 2) for pk in range(6)]
    found = forecast(NOW, letters, [Account(1, cut=frozenset({1}), **one_a_minute)], App())
    # lane 1 has more behind 5: what leaves after that may have to wait for one of those
    order = sorted(found, key=lambda pk: found[pk].leaves_at)
    assert [found[pk].exact for pk in order] == [True] * (order.index(5) + 1) + [False] * (
        5 - order.index(5)
    )
    # another account's letters are concerned where they share a budget, and else are not
    other = [letter(10, account=2, due=60)]
    cut = Account(1, cut=frozenset({1}), **one_a_minute)
    alone = forecast(NOW, [*letters, *other], [cut, Account(2)], App())
    shared = forecast(NOW, [*letters, *other], [cut, Account(2)], App(windows=[(99, 86400)]))
    assert (alone[10].exact, shared[10].exact) == (True, False)


# --- against counting by hand ----------------------------------------------------------------------
windows = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from([600, 900, 3600, 7200])), max_size=2, unique=True
)
moments = st.integers(-120, 240)
past = st.lists(st.integers(-120, 0), max_size=4)
any_hours = st.builds(
    Hours,
    st.sampled_from([time(0), time(9), time(13), time(22, 30)]),
    st.sampled_from([time(0), time(12, 30), time(18)]),
    st.sampled_from([UTC_ZONE, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")]),
    st.sampled_from([frozenset(), frozenset({0}), frozenset({1, 2})]),
    st.sampled_from([frozenset(), frozenset({date(2026, 6, 2)})]),
)


@st.composite
def worlds(draw, hours=any_hours, capped=True):
    """Letters of up to three accounts of one app, with windows and what counts in them."""
    count = draw(st.integers(1, 3))
    account_windows = draw(windows)
    accounts = [
        Account(
            pk,
            windows=account_windows,
            counted=sorted(NOW + minutes(each) for each in draw(past)),
            closed_until=draw(st.sampled_from([None, NOW + minutes(33)])),
            last_lane=draw(st.integers(0, 2)),
        )
        for pk in range(count)
    ]
    on_accounts = [moment for account in accounts for moment in account.counted]
    app = App(windows=draw(windows), counted=sorted(on_accounts))
    letters = [
        letter(
            pk,
            due=draw(moments),
            account=draw(st.integers(0, count - 1)),
            lane=draw(st.integers(0, 2)),
            hours=draw(hours),
            leave_by=NOW + minutes(draw(st.integers(10, 3000))),
            person=draw(st.integers(0, 20)),
            cap=draw(st.sampled_from([None, Cap(1, DAY), Cap(2, DAY)])) if capped else None,
        )
        for pk in range(draw(st.integers(1, 14)))
    ]
    written = {pk: [NOW - minutes(each)] for pk, each in enumerate(draw(past))} if capped else {}
    return letters, accounts, app, {who: [m for m in at if m <= NOW] for who, at in written.items()}


@given(worlds(), st.sampled_from([0, 0.5, 20]))
@settings(deadline=None)
def test_no_window_ever_holds_more_than_it_allows(world, takes):
    letters, accounts, app, written = world
    found = forecast(NOW, letters, accounts, app, written=written, takes=minutes(takes))
    assert found.keys() == {each.id for each in letters}
    for owner, mine in [
        *((account, [x for x in letters if x.account == account.id]) for account in accounts),
        (app, letters),
    ]:
        sent = [at for x in mine if (at := found[x.id].leaves_at)]
        for limit, seconds in owner.windows:
            counted = list(owner.counted)
            for at in sorted(sent):
                counts_since = at - timedelta(seconds=seconds)
                assert sum(ended > counts_since for ended in counted) < limit
                counted.append(at + minutes(takes))
        assert all(at >= (owner.closed_until or NOW) for at in sent)


@given(worlds())
@settings(deadline=None)
def test_nobody_is_written_to_outside_their_hours_on_a_quiet_day_or_too_late(world):
    letters, accounts, app, written = world
    found = forecast(NOW, letters, accounts, app, written=written)
    for each in letters:
        at = found[each.id].leaves_at
        if at is not None:
            assert max(NOW, each.look_at) <= at < each.leave_by
            assert open_at(each, at)


@given(worlds())
@settings(deadline=None)
def test_nobody_is_written_to_more_often_than_the_cap_says(world):
    letters, accounts, app, written = world
    found = forecast(NOW, letters, accounts, app, written=written)
    for each in letters:
        at = found[each.id].leaves_at
        if each.cap and at:
            assert len(lately(each, at, letters, found, written)) < each.cap.letters


@given(worlds())
@settings(deadline=None, max_examples=200)
def test_no_allowance_is_left_while_a_letter_may_leave(world):
    letters, accounts, app, written = world
    found = forecast(NOW, letters, accounts, app, written=written)
    sent = {each.id: at for each in letters if (at := found[each.id].leaves_at)}
    owners = {account.id: account for account in accounts}
    # Whatever changes does so at one of these moments.
    changes = {NOW, *sent.values(), *(each.look_at for each in letters)}
    changes |= {account.closed_until for account in accounts if account.closed_until}
    for owner in (*accounts, app):
        for _, seconds in owner.windows:
            ends = (*owner.counted, *sent.values())
            changes |= {ended + timedelta(seconds=seconds) for ended in ends}
    for each in letters:
        until = sent.get(each.id, each.leave_by)
        opens = {open_from(each, moment) for moment in changes}
        for moment in sorted(changes | opens):
            if not max(NOW, each.look_at) <= moment < until:
                continue
            account = owners[each.account]
            mine = [sent[x.id] for x in letters if x.account == account.id and x.id in sent]
            room = has_room(account, mine, moment) and has_room(app, list(sent.values()), moment)
            may = open_at(each, moment) and not (
                each.cap and len(lately(each, moment, letters, found, written)) >= each.cap.letters
            )
            assert not (room and may), (each.id, moment)


@given(worlds(hours=st.just(ANY_HOUR), capped=False))
@settings(deadline=None)
def test_within_a_lane_the_first_due_leaves_first(world):
    letters, accounts, app, written = world
    letters = [Letter(**{**fields(each), "leave_by": NOW + 99 * DAY}) for each in letters]
    found = forecast(NOW, letters, accounts, app, written=written)
    for first in letters:
        for second in letters:
            same = (first.account, first.lane) == (second.account, second.lane)
            if same and (first.look_at, first.id) < (second.look_at, second.id):
                assert found[first.id].leaves_at <= found[second.id].leaves_at


def fields(each: Letter) -> dict:
    return {name: getattr(each, name) for name in Letter.__slots__}


def open_from(each: Letter, moment: datetime) -> datetime:
    hours = each.hours
    quiet = (hours.quiet_weekdays, hours.quiet_dates)
    return next_open(moment, hours.opens, hours.closes, hours.zone, *quiet)


def open_at(each: Letter, moment: datetime) -> bool:
    return open_from(each, moment) == moment


def lately(each, moment, letters, found, written) -> list[datetime]:
    """When their person was written to before that moment, as far as the cap looks back."""
    sent = [
        at
        for other in letters
        if other.person == each.person and other.id != each.id
        if (at := found[other.id].leaves_at) and at <= moment
    ]
    known = [*written.get(each.person, []), *sent]
    return [at for at in known if at > moment - each.cap.within]


def has_room(owner, sent: list[datetime], moment: datetime) -> bool:
    if getattr(owner, "closed_until", None) and moment < owner.closed_until:
        return False
    counted = [*owner.counted, *(at for at in sent if at <= moment)]
    return all(
        sum(ended > moment - timedelta(seconds=seconds) for ended in counted) < limit
        for limit, seconds in owner.windows
    )


def test_ten_thousand_letters_take_well_under_a_second():
    zones = [ZoneInfo(name) for name in ("Asia/Tokyo", "Europe/Lisbon", "America/Denver")]
    hours = [Hours(time(9), time(18), zone, frozenset({6})) for zone in zones]
    letters = [
        letter(
            pk, due=pk % 3000, account=pk % 20, lane=pk % 3, hours=hours[pk % 3], person=pk,
            cap=Cap(1, 7 * DAY),
        )
        for pk in range(10_000)
    ]  # fmt: skip
    accounts = [Account(pk, windows=[(15, 900), (1440, 86400)]) for pk in range(20)]
    began = clock.process_time()
    found = forecast(NOW, letters, accounts, App(windows=[(1440, 86400)]))
    took = clock.process_time() - began
    assert len(found) == 10_000
    assert took < 0.8, took
