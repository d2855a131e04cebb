"""Rows of a workspace are read through its scope, or not at all."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection, models

from outreach.ground.scope import ScopedManager, Unscoped, WorkspaceRow
from tests import factories

# Models that name a workspace but are not only a workspace's: why each is none.
NOT_SCOPED = {
    "delivery.Pause": "of none where everything is paused; read by the engine",
    "accounts.Membership": "is what a scope is made from",
    "accounts.Invitation": "is found by whoever holds its token, who is nobody's member yet",
    "audit.AuditEvent": "some belong to no workspace; read through audit.queries",
    "x.XApp": "the installation's own belongs to no workspace",
}
SCOPED = [model for model in apps.get_models() if issubclass(model, WorkspaceRow)]
BOTH = pytest.mark.parametrize("model", SCOPED, ids=lambda model: model.__name__)


def has_workspace(model: type[models.Model]) -> bool:
    return any(field.name == "workspace" for field in model._meta.get_fields())


def test_every_model_with_a_workspace_is_scoped_or_says_why_not():
    named = {model._meta.label for model in apps.get_models() if has_workspace(model)}
    assert named - {model._meta.label for model in SCOPED} == set(NOT_SCOPED)


@BOTH
def test_a_query_that_does_not_say_whose_raises(model):
    attempts = [
        lambda: model.objects.filter(pk=1),
        lambda: model.objects.all(),
        lambda: model.objects.get(pk=1),
        lambda: model.objects.exclude(pk=1),
        lambda: model.objects.count(),
        lambda: model.objects.update(workspace_id=1),
        lambda: model.objects.values_list("pk"),
        lambda: model.objects.get_or_create(pk=1),
        lambda: model.objects.bulk_create([]),
        lambda: model.objects.first(),
        lambda: list(model.objects.iterator()),
    ]
    for attempt in attempts:
        with pytest.raises(Unscoped, match=model.__name__):
            attempt()


@BOTH
def test_objects_is_the_scoped_manager_and_django_itself_uses_everywhere(model):
    assert isinstance(model.objects, ScopedManager)
    assert model._default_manager.name == model._base_manager.name == "everywhere"


@BOTH
def test_of_names_the_workspace_in_its_sql(model, house):
    sql = str(model.objects.of(house.marketer).query)
    assert f'"workspace_id" = {house.workspace.pk}' in sql


def test_of_returns_this_workspaces_rows_and_no_others(house):
    other = factories.house()
    for each in (house, other):
        factories.delivery(each)
        factories.draft(each)
    for model in SCOPED:
        mine = set(model.objects.of(house.marketer).values_list("workspace_id", flat=True))
        theirs = set(model.objects.of(other.marketer).values_list("workspace_id", flat=True))
        assert mine <= {house.workspace.pk}, model
        assert theirs <= {other.workspace.pk}, model
    assert house.marketer.workspace_id != other.marketer.workspace_id


def test_a_workspace_is_its_own_scope(house):
    customer = house.customer()
    factories.house().customer()
    assert list(type(customer).objects.of(house.workspace)) == [customer]


def test_every_key_between_scoped_rows_is_held_to_one_workspace_by_the_database(db):
    """For each such foreign key there is a composite one that also names the workspace."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT conrelid::regclass::text, array_agg(attname::text ORDER BY attname)
            FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)
            WHERE contype = 'f' AND cardinality(conkey) > 1
            GROUP BY conrelid, conname
            """
        )
        composite = [(table, set(columns)) for table, columns in cursor.fetchall()]
    # An approval's revision is the delivery's (another composite key), whose workspace is.
    held_otherwise = {("delivery_delivery", "approval_id")}
    missing = {
        (model._meta.db_table, field.column)
        for model in SCOPED
        for field in model._meta.concrete_fields
        if field.is_relation
        and isinstance(field.related_model, type)
        and issubclass(field.related_model, WorkspaceRow)
        and not any(
            table == model._meta.db_table and {"workspace_id", field.column} <= columns
            for table, columns in composite
        )
    }
    assert missing == held_otherwise
