"""How many posts of DMs the sandbox takes in a second on one core: it must bound no other bench."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cores import cores, pinned
from bench.posting import Posted, post, request
from bench.registry import Measured, figure
from tests.sandbox_server import CHECKOUT, Sandbox

CONNECTIONS = 8
ROUNDS = 3
SECONDS = 3.0  # a round
WARM_UP = 0.5
BRAND, FIRST, PEOPLE = 1_000_000_000_000_000_000, 2_000_000_000_000_000_000, 200
TEXT = "Hi, you asked which ink we use, so we filmed the whole run. Would you like to see it?"
# As X counts, and never reached: counting is part of the work.
UNREACHED = [
    {"limit": 10**9, "seconds": 900, "per": "user"},
    {"limit": 10**9, "seconds": 86_400, "per": "user", "header": "x-user-limit-24hour"},
    {"limit": 10**9, "seconds": 86_400, "per": "app", "header": "x-app-limit-24hour"},
]


@figure(goal=500, better="higher")
def sandbox_posts_per_s() -> Measured:
    """Posts a second over a few connections, the median of some rounds, beside a bare route."""
    pair = cores()
    theirs, ours = pair if pair else (None, None)
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox(Path(folder) / "world.sqlite3")
        with pinned(theirs):
            sandbox.start()
        try:
            token = _people(sandbox)
            with pinned(theirs), _bare() as bare_port, pinned(ours):
                sandbox_rounds, bare_rounds, warm_up = _rounds(sandbox.port, bare_port, token)
            in_ledger = len(sandbox.dms())
        finally:
            sandbox.stop()
    answered = warm_up + sum(posted.count for posted in sandbox_rounds)
    value = statistics.median(posted.per_second for posted in sandbox_rounds)
    if answered != in_ledger:
        raise RuntimeError(f"{answered} posts were answered with 201 and {in_ledger} accepted")
    bare = statistics.median(posted.per_second for posted in bare_rounds)
    return Measured(
        value,
        {
            "rounds": [round(posted.per_second) for posted in sandbox_rounds],
            "bare_rounds": [round(posted.per_second) for posted in bare_rounds],
            "bare_per_s": round(bare),
            "ratio_to_bare": round(value / bare, 3),
            "p50_ms": round(statistics.median(posted.within(0.5) for posted in sandbox_rounds), 2),
            "p99_ms": round(statistics.median(posted.within(0.99) for posted in sandbox_rounds), 2),
            "answered": answered,
            "connections": CONNECTIONS,
            "seconds": ROUNDS * SECONDS,
            "cores": list(pair) if pair else None,
        },
    )


def _people(sandbox: Sandbox) -> str:
    """Make a brand and those who follow it; return the brand's token."""
    everybody = [BRAND, *range(FIRST, FIRST + PEOPLE)]
    users = [{"id": str(id_), "handle": f"u{n}", "name": "U"} for n, id_ in enumerate(everybody)]
    sandbox.control("users", users=users)
    follows = [pair for id_ in everybody[1:] for pair in ((id_, BRAND), (BRAND, id_))]
    sandbox.control("follows", follows=[[str(one), str(other)] for one, other in follows])
    sandbox.set_limits({"send_dm": UNREACHED})
    return sandbox.issue_token(BRAND)


def _rounds(
    sandbox_port: int, bare_port: int, token: str
) -> tuple[list[Posted], list[Posted], int]:
    """Measure both in turn, so that what else the machine does falls on both.

    Returns the sandbox's rounds, the bare route's, and the sandbox's posts of the warm-up.
    """
    make = _maker(token)
    rounds: dict[int, list[Posted]] = {sandbox_port: [], bare_port: []}
    warm_up = post(sandbox_port, make, connections=CONNECTIONS, seconds=WARM_UP).count
    post(bare_port, make, connections=CONNECTIONS, seconds=WARM_UP)
    for _ in range(ROUNDS):
        for port, done in rounds.items():
            done.append(post(port, make, connections=CONNECTIONS, seconds=SECONDS))
    return rounds[sandbox_port], rounds[bare_port], warm_up


def _maker(token: str) -> Callable[[int], bytes]:
    ready = [
        request(
            "127.0.0.1",
            f"/2/dm_conversations/with/{FIRST + n}/messages",
            token,
            {"text": f"{TEXT} {n}"},
        )
        for n in range(PEOPLE)
    ]
    return lambda n: ready[n % PEOPLE]


@contextmanager
def _bare() -> Iterator[int]:
    """Start the bare route; yield its port."""
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.bare"], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.terminate()
        server.communicate(timeout=20)
