"""How far a forecast is from what then happens: workers and beat as they are, windows of 30 seconds.

The forecast is asked for once, just before the first letter is due. Every account has sent three by
then, so the ledger knows how long they take. Two accounts of one app come to their own limits. Six
of another come to the app's, whose last window was used up evenly, as a day's letters are: a place
comes free every half second and they take turns at it. Each account has as many letters as three
windows hold, due over some seconds, so that later ones stand behind all that the first ones did. An
error is the distance between the forecast and X's own stamp, as a share of the window. Windows are a
thirtieth of X's; the tick is shortened likewise.
"""

from __future__ import annotations

import json
import os
import statistics
from datetime import datetime, timedelta
from typing import Any

from bench.registry import Measured, figure
from bench.works import Works, execute, in_a_child, rows, wait_until

WINDOW = 30
ACCOUNT_WINDOWS, APP_WINDOWS = [(15, WINDOW)], [(60, WINDOW)]
OF_THEIR_OWN, OF_THE_APP = 2, 6
LETTERS_EACH, DUE_SECONDS = 45, 5
# Until then workers have started, and each account has sent its first letters.
FIRST, FROM_NOW = 3, 60
TICK = 2 / 30
WORKERS = 2
LATENCY = 0.1


@figure(goal=0.1, better="lower")
def forecast_error() -> Measured:
    """The worst error of a forecast, as a share of the window; the median beside it."""
    measured = in_a_child(
        "bench.forecasting",
        X_ACCOUNT_WINDOWS=json.dumps(ACCOUNT_WINDOWS),
        X_APP_WINDOWS=json.dumps(APP_WINDOWS),
        TICK_SECONDS=str(TICK),
    )
    return Measured(measured["worst"], measured)


def measure() -> dict[str, Any]:
    """Ask for the forecast, let the letters leave, and compare."""
    from outreach.delivery import forecasting
    from outreach.ground.clock import now

    works = Works()
    works.more_accounts(OF_THEIR_OWN - 1)
    works.more_accounts(OF_THE_APP, app="second")
    works.sandbox.set_latency(LATENCY, "send_dm")
    # A multiplication by a prime scatters the moments, the same way each time.
    spread = f"n::bigint * 7919 * 7919 % {DUE_SECONDS * 1000} * interval '1 millisecond'"
    accounts = len(works.accounts)
    later = f"interval '{FROM_NOW} seconds' + {spread}"
    made = works.letters(
        (FIRST + LETTERS_EACH) * accounts,
        due=f"outreach_now() + CASE WHEN n < {FIRST * accounts} THEN interval '0' ELSE {later} END",
    )
    first, letters = made[: FIRST * accounts], made[FIRST * accounts :]
    with works.workers(WORKERS):
        wait_until(lambda: not _any_left(first), seconds=FROM_NOW)
        ((begins,),) = rows("SELECT min(due_at) FROM delivery_delivery WHERE state = 'queued'")
        wait_until(lambda: now() > begins - timedelta(seconds=1), seconds=FROM_NOW)
        _use_up(begins)
        said = forecasting.forecast_queued(works.house.marketer)
        if said.leave != len(letters):
            raise RuntimeError("letters left before the forecast: FROM_NOW is too short here")
        wait_until(lambda: not _any_left(letters), seconds=300)
    arrived = {int(dm["id"]): dm["created_ms"] / 1000 for dm in works.sandbox.ledger()}
    sent = rows(
        "SELECT id, dm_event_id FROM delivery_delivery WHERE id BETWEEN %s AND %s",
        letters[0],
        letters[-1],
    )
    off = {}
    for pk, dm_event_id in sent:
        leaves_at = said.each[pk].leaves_at
        if leaves_at is None or not said.each[pk].exact:
            raise RuntimeError(f"the forecast does not say when letter {pk} leaves")
        off[pk] = arrived[dm_event_id] - leaves_at.timestamp()
    errors = sorted(abs(seconds) / WINDOW for seconds in off.values())
    last = max(arrived[dm_event_id] for _, dm_event_id in sent)
    assert said.last is not None
    return {
        "worst": errors[-1],
        "median": round(statistics.median(errors), 4),
        "p95": round(errors[len(errors) * 95 // 100], 4),
        "worst_s": round(errors[-1] * WINDOW, 2),
        "mean_s": round(statistics.mean(off.values()), 2),
        "last_of_all_s": round(last - said.last.timestamp(), 2),
        "letters": len(off),
        "accounts": accounts,
        "workers": WORKERS,
        "account_windows": ACCOUNT_WINDOWS,
        "app_windows": APP_WINDOWS,
        "cores": os.cpu_count(),
    }


def _use_up(until: datetime) -> None:
    """As if the second app's last window had been used evenly, by its accounts in turn."""
    most, seconds = APP_WINDOWS[0]
    execute(
        """
        WITH its AS (
            SELECT *, row_number() OVER (ORDER BY x_account_id) - 1 AS place,
                count(*) OVER () AS accounts
            FROM (
                SELECT DISTINCT ON (x_account_id) * FROM delivery_attempt
                WHERE app_id = (SELECT max(app_id) FROM x_xaccount)
            ) one_each
        )
        INSERT INTO delivery_attempt (delivery_id, x_account_id, app_id, claim_token, outcome,
            started_at, ended_at, counts_until, kind, request_id, price)
        SELECT delivery_id, x_account_id, app_id, gen_random_uuid(), outcome, at,
            at + (ended_at - started_at), at + (ended_at - started_at), kind, request_id, price
        FROM generate_series(1, %(most)s) n
        JOIN its ON its.place = n %% its.accounts
        CROSS JOIN LATERAL (
            SELECT %(until)s - (%(most)s - n) * make_interval(secs => %(each)s) AS at
        ) moment
        """,
        most=most,
        until=until,
        each=seconds / most,
    )


def _any_left(letters: range) -> bool:
    """Whether any of them still waits."""
    left = rows(
        "SELECT 1 FROM delivery_delivery WHERE id BETWEEN %s AND %s AND state <> 'sent' LIMIT 1",
        letters[0],
        letters[-1],
    )
    return bool(left)
