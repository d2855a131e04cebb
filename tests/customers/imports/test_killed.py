"""Workers killed with SIGKILL anywhere in an import: as before, or as after, and then it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from outreach.customers.imports import actions
from outreach.customers.models import (
    Customer,
    ImportPiece,
    ImportRefusal,
    ImportRun,
    Permission,
    Suppression,
)
from tests import factories
from tests.customers.imports.doomed import COUNTING, LOOKING, WRITING, Doomed
from tests.customers.imports.importing import counts, fresh
from tests.delivery.meanwhile import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

LATER = 61  # seconds: past the lease
BATCH = 3  # rows
FILE = (
    "handle,tags,permission,permission date,stop\n"
    "ana,prints,opted in,2026-01-01,\n"
    "known,prints,opted in,2026-01-01,\n"
    "bo,,,,stop\n"
    "by_id,,,,said stop\n"
    "not a handle,,,,\n"
    "ANA,,,,\n"
    "cy,vip,,,\n"
)
AFTER = {
    "customers": [
        (7, "by_id", []), (None, "ana", ["prints"]), (None, "bo", []), (None, "cy", ["vip"]),
        (None, "known", ["old", "prints"]),
    ],
    "permissions": ["ana", "known"],
    "suppressions": [(7, ""), (None, "bo")],
}  # fmt: skip


@pytest.fixture(scope="session")
def doomed(django_db_setup: None) -> Iterator[Doomed]:
    address = urlsplit(os.environ["DATABASE_URL"])
    database = connection.settings_dict["NAME"]
    process = Doomed(
        os.environ
        | {
            "DATABASE_URL": address._replace(path=f"/{database}").geturl(),
            "DJANGO_SETTINGS_MODULE": "outreach.settings",
        }
    )
    yield process
    process.end()


@pytest.fixture
def house() -> factories.House:
    made = factories.house()
    factories.not_looked_up(made, "known", tags=["old"])
    made.customer(x_user_id=7, handle="by_id", permission=False)
    return made


@pytest.fixture
def run(house) -> ImportRun:
    return actions.upload(house.marketer, "people.csv", [FILE.encode()])


def world(house) -> dict[str, list[Any]]:
    """What an import writes."""
    customers = Customer.everywhere.filter(workspace=house.workspace)
    return {
        "customers": sorted(
            customers.values_list("x_user_id", "handle", "tags"),
            key=lambda row: (not row[0], row[1]),
        ),
        "permissions": sorted(
            Permission.everywhere.filter(customer__in=customers).values_list(
                "customer__handle", flat=True
            )
        ),
        "suppressions": sorted(
            Suppression.everywhere.filter(workspace=house.workspace).values_list(
                "x_user_id", "handle"
            ),
            key=str,
        ),
    }


def brought_to(house, run, stage: str, doomed: Doomed) -> None:
    """People and workers take the run on until this stage comes next."""
    while fresh(run).stage != stage:
        here = fresh(run)
        if here.stage == "columns":
            actions.choose_columns(house.marketer, run.pk, here.targets, day_first=True)
        elif here.stage == "counted":
            actions.confirm(house.marketer, run.pk)
        else:
            # Of somebody killed inside a transaction, the lock is let go a moment later.
            assert doomed.work(run.pk, later=LATER, batch=BATCH) == {"ended": 0}


def ends_well(house, run, doomed: Doomed) -> None:
    brought_to(house, run, "ended", doomed)
    assert world(house) == AFTER
    done = fresh(run)
    assert (done.state, counts(done)) == ("done", (3, 2, 0, 2))
    assert not ImportPiece.everywhere.exists()
    assert [row.line for row in ImportRefusal.everywhere.filter(run=run).order_by("line")] == [6, 7]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'customers_importstaged%'")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("step", [*LOOKING, *COUNTING])
def test_killed_before_it_is_confirmed_a_worker_has_written_nothing(house, run, doomed, step):
    before = world(house)
    brought_to(house, run, "looking" if step in LOOKING else "counting", doomed)
    assert doomed.work(run.pk, step=step, batch=BATCH) == {"killed": signal.SIGKILL}
    assert world(house) == before
    ends_well(house, run, doomed)


@pytest.mark.parametrize("step", WRITING)
def test_killed_while_it_writes_a_worker_leaves_all_or_nothing(house, run, doomed, step):
    before = world(house)
    brought_to(house, run, "writing", doomed)
    assert doomed.work(run.pk, step=step, batch=BATCH) == {"killed": signal.SIGKILL}
    written = step == "committed"
    assert world(house) == (AFTER if written else before)
    assert fresh(run).state == ("done" if written else "running")
    ends_well(house, run, doomed)


def test_the_next_import_finishes_though_one_lies_half_read(house, run, doomed):
    brought_to(house, run, "counting", doomed)
    assert doomed.work(run.pk, step="batch copied", batch=BATCH) == {"killed": signal.SIGKILL}
    second = actions.upload(house.marketer, "again.csv", [FILE.encode()])
    brought_to(house, second, "ended", doomed)
    assert world(house) == AFTER
    brought_to(house, run, "ended", doomed)
    assert counts(fresh(run)) == (0, 0, 5, 2)


def test_a_killed_workers_run_waits_for_its_lease(house, run, doomed):
    assert doomed.work(run.pk, step="looked") == {"killed": signal.SIGKILL}
    assert doomed.work(run.pk) == {"ended": 0}
    assert fresh(run).stage == "looking"
    wait_until(lambda: doomed.work(run.pk, later=LATER) and fresh(run).stage == "columns")
