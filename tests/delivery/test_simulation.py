"""The engine in a simulated world: every step crossed with every event, seeds, and guards removed."""

from __future__ import annotations

import json
import sys

import pytest

from tests.delivery.simulation import exhaustive, guards, seeds, snapshot
from tests.delivery.simulation.conductor import Conductor
from tests.delivery.simulation.engine_steps import STEPS
from tests.delivery.simulation.invariants import Counters
from tests.delivery.simulation.lab import Lab

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]

SEEDS = 20


def say(*lines: str) -> None:
    """What the test found, in figures, for whoever runs it."""
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


@pytest.fixture
def laboratory(caplog):
    """A database whose clock stands still; what the engine logs of its faults is not shown."""
    caplog.set_level("CRITICAL")
    with snapshot.laboratory():
        yield


def test_every_boundary_is_crossed_with_every_event(laboratory, capsys):
    with Conductor(workers=2) as conductor:
        everything = exhaustive.Exhaustive(conductor)
        failed = list(everything.failures())
    with capsys.disabled():
        say(f"{everything.crossings} crossings of {len(everything.steps)} steps")
    assert not failed, "\n".join(map(str, failed))
    assert sorted(everything.steps - STEPS) == [], "steps that engine_steps.py does not list"
    assert sorted(STEPS - everything.steps) == [], "steps that nothing takes any more"


def test_a_hundred_letters_arrive_once_whatever_the_seed(laboratory, capsys):
    total = Counters()
    with Conductor(workers=seeds.WORKERS) as conductor:
        simulation = seeds.Simulation(conductor)
        for seed in range(SEEDS):
            counters = simulation.run(seed)
            total.add(counters)
            assert not counters.violations, f"SEED={seed}: {counters.violations} {conductor.broken}"
    with capsys.disabled():
        say(f"{SEEDS} seeds: {total.accepted} accepted, {total.uncertain} unsure with evidence")


def test_a_seed_replays(laboratory):
    with Conductor(workers=seeds.WORKERS) as conductor:
        simulation = seeds.Simulation(conductor)
        traces = []
        for _ in range(2):
            conductor.trace = []
            simulation.run(SEEDS)
            traces.append(conductor.trace)
    assert traces[0] == traces[1]


def test_each_guard_that_is_taken_away_shows(laboratory, capsys):
    lines = []
    with Conductor(workers=2) as conductor:
        lab = Lab(conductor)
        for guard in guards.GUARDS:
            with_it = guard.scenario.play(lab, guard.name)
            assert not with_it.violations, f"{guard.name}: {with_it} {conductor.broken}"
            with guard.removed():
                without_it = guard.scenario.play(lab, guard.name)
            lines.append({"guard": guard.name, "counters": without_it.violations})
    with capsys.disabled():
        say(*map(json.dumps, lines))
    assert [line["guard"] for line in lines if not line["counters"]] == []
