"""No page of the list, nor any count, looks at everybody: what PostgreSQL says it would do."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from outreach.customers.finding import queries
from outreach.customers.finding.criteria import of_query
from tests import factories

pytestmark = pytest.mark.django_db

MANY = 20_000
FILL = """
INSERT INTO customers_customer (workspace_id, x_user_id, handle, name, first_name, time_zone, tags,
    attributes, last_written_at, last_answered_at)
SELECT %(ws)s, 900000000 + n, 'h_' || n, 'Ana ' || n, '', '',
    CASE WHEN n %% 2 = 0 THEN ARRAY['fair'] ELSE ARRAY['shop'] END,
    jsonb_build_object('size', n %% 2, 'order', n),
    CASE WHEN n %% 2 = 0 THEN outreach_now() END, CASE WHEN n %% 3 = 0 THEN outreach_now() END
FROM generate_series(1, %(many)s) n;
INSERT INTO customers_relationship (workspace_id, x_account_id, customer_id, following,
    followed_by, accepts_dms, reachable, checked_at)
SELECT workspace_id, %(account)s, id, true, true, true, true, outreach_now()
FROM customers_customer WHERE workspace_id = %(ws)s;
INSERT INTO customers_permission (workspace_id, customer_id, basis, given_at, place, evidence)
SELECT workspace_id, id, 'opted_in', outreach_now(), '', '' FROM customers_customer
WHERE workspace_id = %(ws)s;
INSERT INTO customers_suppression (workspace_id, x_user_id, handle, reason)
SELECT workspace_id, x_user_id, '', 'stop' FROM customers_customer WHERE workspace_id = %(ws)s;
"""
ASKED = (
    "", "q=a", "q=ana", "q=ana+h", "q=zzz", "mutual=yes", "mutual=no", "permission=yes",
    "permission=no", "stopped=yes", "stopped=no", "written=30", "written=not-30", "written=never",
    "answered=30", "tag=fair", "tag=none", "tag=fair&tag=shop", "attribute=size:1",
    "attribute=order:77", "mutual=yes&permission=yes&stopped=no", "q=a&mutual=yes",
    "q=a&stopped=yes", "q=a&tag=fair&written=30",
)  # fmt: skip


@pytest.fixture
def crowd(house):
    other = factories.house()
    with connection.cursor() as cursor:
        for each in (house, other):
            cursor.execute(
                FILL, {"ws": each.workspace.pk, "account": each.account.pk, "many": MANY}
            )
        cursor.execute("ANALYZE")
    return house


def rows_looked_at(plan) -> int:
    """The most rows that any one step of a plan touched, those it threw away included."""
    loops = plan.get("Actual Loops", 1)
    here = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * loops
    return int(max([here, *(rows_looked_at(below) for below in plan.get("Plans", []))]))


def test_no_plan_looks_at_everybody(crowd):
    worst = {}
    for asked in ASKED:
        with CaptureQueriesContext(connection) as run:
            listed = queries.list_of(crowd.marketer, of_query(asked))
            if listed.found.page.older:
                queries.list_of(crowd.marketer, of_query(asked), older=listed.found.page.older)
        for query in run.captured_queries:
            if "customers_" not in query["sql"] or "customers_estimate" in query["sql"]:
                continue
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query['sql']}")
                (plan,) = cursor.fetchone()
            plan = json.loads(plan) if isinstance(plan, str) else plan
            worst[asked] = max(worst.get(asked, 0), rows_looked_at(plan[0]["Plan"]))
    # PostgreSQL may sort a few thousand rather than walk an index: that does not grow with them.
    assert {asked: rows for asked, rows in worst.items() if rows > MANY // 2} == {}
    assert max(worst.values()) >= queries.LOOK  # it does look at that many, so this could fail
