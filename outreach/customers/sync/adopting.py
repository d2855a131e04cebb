"""Mutuals who are no customers yet become customers: set-based, and the erased stay away."""

from __future__ import annotations

from typing import Any

from django.db import connection

from outreach.customers.erasing.queries import living_among
from outreach.customers.models import SeenMutual, SyncRun
from outreach.customers.sync import handles, relationships
from outreach.ground.writes import step

# `mutuals` is SQL for rows of (x_user_id, handle, name, accepts_dms, seen_at).
NOT_YET = """
    SELECT mutual.x_user_id, mutual.handle FROM {mutuals} mutual
    WHERE NOT EXISTS (
        SELECT FROM customers_customer customer
        WHERE customer.workspace_id = %(workspace)s AND customer.x_user_id = mutual.x_user_id)
"""
ADOPT = """
    INSERT INTO customers_customer (workspace_id, x_user_id, handle, name, first_name, time_zone,
        tags, attributes)
    SELECT %(workspace)s, mutual.x_user_id, mutual.handle,
        coalesce(nullif(mutual.name, ''), mutual.handle), '', '', '{{}}', '{{}}'
    FROM {mutuals} mutual
    WHERE mutual.x_user_id = ANY(%(user_ids)s)
    ORDER BY mutual.x_user_id
    ON CONFLICT ON CONSTRAINT one_row_a_person DO NOTHING
"""
REMEMBER = """
    INSERT INTO customers_seenmutual (workspace_id, x_account_id, x_user_id, handle, name,
        accepts_dms, seen_at)
    SELECT %(workspace)s, %(account)s, x_user_id, handle, name, accepts_dms, seen_at
    FROM {mutuals} mutual
    WHERE mutual.x_user_id = ANY(%(user_ids)s)
"""

# What was put aside for an account, in the forms that the steps of a sync take.
ASIDE = "(SELECT * FROM customers_seenmutual WHERE x_account_id = %(account)s)"
TOLD = """
    (SELECT customer.id AS customer_id, true AS following, true AS followed_by,
        mutual.accepts_dms, true AS reachable, mutual.seen_at
    FROM customers_seenmutual mutual
    JOIN customers_customer customer ON customer.workspace_id = mutual.workspace_id
        AND customer.x_user_id = mutual.x_user_id
    WHERE mutual.x_account_id = %(account)s)
"""


def strangers(mutuals: str, workspace_id: int) -> list[int]:
    """X user ids of those in `mutuals` who are no customers and were not erased here.

    A row that was merged into another is a customer: nobody is adopted twice.
    """
    with connection.cursor() as cursor:
        cursor.execute(NOT_YET.format(mutuals=mutuals), {"workspace": workspace_id})
        return living_among(workspace_id, cursor.fetchall())


@step
def adopt(mutuals: str, user_ids: list[int], values: dict[str, Any]) -> int:
    """Make customers of those in `mutuals` who have these X user ids; return how many.

    Somebody who is suppressed stays so. Nobody's first name is guessed.
    """
    with connection.cursor() as cursor:
        cursor.execute(ADOPT.format(mutuals=mutuals), values | {"user_ids": user_ids})
        return int(cursor.rowcount)


@step
def remember(mutuals: str, user_ids: list[int], values: dict[str, Any]) -> None:
    """Put those aside who may be adopted later, in the place of whom the last sync put there."""
    SeenMutual.everywhere.filter(x_account_id=values["account"]).delete()
    with connection.cursor() as cursor:
        cursor.execute(REMEMBER.format(mutuals=mutuals), values | {"user_ids": user_ids})


@step
def adopt_seen(run: SyncRun) -> int:
    """Make customers of all whom the last sync of the run's account put aside."""
    values = {"workspace": run.workspace_id, "account": run.x_account_id}
    relationships.take_over_alone(run.x_account_id)
    handles.resolve(ASIDE, values, run.workspace_id)
    rows = SeenMutual.everywhere.filter(x_account_id=run.x_account_id)
    welcome = living_among(run.workspace_id, rows.values_list("x_user_id", "handle"))
    adopted = adopt(ASIDE, welcome, values)
    relationships.store(
        TOLD,
        {},
        workspace_id=run.workspace_id,
        x_account_id=run.x_account_id,
        run_id=run.pk,
    )
    rows.delete()
    return adopted
