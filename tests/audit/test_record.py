"""An event is written with what it speaks of, once, for good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outreach.audit.actions import record, seal
from outreach.audit.models import AuditDetail, AuditEvent, AuditSeal, AuditUnsealed, digest_of
from outreach.audit.queries import events_of
from outreach.drafts import actions as drafts
from outreach.ground.clock import now
from outreach.ground.writes import NoTransaction
from tests import factories

pytestmark = pytest.mark.django_db


def an_event(**values: Any) -> AuditEvent:
    values = {"target_kind": "draft", "target_id": 7, "workspace_id": None, **values}
    with transaction.atomic():
        return AuditEvent.objects.select_related("detail").get(pk=record("draft.started", **values))


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_recorded():
    with pytest.raises(NoTransaction):
        record("draft.started", target_kind="draft", target_id=7, workspace_id=None)
    assert AuditEvent.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_was_never_recorded():
    with transaction.atomic():
        record("draft.started", target_kind="draft", target_id=7, workspace_id=None)
        transaction.set_rollback(True)
    assert (AuditEvent.objects.count(), AuditUnsealed.objects.count()) == (0, 0)


def test_it_says_who_did_what_to_what(house):
    event = an_event(
        workspace_id=house.workspace.pk, actor_id=house.marketer.user_id, details={"why": "so"}
    )
    stored = AuditEvent.objects.select_related("detail").get(pk=event.pk)
    assert now() - timedelta(minutes=1) < stored.at <= now()
    assert (stored.verb, stored.target_kind, stored.target_id) == ("draft.started", "draft", 7)
    assert (stored.workspace, stored.actor) == (house.workspace, house.marketer.user)
    assert stored.detail.details == {"why": "so"}
    assert bytes(stored.details_digest) == stored.detail.digest()


def test_the_digest_is_salted_so_that_nobody_can_guess_what_was_erased():
    one, two = an_event(details={"stop": "yes"}), an_event(details={"stop": "yes"})
    assert bytes(one.details_digest) != bytes(two.details_digest)
    assert len(bytes(one.detail.salt)) == 16
    assert bytes(one.details_digest) != digest_of(b"", {"stop": "yes"})


def test_an_event_and_its_details_are_one_statement(house, django_assert_num_queries):
    with transaction.atomic(), django_assert_num_queries(1):
        record("draft.started", target_kind="draft", target_id=7, workspace_id=house.workspace.pk)


def test_every_event_waits_for_the_sealer():
    event = an_event()
    assert AuditUnsealed.objects.filter(event=event).exists()


@pytest.mark.parametrize("table", ["audit_auditevent", "audit_auditdetail", "audit_auditseal"])
def test_no_row_is_changed(table):
    an_event(details={"why": "so"})
    seal()
    columns = {
        "audit_auditevent": "verb = 'other'",
        "audit_auditdetail": "details = '{}'",
        "audit_auditseal": "chain_hash = ''",
    }
    with (
        pytest.raises(IntegrityError, match=f"{table} is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE {table} SET {columns[table]}")


@pytest.mark.parametrize("table", ["audit_auditevent", "audit_auditseal"])
def test_no_event_and_no_seal_is_removed(table):
    an_event()
    seal()
    with (
        pytest.raises(IntegrityError, match=f"{table} is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"DELETE FROM {table}")
    assert (AuditEvent.objects.count(), AuditSeal.objects.count()) == (1, 1)


def test_details_can_be_erased():
    event = an_event(details={"name": "Maria"})
    AuditDetail.objects.filter(pk=event.pk).delete()
    assert AuditEvent.objects.filter(pk=event.pk).exists()


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
)
DETAILS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=10),
    st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3), max_leaves=6),
    max_size=5,
)


@given(DETAILS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_digest_survives_the_way_through_the_database(db, details):
    """Or the log would cry wolf: PostgreSQL writes JSON in its own way."""
    event = an_event(details=details)
    stored = AuditDetail.objects.get(pk=event.pk)
    assert stored.details == details
    assert stored.digest() == bytes(event.details_digest)


@pytest.mark.parametrize(
    "details", [{"x": 1e16}, {"x": -0.0}, {"x": [0.1]}, {2: "a", 10: "b"}, {"x": {1: 2}}]
)
def test_what_would_come_back_otherwise_is_refused_at_once(details):
    with pytest.raises(TypeError):
        an_event(details=details)
    assert AuditEvent.objects.count() == 0


def test_a_workspaces_events_are_its_own_newest_first(house):
    other = factories.house()
    with transaction.atomic():
        mine = [
            record("a.b", target_kind="x", target_id=n, workspace_id=house.workspace.pk)
            for n in range(5)
        ]
        record("a.b", target_kind="x", target_id=9, workspace_id=other.workspace.pk)
        record("a.b", target_kind="x", target_id=9, workspace_id=None)
    found = events_of(house.administrator, limit=3)
    assert [event.pk for event in found] == mine[:1:-1]
    found = events_of(house.administrator, before=found[-1].pk, limit=2)
    assert [event.pk for event in found] == [mine[1], mine[0]]


def test_every_change_of_a_letters_state_is_an_event(house):
    revision = factories.submitted(house)
    factories.decided(house, revision, drafts.Decision.REQUEST_CHANGES)
    draft = revision.draft
    draft.refresh_from_db()
    again = drafts.submit(
        house.marketer, draft.pk, version=draft.version, words=drafts.Words(factories.WORDS)
    )
    factories.decided(house, again.revision)
    drafts.undo_approval(house.manager, again.revision.pk)
    factories.decided(house, again.revision)
    drafts.take_back(house.marketer, draft.pk)
    said = AuditEvent.objects.filter(target_kind="draft", target_id=draft.pk).order_by("pk")
    assert list(said.values_list("verb", "actor__name")) == [
        ("draft.started", "Jo Writer"),
        ("draft.submitted", "Jo Writer"),
        ("draft.changes_requested", "Ruth Reader"),
        ("draft.submitted", "Jo Writer"),
        ("draft.approved", "Ruth Reader"),
        ("draft.approval_undone", "Ruth Reader"),
        ("draft.approved", "Ruth Reader"),
        ("draft.taken_back", "Jo Writer"),
    ]


def test_no_letters_words_and_no_token_are_in_the_log(house):
    house = factories.house(token="very-secret-token")
    factories.delivery(house)
    for details in AuditDetail.objects.values_list("details", flat=True):
        assert "very-secret-token" not in str(details)
        assert "which ink we use" not in str(details)
