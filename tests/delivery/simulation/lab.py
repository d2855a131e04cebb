"""A small world in which a run is written down: what X does, and what happens at which boundary."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from django.test import override_settings

from tests.delivery.simulation import invariants, world
from tests.delivery.simulation.clock import SECOND, Clock
from tests.delivery.simulation.conductor import Conductor, Job, Loss, Worker
from tests.delivery.simulation.house import House
from tests.delivery.simulation.invariants import Counters
from tests.delivery.simulation.world import World
from tests.delivery.simulation.x import Rules, Windows, X

HORIZON = 4 * 86400 * SECOND
WINDOWS = [(15, 900)]
# Everybody else waits while a worker does this to its end; None: what happened is over.
Event = Callable[["Written", Worker], Loss | None]


def once(endpoint: str, fault: str, **options: Any) -> dict[str, Any]:
    """A fault of the sandbox that strikes the first call there."""
    return {"endpoint": endpoint, "fault": fault, "times": 1, **options}


NEVER_TOLD = {"endpoint": "dm.sent", "fault": "event_never"}


@dataclass
class Written:
    """A plan that is written down: one worker after the other, and events at their boundaries.

    `target`: the number of the boundary at which `event` happens. `script`: steps, and what happens
    when they are come to, one after the other.
    """

    house: House
    target: int | None = None
    event: Event | None = None
    script: list[tuple[str, Event]] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)
    first: Job | None = None  # runs to its end before anything else goes on

    def at(self, worker: Worker, step: str) -> Loss | None:
        self.house.x.catch_up()
        self.house.keep_alive()
        self.crossed.append(step)
        if self.event is not None and len(self.crossed) - 1 == self.target:
            return self.event(self, worker)
        if self.script and self.script[0][0] == step:
            return self.script.pop(0)[1](self, worker)
        return None

    def who(self, worker: Worker | None, others: list[Worker], due: list[Job]) -> Worker | Job:
        if self.first is not None and self.first in due:
            chosen, self.first = self.first, None
            return chosen
        if worker is not None:
            return worker
        return others[0] if others else due[0]

    def look_ahead(self) -> None:
        self.house.x.catch_up()
        self.house.keep_alive()
        if self.house.clock.true < HORIZON and not self.house.conductor.broken:
            self.house.look_ahead()

    def at_once(self, act: Callable[[], object]) -> None:
        """Let the other worker do what `act` adds, here and now."""
        before = set(map(id, self.house.conductor.jobs))
        act()
        added = [job for job in self.house.conductor.jobs if id(job) not in before]
        self.first = min(added) if added else None


class Lab:
    """Worlds of one account, one person and few letters, put back for each run."""

    def __init__(self, conductor: Conductor) -> None:
        self.conductor = conductor
        self._worlds: dict[int, World] = {}

    def world(self, letters: int) -> World:
        """The world with so many letters to the one person, all of the same words."""
        if letters not in self._worlds:
            self._worlds[letters] = world.build(
                f"simulation_{letters}", accounts=1, people=1, letters=0, twins=1, alike=letters
            )
        return self._worlds[letters]

    def play(
        self,
        name: str,
        faults: Sequence[dict[str, Any]],
        *,
        letters: int = 1,
        windows: Windows = WINDOWS,
        prepare: Callable[[House], object] = lambda house: None,
        **plan: Any,
    ) -> tuple[Written, Counters]:
        """One run to its end; `plan`: what `Written` is given."""
        random.seed(name)  # what the product draws: jitter
        here = self.world(letters)
        here.snapshot.restore()
        clock = Clock(theirs=2 * SECOND)
        account, person = here.accounts[0], next(iter(here.people.values()))
        x = X(
            clock,
            Random(name),
            Rules.of(faults, name),
            windows,
            windows,
            boundary=self.conductor.boundary,
            tell=lambda told, due: house.told(told, due),
            open_dms=True,
            brands=frozenset([account.x_user_id]),
        )
        x.follows |= {(account.x_user_id, person), (person, account.x_user_id)}
        house = House(here, clock, self.conductor, x)
        prepare(house)
        written = Written(house, **plan)
        with override_settings(X_ACCOUNT_WINDOWS=windows, X_APP_WINDOWS=windows), house.instead():
            self.conductor.begin(clock, written, step_microseconds=1000, most_steps=5000)
            house.wake(account.pk)
            self.conductor.run()
        return written, invariants.count(house)
