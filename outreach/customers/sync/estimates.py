"""What a sync will take, told before it begins: calls, minutes, US dollars."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.conf import settings

from outreach.customers.models import SyncKind
from outreach.x.caps import cents
from outreach.x.client import USERS_PER_CALL, USERS_PER_PAGE
from outreach.x.prices import price

# A name of settings.X_PRICES: what X takes for each person, by what is asked.
LOOK_UP = "user"
LISTED, LISTED_BY_OWNER = "follow", "follow.owned"
# Seconds that X takes to answer a page of 1,000, or 100 look-ups: about.
A_CALL = 1.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """`calls` to X about `people`, which take so many minutes; `dollars` is the most they cost."""

    people: int
    calls: int
    minutes: int
    dollars: Decimal

    @property
    def price(self) -> str:
        return cents(self.dollars)

    @property
    def monthly(self) -> str:
        """The same each day for thirty days."""
        return cents(self.dollars * 30)

    @property
    def words(self) -> str:
        """Such as '190 calls, 4 minutes, $1,900.00'."""
        calls = "1 call" if self.calls == 1 else f"{self.calls:,} calls"
        minutes = "a minute" if self.minutes <= 1 else f"{self.minutes:,} minutes"
        return f"{calls}, about {minutes}, at most {self.price}"


def kind_of_read(*, owns_app: bool) -> str:
    """The name of settings.X_PRICES for each person on a page of a list."""
    return LISTED_BY_OWNER if owns_app else LISTED


def of_lists(followers: int, following: int, day: date, *, owns_app: bool) -> Estimate:
    """Both lists of an account, of so many people, at the prices of that (UTC) day."""
    calls = [_calls(count, USERS_PER_PAGE) for count in (followers, following)]
    seconds = sum(_seconds(count, settings.X_PAGES_WINDOW) for count in calls)
    people = followers + following
    dollars = people * price(kind_of_read(owns_app=owns_app), day)
    return Estimate(people, sum(calls), _minutes(seconds), dollars)


def of_look_ups(people: int, day: date) -> Estimate:
    """So many people, a hundred a call; nobody to ask about needs no call."""
    calls = math.ceil(people / USERS_PER_CALL)
    seconds = _seconds(calls, settings.X_LOOK_UPS_WINDOW)
    return Estimate(people, calls, _minutes(seconds), people * price(LOOK_UP, day))


NOTHING = Estimate(0, 0, 0, Decimal(0))
FREE = frozenset({SyncKind.ADOPT})


def _calls(count: int, each: int) -> int:
    """Even a list with nobody on it is asked for."""
    return max(1, math.ceil(count / each))


def _seconds(calls: int, window: list[int]) -> float:
    """What X allows in a window is used up before the next one opens."""
    most, seconds = window
    waits = max(calls - 1, 0) // most
    return waits * seconds + (calls - waits * most) * A_CALL


def _minutes(seconds: float) -> int:
    return math.ceil(seconds / 60)
