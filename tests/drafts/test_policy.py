"""A workspace's guidance policy: versions, who set them, and that none of them changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.access import NotAllowed
from outreach.audit.models import AuditEvent
from outreach.drafts import errors, policy, policy_actions, policy_queries
from outreach.drafts.models import GuidancePolicy, Revision
from outreach.guidance.policy import DEFAULTS, Exemption, Level, Policy
from tests import factories
from tests.delivery.meanwhile import (
    halt_before,
    somebody_waits_for_a_lock,
    threads,
    wait_until,
)

pytestmark = pytest.mark.django_db
SET = Policy(
    house_limit=160,
    brand="Fox & Co",
    severities={"link.shortened": Level.BLOCK, "call.none": Level.OFF},
    avoid=("order yours",),
    welcome=("limited run",),
    exceptions=(Exemption("selling.outright", "sale", "The name of our fair."),),
)


def change(house, to: Policy, version: int = 0, by=None) -> GuidancePolicy | None:
    return policy_actions.change_policy(by or house.manager, version=version, to=to)


def test_a_new_workspace_has_the_defaults_without_a_row(house):
    assert policy_queries.policy_of(house.marketer) == DEFAULTS
    assert not GuidancePolicy.objects.of(house.marketer).exists()


def test_a_change_is_a_version_that_says_who_when_and_what(house):
    row = change(house, SET)
    assert row is not None
    row.refresh_from_db()
    assert (row.version, row.changed_by_id) == (1, house.manager.user_id)
    assert row.changed_at is not None
    assert row.changes == [
        "House limit: 160 characters, was 140.",
        "Brand name: Fox & Co, was the workspace’s name.",
        "What to do next: none says nothing, before: warns, as by default.",
        "Links: shortened stops the letter, before: warns, as by default.",
        "Phrases to avoid, added: ‘order yours’.",
        "Phrases to welcome, added: ‘limited run’.",
        "Exception: ‘sale’ is no case of ‘Selling: outright’, because: The name of our fair.",
    ]
    assert policy_queries.policy_of(house.marketer) == replace(SET, version=1)


def test_a_change_is_audited_with_what_was_and_what_is(house):
    row = change(house, SET)
    assert row is not None
    event = AuditEvent.objects.get(verb="guidance_policy.changed")
    assert (event.target_id, event.actor_id) == (row.pk, house.manager.user_id)
    assert event.workspace_id == house.workspace.pk
    details = event.detail.details
    assert (details["version"], details["changes"]) == (1, row.changes)
    assert details["was"] == policy.columns(DEFAULTS)
    assert details["is"] == policy.columns(SET)


def test_taking_back_says_so(house):
    change(house, SET)
    row = change(house, DEFAULTS, version=1)
    assert row is not None
    assert row.changes == [
        "House limit: 140 characters, was 160.",
        "Brand name: the workspace’s name, was Fox & Co.",
        "What to do next: none warns, as by default, before: says nothing.",
        "Links: shortened warns, as by default, before: stops the letter.",
        "Phrases to avoid, taken out: ‘order yours’.",
        "Phrases to welcome, taken out: ‘limited run’.",
        "No exception any more: ‘sale’ is no case of ‘Selling: outright’.",
    ]
    assert [r.version for r in GuidancePolicy.objects.of(house.manager).order_by("pk")] == [1, 2]


def test_nothing_different_is_no_version(house):
    assert change(house, DEFAULTS) is None
    change(house, SET)
    assert change(house, SET, version=1) is None
    # A second press of the same button, from the page as it was.
    assert change(house, SET, version=0) is None
    assert GuidancePolicy.objects.of(house.manager).count() == 1
    assert AuditEvent.objects.filter(verb="guidance_policy.changed").count() == 1


def test_who_read_an_older_version_overwrites_nothing(house):
    change(house, SET)
    with pytest.raises(errors.PolicyChanged, match="since you opened this page"):
        change(house, replace(DEFAULTS, house_limit=99), version=0, by=house.administrator)
    assert policy_queries.policy_of(house.manager).house_limit == 160


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_the_second_sees_the_first(monkeypatch):
    house = factories.house()
    halt = halt_before(monkeypatch, policy_actions, "record")
    with threads(2) as start:
        first = start(change, house, replace(DEFAULTS, house_limit=150))
        halt.wait()
        second = start(change, house, replace(DEFAULTS, house_limit=160))
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        assert first.result().version == 1
        assert isinstance(second.exception(), errors.PolicyChanged)
    assert policy_queries.policy_of(house.manager).house_limit == 150


def test_a_marketer_sets_nothing(house):
    with pytest.raises(NotAllowed, match="Only a manager"):
        change(house, SET, by=house.marketer)


def test_one_workspaces_policy_is_not_anothers(house):
    other = factories.house()
    change(house, SET)
    assert policy_queries.policy_of(other.marketer) == DEFAULTS
    factories.policy(other, house_limit=99)
    assert policy_queries.policy_of(house.marketer).house_limit == 160
    rows = policy_queries.policy_versions(other.marketer, older="", newer="").rows
    assert [row.workspace_id for row in rows] == [other.workspace.pk]


def test_a_rule_that_guidance_lost_stays_set_and_does_nothing(house):
    row = change(house, replace(DEFAULTS, severities={"gone.rule": Level.OFF}))
    assert row is not None
    assert row.changes == ["Gone: rule says nothing, before: as by default."]
    assert policy_queries.policy_of(house.manager).severities == {"gone.rule": Level.OFF}


# --- what the database holds -----------------------------------------------------------------


@pytest.mark.parametrize(
    "write",
    [
        lambda rows: rows.update(house_limit=10_000),
        lambda rows: rows.update(changes=[]),
        lambda rows: rows.delete(),
    ],
)
def test_a_version_never_changes_and_is_never_removed(house, write):
    change(house, SET)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        write(GuidancePolicy.everywhere.all())


def test_a_version_is_there_once(house):
    row = change(house, SET)
    assert row is not None
    row.pk = None
    with pytest.raises(IntegrityError, match="guidance_policy_versions"), transaction.atomic():
        row.save(force_insert=True)


def test_a_revision_names_a_version_of_its_own_workspace(house):
    factories.policy(factories.house(), house_limit=99)
    revision = factories.submitted(house)
    values = {
        field.attname: getattr(revision, field.attname)
        for field in Revision._meta.concrete_fields
        if field.name not in ("id", "number", "policy_version")
    }
    with pytest.raises(IntegrityError, match="no such version"), transaction.atomic():
        Revision.objects.create(**values, number=2, policy_version=1)
    factories.policy(house, house_limit=99)
    Revision.objects.create(**values, number=2, policy_version=1)


def test_the_version_of_a_revision_never_changes(house):
    factories.policy(house, house_limit=150)
    revision = factories.submitted(house)
    assert revision.policy_version == 1
    with pytest.raises(IntegrityError, match="policy_version never change"), transaction.atomic():
        Revision.everywhere.filter(pk=revision.pk).update(policy_version=0)
    connection.check_constraints()


# --- the words for it ------------------------------------------------------------------------


def test_every_rule_stands_in_a_family_once():
    shown = [rule.rule for family in policy.families() for rule in family.rules]
    fixed = [rule.rule for rule in policy.always()]
    assert len(shown) == len(set(shown))
    assert not set(shown) & set(fixed)
    assert all(family.name for family in policy.families())


def test_a_row_gives_back_what_was_set(house):
    row = change(house, SET)
    assert policy.of_row(row) == replace(SET, version=1)
