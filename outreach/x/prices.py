"""What calls and events cost: dated prices, and the ledger of what was read.

A tab is opened before X is asked and reckoned up afterwards. What a tab reserved stands in the
database before the call, so a killed process may only make the month look dearer, never cheaper.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.conf import settings


def price(kind: str, on: date) -> Decimal:
    """US dollars for one request or resource of that kind on that (UTC) day, by settings.X_PRICES.

    A kind that the list in force does not name costs nothing.
    """
    in_force = [prices for prices in settings.X_PRICES if prices["from"] <= on.isoformat()]
    latest = max(in_force, key=lambda prices: str(prices["from"]), default={})
    return Decimal(latest.get(kind, 0))
