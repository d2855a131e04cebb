"""A run of about a hundred letters of which a seed decides everything."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from django.db import connection
from django.test import override_settings

from outreach.x.models import XAccount
from tests.delivery.simulation import invariants, world
from tests.delivery.simulation.clock import EPOCH, SECOND, Clock
from tests.delivery.simulation.conductor import Conductor, Job, Loss, State, Worker
from tests.delivery.simulation.house import House
from tests.delivery.simulation.invariants import Counters
from tests.delivery.simulation.world import World
from tests.delivery.simulation.x import Rules, X

WORKERS = 4
ACCOUNTS, PEOPLE, LETTERS, TWINS = 4, 80, 92, 4
ACCOUNT_WINDOWS = [(5, 60), (40, 1800)]
APP_WINDOWS = [(12, 120)]
# True time after which nothing goes wrong any more. Settling follows.
FAULTS_END = 1800 * SECOND
HORIZON = 86400 * SECOND
MOST_STEPS = 60_000

# Fault → the chance that a call meets it, at most; a seed draws how much of it there is.
FAULTS: list[dict[str, Any]] = [
    {"endpoint": "send_dm", "fault": "drop_before"},
    {"endpoint": "send_dm", "fault": "error_before"},
    {"endpoint": "send_dm", "fault": "rate_limited", "seconds": 40},
    {"endpoint": "send_dm", "fault": "rate_limited", "headers": False},
    {"endpoint": "send_dm", "fault": "drop_after"},
    {"endpoint": "send_dm", "fault": "error_after", "status": 504},
    {"endpoint": "send_dm", "fault": "malformed", "how": "no_id"},
    {"endpoint": "send_dm", "fault": "delay", "seconds": 20},
    {"endpoint": "send_dm", "fault": "delay", "seconds": 2},
    {"endpoint": "users", "fault": "error_before"},
    {"endpoint": "users", "fault": "partial", "how": "unanswered"},
    {"endpoint": "dm_events_with", "fault": "error_before"},
    {"endpoint": "dm_events_with", "fault": "rate_limited", "seconds": 30},
    {"endpoint": "dm_events_with", "fault": "drop_after"},
    {"endpoint": "dm_events_with", "fault": "lag", "seconds": 30},
    {"endpoint": "dm.sent", "fault": "event_late", "seconds": 3},
    {"endpoint": "dm.sent", "fault": "event_late", "seconds": 400},
    {"endpoint": "dm.sent", "fault": "event_twice"},
    {"endpoint": "dm.sent", "fault": "event_never"},
    {"endpoint": "dm.received", "fault": "event_twice"},
    {"endpoint": "follow.unfollow", "fault": "event_late", "seconds": 60},
    {"endpoint": "follow.unfollow", "fault": "event_never"},
]
MOST = {"send_dm": 0.06, "dm.sent": 0.25, "follow.unfollow": 0.3}


@dataclass
class SeedPlan:
    """Draws, at each boundary, what happens and who goes on."""

    house: House
    random: Random
    kills: float
    losses: float
    freezes: float
    jumps: float
    wakes: float
    people: float
    switches: float

    def at(self, worker: Worker, step: str) -> Loss | None:
        house = self.house
        house.x.catch_up()
        house.keep_alive()
        if house.clock.true > FAULTS_END:
            house.x.faults.on = False
            return None
        draw = self.random.random()
        for chance, happens in (
            (self.kills, self._kill),
            (self.losses, self._lose),
            (self.freezes, self._freeze),
            (self.jumps, self._jump),
            (self.wakes, self._wake),
            (self.people, self._act),
        ):
            draw -= chance
            if draw < 0:
                return happens(worker)
        return None

    def who(self, worker: Worker | None, others: list[Worker], due: list[Job]) -> Worker | Job:
        if worker is not None and self.random.random() >= self.switches:
            return worker
        choices: list[Worker | Job] = [*others, *due[:3]]
        if worker is not None:
            choices.append(worker)
        return self.random.choice(choices)

    def look_ahead(self) -> None:
        self.house.x.catch_up()
        self.house.keep_alive()
        if self.house.clock.true < HORIZON and not self.house.conductor.broken:
            self.house.look_ahead()

    # --- what happens ------------------------------------------------------------------------------

    def _kill(self, worker: Worker) -> None:
        self.house.conductor.kill(worker)

    def _lose(self, worker: Worker) -> Loss:
        return self.random.choice(list(Loss))

    def _freeze(self, worker: Worker) -> None:
        # Shorter than the call deadline, longer than it, or past everything that settles.
        seconds = self.random.choice([1, 4, 7, 30, 200, 900, 1500])
        self.house.conductor.freeze(worker, self.house.clock.true + seconds * SECOND)

    def _jump(self, worker: Worker) -> None:
        clock = self.house.clock
        match self.random.randrange(3):
            case 0:  # the machines sleep
                clock.move(self.random.choice([2, 6, 45, 130, 700]) * SECOND)
            case 1:  # ours is set back a little, as NTP does; ahead of X's it would forget calls
                clock.ours -= self.random.randrange(3 * SECOND)
            case 2:
                clock.theirs = self.random.randrange(-25 * SECOND, 25 * SECOND)

    def _wake(self, worker: Worker) -> None:
        self.house.wake(self.random.choice(self.house.world.accounts).pk)
        if self.random.random() < 0.3:
            self.house.tick()

    def _act(self, worker: Worker) -> None:
        house = self.house
        delivery = self.random.choice(house.world.deliveries)
        match self.random.randrange(5):
            case 0:
                house.stop(delivery.customer_id)
            case 3:
                house.say_stop(delivery.x_account_id, delivery.customer_id)
            case 1:
                house.unfollow(delivery.x_account_id, delivery.customer_id)
            case 2:
                house.edit(delivery.revision.draft_id)
            case 4:
                house.write_by_hand(delivery.x_account_id, delivery.customer_id)


class Simulation:
    """A world, put back for each seed."""

    def __init__(self, conductor: Conductor) -> None:
        self.conductor = conductor
        self.world: World = world.build(
            "simulation_seeds", accounts=ACCOUNTS, people=PEOPLE, letters=LETTERS, twins=TWINS
        )

    def run(self, seed: int) -> Counters:
        """Let one seed play, and look at what came of it."""
        house, plan = self._begin(seed)
        windows = {"X_ACCOUNT_WINDOWS": ACCOUNT_WINDOWS, "X_APP_WINDOWS": APP_WINDOWS}
        with override_settings(**windows), house.instead():
            self.conductor.begin(
                house.clock,
                plan,
                step_microseconds=plan.random.choice([200, 5000]),
                most_steps=MOST_STEPS,
                fresh=True,
            )
            for account in house.world.accounts:
                house.wake(account.pk)
            self.conductor.run()
        self.house = house
        return invariants.count(house)

    def _begin(self, seed: int) -> tuple[House, SeedPlan]:
        draw = Random(f"simulation {seed}")
        random.seed(f"product {seed}")  # what the product draws: jitter
        clock = Clock(whole_seconds=draw.random() < 0.5)
        clock.theirs = draw.randrange(-20 * SECOND, 20 * SECOND)
        self.world.snapshot.restore()
        self._spread(draw)
        x = X(
            clock,
            Random(f"x {seed}"),
            Rules.of(self._rules(draw), str(seed)),
            ACCOUNT_WINDOWS,
            APP_WINDOWS,
            boundary=self.conductor.boundary,
            tell=lambda told, due: house.told(told, due),
            page=draw.choice([1, 2, 100]),
            names_limits=draw.random() < 0.5,
            refuses_duplicates=draw.random() < 0.3,
            late_share=draw.choice([0.0, 0.3]),
            open_dms=draw.random() < 0.5,
            brands=frozenset(account.x_user_id for account in self.world.accounts),
        )
        for account in self.world.accounts:
            for person in self.world.people.values():
                x.follows |= {(account.x_user_id, person), (person, account.x_user_id)}
        house = House(self.world, clock, self.conductor, x, reads=True)
        wild = draw.choice([0.3, 1.0, 2.0])
        plan = SeedPlan(
            house,
            draw,
            kills=0.002 * wild,
            losses=0.002 * wild,
            freezes=0.001 * wild,
            jumps=0.001 * wild,
            wakes=0.002,
            people=0.0015 * wild,
            switches=draw.choice([0.05, 0.3, 0.8]),
        )
        return house, plan

    def _rules(self, draw: Random) -> list[dict[str, Any]]:
        rules = []
        for fault in FAULTS:
            most = MOST.get(fault["endpoint"], 0.1)
            rules.append(fault | {"probability": draw.choice([0.0, 0.3, 1.0]) * most})
        return rules

    def _spread(self, draw: Random) -> None:
        """Give each letter its time; a third of them is due at once."""
        # No two at the same moment: which of them comes first would be PostgreSQL's to choose.
        due = [
            EPOCH
            + timedelta(
                seconds=draw.choice([-1.0, draw.uniform(0, 900), draw.uniform(0, 300)]),
                microseconds=number,
            )
            for number, _ in enumerate(self.world.deliveries)
        ]
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE delivery_delivery delivery SET due_at = at, look_at = at, "
                "leave_by = at + interval '2 hours' "
                "FROM unnest(%s::bigint[], %s::timestamptz[]) AS said (id, at) "
                "WHERE delivery.id = said.id",
                [[delivery.pk for delivery in self.world.deliveries], due],
            )
            # One letter to somebody in seven days is the default; here a person gets several.
            cursor.execute(
                "UPDATE delivery_sendingpolicy SET cap_letters = %s", [draw.choice([0, 2])]
            )


def states(house: House) -> dict[str, int]:
    """How many letters are in which state, for whoever looks into a seed."""
    rows = house.conductor.ask(
        "SELECT state, count(*) FROM delivery_delivery GROUP BY 1 ORDER BY 1"
    )
    return {str(state): int(number) for state, number in rows}


__all__ = ["Simulation", "State", "XAccount", "states"]
