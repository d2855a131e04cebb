"""One letter and two workers: every boundary of every way, crossed with everything that may happen.

A *way* is what X does with the letter when nothing else goes wrong. Its boundaries are counted in a
run without events; then there is one run for each boundary and each event at it. Of the later ways
only those boundaries are crossed whose step no earlier way had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.delivery.simulation.clock import SECOND
from tests.delivery.simulation.conductor import Conductor, Loss, Worker
from tests.delivery.simulation.lab import NEVER_TOLD, Event, Lab, Written, once

# Way → the faults of X on it.
WAYS: dict[str, list[dict[str, Any]]] = {
    "sent": [],
    "answer lost, then told": [once("send_dm", "drop_after")],
    "answer lost, then read": [once("send_dm", "drop_after"), NEVER_TOLD],
    "not taken, looked for twice, sent again": [once("send_dm", "drop_before"), NEVER_TOLD],
    "taken without an id, then read": [once("send_dm", "malformed", how="no_id"), NEVER_TOLD],
    "asked to wait": [once("send_dm", "rate_limited", seconds=30)],
}


# --- what may happen -------------------------------------------------------------------------------


def _killed(run: Written, worker: Worker) -> None:
    run.house.conductor.kill(worker)


def _lost_before(run: Written, worker: Worker) -> Loss:
    return Loss.BEFORE


def _lost_after(run: Written, worker: Worker) -> Loss:
    return Loss.AFTER


def _lost_later(run: Written, worker: Worker) -> Loss:
    return Loss.LATER


def _fault(name: str, **options: Any) -> Callable[[Written, Worker], None]:
    def event(run: Written, worker: Worker) -> None:
        run.house.x.faults.add(once("send_dm", name, **options))

    return event


def _woken_again(run: Written, worker: Worker) -> None:
    run.house.conductor.add("woken again", run.house.send_due_of_first)
    run.house.tick()


def _second_worker(run: Written, worker: Worker) -> None:
    run.at_once(lambda: run.house.conductor.add("second", run.house.send_due_of_first))


def _frozen(seconds: int) -> Callable[[Written, Worker], None]:
    def event(run: Written, worker: Worker) -> None:
        run.house.conductor.freeze(worker, run.house.clock.true + seconds * SECOND)

    return event


def _asleep(run: Written, worker: Worker) -> None:
    run.house.clock.move(1500 * SECOND)


def _our_clock(run: Written, worker: Worker) -> None:
    run.house.clock.ours -= 3 * SECOND


def _x_clock(run: Written, worker: Worker) -> None:
    run.house.clock.theirs = -40 * SECOND
    run.house.clock.whole_seconds = True


def _stop(run: Written, worker: Worker) -> None:
    run.at_once(lambda: run.house.stop(run.house.world.deliveries[0].customer_id))


def _unfollow(run: Written, worker: Worker) -> None:
    delivery = run.house.world.deliveries[0]
    run.at_once(lambda: run.house.unfollow(delivery.x_account_id, delivery.customer_id))


def _edit(run: Written, worker: Worker) -> None:
    run.at_once(lambda: run.house.edit(run.house.world.deliveries[0].revision.draft_id))


EVENTS: dict[str, Event] = {
    "killed": _killed,
    "connection lost before": _lost_before,
    "connection lost after": _lost_after,
    "connection lost later": _lost_later,
    "times out before X accepted": _fault("drop_before"),
    "times out after X accepted": _fault("delay", seconds=60),
    "429": _fault("rate_limited", headers=False),
    "5xx": _fault("error_after", status=503),
    "woken again": _woken_again,
    "second worker": _second_worker,
    "frozen past the deadline": _frozen(9),
    "frozen past settling": _frozen(2000),
    "our clock": _our_clock,
    "X's clock": _x_clock,
    "asleep": _asleep,
    "stop": _stop,
    "unfollow": _unfollow,
    "edit": _edit,
}


@dataclass
class Failed:
    """A crossing after which something did not hold."""

    way: str
    number: int
    step: str
    event: str
    violations: dict[str, int]
    broken: list[str]

    def __str__(self) -> str:
        said = "".join(f"\n{line}" for line in self.broken[:1])
        return (
            f"{self.way}: {self.event} before {self.number} ({self.step}): {self.violations}{said}"
        )


class Exhaustive:
    """All crossings of the world of one letter."""

    def __init__(self, conductor: Conductor) -> None:
        self.lab = Lab(conductor)
        self.steps: set[str] = set()
        self.crossings = 0

    def boundaries(self) -> Iterator[tuple[str, int, str]]:
        """Way, number and step of each boundary to cross."""
        before: set[str] = set()
        for way, faults in WAYS.items():
            plan, counters = self.lab.play(way, faults)
            if counters.violations or counters.accepted != 1:
                raise AssertionError(f"{way}: {counters}\n{self.lab.conductor.broken}")
            for number, step in enumerate(plan.crossed):
                if step not in before:
                    yield way, number, step
            before |= set(plan.crossed)
        self.steps |= before

    def failures(self) -> Iterator[Failed]:
        """Cross every boundary with every event; what did not hold."""
        for way, number, step in list(self.boundaries()):
            for name, event in EVENTS.items():
                plan, counters = self.lab.play(
                    f"{way} {number} {name}", WAYS[way], target=number, event=event
                )
                self.steps |= set(plan.crossed)
                self.crossings += 1
                if counters.violations:
                    broken = self.lab.conductor.broken
                    yield Failed(way, number, step, name, counters.violations, broken)
