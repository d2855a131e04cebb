"""The engine's statements: named, and prepared once a connection."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from django.db import connection, transaction

import outreach.delivery
from outreach.delivery.statements import _as_prepared, one, rows, run

pytestmark = pytest.mark.django_db

PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'outreach_%'"
DOUBLE = "/* test: double */ SELECT %(n)s * 2 AS twice, %(n)s::text AS words"


def count() -> int:
    with connection.cursor() as cursor:
        cursor.execute(PREPARED)
        return cursor.fetchone()[0]


def every_statement() -> list[tuple[str, str]]:
    found = []
    for module in pkgutil.iter_modules(outreach.delivery.__path__):
        members = vars(importlib.import_module(f"outreach.delivery.{module.name}"))
        found += [
            (f"{module.name}.{name}", sql)
            for name, sql in members.items()
            if isinstance(sql, str) and sql.lstrip().startswith("/* ")
        ]
    return found


def test_a_statement_is_prepared_once_and_executed_with_values_of_any_kind():
    before = count()
    for n in (2, 3):
        found = one(DOUBLE, n=n)
        assert (found.twice, found.words) == (2 * n, str(n))
    assert count() == before + 1


def test_what_is_executed_says_its_name_and_is_one_query(django_assert_num_queries):
    with django_assert_num_queries(1) as run:
        rows("/* test: named once */ SELECT 1 AS one WHERE %(yes)s", yes=True)
    assert run.captured_queries[0]["sql"].startswith("/* test: named once */ EXECUTE outreach_")


@pytest.mark.django_db(transaction=True)
def test_what_was_prepared_is_prepared_anew_on_another_connection():
    for _ in range(2):
        assert one("/* test: anew */ SELECT 1 AS one").one == 1
        connection.close()


def test_what_was_prepared_stays_so_when_the_transaction_is_rolled_back():
    with transaction.atomic():
        assert one("/* test: back */ SELECT 1 AS one").one == 1
        transaction.set_rollback(True)
    assert one("/* test: back */ SELECT 1 AS one").one == 1


def test_how_many_rows_changed_is_told(house):
    sql = "/* test: all */ UPDATE accounts_workspace SET name = name WHERE id = %(pk)s"
    assert [run(sql, pk=house.workspace.pk), run(sql, pk=-1)] == [1, 0]


@pytest.mark.django_db(transaction=True)
def test_every_statement_of_the_room_can_be_prepared():
    """The type of each value has to be clear from where it stands."""
    statements = dict(every_statement())
    assert {"claim.TAKE", "arrival.ARRIVED", "tasks.SOON"} <= statements.keys()
    pieces = {
        "claim.SINCE": [{"owner": owner} for owner in ("x_account_id", "app_id")],
        "narrowing.NARROW": [
            {"table": f"delivery_{of}pace", "key": key, "column": key}
            for of, key in (("account", "x_account_id"), ("app", "app_id"))
        ],
    }
    # The claim's largest is made and tested with each claim.
    made = {name for name, sql in statements.items() if "{" in sql and "facts." not in name}
    assert pieces.keys() == made
    whole = {
        _as_prepared(sql.format(**filled) if filled else sql)[1]
        for name, sql in statements.items()
        if "facts." not in name
        for filled in pieces.get(name, [{}])
    }
    connection.close()  # nothing is prepared on the next one
    with connection.cursor() as cursor:
        for prepare in whole:
            cursor.cursor.execute(prepare)
    assert count() == len(whole)
