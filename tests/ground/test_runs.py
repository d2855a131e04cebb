"""Long work has a row: one worker at a time, one that died is followed by another."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from outreach.customers.models import ImportRun
from outreach.ground import runs
from outreach.ground.clock import Now, now
from outreach.ground.runs import RunLost, RunState
from outreach.ground.writes import NoTransaction
from tests import factories
from tests.delivery.meanwhile import threads

pytestmark = pytest.mark.django_db
LEASE = runs.LEASE.total_seconds()


@pytest.fixture
def run(house) -> ImportRun:
    return made(house)


def made(house, **values) -> ImportRun:
    row: Any = {"file_name": "people.csv", "size": 1, "sha256": b"", **values}
    return ImportRun.objects.create(workspace=house.workspace, **row)


def fresh(run: ImportRun) -> ImportRun:
    return ImportRun.everywhere.get(pk=run.pk)


def take(run: ImportRun) -> uuid.UUID:
    token = runs.take(ImportRun, run.pk)
    assert token is not None
    return token


# --- taking ----------------------------------------------------------------------------------


def test_one_worker_takes_it_and_no_other_does(run):
    token = take(run)
    assert (fresh(run).state, fresh(run).token) == ("running", token)
    assert runs.take(ImportRun, run.pk) is None
    assert fresh(run).token == token


def test_a_dead_workers_lease_ends_and_another_takes_it(run, clock):
    first = take(run)
    clock(LEASE - 1)
    assert runs.take(ImportRun, run.pk) is None
    clock(LEASE + 1)
    assert take(run) != first


@pytest.mark.parametrize("state", [RunState.DONE, RunState.FAILED, RunState.CANCELLED])
def test_what_ended_is_taken_by_nobody(run, state):
    ImportRun.everywhere.filter(pk=run.pk).update(state=state)
    assert runs.take(ImportRun, run.pk) is None
    assert fresh(run).state == state


def test_it_is_not_taken_before_its_time(run, clock):
    ImportRun.everywhere.filter(pk=run.pk).update(look_at=now() + timedelta(seconds=30))
    assert runs.take(ImportRun, run.pk) is None
    clock(31)
    take(run)


@pytest.mark.django_db(transaction=True)
def test_a_step_longer_than_the_lease_is_not_taken_away_nor_waited_for(house, clock):
    run = made(house)
    token = take(run)
    with threads(1) as start:
        with transaction.atomic():
            runs.keep(ImportRun, run.pk, token, lease=timedelta(seconds=-1))
            # The lease is over, the step is not: another worker leaves it alone, at once.
            assert start(runs.take, ImportRun, run.pk).result(timeout=10) is None
            assert start(_cancel, house).result(timeout=10) == 0
        # Committed, and late: now it may be taken.
        assert start(runs.take, ImportRun, run.pk).result(timeout=10) is not None


def _cancel(house) -> int:
    with transaction.atomic():
        return runs.ask_to_cancel(ImportRun.objects.of(house.marketer))


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_at_once_one_takes_it(house):
    run = made(house)
    with threads(6) as start:
        asked = [start(runs.take, ImportRun, run.pk) for _ in range(6)]
        tokens = [each.result() for each in asked]
    assert sum(token is not None for token in tokens) == 1


# --- its steps -------------------------------------------------------------------------------


def test_a_step_says_how_far_it_is_and_renews_the_lease(run, clock):
    token = take(run)
    clock(LEASE - 1)
    assert runs.keep(ImportRun, run.pk, token, done=3, of=12, new=2) is False
    clock(2 * LEASE - 2)
    assert runs.take(ImportRun, run.pk) is None
    kept = fresh(run)
    assert (kept.done, kept.of, kept.percent, kept.new) == (3, 12, 25, 2)


def test_whoever_lost_it_keeps_nothing_ends_nothing_and_puts_nothing_off(run, clock):
    lost = take(run)
    clock(LEASE + 1)
    token = take(run)
    for act in (
        lambda: runs.keep(ImportRun, run.pk, lost, done=9),
        lambda: runs.end(ImportRun, run.pk, lost, RunState.DONE),
        lambda: runs.put_off(ImportRun, run.pk, lost, Now()),
    ):
        with pytest.raises(RunLost), transaction.atomic():
            act()
    assert (fresh(run).state, fresh(run).token, fresh(run).done) == ("running", token, 0)


def test_a_step_that_fails_takes_its_progress_back(run):
    token = take(run)
    with transaction.atomic():
        runs.keep(ImportRun, run.pk, token, done=5)
        transaction.set_rollback(True)
    assert fresh(run).done == 0


def test_it_ends_once(run):
    token = take(run)
    runs.end(ImportRun, run.pk, token, RunState.FAILED, problem="It is no table.", new=4)
    ended = fresh(run)
    assert (ended.state, ended.problem, ended.new) == ("failed", "It is no table.", 4)
    assert (ended.token, ended.leased_until, ended.is_open) == (None, None, False)
    assert ended.ended_at is not None
    with pytest.raises(RunLost), transaction.atomic():
        runs.end(ImportRun, run.pk, token, RunState.DONE)
    with pytest.raises(RunLost), transaction.atomic():
        runs.keep(ImportRun, run.pk, token)


def test_put_off_it_waits_for_nobody_until_its_time(run, clock):
    token = take(run)
    runs.put_off(ImportRun, run.pk, token, now() + timedelta(seconds=90), done=7)
    off = fresh(run)
    assert (off.state, off.token, off.leased_until, off.done) == ("waiting", None, None, 7)
    assert runs.waiting(ImportRun) == []
    with pytest.raises(RunLost), transaction.atomic():
        runs.keep(ImportRun, run.pk, token)
    clock(91)
    assert runs.waiting(ImportRun) == [run.pk]
    take(run)


# --- cancelling ------------------------------------------------------------------------------


def test_what_nobody_works_on_is_cancelled_at_once(house, run):
    assert runs.ask_to_cancel(ImportRun.objects.of(house.marketer)) == 1
    assert (fresh(run).state, fresh(run).cancel_asked) == ("cancelled", True)
    assert fresh(run).ended_at is not None


def test_a_worker_learns_of_it_in_its_next_step(house, run):
    token = take(run)
    assert runs.ask_to_cancel(ImportRun.objects.of(house.marketer)) == 1
    assert fresh(run).state == "running"
    assert runs.keep(ImportRun, run.pk, token) is True
    runs.end(ImportRun, run.pk, token, RunState.CANCELLED)
    assert fresh(run).state == "cancelled"


def test_what_a_dead_worker_had_is_cancelled_at_once(house, run, clock):
    take(run)
    clock(LEASE + 1)
    runs.ask_to_cancel(ImportRun.objects.of(house.marketer))
    assert fresh(run).state == "cancelled"


def test_what_ended_and_what_is_elsewhere_is_not_cancelled(house, run):
    runs.end(ImportRun, run.pk, take(run), RunState.DONE)
    elsewhere = made(factories.house())
    assert runs.ask_to_cancel(ImportRun.objects.of(house.marketer)) == 0
    assert (fresh(run).state, fresh(run).cancel_asked) == ("done", False)
    assert (fresh(elsewhere).state, fresh(elsewhere).cancel_asked) == ("waiting", False)


# --- finding ---------------------------------------------------------------------------------


def test_the_tick_finds_what_waits_and_whose_worker_died_the_oldest_first(house, clock):
    begun = now()
    late = made(house, look_at=begun - timedelta(seconds=5))
    early = made(house, look_at=begun - timedelta(seconds=9))
    taken = made(house, look_at=begun - timedelta(seconds=7))
    made(house, look_at=begun + timedelta(hours=1))
    runs.end(ImportRun, (ended := made(house)).pk, take(ended), RunState.DONE)
    take(taken)
    assert runs.waiting(ImportRun) == [early.pk, late.pk]
    assert runs.waiting(ImportRun, most=1) == [early.pk]
    clock(LEASE + 1)
    assert runs.waiting(ImportRun) == [early.pk, taken.pk, late.pk]


@pytest.mark.parametrize(
    ("done", "of", "percent"), [(0, None, None), (5, 0, None), (1, 3, 33), (3, 3, 100), (4, 3, 100)]
)
def test_how_far_it_is(run, done, of, percent):
    run.done, run.of = done, of
    assert run.percent == percent


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_a_step_is_refused(house):
    run = made(house)
    with pytest.raises(NoTransaction):
        runs.keep(ImportRun, run.pk, take(run))


def test_ended_at_once_whoever_works_on_it_has_lost_it(house, run):
    token = take(run)
    waits, done = made(house), made(house, state=RunState.DONE)
    with transaction.atomic():
        ended = runs.cancel_at_once(ImportRun.everywhere.all(), problem="Cut short.")
    assert ended == [run.pk, waits.pk]
    assert [fresh(each).state for each in (run, waits, done)] == ["cancelled", "cancelled", "done"]
    assert (fresh(run).problem, fresh(run).token) == ("Cut short.", None)
    with pytest.raises(RunLost), transaction.atomic():
        runs.keep(ImportRun, run.pk, token)
    assert runs.waiting(ImportRun) == []
