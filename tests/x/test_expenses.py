"""Tabs and the monthly cap: what is reserved stands before X is asked, and nobody goes beyond."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from outreach.ground.clock import now
from outreach.x import caps, expenses
from outreach.x.caps import CapState, Cost, Level, Month, level_for_letters
from outreach.x.errors import LimitedUntil, NotCalled, TryLater
from outreach.x.expenses import CapReached, Purpose, cap_of, may_spend, open_tab
from outreach.x.models import Expense, XApp
from tests import factories
from tests.delivery.meanwhile import somebody_waits_for_a_lock, threads, wait_until

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PRICES = [{"from": "2000-01-01", "send_dm": "0.015", "user": "0.010", "follow": "0.010"}]


@pytest.fixture(autouse=True)
def _prices(settings):
    settings.X_PRICES = PRICES


@pytest.fixture
def account(house):
    return house.account


@pytest.fixture
def real_account(transactional_db):
    """An account whose rows other connections see."""
    return factories.house().account


def tab_for(account, reserve=100, **options):
    return open_tab(account.app_id, account.pk, "user", reserve, **options)


def set_cap(account, cap, warn_percent=80) -> None:
    XApp.objects.filter(pk=account.app_id).update(monthly_cap=cap, warn_percent=warn_percent)


def spent_already(account, sum_, kind="user", day=None) -> None:
    """An expense of so many dollars, reckoned up."""
    Expense.objects.create(
        app_id=account.app_id,
        account=account,
        kind=kind,
        day=day or now().date(),
        unit_price=Decimal(sum_),
        reserved=1,
        used=1,
    )


def spent(account) -> Decimal:
    return cap_of(account.app_id).spent


# --- tabs ------------------------------------------------------------------------------------


def test_a_tab_stands_in_the_database_before_anything_is_spent(account):
    tab_for(account, 100)
    row = Expense.objects.get()
    assert (row.reserved, row.used, row.unit_price, row.cost) == (
        100,
        None,
        Decimal("0.01"),
        Decimal(1),
    )
    assert (row.app_id, row.account_id, row.kind, row.day) == (
        account.app_id,
        account.pk,
        "user",
        now().astimezone(UTC).date(),
    )


def test_it_is_committed_when_opening_it_returns(real_account):
    with threads(1) as start:
        tab_for(real_account, 7)
        seen = start(lambda: Expense.objects.get().reserved).result()
    assert seen == 7


def test_a_tab_is_never_opened_inside_somebodys_transaction(real_account):
    with transaction.atomic(), pytest.raises(RuntimeError):
        tab_for(real_account)
    assert not Expense.objects.exists()


def test_a_tab_of_nothing_is_refused(account):
    with pytest.raises(ValueError, match="reserves something"):
        tab_for(account, 0)


def test_closing_writes_what_was_spent(account):
    with tab_for(account, 100) as tab:
        tab.spend(30)
        tab.spend(3)
        assert (tab.left, spent(account)) == (67, Decimal(1))
    row = Expense.objects.get()
    assert (row.reserved, row.used, row.cost) == (100, 33, Decimal("0.33"))
    tab.close()
    assert spent(account) == Decimal("0.33")


def test_many_spends_cost_one_row_and_no_query(account, django_assert_num_queries):
    tab = tab_for(account, 1000)
    with django_assert_num_queries(0):
        for _ in range(1000):
            tab.spend(1)
            tab.reserve(0)
    with django_assert_num_queries(3):  # the update, in a transaction of its own
        tab.close()
    assert Expense.objects.get().used == 1000


def test_opening_costs_the_clock_and_one_row(account, django_assert_num_queries):
    with django_assert_num_queries(4):  # and the ends of its transaction
        tab_for(account)


def test_more_is_reserved_before_what_is_spent_exceeds_it(account):
    tab = tab_for(account, 10)
    seen = []
    for _ in range(4):
        tab.spend(7)
        seen.append((Expense.objects.get().reserved, tab.left))
    assert seen == [(10, 3), (20, 6), (30, 9), (30, 2)]
    tab.close()
    assert (Expense.objects.get().used, Expense.objects.count()) == (28, 1)


def test_one_spend_larger_than_a_chunk_is_reserved_whole(account):
    tab = tab_for(account, 10)
    tab.spend(1234)
    assert (Expense.objects.get().reserved, tab.left) == (1234, 0)


def test_the_next_page_is_reserved_before_it_is_asked_for(account):
    tab = tab_for(account, 100)
    tab.spend(100)
    assert tab.reserve(100) == 100
    assert Expense.objects.get().reserved == 200
    assert tab.reserve(60) == 60
    assert Expense.objects.get().reserved == 200


@hypothesis_settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["spend", "reserve"]), st.integers(1, 40)), max_size=30))
def test_what_stands_reserved_is_never_less_than_what_was_spent(steps):
    class Row:
        """The database's row, as far as a tab knows it."""

        reserved = 0

    def write_down(*arguments):
        Row.reserved = arguments[3]
        return expenses._Reserved(1, Row.reserved, float("inf"))

    def raise_reservation(pk, units, purpose):
        Row.reserved += units
        return units

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expenses, "_write_down", write_down)
        patch.setattr(expenses, "_raise_reservation", raise_reservation)
        tab, total = open_tab(1, 1, "user", 10), 0
        for step, count in steps:
            if step == "spend":
                tab.spend(count)
                total += count
            else:
                assert tab.reserve(count) == count
                assert Row.reserved - total >= count
            assert tab.left == Row.reserved - total >= 0


def test_a_kind_without_a_price_costs_nothing(account):
    with open_tab(account.app_id, account.pk, "dm.sent", 5, purpose=Purpose.SYNC) as tab:
        tab.spend(5)
    assert (spent(account), Expense.objects.get().used) == (0, 5)


def test_the_price_is_the_one_of_the_day(account, settings):
    settings.X_PRICES = [*PRICES, {"from": "2999-01-01", "user": "1"}]
    tab_for(account, 1)
    settings.X_PRICES = [*PRICES, {"from": "2026-01-01", "user": "2"}]
    tab_for(account, 1)
    prices = Expense.objects.order_by("pk").values_list("unit_price", flat=True)
    assert list(prices) == [Decimal("0.01"), Decimal(2)]


def test_a_tab_open_over_midnight_goes_on_on_a_row_of_the_new_day(account, clock, monkeypatch):
    tab = tab_for(account, 10)
    tab.spend(4)
    clock(86400)
    monkeypatch.setattr(expenses, "boot_seconds", lambda: float("inf"))
    tab.spend(3)
    tab.close()
    days = list(Expense.objects.order_by("day").values_list("day", "used"))
    today = now().astimezone(UTC).date()
    assert days == [(today - timedelta(days=1), 4), (today, 3)]


def test_a_tab_knows_when_its_day_ends(account):
    before = now()
    tab = tab_for(account)
    midnight = (before + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    left = tab._day_ends - expenses.boot_seconds()
    assert abs((midnight - before).total_seconds() - left) < 60


@pytest.mark.parametrize(
    ("error", "used"),
    [
        (LimitedUntil("rate_limited", status=429), 0),
        (TryLater("server_error", status=503), 0),
        (NotCalled("no_connection"), 0),
        (TryLater("answer_timed_out"), None),
        (TryLater("connection_lost"), None),
        (TryLater("unreadable_answer", status=200), None),
        (ZeroDivisionError(), None),
        (KeyboardInterrupt(), None),
    ],
)
def test_a_call_whose_answer_was_lost_stays_at_what_it_reserved(account, error, used):
    with pytest.raises(type(error)), tab_for(account, 100):
        raise error
    row = Expense.objects.get()
    assert (row.used, row.cost) == (used, Decimal(1) if used is None else Decimal(0))


def test_a_killed_process_leaves_the_month_dearer_never_cheaper(real_account):
    address = urlsplit(os.environ["DATABASE_URL"])
    database = connection.settings_dict["NAME"]
    arguments = [real_account.app_id, real_account.pk, 100, 130]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.x.spender", *map(str, arguments)],
        cwd=CHECKOUT,
        env=os.environ
        | {
            "DATABASE_URL": address._replace(path=f"/{database}").geturl(),
            "DJANGO_SETTINGS_MODULE": "outreach.settings",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "spent\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGKILL
    row = Expense.objects.get()
    assert (row.used, row.reserved) == (None, 200)
    assert spent(real_account) == Decimal(2) >= 130 * row.unit_price
    # Others go on beside it, on tabs of their own, and nobody reckons it up later.
    with tab_for(real_account, 100) as tab:
        tab.spend(1)
    row.refresh_from_db()
    assert (row.used, spent(real_account)) == (None, Decimal("2.01"))


def test_each_thread_spends_on_a_tab_of_its_own(real_account):
    def spend_some():
        with tab_for(real_account, 5) as tab:
            for _ in range(13):
                tab.spend(1)

    with threads(8) as start:
        for spending in [start(spend_some) for _ in range(8)]:
            spending.result()
    assert list(Expense.objects.values_list("used", flat=True)) == [13] * 8
    assert spent(real_account) == Decimal("1.04")


# --- the month -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "since", "until"),
    [
        ("2026-11-30T23:59:59+00:00", "2026-11-01", "2026-12-01"),
        ("2026-12-01T00:00:00+00:00", "2026-12-01", "2027-01-01"),
        ("2026-12-01T01:30:00+02:00", "2026-11-01", "2026-12-01"),
        ("2028-02-29T12:00:00-11:00", "2028-02-01", "2028-03-01"),
    ],
)
def test_a_month_is_a_utc_month(moment, since, until):
    month = Month.of(datetime.fromisoformat(moment))
    assert [f"{day:%Y-%m-%d %H:%M %Z}" for day in (month.since, month.until)] == [
        f"{since} 00:00 UTC",
        f"{until} 00:00 UTC",
    ]


def test_this_months_cost_by_kind_and_by_account(house):
    one, two = house.account, factories.account(house.workspace)
    factories.delivery(house)
    from outreach.delivery.claim import claim  # the room above, which fills the hook

    claim(one.pk)
    spent_already(one, "0.10")
    spent_already(one, "0.20", "follow")
    spent_already(two, "0.05")
    Expense.objects.create(
        app_id=one.app_id, kind="user", day=now().date(), unit_price=1, reserved=1
    )
    month = Month.of(now())
    spent_already(one, "9", day=(month.since - timedelta(days=1)).date())
    spent_already(one, "9", day=month.until.date())
    found = cap_of(one.app_id)
    assert found.by_kind() == {
        "user": Decimal("1.15"),
        "follow": Decimal("0.20"),
        "send_dm": Decimal("0.015"),
    }
    assert found.by_kind(one.pk) == {
        "follow": Decimal("0.20"),
        "user": Decimal("0.10"),
        "send_dm": Decimal("0.015"),
    }
    assert found.by_account() == {
        None: Decimal(1),
        one.pk: Decimal("0.315"),
        two.pk: Decimal("0.05"),
    }
    assert found.spent == Decimal("1.365")


def test_the_cost_takes_four_queries_however_much_there_is(house, django_assert_num_queries):
    for more in (0, 1, 5):
        for _ in range(more):
            spent_already(house.account, "0.01", f"kind {more}")
            spent_already(factories.account(house.workspace), "0.01")
        with django_assert_num_queries(4):
            cap_of(house.account.app_id)
        may_spend(house.account.app_id, Purpose.SYNC)  # the days that are over, once a process
        with django_assert_num_queries(4):
            may_spend(house.account.app_id, Purpose.SYNC)


def test_another_app_has_a_budget_of_its_own(house, account):
    other = XApp.objects.create(workspace=house.workspace, name="ours", client_id="ours")
    spent_already(account, "24")
    assert (cap_of(other.pk).spent, may_spend(other.pk, Purpose.SYNC)) == (0, True)


# --- what the cap does -----------------------------------------------------------------------

ALL = frozenset(Purpose)


@pytest.mark.parametrize(
    ("cap", "warn", "spent_before", "stopped"),
    [
        (25, 80, "0", set()),
        (25, 80, "19.99", set()),
        (25, 80, "20", {Purpose.SYNC}),
        (25, 80, "23.74", {Purpose.SYNC}),
        (25, 80, "23.75", {Purpose.SYNC, Purpose.LETTER}),
        (25, 80, "24.99", {Purpose.SYNC, Purpose.LETTER}),
        (25, 80, "25", ALL),
        (25, 100, "24.99", set()),
        (25, 100, "25", ALL),
        (25, 97, "24.24", set()),
        (25, 97, "24.25", {Purpose.SYNC, Purpose.LETTER}),
        (0, 80, "0", ALL),
    ],
)
def test_syncs_stop_first_then_letters_and_settling_last(account, cap, warn, spent_before, stopped):
    set_cap(account, cap, warn)
    spent_already(account, spent_before)
    assert cap_of(account.app_id).stopped == stopped
    assert {each for each in Purpose if not may_spend(account.app_id, each)} == stopped
    for purpose in Purpose:
        if purpose in stopped:
            with pytest.raises(CapReached):
                tab_for(account, purpose=purpose)
        else:
            tab_for(account, 1, purpose=purpose)
            Expense.objects.filter(used__isnull=True).delete()


def state(spent_, cap=25, warn=80) -> CapState:
    app = XApp(monthly_cap=Decimal(cap), warn_percent=warn)
    month = Month.of(datetime(2026, 11, 23, tzinfo=UTC))
    return CapState(
        1, app.monthly_cap, caps.levels_of(app), (Cost(1, "user", Decimal(spent_)),), month
    )


@pytest.mark.parametrize(
    ("spent_", "words"),
    [
        (
            "3.42",
            (
                "This month: $3.42 of $25. At $20.00 syncs stop, at $23.75 letters wait, at $25.00 "
                "reads that settle unsure letters and hear ‘stop’ end too."
            ),
        ),
        (
            "20",
            (
                "This month: $20.00 of $25. Syncs have stopped until 1 December or until the cap is "
                "raised; at $23.75 letters wait, at $25.00 reads that settle unsure letters and hear "
                "‘stop’ end too."
            ),
        ),
        (
            "23.7501",
            (
                "This month: $23.76 of $25. Syncs have stopped and letters wait until 1 December or "
                "until the cap is raised; at $25.00 reads that settle unsure letters and hear "
                "‘stop’ end too."
            ),
        ),
        (
            "1025",
            (
                "This month: $1,025.00 of $25. Syncs, letters and reads that settle unsure letters and "
                "hear ‘stop’ have stopped until 1 December or until the cap is raised."
            ),
        ),
    ],
)
def test_the_cap_says_what_it_does(spent_, words):
    assert state(spent_).words == words


def test_why_a_letter_waits_fits_its_column():
    month = Month.of(datetime(2026, 11, 23, tzinfo=UTC))
    level = Level(Decimal(9_999_999), Decimal(9_499_999), Decimal(9_499_999), month)
    assert level.words == (
        "This month's cap for X is $9,999,999: letters wait from $9,499,999.00 on, and "
        "$9,499,999.00 is spent. They leave again on 1 December, or once the cap is raised."
    )
    assert len(level.words) <= 300


def test_near_the_level_a_tab_is_smaller_than_was_wanted(account):
    spent_already(account, "19.955")
    with tab_for(account, 100, purpose=Purpose.SYNC) as tab:
        assert tab.left == 5  # the last of them begins below $20
        tab.spend(5)
        with pytest.raises(CapReached) as reached:
            tab.reserve(1)
    assert spent(account) == Decimal("20.005")
    assert str(reached.value).startswith("This month's cap for X is $25")


def test_a_further_page_is_cut_to_what_the_cap_allows(account):
    spent_already(account, "18")
    with tab_for(account, 150, purpose=Purpose.SYNC) as tab:
        tab.spend(150)
        assert tab.reserve(100) == 50
        tab.spend(50)
        with pytest.raises(CapReached):
            tab.reserve(100)
    assert spent(account) == Decimal(20)


def test_what_stands_reserved_is_used_before_the_cap_stops_a_page(account):
    """The cap pays for 150: after a page of 100 half a page is left, and then nothing."""
    set_cap(account, "1.50", warn_percent=100)
    tab = tab_for(account, 150, purpose=Purpose.SYNC)
    tab.spend(100)
    assert tab.reserve(100) == 50
    tab.spend(50)
    with pytest.raises(CapReached):
        tab.reserve(100)
    tab.close()


def test_what_x_charged_is_written_down_whatever_the_cap_says(account):
    spent_already(account, "25")
    with tab_for(account, 1) as tab:
        tab.spend(500)
    assert spent(account) == Decimal(30)


def test_a_cap_that_is_raised_allows_more_at_once(account):
    spent_already(account, "24")
    assert not may_spend(account.app_id, Purpose.SYNC)
    set_cap(account, 100)
    assert may_spend(account.app_id, Purpose.SYNC)


def test_of_many_at_the_edge_of_the_cap_none_goes_beyond_it(real_account):
    spent_already(real_account, "19.90")

    def take() -> int:
        try:
            with tab_for(real_account, 3, purpose=Purpose.SYNC) as tab:
                units = tab.left
                tab.spend(units)
                return units
        except CapReached:
            return 0

    with threads(8) as start:
        taken: list[Future[int]] = [start(take) for _ in range(8)]
        assert sum(each.result() for each in taken) == 10
    assert spent(real_account) == Decimal(20)


# --- the claim's look at it ------------------------------------------------------------------


@transaction.atomic
def look(account, moment=None) -> Level:
    return level_for_letters(account.app_id, moment or now())


def locks_the_app(account) -> bool:
    """Whether a claim's look waits for somebody who holds the app's row."""
    with threads(1) as start:
        with transaction.atomic():
            caps.locked(account.app_id)
            looking = start(look, account)
            wait_until(lambda: looking.done() or somebody_waits_for_a_lock())
            waits = not looking.done()
        looking.result()
    return waits


@pytest.mark.parametrize(
    ("spent_before", "locks"), [("22.24", False), ("22.26", True), ("30", True)]
)
def test_a_claim_waits_for_others_only_near_the_cap(real_account, spent_before, locks):
    spent_already(real_account, spent_before)
    assert locks_the_app(real_account) == locks


def test_very_far_from_the_cap_a_claim_goes_by_what_was_counted_within_a_second(account):
    set_cap(account, 100)
    moment = now()
    assert look(account, moment).spent == 0
    spent_already(account, "1")
    for later, spent_then in ((0.0, 0), (0.9, 0), (1.0, 1), (-0.1, 1)):
        assert look(account, moment + timedelta(seconds=later)).spent == spent_then


def test_what_was_counted_is_no_longer_gone_by_once_it_is_not_very_far(account):
    """The cap pays for 6,333 letters; from 2,000 before the end on each claim counts."""
    set_cap(account, 100)
    moment = now()
    spent_already(account, "64.99")
    look(account, moment)
    spent_already(account, "0.01")
    assert look(account, moment).spent == Decimal("64.99")
    later = moment + timedelta(seconds=1)
    assert look(account, later).spent == Decimal(65)
    spent_already(account, "30")
    assert look(account, later).reached


def test_what_was_counted_ends_with_its_month(account):
    set_cap(account, 100)
    ends = Month.of(now()).until
    spent_already(account, "1", day=(ends - timedelta(days=1)).date())
    assert look(account, ends - timedelta(microseconds=1)).spent == Decimal(1)
    assert look(account, ends).spent == 0


def test_a_claims_look_takes_no_query_where_the_level_is_known(account, django_assert_num_queries):
    set_cap(account, 100)
    moment = now()
    look(account, moment)
    with django_assert_num_queries(2):  # the savepoint's ends
        look(account, moment)


def test_a_claims_look_takes_three_queries_far_from_the_cap(account, django_assert_num_queries):
    spent_already(account, "1")
    look(account)
    spent_already(account, "1")
    with django_assert_num_queries(2 + 1 + 3):  # the savepoint's ends and this test's clock
        assert look(account).spent == Decimal(2)


def test_days_that_are_over_are_reckoned_once_and_today_always(account, clock):
    month = Month.of(now())
    tenth = month.since + timedelta(days=9, hours=12)
    spent_already(account, "1", day=tenth.date() - timedelta(days=1))
    spent_already(account, "2", day=tenth.date())
    assert look(account, tenth).spent == Decimal(3)
    spent_already(account, "4", day=tenth.date())
    assert look(account, tenth).spent == Decimal(7)


def test_near_the_level_what_was_reckoned_down_since_counts_as_it_is(account):
    """A tab of a day that is over, closed afterwards: remembered at what it had reserved."""
    tenth = Month.of(now()).since + timedelta(days=9, hours=12)
    spent_already(account, "30", day=tenth.date() - timedelta(days=1))
    assert look(account, tenth).reached
    Expense.objects.update(used=0)
    assert (look(account, tenth).spent, look(account, tenth).reached) == (0, False)


def test_what_was_spent_shortly_before_midnight_is_reckoned_anew_for_an_hour(account):
    month = Month.of(now())
    midnight = month.since + timedelta(days=9)
    just_after = midnight + timedelta(minutes=30)
    look(account, just_after)
    spent_already(account, "1", day=(midnight - timedelta(days=1)).date())
    assert look(account, just_after).spent == Decimal(1)


def test_a_month_begins_with_nothing_spent(account):
    month = Month.of(now())
    spent_already(account, "30", day=(month.since - timedelta(days=1)).date())
    for minutes in (0, 30, 90):
        assert look(account, month.since + timedelta(minutes=minutes)).spent == 0
