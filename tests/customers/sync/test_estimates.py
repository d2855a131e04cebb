"""What a sync takes, told before it begins."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from outreach.customers.sync import estimates

DAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("followers", "following", "calls", "minutes", "dollars"),
    [
        (0, 0, 2, 1, "0"),
        (1, 1, 2, 1, "0.02"),
        (1000, 1001, 3, 1, "20.01"),
        (100_000, 90_000, 190, 4, "1900"),
        (300_000, 0, 301, 6, "3000"),
        # A 301st page of a list waits for X's next quarter of an hour.
        (300_001, 0, 302, 16, "3000.01"),
        (1_000_000, 1_000_000, 2000, 94, "20000"),
    ],
)
def test_calls_minutes_and_dollars(followers, following, calls, minutes, dollars):
    found = estimates.of_lists(followers, following, DAY, owns_app=False)
    assert (found.calls, found.minutes, found.dollars) == (calls, minutes, Decimal(dollars))


def test_the_owner_of_the_app_pays_a_tenth():
    assert estimates.of_lists(100_000, 90_000, DAY, owns_app=True).price == "$190.00"


def test_prices_are_those_of_the_day(settings):
    settings.X_PRICES = [
        {"from": "2026-01-01", "follow": "0.01", "user": "0.01"},
        {"from": "2026-12-01", "follow": "0.05", "user": "0.02"},
    ]
    assert estimates.of_lists(100, 0, DAY, owns_app=False).price == "$1.00"
    assert estimates.of_lists(100, 0, date(2026, 12, 1), owns_app=False).price == "$5.00"
    assert estimates.of_look_ups(100, date(2026, 12, 1)).price == "$2.00"


@pytest.mark.parametrize(
    ("people", "calls", "minutes"), [(0, 0, 0), (1, 1, 1), (101, 2, 1), (90_001, 901, 16)]
)
def test_look_ups_are_a_hundred_a_call(people, calls, minutes):
    found = estimates.of_look_ups(people, DAY)
    assert (found.calls, found.minutes) == (calls, minutes)


def test_in_a_sentence():
    found = estimates.of_lists(100_000, 90_000, DAY, owns_app=False)
    assert found.words == "190 calls, about 4 minutes, at most $1,900.00"
    assert found.monthly == "$57,000.00"
