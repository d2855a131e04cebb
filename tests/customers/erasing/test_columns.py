"""No column is forgotten, whoever adds it."""

from __future__ import annotations

from django.apps import apps
from django.db import models

from outreach.customers.erasing.columns import NOT_PERSONAL, PERSONAL

# Numbers that count, times, and keys between rows say nothing of a person. A large number may be
# X's name for somebody, so it is asked about.
SAYS_NOTHING = (
    models.BooleanField,
    models.DateField,
    models.DecimalField,
    models.TimeField,
    models.AutoField,
    models.ForeignKey,
    models.GeneratedField,
    models.PositiveIntegerField,
    models.PositiveSmallIntegerField,
)
# A link's place in the chain, and how often a token was renewed.
COUNTS = {("audit_auditseal", "position"), ("x_xtoken", "generation")}


def columns() -> set[tuple[str, str]]:
    """Every column of every table that can hold text, JSON, bytes or one of X's ids."""
    return {
        (model._meta.db_table, field.column)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if not isinstance(field, SAYS_NOTHING)
    } - COUNTS


def test_every_column_is_said_to_be_personal_or_not():
    personal = {(table, column) for table, found in PERSONAL.items() for column in found}
    others = {(table, column) for table, found in NOT_PERSONAL.items() for column in found}
    assert personal & others == set()
    assert columns() - personal - others == set(), "say in erasing/columns.py what these hold"
    assert (personal | others) - columns() == set(), "these are no columns any more"


def test_what_is_not_personal_says_why():
    reasons = [reason for table in NOT_PERSONAL.values() for reason in table.values()]
    assert min(map(len, reasons)) > 0
