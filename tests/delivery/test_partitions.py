"""Divided by month as docs/partitions.sql does it, the tables keep every promise they kept whole."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from outreach.audit.actions import seal
from outreach.audit.models import AuditEvent, AuditUnsealed
from outreach.audit.queries import verify
from outreach.delivery import claim, outcomes
from outreach.delivery.budget import next_allowed
from outreach.delivery.claim import Claimed
from outreach.delivery.models import Attempt, Delivery
from outreach.ground.clock import now
from outreach.x.client import SentDM
from outreach.x.errors import TryLater
from outreach.x.limits import Limits
from tests import factories

pytestmark = pytest.mark.django_db

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "partitions.sql"
MONTH = 1 << 36
DAY = timedelta(days=1)
WITH_SEQUENCES = ("delivery_delivery", "delivery_attempt", "audit_auditevent")


def execute(sql: str, *values: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(values) or None)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def divided(house) -> factories.House:
    """A house with letters in every state of the way, whose tables were then divided by month."""
    sent, unsure, _waits, _more = [factories.delivery(house) for _ in range(4)]
    send(house, 101)
    assert isinstance(claim.claim(house.account.pk), Claimed)
    assert [state(sent), state(unsure)] == ["sent", "sending"]
    before = sizes()
    connection.check_constraints()  # what is deferred must not be pending
    execute(SCRIPT.read_text())
    assert sizes() == before
    return house


def sizes() -> list[int]:
    return [model.objects.count() for model in (Attempt, AuditEvent, AuditUnsealed)] + [
        Delivery.everywhere.count()
    ]


def state(letter: Delivery) -> str:
    return Delivery.everywhere.get(pk=letter.pk).state


def send(house, dm_event_id: int) -> Claimed:
    claimed = claim.claim(house.account.pk)
    assert isinstance(claimed, Claimed)
    outcomes.record_sent(claimed, SentDM(dm_event_id, None, Limits(), None))
    return claimed


def begin_month(month: int) -> None:
    for table in WITH_SEQUENCES:
        execute("SELECT begin_month(%s, 'id', %s)", table, month)


def copied(table: str, row_id: int, **changes: str) -> str:
    """SQL for one more row like that one."""
    columns = [
        name
        for (name,) in execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
            "AND attgenerated = '' AND attname <> 'id'",
            table,
        )
    ]
    values = [changes.get(name, name) for name in columns]
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) "
        f"SELECT {', '.join(values)} FROM {table} WHERE id = {row_id}"
    )


@transaction.atomic
def execute_whole(sql: str) -> None:
    execute(sql)
    connection.check_constraints()


def refused(sql: str, constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        execute_whole(sql)


def test_letters_go_on_where_they_were_and_new_months_have_tables_of_their_own(divided):
    letter = Delivery.everywhere.filter(state="queued").order_by("pk").first()
    begin_month(1)
    claimed = send(divided, 102)
    assert claimed.delivery_id == letter.pk < MONTH < claimed.attempt_id < 2 * MONTH
    assert state(letter) == "sent"
    begin_month(2)
    begin_month(2)
    new = factories.delivery(divided)
    assert new.pk == 2 * MONTH + 1
    assert execute("SELECT count(*) FROM delivery_delivery_2") == [(1,)]
    assert {send(divided, 103).delivery_id, send(divided, 104).delivery_id} > {new.pk}


def test_a_month_that_began_is_not_begun_backwards(divided):
    begin_month(2)
    begin_month(1)
    assert factories.delivery(divided).pk > 2 * MONTH


def test_no_message_belongs_to_two_attempts_of_different_months(divided):
    begin_month(1)
    (attempt,) = Attempt.objects.filter(dm_event_id=101)
    refused(
        copied("delivery_attempt", attempt.pk, claim_token="gen_random_uuid()"),
        "delivery_attempt_dm_event_id_key",
    )
    claimed = send(divided, 102)
    refused(
        f"UPDATE delivery_attempt SET dm_event_id = 101 WHERE id = {claimed.attempt_id}",
        "delivery_attempt_dm_event_id_key",
    )


def test_an_id_that_an_attempt_gives_up_is_free(divided):
    begin_month(1)
    execute("UPDATE delivery_attempt SET dm_event_id = NULL WHERE dm_event_id = 101")
    send(divided, 101)


def test_a_letter_has_one_open_attempt_over_all_months(divided):
    begin_month(1)
    (open_,) = Attempt.objects.filter(outcome="posting")
    refused(
        copied("delivery_attempt", open_.pk, claim_token="gen_random_uuid()"),
        "one_open_attempt_a_delivery",
    )
    waits = Delivery.everywhere.filter(state="queued").first()
    refused(
        copied("delivery_attempt", open_.pk, delivery_id=str(waits.pk)),
        "delivery_attempt_claim_token_key",
    )


def test_one_letter_is_in_the_air_to_a_person_over_all_months(divided):
    begin_month(1)
    flying = Delivery.everywhere.get(state="sending")
    another = factories.delivery(divided, flying.customer)
    leave = (
        "UPDATE delivery_delivery SET state = 'sending', claim_token = gen_random_uuid() "
        f"WHERE id = {another.pk}"
    )
    refused(leave, "one_in_the_air_to_a_person")
    execute(f"UPDATE delivery_delivery SET state = 'queued' WHERE id = {flying.pk}")
    execute(leave)


def test_a_revision_and_an_approval_have_one_delivery_over_all_months(divided):
    begin_month(1)
    sent = Delivery.everywhere.get(state="sent")
    waits = Delivery.everywhere.filter(state="queued").first()
    refused(copied("delivery_delivery", waits.pk, approval_id="-1"), "one_live_delivery_a_revision")
    cancelled = {"state": "'cancelled'", "reason": "'So.'"}
    refused(copied("delivery_delivery", sent.pk, **cancelled), "it was sent already")
    refused(copied("delivery_delivery", waits.pk, **cancelled), "delivery_delivery_approval_id_key")


def test_what_points_at_nothing_is_refused_in_every_month(divided):
    (attempt,) = Attempt.objects.filter(dm_event_id=101)
    for month in (0, 1):
        begin_month(month)
        nowhere = {"delivery_id": "-5", "dm_event_id": "NULL", "claim_token": "gen_random_uuid()"}
        refused(copied("delivery_attempt", attempt.pk, **nowhere), "delivery")


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE delivery_delivery SET text = 'other'", "never change"),
        ("DELETE FROM delivery_delivery", "never removed"),
        ("DELETE FROM delivery_attempt", "never removed"),
        ("UPDATE audit_auditevent SET verb = 'other'", "append-only"),
        ("DELETE FROM audit_auditevent", "append-only"),
        ("UPDATE audit_auditdetail SET details = '{}'", "append-only"),
    ],
)
def test_what_is_frozen_is_frozen_in_every_month(divided, sql, words):
    begin_month(1)
    factories.delivery(divided)
    send(divided, 102)
    key = "event_id" if "auditdetail" in sql else "id"
    for where in (f"{key} < {MONTH}", f"{key} > {MONTH}"):
        refused(f"{sql} WHERE {where}", words)


def test_a_letter_that_was_not_sent_leaves_again_in_another_month(divided):
    claimed = claim.claim(divided.account.pk)
    outcomes.record_not_sent(claimed, TryLater("server_error", status=503))
    begin_month(1)
    Delivery.everywhere.filter(pk=claimed.delivery_id).update(look_at=now() - DAY)
    again = claim.claim(divided.account.pk)
    assert (again.delivery_id, again.attempt_id > MONTH) == (claimed.delivery_id, True)


def test_limits_count_the_attempts_of_all_months(divided):
    """Two of month 0 and one of month 1, of which no more than three may be made."""
    begin_month(1)
    send(divided, 102)
    account, moment = divided.account.pk, now()
    assert next_allowed("x_account_id", account, [(4, 900)], moment) == moment
    assert next_allowed("x_account_id", account, [(3, 900)], moment) > moment


def test_the_audit_chain_runs_through_the_months(divided):
    seal()
    begin_month(1)
    send(divided, 102)
    assert seal() > 0
    found = verify()
    assert (found.faults, found.unsealed, found.sealed) == ([], 0, AuditEvent.objects.count())
    assert AuditEvent.objects.filter(pk__gt=MONTH).exists()
