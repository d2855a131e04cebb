"""`python -m tests.delivery.simulation [--seeds 20] [--seed N]`: seeds, and one JSON line at the end.

Exit status 0 where everything held. The database is a test database of its own, in `var/simulate`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import django

from outreach.services import locks, running
from outreach.services.paths import make_directory, var_dir


@contextmanager
def database() -> Iterator[None]:
    """A PostgreSQL for this run, with an empty test database; Django is ready inside."""
    place = make_directory(var_dir() / "simulate")
    lock = locks.open_lock(place / "run.lock")
    if not locks.try_lock(lock):
        sys.exit("A simulation runs in this checkout already.")
    own = not os.environ.get("DATABASE_URL")
    os.environ["VAR_DIR"] = str(place)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "outreach.settings")
    with running(place, database=own, cache=False) as urls:
        os.environ.update(urls.environment())
        django.setup()
        # Django's own, which may be imported only now.
        from django.test import utils

        utils.setup_test_environment()
        made = utils.setup_databases(verbosity=0, interactive=False)
        try:
            yield
        finally:
            utils.teardown_databases(made, verbosity=0)
            os.close(lock)


def simulate(chosen: list[int]) -> int:
    """Run these seeds; print each that fails, and the sum of all as one line of JSON."""
    # They need Django.
    from tests.delivery.simulation import seeds, snapshot
    from tests.delivery.simulation.conductor import Conductor
    from tests.delivery.simulation.invariants import Counters

    logging.disable(logging.CRITICAL)
    began, total, steps, failed = time.monotonic(), Counters(), 0, []
    with snapshot.laboratory(), Conductor(workers=seeds.WORKERS) as conductor:
        simulation = seeds.Simulation(conductor)
        deliveries = len(simulation.world.deliveries)
        for seed in chosen:
            counters = simulation.run(seed)
            total.add(counters)
            steps += conductor.steps
            if counters.violations:
                failed.append(seed)
                _say(f"SEED={seed} fails: {counters.violations}", *conductor.broken[:1])
    line = {"seeds": len(chosen), "deliveries": deliveries * len(chosen)} | asdict(total)
    line |= {"steps": steps, "seconds": round(time.monotonic() - began, 1), "failed": failed}
    _say(json.dumps(line))
    return bool(failed)


def _say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.delivery.simulation")
    parser.add_argument("--seeds", type=int, default=20, help="how many, from 0 on")
    parser.add_argument("--seed", type=int, help="only this one")
    options = parser.parse_args()
    chosen = list(range(options.seeds)) if options.seed is None else [options.seed]
    with database():
        return simulate(chosen)


if __name__ == "__main__":
    sys.exit(main())
