"""What reading a history costs at most, how far it is, and what it brought."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from outreach.customers.models import HistoryRun
from outreach.ground.clock import now
from outreach.ground.scope import Scope
from outreach.x.caps import Purpose, cents, day_words, state_of
from outreach.x.models import AccountState, XAccount
from outreach.x.prices import price

# Messages: what is proposed, and more than any account was written in 30 days.
USUAL, MOST = 500, 100_000
PAGE = 100
# Source: X's rate limits, calls of dm_events in so many minutes.
CALLS, MINUTES = 15, 15


@dataclass(frozen=True, slots=True)
class Price:
    """At most so much for so many messages, in words. X charges for each message and each look-up."""

    most: int
    hundred: str
    messages: str
    people: str
    whole: str
    calls: int
    minutes: int
    left: str
    enough: bool

    @property
    def time_words(self) -> str:
        calls = "1 call" if self.calls == 1 else f"{self.calls:,} calls"
        if not self.minutes:
            return f"At most {calls}, a minute or less."
        return f"At most {calls}; X allows {CALLS} in {MINUTES} minutes, so up to {self.minutes:,} minutes."


@dataclass(frozen=True, slots=True)
class HistoryPage:
    account: XAccount
    connected: bool
    price: Price
    run: HistoryRun | None  # the open one, or the last that ended


def page(scope: Scope, account_id: int, *, most: int) -> HistoryPage:
    """All that the page shows. Five queries. Raises XAccount.DoesNotExist."""
    account = XAccount.objects.of(scope).select_related("app").get(pk=account_id)
    return HistoryPage(
        account=account,
        connected=account.state != AccountState.DISCONNECTED,
        price=price_of(account, most),
        run=last_run(scope, account_id),
    )


def last_run(scope: Scope, account_id: int) -> HistoryRun | None:
    """The run that is open, else the one that ended last. One query."""
    rows = HistoryRun.objects.of(scope).filter(x_account_id=account_id)
    return rows.order_by("-pk").first()


def run(scope: Scope, run_id: int) -> HistoryRun:
    """One run with its account. One query. Raises HistoryRun.DoesNotExist."""
    return HistoryRun.objects.of(scope).select_related("x_account").get(pk=run_id)


def price_of(account: XAccount, most: int) -> Price:
    """What reading so many messages costs at most today. Three queries."""
    moment = now()
    message, person = price("dm_event", moment.date()), price("user", moment.date())
    cap = state_of(account.app, moment)
    left = max(cap.levels[Purpose.SYNC] - cap.spent, Decimal(0))
    calls = -(-most // PAGE)
    return Price(
        most=most,
        hundred=cents(message * PAGE),
        messages=cents(message * most),
        people=cents(person),
        whole=cents((message + person) * most),
        calls=calls,
        minutes=(calls - 1) // CALLS * MINUTES,
        left=f"{cents(left)} until {day_words(cap.month.until)}",
        enough=left >= (message + person) * most,
    )


def cost_of(run: HistoryRun) -> str:
    """What a run cost, by the prices of the day it began."""
    day = run.created_at.date()
    return cents(price("dm_event", day) * run.done + price("user", day) * run.looked_up)
