"""Real worker processes that are killed, frozen or cut off between any two steps."""

from __future__ import annotations

import signal
import time

import pytest
from django.db import connection

from outreach.delivery.models import Attempt, Delivery
from tests import factories
from tests.delivery.meanwhile import wait_until

# Step → what the second worker makes of it: the letter's state, and how many messages X may have.
STEPS = {
    "before the claim": ("sent", {1}),
    "claim not committed": ("sent", {1}),
    "claimed": ("uncertain", {0}),
    "connected": ("uncertain", {0}),
    "about to write": ("uncertain", {0}),
    # The connection of a killed process is reset: X may have read the request by then, or not.
    "written": ("uncertain", {0, 1}),
    "answered": ("uncertain", {1}),
    "outcome not committed": ("uncertain", {1}),
    "recorded": ("sent", {1}),
}
LATER = 60  # seconds: past deadline, timeouts and slack


def let_pass(seconds: float) -> None:
    """A deadline that began before now has passed after this."""
    over = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > over)


def cut_all_other_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture
def delivery(world) -> Delivery:
    return factories.delivery(world, world.customers[0])


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_any_step_sends_nothing_twice_and_loses_nothing(
    world, sandbox, doomed, delivery, step
):
    state, accepted = STEPS[step]
    died = doomed.send_due(world.account.pk, step=step, how="SIGKILL")
    assert died == {"killed": signal.SIGKILL}
    for _ in range(2):
        assert doomed.send_due(world.account.pk, later=LATER) == {"ended": 0}
    delivery.refresh_from_db()
    dms = sandbox.dms()
    assert delivery.state == state
    assert len(dms) in accepted
    assert [dm["text"] for dm in dms] == [delivery.text] * len(dms)
    assert bool(delivery.reason) == (state == "uncertain")
    assert Attempt.objects.filter(outcome="posting").count() == 0
    assert Attempt.objects.count() == 1


@pytest.mark.parametrize("step", ["before the claim", "claimed", "connected"])
def test_a_worker_frozen_past_the_call_deadline_does_not_call(
    world, sandbox, doomed, delivery, step
):
    seconds = 1
    frozen = doomed.send_due(
        world.account.pk, step=step, how="SIGSTOP", settings={"CALL_DEADLINE": seconds}
    )
    let_pass(seconds)
    assert doomed.thaw(frozen["frozen"]) == {"ended": 0}
    delivery.refresh_from_db()
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.kind) == ("not_called", "deadline_passed")
    assert delivery.state == "queued"
    assert sandbox.dms() == []
    # and it leaves with the next worker
    Delivery.everywhere.update(look_at=delivery.due_at)
    assert doomed.send_due(world.account.pk) == {"ended": 0}
    delivery.refresh_from_db()
    assert (delivery.state, len(sandbox.dms())) == ("sent", 1)


def test_a_worker_frozen_until_it_is_given_up_still_brings_its_201(
    world, sandbox, doomed, delivery
):
    frozen = doomed.send_due(world.account.pk, step="answered", how="SIGSTOP")
    assert doomed.send_due(world.account.pk, later=LATER) == {"ended": 0}
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason_code) == ("uncertain", "worker_died")
    assert doomed.thaw(frozen["frozen"]) == {"ended": 0}
    delivery.refresh_from_db()
    (dm,) = sandbox.dms()
    assert (delivery.state, str(delivery.dm_event_id)) == ("sent", dm["id"])


def test_a_worker_frozen_before_the_call_until_it_is_given_up_sends_nothing(
    world, sandbox, doomed, delivery
):
    frozen = doomed.send_due(
        world.account.pk, step="connected", how="SIGSTOP", settings={"CALL_DEADLINE": 1}
    )
    let_pass(1)
    assert doomed.send_due(world.account.pk, later=LATER) == {"ended": 0}
    delivery.refresh_from_db()
    assert delivery.state == "uncertain"
    assert doomed.thaw(frozen["frozen"]) == {"ended": 0}
    delivery.refresh_from_db()
    assert (delivery.state, sandbox.dms()) == ("queued", [])


@pytest.mark.parametrize("step", ["claimed", "answered"])
def test_an_answer_is_recorded_though_the_database_connection_was_cut_meanwhile(
    world, sandbox, doomed, delivery, step
):
    frozen = doomed.send_due(world.account.pk, step=step, how="SIGSTOP")
    cut_all_other_connections()
    assert doomed.thaw(frozen["frozen"]) == {"ended": 0}
    delivery.refresh_from_db()
    (dm,) = sandbox.dms()
    assert (delivery.state, str(delivery.dm_event_id)) == ("sent", dm["id"])


def test_a_connection_cut_in_the_claim_leaves_the_letter_to_the_next_worker(
    world, sandbox, doomed, delivery
):
    frozen = doomed.send_due(world.account.pk, step="claim not committed", how="SIGSTOP")
    cut_all_other_connections()
    assert doomed.thaw(frozen["frozen"]) == {"ended": 1}
    assert sandbox.dms() == []
    assert doomed.send_due(world.account.pk) == {"ended": 0}
    delivery.refresh_from_db()
    assert (delivery.state, len(sandbox.dms())) == ("sent", 1)


def somebody_is_idle_in_a_transaction() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND state = 'idle in transaction'"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("step", ["claim not committed", "outcome not committed"])
def test_a_worker_frozen_in_a_transaction_gives_its_locks_back(
    world, sandbox, doomed, delivery, step
):
    frozen = doomed.send_due(
        world.account.pk, step=step, how="SIGSTOP", settings={"IDLE_TRANSACTION_SECONDS": 1}
    )
    assert somebody_is_idle_in_a_transaction()
    wait_until(lambda: not somebody_is_idle_in_a_transaction())
    # The tick rescues what it held, and others claim.
    assert doomed.send_due(world.account.pk, later=LATER) == {"ended": 0}
    delivery.refresh_from_db()
    assert delivery.state == ("sent" if step == "claim not committed" else "uncertain")
    doomed.thaw(frozen["frozen"])
    delivery.refresh_from_db()
    assert (delivery.state, len(sandbox.dms())) == ("sent", 1)
