"""The monthly cap of an X app: what was spent, and what it still allows.

Promise 8: syncs stop at the warning level, letters at 95 % of the cap, and what settles unsure
letters or hears 'stop' last, at the cap itself. Months are UTC months.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import TypeVar

from django.db.models import Sum
from django.db.models.functions import Coalesce

from outreach.ground.clock import now
from outreach.ground.writes import step
from outreach.x.hooks import spent_on_letters
from outreach.x.models import Expense, XApp
from outreach.x.prices import price

K = TypeVar("K")

# The kind under which settings.X_PRICES knows a letter. Its price stands on its attempt.
LETTERS = "send_dm"
LETTERS_PERCENT = 95
# So many letters may be between being counted and being committed, over all workers, while nobody
# locks the app's row; nearer to the level than their price, claims go one by one.
AT_ONCE = 100
# Further from the level than the price of so many letters, a process goes by what it counted
# within the last second: more than all workers send, and than syncs and look-ups cost, in that time.
IN_A_SECOND = 2000
KNOWN_FOR = timedelta(seconds=1)
# What was spent on a UTC day is reckoned once a process when that day is over for so long.
DAY_SETTLES = timedelta(hours=1)


class Purpose(enum.Enum):
    """What money is spent for, in the order in which the cap stops it."""

    SYNC = "sync"
    LETTER = "letter"
    SETTLE = "settle"  # and hear 'stop'


@dataclass(frozen=True, slots=True)
class Month:
    """A UTC month, [since, until)."""

    since: datetime
    until: datetime

    @classmethod
    def of(cls, moment: datetime) -> Month:
        """The month that `moment` is in."""
        start = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return cls(start, (start + timedelta(days=32)).replace(day=1))


@dataclass(frozen=True, slots=True)
class Level:
    """How far the month is from what stops one purpose. All in US dollars."""

    cap: Decimal
    at: Decimal  # from here on the purpose waits
    spent: Decimal
    month: Month

    @property
    def reached(self) -> bool:
        return self.spent >= self.at

    @property
    def words(self) -> str:
        """Why a letter waits, for a marketer."""
        return (
            f"This month's cap for X is {dollars(self.cap)}: letters wait from "
            f"{cents(self.at)} on, and {cents(self.spent)} is spent. They leave again on "
            f"{day_words(self.month.until)}, or once the cap is raised."
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """What one kind of call or event cost one account this month; no account: the app itself."""

    account_id: int | None
    kind: str
    cost: Decimal


@dataclass(frozen=True, slots=True)
class CapState:
    """What an X app spent this month, on what, and what its cap does. All in US dollars."""

    app_id: int
    cap: Decimal
    levels: dict[Purpose, Decimal]
    costs: tuple[Cost, ...]
    month: Month

    @property
    def spent(self) -> Decimal:
        return sum((each.cost for each in self.costs), Decimal(0))

    @property
    def warn_at(self) -> Decimal:
        return self.levels[Purpose.SYNC]

    @property
    def stopped(self) -> frozenset[Purpose]:
        """What is not paid for any more until the month ends or the cap is raised."""
        return frozenset(each for each in Purpose if self.spent >= self.levels[each])

    def by_kind(self, account_id: int | None = None) -> dict[str, Decimal]:
        """The cost by kind, dearest first: of everything, or of one account."""
        wanted = [each for each in self.costs if account_id in (None, each.account_id)]
        return _summed((each.kind, each.cost) for each in wanted)

    def by_account(self) -> dict[int | None, Decimal]:
        """The cost by account, dearest first; None is the app itself."""
        return _summed((each.account_id, each.cost) for each in self.costs)

    @property
    def words(self) -> str:
        """What was spent and what the cap does next, in two sentences."""
        return f"This month: {cents(self.spent)} of {dollars(self.cap)}. {self.does}"

    @property
    def does(self) -> str:
        """What the cap has done, and what it does next, in one sentence."""
        until = f"until {day_words(self.month.until)} or until the cap is raised"
        last = "reads that settle unsure letters and hear ‘stop’"
        at = {purpose: cents(level) for purpose, level in self.levels.items()}
        if Purpose.SETTLE in self.stopped:
            return f"Syncs, letters and {last} have stopped {until}."
        if Purpose.LETTER in self.stopped:
            also = f"at {at[Purpose.SETTLE]} {last} end too"
            return f"Syncs have stopped and letters wait {until}; {also}."
        rest = f"at {at[Purpose.LETTER]} letters wait, at {at[Purpose.SETTLE]} {last} end too"
        if Purpose.SYNC in self.stopped:
            return f"Syncs have stopped {until}; {rest}."
        return f"At {at[Purpose.SYNC]} syncs stop, {rest}."


def levels_of(app: XApp) -> dict[Purpose, Decimal]:
    """From what sum on, in US dollars, each purpose is stopped; each no lower than the one before."""
    percent = {
        Purpose.SYNC: app.warn_percent,
        Purpose.LETTER: max(LETTERS_PERCENT, app.warn_percent),
        Purpose.SETTLE: 100,
    }
    return {purpose: app.monthly_cap * share / 100 for purpose, share in percent.items()}


def cap_of(app_id: int) -> CapState:
    """What the app spent this month, by account and kind, and what its cap does. Four queries."""
    return state_of(XApp.objects.get(pk=app_id), now())


def state_of(app: XApp, moment: datetime) -> CapState:
    """The same for an app that was read, at a moment that is known. Two queries."""
    month = Month.of(moment)
    calls = (
        Expense.objects.filter(app=app, day__gte=month.since, day__lt=month.until)
        .values_list("account_id", "kind")
        .annotate(Sum("cost"))
        .order_by()
    )
    letters = spent_on_letters(app.pk, month.since, month.until)
    return CapState(
        app_id=app.pk,
        cap=app.monthly_cap,
        levels=levels_of(app),
        costs=(
            *(Cost(account_id, LETTERS, cost) for account_id, cost in letters.items()),
            *(Cost(*row) for row in calls),
        ),
        month=month,
    )


def may_spend(app_id: int, purpose: Purpose) -> bool:
    """Whether the app's cap still pays for this. Four queries, six where it seems not to.

    Advisory; what must not go beyond the cap opens a tab with the purpose (expenses.py).
    """
    app = XApp.objects.get(pk=app_id)
    return not level(app, purpose, now()).reached


def level(app: XApp, purpose: Purpose, moment: datetime, *, wanted: Decimal = Decimal(0)) -> Level:
    """How far the month is from stopping the purpose. Two queries, four where it is near.

    Exact where so many dollars more would reach the level; further from it, never too low.
    """
    month, at = Month.of(moment), levels_of(app)[purpose]
    spent = _spent_about(app.pk, month, moment)
    if spent + wanted >= at:
        spent = _spent(app.pk, month.since, month.until)
    return Level(app.monthly_cap, at, spent, month)


@step
def level_for_letters(app_id: int, moment: datetime) -> Level:
    """How far a claim through this app is from the app's level for letters.

    Near the level it locks the app's row, as tabs with a purpose do, and counts again: of those
    who come at once, one after the other sees what the one before spent. So no more than one
    letter's price goes beyond the level. Far from it nobody waits for anybody, and very far from
    it nothing is asked for a second, in which a cap that is lowered may not be seen.
    """
    known = _known.get(app_id)
    if known and known.at <= moment < min(known.at + KNOWN_FOR, known.level.month.until):
        return known.level
    each = price(LETTERS, moment.astimezone(UTC).date())
    found = level(XApp.objects.get(pk=app_id), Purpose.LETTER, moment)
    if found.spent + AT_ONCE * each >= found.at:
        found = level(locked(app_id), Purpose.LETTER, moment)
    if found.spent + IN_A_SECOND * each < found.at:
        _known[app_id] = _Known(moment, found)
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    """A level that is far from being reached, and when it was counted."""

    at: datetime
    level: Level


# By X app; of this process.
_known: dict[int, _Known] = {}


@step
def locked(app_id: int) -> XApp:
    """The app with its row locked: whoever else wants to spend near its cap waits."""
    return XApp.objects.select_for_update(no_key=True).get(pk=app_id)


def _spent(app_id: int, since: datetime, until: datetime) -> Decimal:
    """US dollars for calls, events and letters in whole UTC days, [since, until). Two queries."""
    calls = Expense.objects.filter(app_id=app_id, day__gte=since.date(), day__lt=until.date())
    paid: Decimal = calls.aggregate(paid=Coalesce(Sum("cost"), Decimal(0)))["paid"]
    return paid + sum(spent_on_letters(app_id, since, until).values())


def _spent_about(app_id: int, month: Month, moment: datetime) -> Decimal:
    """The same for the month, counting the days that are over only once a process.

    A tab closed afterwards, or a call that turns out not to have been made, makes the truth
    smaller than this, never larger.
    """
    today = (moment.astimezone(UTC) - DAY_SETTLES).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    over = max(today, month.since)
    return _spent_before(app_id, month.since, over) + _spent(app_id, over, month.until)


@functools.lru_cache(maxsize=1024)
def _spent_before(app_id: int, since: datetime, until: datetime) -> Decimal:
    return _spent(app_id, since, until) if since < until else Decimal(0)


def _summed(pairs: Iterator[tuple[K, Decimal]]) -> dict[K, Decimal]:
    sums: dict[K, Decimal] = {}
    for key, cost in pairs:
        sums[key] = sums.get(key, Decimal(0)) + cost
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def cents(sum_: Decimal) -> str:
    """A sum with its cents, rounded up: spending never looks smaller than it is."""
    return f"${sum_.quantize(Decimal('0.01'), rounding=ROUND_CEILING):,}"


def dollars(sum_: Decimal) -> str:
    """A sum without cents where it has none: $25, $12.50."""
    return cents(sum_).removesuffix(".00")


def day_words(moment: datetime) -> str:
    """The UTC day of a moment, such as '1 December'."""
    day = moment.astimezone(UTC)
    return f"{day.day} {day:%B}"
