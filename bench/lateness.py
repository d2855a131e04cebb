"""How late letters leave where nothing but the clock holds them: workers and beat as they are.

Letters of many accounts, due at moments that lie anyhow within a minute and are written down before
workers and beat start, so that no wake-up was ever sent for them. Late is X's stamp of a message
less its due time.
"""

from __future__ import annotations

import os
import statistics
from typing import Any

from bench.registry import Measured, figure
from bench.works import LIFTED, Works, in_a_child, rows, wait_until

LETTERS, ACCOUNTS, WORKERS = 600, 100, 2
SECONDS, FROM_NOW = 60, 15
LATENCY = 0.1


@figure(goal=2, better="lower")
def lateness_p99_s() -> Measured:
    """The 99th percentile of seconds between a letter's due time and its arrival at X."""
    measured = in_a_child("bench.lateness", **LIFTED)
    return Measured(measured["p99_s"], measured)


def measure() -> dict[str, Any]:
    """Wait until all have left, and compare."""
    works = Works()
    works.more_accounts(ACCOUNTS - 1)
    works.sandbox.set_latency(LATENCY, "send_dm")
    # A multiplication by a prime scatters the moments, the same way each time.
    spread = f"n::bigint * 7919 * 7919 % {SECONDS * 1000} * interval '1 millisecond'"
    due = f"outreach_now() + interval '{FROM_NOW} seconds' + {spread}"
    letters = works.letters(LETTERS, due=due)
    with works.workers(WORKERS):
        wait_until(lambda: not _any_left(letters), seconds=SECONDS + FROM_NOW + 60)
    arrived = {int(dm["id"]): dm["created_ms"] / 1000 for dm in works.sandbox.ledger()}
    late = sorted(
        arrived[dm_event_id] - float(due_at)
        for dm_event_id, due_at in rows(
            "SELECT dm_event_id, extract(epoch FROM due_at) FROM delivery_delivery "
            "WHERE id BETWEEN %s AND %s",
            letters[0],
            letters[-1],
        )
    )
    if late[0] < 0:
        raise RuntimeError(f"a letter left {-late[0]:.3f} s before it was due")
    return {
        "p99_s": late[len(late) * 99 // 100],
        "p50_s": round(statistics.median(late), 3),
        "p95_s": round(late[len(late) * 95 // 100], 3),
        "worst_s": round(late[-1], 3),
        "letters": LETTERS,
        "accounts": ACCOUNTS,
        "workers": WORKERS,
        "seconds": SECONDS,
        "cores": os.cpu_count(),
    }


def _any_left(letters: range) -> bool:
    """Whether any of them still waits."""
    left = rows(
        "SELECT 1 FROM delivery_delivery WHERE id BETWEEN %s AND %s AND state <> 'sent' LIMIT 1",
        letters[0],
        letters[-1],
    )
    return bool(left)
