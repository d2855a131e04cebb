"""Tabs: what a batch of reads or events costs is reserved before X is asked, reckoned up after.

A tab is a committed row that says what may be spent on it. What is spent counts in memory, so
that many spends cost one row; closing the tab writes the count. A process that dies leaves the
row as it reserved it: the month looks dearer than it was, never cheaper
(docs/decisions/0012-costs-are-reserved-first.md).

    with open_tab(app_id, account_id, "user", 100, purpose=Purpose.LETTER) as tab:
        answer = client.users(ids[: tab.left])
        tab.spend(len(answer.found))

A tab belongs to one thread. Opening it, reserving more and closing it are transactions of their
own: never inside another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from types import TracebackType
from typing import Self

from django.db.models import F

from outreach.ground.clock import now
from outreach.ground.writes import engine_action
from outreach.x.caps import CapState, Level, Purpose, cap_of, level, locked, may_spend
from outreach.x.errors import NotCalled, XError
from outreach.x.models import Expense, XApp
from outreach.x.prices import price
from outreach.x.transport import boot_seconds

__all__ = ["CapReached", "CapState", "Purpose", "Tab", "cap_of", "may_spend", "open_tab"]


class CapReached(Exception):  # noqa: N818 - says what happened
    """The app's monthly cap does not pay for this purpose any more; nothing was reserved."""

    def __init__(self, level: Level) -> None:
        self.level = level
        super().__init__(level.words)


def open_tab(
    app_id: int,
    account_id: int | None,
    kind: str,
    reserve: int,
    *,
    purpose: Purpose | None = None,
) -> Tab:
    """A tab on which `reserve` calls or resources of that kind (of X_PRICES) stand reserved.

    With a `purpose` the cap is asked, and holds against everybody else who spends meanwhile:
    `tab.left` may then be less than was wanted, though never nothing. Without one it is not asked,
    for what cannot be refused. Raises CapReached, ValueError where nothing is to be reserved.
    """
    return Tab(app_id, account_id, kind, reserve, purpose)


@dataclass(frozen=True, slots=True)
class _Reserved:
    """A row as it was written down, and the boot clock's time at which its UTC day ends."""

    pk: int
    units: int
    day_ends: float


class Tab:
    """A reservation that is spent bit by bit. As a context manager it closes itself.

    Where X was asked and its answer was lost, or a bug struck, nobody knows what it cost: the tab
    then stays at what it reserved.
    """

    def __init__(
        self, app_id: int, account_id: int | None, kind: str, chunk: int, purpose: Purpose | None
    ) -> None:
        if chunk < 1:
            raise ValueError("a tab reserves something")
        self._app_id, self._account_id, self._kind = app_id, account_id, kind
        self._chunk, self._purpose = chunk, purpose
        self._closed = False
        self._open(chunk, purpose)

    @property
    def left(self) -> int:
        """How many stand reserved and are not spent yet."""
        return self._reserved - self._used

    def reserve(self, count: int) -> int:
        """See to it that `count` more stand reserved; say how many the cap allows of them.

        Call it before each further call to X, with the most that the call may bring. No query
        where enough is left. Raises CapReached where the cap allows none.
        """
        if boot_seconds() >= self._day_ends:
            before = self._row
            self._open(max(count, self._chunk), self._purpose)
            _reckon_up(*before)
        elif count > self.left:
            try:
                self._reserve_more(max(count - self.left, self._chunk), self._purpose)
            except CapReached:
                if not self.left:
                    raise
        return min(count, self.left)

    def spend(self, count: int) -> None:
        """Count what X answered or pushed; reserves another chunk before it exceeds the first.

        What X has charged is written down, whatever the cap says.
        """
        if boot_seconds() >= self._day_ends:
            # On a row of the new day, which stands before the old one is reckoned up.
            before = self._row
            self._open(max(count, self._chunk), None)
            _reckon_up(*before)
        elif count > self.left:
            self._reserve_more(max(count - self.left, self._chunk), None)
        self._used += count

    def close(self) -> None:
        """Write down what was spent; once."""
        if not self._closed:
            self._closed = True
            _reckon_up(*self._row)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or _is_free(error):
            self.close()

    @property
    def _row(self) -> tuple[int, int]:
        return self._pk, self._used

    def _open(self, units: int, purpose: Purpose | None) -> None:
        found = _write_down(self._app_id, self._account_id, self._kind, units, purpose)
        self._pk, self._reserved, self._day_ends = found.pk, found.units, found.day_ends
        self._used = 0

    def _reserve_more(self, units: int, purpose: Purpose | None) -> None:
        self._reserved += _raise_reservation(self._pk, units, purpose)


def _is_free(error: BaseException) -> bool:
    """Whether this end of a call certainly cost nothing: not made, or refused by X."""
    refused = isinstance(error, XError) and error.status is not None and error.status >= 400
    return refused or isinstance(error, NotCalled | CapReached)


@engine_action
def _write_down(
    app_id: int, account_id: int | None, kind: str, units: int, purpose: Purpose | None
) -> _Reserved:
    """The row, committed when this returns."""
    app = locked(app_id) if purpose is not None else None
    moment = now().astimezone(UTC)
    began = boot_seconds()
    unit_price = price(kind, moment.date())
    if app is not None and purpose is not None:
        units = _that_fit(app, purpose, units, unit_price, moment)
    row = Expense.objects.create(
        app_id=app_id,
        account_id=account_id,
        kind=kind,
        day=moment.date(),
        unit_price=unit_price,
        reserved=units,
    )
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return _Reserved(row.pk, units, began + (midnight - moment).total_seconds())


@engine_action
def _raise_reservation(pk: int, units: int, purpose: Purpose | None) -> int:
    """Reserve up to so many more on an open row; return how many."""
    row = Expense.objects.get(pk=pk)
    if purpose is not None:
        units = _that_fit(locked(row.app_id), purpose, units, row.unit_price, now())
    Expense.objects.filter(pk=pk).update(reserved=F("reserved") + units)
    return units


@engine_action
def _reckon_up(pk: int, used: int) -> None:
    Expense.objects.filter(pk=pk).update(used=used)


def _that_fit(
    app: XApp, purpose: Purpose, units: int, unit_price: Decimal, moment: datetime
) -> int:
    """How many of so many begin below the purpose's level. The app's row is locked."""
    found = level(app, purpose, moment, wanted=units * unit_price)
    if found.reached:
        raise CapReached(found)
    if not unit_price:
        return units
    room = (found.at - found.spent) / unit_price
    return min(units, int(room.to_integral_value(ROUND_CEILING)))
