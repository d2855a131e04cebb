"""The chain: sealed in batches, never forked, and nothing can be altered unseen."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from outreach.audit import tasks
from outreach.audit.actions import SEALER_LOCK, record, seal
from outreach.audit.models import GENESIS, AuditDetail, AuditEvent, AuditSeal, AuditUnsealed
from outreach.audit.queries import verify

pytestmark = pytest.mark.django_db


def events(number: int) -> list[AuditEvent]:
    with transaction.atomic():
        made = [
            record("x.done", target_kind="x", target_id=n, workspace_id=None, details={"n": n})
            for n in range(number)
        ]
    return list(AuditEvent.objects.filter(pk__in=made).order_by("pk"))


@contextmanager
def as_an_intruder() -> Iterator[object]:
    """With the rights of a superuser, who switches every trigger and foreign key off."""
    connection.check_constraints()  # those of what this test wrote, before they are off
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            yield cursor
        finally:
            cursor.execute("SET session_replication_role = DEFAULT")


def report(*arguments: str) -> tuple[int, str]:
    out, status = StringIO(), 0
    try:
        call_command("verify_audit", *arguments, stdout=out)
    except SystemExit as end:
        status = int(str(end.code))
    return status, out.getvalue()


# --- sealing ---------------------------------------------------------------------------------


def test_sealing_chains_what_waits_in_its_order():
    made = events(3)
    assert seal() == 3
    assert AuditUnsealed.objects.count() == 0
    seals = list(AuditSeal.objects.order_by("position"))
    assert [(s.position, s.event_id) for s in seals] == [
        (number, event.pk) for number, event in enumerate(made, 1)
    ]
    previous = GENESIS
    for found, event in zip(seals, AuditEvent.objects.order_by("pk"), strict=True):
        previous = event.chained_after(previous)
        assert bytes(found.chain_hash) == previous


def test_sealing_goes_on_where_it_stopped_in_batches():
    events(5)
    assert [seal(2), seal(2), seal(2), seal(2)] == [2, 2, 1, 0]
    events(1)
    assert seal() == 1
    assert list(AuditSeal.objects.order_by("position").values_list("position", flat=True)) == [
        1, 2, 3, 4, 5, 6,
    ]  # fmt: skip
    assert verify().faults == []


def test_the_task_seals_all_there_is(monkeypatch):
    events(7)
    tasks.seal()
    assert AuditUnsealed.objects.count() == 0


def test_a_late_commit_with_an_earlier_number_is_sealed_all_the_same():
    """Numbers are given out at the insert, not at the commit."""
    made = events(3)
    AuditUnsealed.objects.filter(pk=made[0].pk).delete()
    assert seal() == 2
    AuditUnsealed.objects.create(event=made[0])
    assert seal() == 1
    found = verify()
    assert (found.sealed, found.unsealed, found.faults) == (3, 0, [])


def test_sealing_takes_few_queries_however_much_waits(django_assert_num_queries):
    events(2)
    with django_assert_num_queries(8):  # savepoint, lock, waiting, head, events, seals, delete, end
        seal()
    events(40)
    with django_assert_num_queries(8):
        assert seal() == 40


@pytest.mark.django_db(transaction=True)
def test_what_is_not_committed_yet_is_not_sealed_and_does_not_hold_up_the_rest():
    inside, done = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            record("slow.one", target_kind="x", target_id=0, workspace_id=None)
            inside.set()
            done.wait(20)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    inside.wait(20)
    events(2)
    try:
        assert seal() == 2
    finally:
        done.set()
        thread.join()
    assert seal() == 1
    assert verify().faults == []
    assert list(AuditSeal.objects.order_by("position").values_list("event__verb", flat=True)) == [
        "x.done",
        "x.done",
        "slow.one",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_second_sealer_leaves_it_to_the_first():
    """While one sealer has not committed, another seals nothing."""
    events(4)
    answers: list[int] = []

    def second():
        answers.append(seal())
        connection.close()

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEALER_LOCK])
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert answers == [0]
    assert AuditSeal.objects.count() == 0
    assert seal() == 4


@pytest.mark.django_db(transaction=True)
def test_many_sealers_and_writers_at_once_never_fork_the_chain():
    failures: list[BaseException] = []
    ready = threading.Barrier(5)

    def run(work):
        try:
            ready.wait(20)
            for _ in range(8):
                work()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    works = [lambda: events(3), lambda: events(2), *[lambda: seal(4)] * 3]
    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while seal():
        pass
    assert failures == []
    found = verify()
    assert (found.sealed, found.unsealed, found.faults) == (40, 0, [])
    assert AuditSeal.objects.values("event").distinct().count() == 40


# --- verifying -------------------------------------------------------------------------------


def test_an_empty_log_is_whole():
    found = verify()
    assert (found.sealed, found.unsealed, found.faults) == (0, 0, [])
    assert found.head == GENESIS.hex()


def test_the_unsealed_tail_is_named():
    events(2)
    seal()
    oldest = events(3)[0]
    oldest.refresh_from_db()
    found = verify()
    assert (found.sealed, found.unsealed, found.oldest_unsealed) == (2, 3, oldest.at)
    assert found.faults == []


@pytest.mark.parametrize(
    "change",
    [
        "verb = 'x.other'",
        "target_id = 99",
        "target_kind = 'y'",
        "at = at + interval '1 microsecond'",
        "workspace_id = 1",
        "actor_id = 1",
        "details_digest = sha256('other')",
    ],
)
def test_an_altered_event_is_found_whatever_was_altered(change):
    made = events(4)
    seal()
    with as_an_intruder() as cursor:
        cursor.execute(f"UPDATE audit_auditevent SET {change} WHERE id = {made[1].pk}")
    faults = verify().faults
    verb = "x.other" if change.startswith("verb") else "x.done"
    assert faults[0] == f"Event {made[1].pk} ({verb}, position 2) was altered."
    # Only an altered digest also contradicts its details.
    assert len(faults) == (2 if change.startswith("details_digest") else 1)


def test_altered_details_are_found():
    made = events(3)
    seal()
    with as_an_intruder() as cursor:
        cursor.execute(
            f"UPDATE audit_auditdetail SET details = '{{\"n\": 8}}' WHERE event_id = {made[2].pk}"
        )
    assert verify().faults == [f"The details of event {made[2].pk} (x.done) were altered."]


def test_a_removed_event_is_found():
    made = events(4)
    seal()
    with as_an_intruder() as cursor:
        for table, column in (
            ("auditdetail", "event_id"),
            ("auditseal", "event_id"),
            ("auditevent", "id"),
        ):
            cursor.execute(f"DELETE FROM audit_{table} WHERE {column} = {made[1].pk}")
    faults = verify().faults
    assert faults[0] == "Positions 2 to 2 are gone."


def test_a_removed_event_whose_seal_was_left_is_found():
    made = events(4)
    seal()
    with as_an_intruder() as cursor:
        cursor.execute(f"DELETE FROM audit_auditevent WHERE id IN ({made[1].pk}, {made[2].pk})")
    assert verify().faults[0] == "Positions 2 to 3 are gone."


def test_a_removed_end_shows_in_the_head():
    """Nothing in the database can show it; the head kept elsewhere does."""
    made = events(3)
    seal()
    kept = verify().head
    with as_an_intruder() as cursor:
        for table, column in (
            ("auditdetail", "event_id"),
            ("auditseal", "event_id"),
            ("auditevent", "id"),
        ):
            cursor.execute(f"DELETE FROM audit_{table} WHERE {column} = {made[2].pk}")
    found = verify()
    assert (found.faults, found.head != kept, found.sealed) == ([], True, 2)


def test_swapped_events_are_found():
    events(4)
    seal()
    with as_an_intruder() as cursor:
        cursor.execute("UPDATE audit_auditseal SET event_id = -event_id WHERE position IN (2, 3)")
        cursor.execute(
            "UPDATE audit_auditseal a SET event_id = -b.event_id FROM audit_auditseal b "
            "WHERE (a.position, b.position) IN ((2, 3), (3, 2))"
        )
    assert len(verify().faults) == 2


def test_erased_details_leave_the_chain_whole():
    made = events(3)
    seal()
    AuditDetail.objects.filter(event__in=made[:2]).delete()
    found = verify()
    assert (found.faults, found.erased_details, found.sealed) == ([], 2, 3)


def test_it_stops_at_the_first_twenty_faults():
    events(30)
    seal()
    with as_an_intruder() as cursor:
        cursor.execute("UPDATE audit_auditevent SET target_id = 77")
    assert len(verify().faults) == 20


# --- the command -----------------------------------------------------------------------------


def test_the_command_says_that_the_chain_is_whole():
    events(2)
    seal()
    status, said = report()
    assert status == 0
    assert "The chain is whole: 2 events sealed, 0 with erased details." in said
    assert verify().head in said
    assert "not sealed yet" not in said


def test_the_command_names_the_tail():
    events(2)
    status, said = report()
    assert status == 0
    assert "2 events are not sealed yet, the oldest from 20" in said


def test_the_command_fails_where_something_was_altered():
    made = events(2)
    seal()
    with as_an_intruder() as cursor:
        cursor.execute("UPDATE audit_auditevent SET target_id = 77 WHERE id = %s", [made[0].pk])
    status, said = report()
    assert status == 1
    assert said.splitlines()[0] == f"Event {made[0].pk} (x.done, position 1) was altered."
    assert "The chain is altered" in said
    status, said = report("--json")
    assert status == 1
    assert json.loads(said)["faults"] == [f"Event {made[0].pk} (x.done, position 1) was altered."]


def test_the_command_answers_in_json():
    events(2)
    seal()
    events(1)
    status, said = report("--json")
    found = verify()
    assert found.oldest_unsealed is not None
    assert (status, json.loads(said)) == (
        0,
        {
            "sealed": 2,
            "head": found.head,
            "unsealed": 1,
            "oldest_unsealed": found.oldest_unsealed.isoformat(),
            "erased_details": 0,
            "faults": [],
        },
    )
