"""What the guarantees cost: our workers beside a bare loop of tweepy calls, and CPU a message.

Limits are lifted, X answers after 100 ms, both sides have eight calls under way at once: two
workers with four threads each, and two processes with four. They take turns, and what counts is
what the sandbox accepted from the first tenth of a round to the last, without the start and the end
in which not everybody has something to do.
"""

from __future__ import annotations

import functools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.registry import Measured, figure
from bench.works import (
    CONCURRENCY,
    FIRST_PERSON,
    LIFTED,
    Works,
    cpu_seconds,
    cpu_seconds_with_children,
    execute,
    in_a_child,
    rows,
    wait_until,
)
from tests.sandbox_server import CHECKOUT

ACCOUNTS = 50
WORKERS = 2
LATENCY = 0.1
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
LETTERS = 600  # a round
IDLE_SECONDS = 5.0


@figure(goal=0.9, better="higher")
def guarantee_cost_100ms() -> Measured:
    """Messages a second of our workers ÷ those of the bare loop, the median of rounds."""
    measured = _measured()
    return Measured(measured["ours_per_s"] / measured["bare_per_s"], measured)


@figure(goal=2.5, better="lower")
def message_cpu_ms() -> Measured:
    """Milliseconds of CPU that a message costs our workers, without what they use idling."""
    measured = _measured()
    return Measured(measured["worker_cpu_ms"], {"bare_tweepy_cpu_ms": measured["bare_cpu_ms"]})


@figure(goal=2.0, better="lower")
def message_db_ms() -> Measured:
    """Milliseconds of CPU that a message costs PostgreSQL: of all its processes, less idling."""
    measured = _measured()
    return Measured(
        measured["postgres_cpu_ms"],
        {
            "is": "CPU of all processes of PostgreSQL, from /proc",
            "active_ms": measured["database_active_ms"],
            "active_is": "pg_stat_database.active_time: with the waits for the disk, and for a core",
            "commits": measured["commits"],
            "wal_bytes": measured["wal_bytes"],
        },
    )


@functools.cache
def _measured() -> dict[str, Any]:
    """One run for all three."""
    return in_a_child("bench.guarantees", **LIFTED)


# --- the process that measures -------------------------------------------------------------------


def measure() -> dict[str, Any]:
    """Both sides in turn."""
    works = Works()
    works.more_accounts(ACCOUNTS - 1)
    works.sandbox.set_latency(LATENCY, "send_dm")
    letters = works.letters(LETTERS * (ROUNDS + 1), due="outreach_now() + interval '1 day'")
    with works.workers(WORKERS) as workers, _bare_loops(works) as bare:
        ours, theirs = _Ours(works, workers, letters), _Bare(works, bare)
        # The first round warms everything up and does not count.
        for side in (ours, theirs):
            side.round()
            side.done.clear()
        idle = ours.idle()
        for _ in range(ROUNDS):
            ours.round()
            theirs.round()
    return {
        "ours_per_s": _median(ours, "per_s"),
        "bare_per_s": _median(theirs, "per_s"),
        "worker_cpu_ms": _median(ours, "cpu_ms"),
        "bare_cpu_ms": _median(theirs, "cpu_ms"),
        "postgres_cpu_ms": _median(ours, "postgres_ms"),
        "database_active_ms": _median(ours, "active_ms"),
        "commits": _median(ours, "commits"),
        "wal_bytes": _median(ours, "wal_bytes"),
        "rounds_per_s": {"ours": ours.each("per_s"), "bare": theirs.each("per_s")},
        "idle": {name: round(value, 3) for name, value in idle.items()},
        "accounts": ACCOUNTS,
        "workers": WORKERS,
        "sends_at_once": WORKERS * CONCURRENCY,
        "letters_a_round": LETTERS,
    }


def _median(side: _Side, what: str) -> float:
    return statistics.median(side.each(what))


class _Side:
    """What one of the two did, round by round; everything a message, but `per_s`."""

    def __init__(self, works: Works) -> None:
        self.works = works
        self.done: list[dict[str, float]] = []

    def each(self, what: str) -> list[float]:
        return [round(done[what], 3) for done in self.done]

    def accepted_per_s(self, since: float) -> float:
        """Messages a second that X accepted since then, from a tenth of them to nine tenths."""
        stamps: list[float] = sorted(
            dm["created_ms"] / 1000
            for dm in self.works.sandbox.ledger()
            if dm["created_ms"] / 1000 >= since
        )
        if len(stamps) != LETTERS:
            raise RuntimeError(f"X accepted {len(stamps)} messages of {LETTERS}")
        first, last = LETTERS // 10, LETTERS * 9 // 10
        return (last - first) / (stamps[last] - stamps[first])


class _Ours(_Side):
    """The workers, and letters that are let go a round at a time."""

    def __init__(self, works: Works, workers: list[int], letters: range) -> None:
        super().__init__(works)
        self.workers = workers
        self.letters = letters
        self.idling: dict[str, float] = {}

    def round(self) -> None:
        mine, self.letters = self.letters[:LETTERS], self.letters[LETTERS:]
        began, before = time.time(), self._used()
        execute(
            "UPDATE delivery_delivery SET due_at = outreach_now(), look_at = outreach_now() "
            "WHERE id BETWEEN %s AND %s",
            mine[0],
            mine[-1],
        )
        wait_until(lambda: self._sent(mine), seconds=120)
        seconds = time.time() - began
        used = self._since(before)
        each = {
            name: (value - self.idling.get(name, 0) * seconds) / LETTERS
            for name, value in used.items()
        }
        self.done.append(each | {"per_s": self.accepted_per_s(began)})

    def idle(self) -> dict[str, float]:
        """What goes on in a second without letters, which rounds from now on leave out."""
        began, before = time.time(), self._used()
        time.sleep(IDLE_SECONDS)
        seconds = time.time() - began
        self.idling = {name: value / seconds for name, value in self._since(before).items()}
        return self.idling

    def _sent(self, mine: range) -> bool:
        left = rows(
            "SELECT count(*) FROM delivery_delivery WHERE id BETWEEN %s AND %s AND state <> 'sent'",
            mine[0],
            mine[-1],
        )
        return bool(left == [(0,)])

    def _since(self, before: dict[str, float]) -> dict[str, float]:
        return {name: value - before[name] for name, value in self._used().items()}

    def _used(self) -> dict[str, float]:
        time.sleep(1.1)  # PostgreSQL's processes tell of their work once a second
        ((active, commits, wal),) = rows(
            "SELECT active_time, xact_commit, pg_current_wal_lsn() - '0/0' FROM pg_stat_database "
            "WHERE datname = current_database()"
        )
        return {
            "cpu_ms": cpu_seconds(self.workers) * 1000,
            "postgres_ms": cpu_seconds_with_children(self.works.postgres()) * 1000,
            "active_ms": active,
            "commits": commits,
            "wal_bytes": float(wal),
        }


class _Bare(_Side):
    """The processes of the bare loop."""

    def __init__(self, works: Works, loops: list[subprocess.Popen[str]]) -> None:
        super().__init__(works)
        self.loops = loops

    def round(self) -> None:
        pids = [loop.pid for loop in self.loops]
        began, before = time.time(), cpu_seconds(pids)
        for loop in self.loops:
            assert loop.stdin is not None
            loop.stdin.write(f"{LETTERS // len(self.loops)}\n")
            loop.stdin.flush()
        for loop in self.loops:
            assert loop.stdout is not None
            if loop.stdout.readline() != "done\n":
                raise RuntimeError("the bare loop ended")
        cpu_ms = (cpu_seconds(pids) - before) * 1000 / LETTERS
        self.done.append({"cpu_ms": cpu_ms, "per_s": self.accepted_per_s(began)})


@contextmanager
def _bare_loops(works: Works) -> Iterator[list[subprocess.Popen[str]]]:
    """As many processes as there are workers, each with as many threads; they wait for a count."""
    pairs = [f"{token}={FIRST_PERSON + n}" for n, token in enumerate(works.tokens)]
    loops = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.tweepy_loop", works.sandbox.base_url, *its],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for its in (pairs[n * CONCURRENCY : (n + 1) * CONCURRENCY] for n in range(WORKERS))
    ]
    try:
        yield loops
    finally:
        for loop in loops:
            loop.communicate(timeout=20)
