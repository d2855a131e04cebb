"""What claims and ticks read does not grow with what waits: every statement goes by an index.

Each statement that the engine really makes is explained as it was made, over many letters and a
long ledger: none reads a large table from end to end, and none reads more rows than it needs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bench.filling import be_heard, copy_accounts, fill
from outreach.celery import app
from outreach.delivery import tasks
from outreach.delivery.claim import Claimed, Closed, claim
from outreach.delivery.models import Attempt
from outreach.drafts.models import Campaign
from outreach.x.models import XApp
from tests import factories

pytestmark = pytest.mark.django_db

ACCOUNTS, LETTERS, OF_THE_FIRST, CAMPAIGNS = 2000, 20_000, 10_000, 9
LARGE = {
    "delivery_delivery",
    "delivery_attempt",
    "delivery_accountpace",
    "delivery_accountqueue",
    "delivery_seendm",
    "customers_customer",
    "customers_relationship",
    "customers_permission",
    "drafts_review",
    "drafts_revision",
    "x_xaccount",
}
# A long ledger: of the first account an attempt a minute over the last days, all others' older.
LEDGER = """
    INSERT INTO delivery_attempt (delivery_id, x_account_id, app_id, claim_token, outcome,
        started_at, ended_at, counts_until, kind, request_id, price)
    SELECT id, x_account_id, app_id, gen_random_uuid(), 'sent', at, at, at, 'accepted', '', 0.015
    FROM (
        SELECT letter.id, letter.x_account_id, account.app_id, outreach_now()
            - row_number() OVER (PARTITION BY letter.x_account_id) * interval '1 minute'
            - CASE WHEN letter.x_account_id = %s THEN interval '0' ELSE interval '2 days' END AS at
        FROM delivery_delivery letter JOIN x_xaccount account ON account.id = letter.x_account_id
    ) attempts
"""
# More accounts, whose letters are for later.
QUEUED_LATER = 50_000
QUEUES = """
    INSERT INTO delivery_accountqueue (x_account_id, look_at)
    SELECT -n, outreach_now() + n * interval '1 minute' FROM generate_series(1, %s) n
"""


@pytest.fixture
def crowded(house, settings) -> Iterator[list[int]]:
    """Accounts with letters waiting in several lanes, most of them the first one's."""
    settings.X_ACCOUNT_WINDOWS, settings.X_APP_WINDOWS = [(20, 900)], [(1440, 3600)]
    settings.CALL_DEADLINE = 600  # counted from the transaction's beginning, which is this test's
    cache.clear()
    XApp.objects.update(monthly_cap=1_000_000)
    first = factories.delivery(house, due=False)
    author = house.marketer.user
    lanes = [
        Campaign.everywhere.create(workspace=house.workspace, name="C", author=author).pk
        for _ in range(CAMPAIGNS)
    ]
    accounts = copy_accounts(house.account.pk, ACCOUNTS)
    fill(
        first.pk,
        accounts,
        letters=LETTERS,
        people=LETTERS,
        to_first=OF_THE_FIRST,
        first_x_user_id=10**15,
        due="outreach_now() + (n % 2000 - 1000) * interval '1 minute'",
        campaign=f"CASE WHEN n % 10 > 0 THEN {lanes[0]} - 1 + n % 10 END",
    )
    be_heard(accounts)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(LEDGER, [accounts[0]])
        cursor.execute(QUEUES, [QUEUED_LATER])
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE delivery_attempt, delivery_delivery, delivery_accountqueue")
    yield accounts
    app.control.purge()


def plans_of(act: Callable[[], Any]) -> dict[str, list[dict[str, Any]]]:
    """By statement, the nodes of its plan as it was carried out, in the world before it was."""
    before = transaction.savepoint()
    with CaptureQueriesContext(connection) as made:
        act()
    transaction.savepoint_rollback(before)
    plans = {}
    for query in made.captured_queries:
        sql = query["sql"]
        if not sql.lstrip().startswith("/*"):
            continue  # a transaction's ends; the month's sum, which is counted once a second
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
            (told,) = cursor.fetchone()
        transaction.savepoint_rollback(before)
        plan = told if isinstance(told, list) else json.loads(told)
        plans[sql] = list(nodes_of(plan[0]["Plan"]))
    return plans


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes_of(inner)


def rows_read(nodes: list[dict[str, Any]]) -> float:
    """Rows that its nodes took out of large tables, those thrown away too."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes
        if node.get("Relation Name") in LARGE
    )


def summary(node: dict[str, Any]) -> tuple[float, str, str]:
    return rows_read([node]), node["Node Type"], node.get("Index Name", "")


def assert_by_index(plans: dict[str, list[dict[str, Any]]], most: float) -> None:
    for sql, nodes in plans.items():
        whole = [n["Relation Name"] for n in nodes if n["Node Type"] == "Seq Scan"]
        assert not LARGE.intersection(whole), sql
        assert rows_read(nodes) <= most, f"{sql}: {sorted(map(summary, nodes), reverse=True)[:5]}"


def named(plans: dict[str, Any], name: str) -> str:
    (found,) = [sql for sql in plans if name in sql]
    return found


def test_a_claim_reads_a_few_rows_of_what_waits(crowded):
    """Of an account with half of all letters in ten lanes, and of one with a few."""
    for account in (crowded[0], crowded[1]):
        plans = plans_of(lambda account=account: claimed(account))
        assert_by_index(plans, most=100)
        choosing = plans[named(plans, "claim: choose a letter")]
        assert "delivery_in_lane" in {node.get("Index Name") for node in choosing}


def claimed(account: int) -> None:
    assert isinstance(claim(account), Claimed)


def test_the_limits_are_counted_on_their_index_as_far_as_the_limit(crowded, settings):
    """The first account has an attempt a minute: 15 in 15 minutes, and 1,440 in a day."""
    for windows, answer, most in (
        ([(16, 900)], Claimed, 100),
        ([(10, 900)], Closed, 100),
        ([(1500, 86_400)], Claimed, 1440 + 100),
    ):
        settings.X_ACCOUNT_WINDOWS = windows
        plans = plans_of(lambda answer=answer: expect(answer, crowded[0]))
        assert_by_index(plans, most=most)
        deciding = plans[named(plans, "claim: read all that decides")]
        assert "ledger_of_account" in {node.get("Index Name") for node in deciding}


def expect(answer: type, account: int) -> None:
    assert isinstance(claim(account), answer)


def test_a_tick_reads_the_accounts_that_are_due_and_no_letter(crowded, settings):
    plans = plans_of(tasks.tick)
    finding = plans[named(plans, "tick: which accounts are to be looked at")]
    assert {node.get("Relation Name") for node in finding} == {None, "delivery_accountqueue"}
    assert_by_index(plans, most=ACCOUNTS + 10)


def test_a_tick_where_nothing_is_due_reads_next_to_nothing(crowded, clock):
    clock(-2 * 86_400)
    plans = plans_of(tasks.tick)
    assert_by_index(plans, most=5)
    assert Attempt.objects.count() == LETTERS + 1
