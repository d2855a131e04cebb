"""The proof that the proof works: each guard of the engine taken away, and what fails then.

A guard is taken away from the shipped code itself: a piece of its SQL, a bound, a check. What is to
be taken away must be there, so that a guard that is written anew is not forgotten here. Each has a
scenario of the same machinery, in which nothing fails with the guard, and something without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import ModuleType
from typing import Any
from unittest import mock

from outreach.delivery import arrival, budget, claim, gates, outcomes, reconcile, settling
from outreach.delivery.gates import Go
from outreach.x.transport import Exchange
from tests.delivery.simulation.clock import SECOND
from tests.delivery.simulation.conductor import Worker
from tests.delivery.simulation.invariants import Counters
from tests.delivery.simulation.lab import NEVER_TOLD, WINDOWS, Event, Lab, Written, once

Patch = tuple[Any, str, Any]


@dataclass(frozen=True)
class Scenario:
    """What X does, and what happens when the named steps are come to, one after the other.

    `letters`: how many to the one person, all with the same words.
    """

    faults: list[dict[str, Any]]
    script: list[tuple[str, Event]] = field(default_factory=list)
    letters: int = 1
    windows: list[tuple[int, int]] = field(default_factory=lambda: WINDOWS)
    prepare: Callable[[Any], object] = lambda house: None

    def play(self, lab: Lab, name: str) -> Counters:
        """Let it happen, to its end."""
        _, counters = lab.play(
            name,
            self.faults,
            letters=self.letters,
            windows=self.windows,
            prepare=self.prepare,
            script=list(self.script),
        )
        return counters


@dataclass(frozen=True)
class Guard:
    """What is taken away, and where that shows."""

    name: str
    patches: Callable[[], list[Patch]]
    scenario: Scenario

    @contextmanager
    def removed(self) -> Iterator[None]:
        """The engine without it."""
        budget._free_at.cache_clear()
        with ExitStack() as stack:
            for owner, name, value in self.patches():
                stack.enter_context(mock.patch.object(owner, name, value))
            yield
        budget._free_at.cache_clear()


def without(module: ModuleType, name: str, piece: str, instead: str = "") -> Patch:
    """A statement of the engine without a piece of it."""
    sql = getattr(module, name)
    assert piece in sql, f"{module.__name__}.{name} has no {piece!r} any more"
    return module, name, sql.replace(piece, instead)


# --- events ----------------------------------------------------------------------------------------


def frozen(seconds: int) -> Event:
    """The worker stands still for so long."""
    return lambda run, worker: run.house.conductor.freeze(
        worker, run.house.clock.true + seconds * SECOND
    )


def slow(seconds: float) -> Event:
    """Time passes, for everybody."""
    return lambda run, worker: run.house.clock.move(int(seconds * SECOND))


def stop(run: Written, worker: Worker) -> None:
    """The customer says stop, as far as another worker gets with it now."""
    run.at_once(lambda: run.house.stop(run.house.world.deliveries[0].customer_id))


def unfollow(run: Written, worker: Worker) -> None:
    """The customer unfollows."""
    delivery = run.house.world.deliveries[0]
    run.at_once(lambda: run.house.unfollow(delivery.x_account_id, delivery.customer_id))


def edit_first(run: Written, worker: Worker) -> None:
    """The first letter is taken back by its author."""
    run.at_once(lambda: run.house.edit(run.house.world.deliveries[0].revision.draft_id))


def tell_now(run: Written, worker: Worker) -> None:
    """X tells at last what it had not told."""
    run.at_once(run.house.x.tell_untold)


def nothing(run: Written, worker: Worker) -> None:
    """Nothing: one more of the step is let by."""


# --- the guards ------------------------------------------------------------------------------------


def _no_deadline() -> list[Patch]:
    def begin_writing(exchange: Exchange) -> None:
        exchange.wrote = True

    return [(Exchange, "begin_writing", begin_writing)]


def _only_while_sending() -> list[Patch]:
    real = arrival.arrived

    def arrived(letter: Any, kind: str, *rest: Any, **more: Any) -> None:
        if kind != "accepted" or letter.state == "sending":
            real(letter, kind, *rest, **more)

    return [(outcomes, "arrived", arrived)]


ASK = "X: send_dm"
ANSWERED = "X: answered"
# Where a worker stands that has found a letter absent and let go of it.
ABSENT = "settle: it is not there"
LAG = {"endpoint": "dm_events_with", "fault": "lag", "seconds": 3000}

# The same two locks, the other way round.
LETTERS_FIRST = """
    /* claim: lock the customer */
    SELECT id FROM delivery_delivery WHERE customer_id = %(customer)s AND state = 'queued'
    FOR NO KEY UPDATE
"""
CUSTOMER_LAST = """
    /* claim: lock the letter */
    SELECT id FROM customers_customer
    WHERE id = (SELECT customer_id FROM delivery_delivery WHERE id = %(delivery)s)
    FOR NO KEY UPDATE
"""

GUARDS: list[Guard] = [
    Guard(
        "claim token",
        lambda: [without(outcomes, "MOVE", "AND claim_token = %(token)s")],
        # The first worker's 429 comes when X has just taken the letter from the second one.
        Scenario(
            [once("send_dm", "rate_limited", seconds=30), NEVER_TOLD],
            [(ANSWERED, frozen(800)), (ANSWERED, frozen(120))],
        ),
    ),
    Guard(
        "conditional update",
        lambda: [without(outcomes, "MOVE", "AND state = ANY(%(states)s)")],
        # X tells of the letter before the answer, which is lost.
        Scenario([once("send_dm", "drop_after")], [(ANSWERED, frozen(2))]),
    ),
    Guard(
        "ledger count until the window after the end",
        lambda: [(budget, "_FREE_AT", budget._FREE_AT.replace("counts_until", "started_at"))],
        Scenario([], [(ASK, slow(4.0))], letters=3, windows=[(1, 60)]),
    ),
    Guard(
        "lock order",
        lambda: [
            (
                claim,
                "LOCK_CUSTOMER",
                LETTERS_FIRST,
            ),
            (
                claim,
                "LOCK_LETTER",
                CUSTOMER_LAST,
            ),
        ],
        Scenario([], [("claim: lock the letter", stop)]),
    ),
    Guard(
        "call deadline",
        _no_deadline,
        Scenario([], [(ASK, frozen(2000))]),
    ),
    Guard(
        "gate: suppressed",
        lambda: [(claim, "judge", lambda facts: Go())],
        # The stop comes while nobody knows whether the letter left.
        Scenario(
            [once("send_dm", "drop_before"), NEVER_TOLD],
            [("X: dm_events_with", stop)],
        ),
    ),
    Guard(
        "gate: mutual",
        lambda: [(gates, "_must_be_mended", lambda facts: None)],
        Scenario([], [("claim: lock the pace", unfollow)]),
    ),
    Guard(
        "the 60 s bound",
        lambda: [
            (settling, "CLOCKS_DIFFER", timedelta()),
            (reconcile, "CLOCKS_DIFFER", timedelta()),
        ],
        Scenario(
            [once("send_dm", "drop_after"), NEVER_TOLD],
            prepare=lambda house: setattr(house.clock, "theirs", -40 * SECOND),
        ),
    ),
    Guard(
        "match of absent attempts",
        lambda: [
            without(settling, "CANDIDATES", "'uncertain', 'absent'", "'uncertain'"),
            without(settling, "ABSENT_ATTEMPTS", "outcome = 'absent'", "outcome = ''"),
        ],
        Scenario(
            [
                once("send_dm", "drop_after"),
                LAG,
                {"endpoint": "dm.sent", "fault": "event_never", "times": 1},
            ],
            [(ABSENT, nothing), ("commit", nothing), ("claim: lock the pace", tell_now)],
        ),
    ),
    Guard(
        "reconcile's claim of an event",
        lambda: [
            without(
                settling,
                "UNCLAIMED",
                "AND NOT EXISTS (\n        SELECT FROM delivery_attempt WHERE dm_event_id = "
                "seen.dm_event_id\n    )",
            )
        ],
        Scenario(
            [
                {
                    "endpoint": "send_dm",
                    "fault": "drop_before",
                    "script": [None, "drop_before"],
                },
                NEVER_TOLD,
            ],
            letters=2,
        ),
    ),
    Guard(
        "the newest match first",
        lambda: [
            without(
                settling, "CANDIDATES", "attempt.started_at DESC, attempt.id DESC", "attempt.id"
            )
        ],
        # The first letter did not arrive and is taken back; the second says the same and arrives.
        Scenario(
            [
                {"endpoint": "send_dm", "script": ["drop_before", "drop_after"]},
            ],
            [(ABSENT, nothing), ("commit", nothing), ("claim: lock the pace", edit_first)],
            letters=2,
        ),
    ),
    Guard(
        "a 201 recorded from every state",
        _only_while_sending,
        Scenario([NEVER_TOLD, LAG], [(ANSWERED, frozen(200))]),
    ),
    Guard(
        "an unreadable 201 never absent",
        lambda: [(reconcile, "NEVER_ABSENT", frozenset())],
        Scenario([once("send_dm", "malformed", how="no_id"), NEVER_TOLD, LAG]),
    ),
]
