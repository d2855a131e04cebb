"""A sync of an account with many followers: its calls to X, and its merge beside raw COPY.

Pages come from the sandbox over HTTP. The merge is measured three ways, each in rounds beside COPY
of the very rows that it leaves, into the same tables with the same indexes and keys:

- *first*: everybody is a customer of whom X was never asked
- *again*: everybody is known; some began and some ceased to follow
- *adopting*: nobody is a customer, and every mutual becomes one

The figure is the worst of the three. A process of its own, with a database of its own, measures.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.registry import Measured, figure
from outreach.services import running
from tests.sandbox_server import CHECKOUT, Sandbox

FOLLOWERS = int(os.environ.get("BENCH_ROWS", "100000"))
FOLLOWING = FOLLOWERS * 9 // 10
MUTUAL = FOLLOWERS * 8 // 10
BRAND = 1_000_000_000_000_000_000
ROUNDS = 3
PER_PAGE = 1000
UNREACHED = [{"limit": 10**9, "seconds": 900, "per": "user"}]


@figure(goal=4, better="lower")
def sync_vs_copy() -> Measured:
    """Merging both lists ÷ raw COPY of the rows that it leaves; the worst of three ways."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), cache=False) as urls:
        sandbox = Sandbox(Path(folder) / "world.sqlite3")
        sandbox.start()
        try:
            token = _people(sandbox)
            measured = _child(sandbox, folder, urls.environment(), token)
        finally:
            sandbox.stop()
    # Two lists of so many people are so many pages of a thousand, and not one call more.
    least = -(-FOLLOWERS // PER_PAGE) + -(-FOLLOWING // PER_PAGE)
    if measured["calls"] != least or measured["people"] != FOLLOWERS + FOLLOWING:
        raise RuntimeError(
            f"{measured['calls']} calls for {measured['people']}; {least} are enough"
        )
    return Measured(max(way["ratio"] for way in measured["ways"].values()), measured)


def _people(sandbox: Sandbox) -> str:
    sandbox.add_user(BRAND, "brand")
    sandbox.seed(
        BRAND,
        FOLLOWERS + FOLLOWING - MUTUAL,
        mutual=MUTUAL,
        following=FOLLOWING - MUTUAL,
        followed_by=FOLLOWERS - MUTUAL,
    )
    sandbox.set_limits({"followers": UNREACHED, "following": UNREACHED})
    return sandbox.issue_token(BRAND)


def _child(sandbox: Sandbox, folder: str, urls: dict[str, str], token: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.syncing", token],
        cwd=CHECKOUT,
        env=os.environ
        | urls
        | {
            "VAR_DIR": folder,
            "X_API_URL": sandbox.base_url,
            "DJANGO_SETTINGS_MODULE": "outreach.settings",
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


# --- the process that measures -------------------------------------------------------------------

RELATIONSHIPS = (
    "customers_relationship (workspace_id, x_account_id, customer_id, following, followed_by, "
    "accepts_dms, reachable, checked_at)"
)
CUSTOMERS = (
    "customers_customer (id, workspace_id, x_user_id, handle, name, first_name, time_zone, tags, "
    "attributes, created_at)"
)
EMPTY = "TRUNCATE customers_relationship, customers_followchange, customers_seenmutual"


def _main(token: str) -> None:
    import django

    django.setup()
    # Django has to be ready first.
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps(_Bench(token).measure()))


class _Bench:
    """One account in a database of its own, and what merging takes there."""

    def __init__(self, token: str) -> None:
        from django.db import connection

        from outreach.x.models import XApp
        from tests import factories

        self.connection = connection
        self.house = factories.house(token=token, x_user_id=BRAND)
        XApp.objects.update(monthly_cap=9_999_999)

    def measure(self) -> dict[str, Any]:
        whole = self._read_over_http()
        ways = {
            "first": self._way(self._before_first, [RELATIONSHIPS]),
            "again": self._way(self._before_again, [RELATIONSHIPS]),
            "adopting": self._way(self._before_adopting, [CUSTOMERS, RELATIONSHIPS], adopt=True),
        }
        # The same with the committed step of each page while they were read (a commit each).
        pages = whole["copying_pages_seconds"]
        worst = max(
            (statistics.median(way["merge_seconds"]) + pages)
            / statistics.median(way["copy_seconds"])
            for way in ways.values()
        )
        return whole | {"ways": ways, "with_pages_copied_in": round(worst, 3), "rounds": ROUNDS}

    def _read_over_http(self) -> dict[str, Any]:
        """The whole sync as it is; keeps its pages for the rounds."""
        from outreach.customers.models import SyncKind, SyncRun
        from outreach.customers.sync import actions, queries, steps, working
        from outreach.customers.sync.counting import count_at_x
        from outreach.ground.clock import now
        from outreach.x.client import UserPage

        spent = {"pages": 0.0, "merge": 0.0}
        keep, merge = steps.keep_page, steps.merge

        def kept(run: SyncRun, token: uuid.UUID, page: UserPage, seen_at: datetime) -> bool:
            began = time.perf_counter()
            cancel = keep(run, token, page, seen_at)
            spent["pages"] += time.perf_counter() - began
            return cancel

        def merged(run: SyncRun, token: uuid.UUID) -> None:
            self._do("CREATE TABLE bench_pages AS TABLE customers_synceduser")
            began = time.perf_counter()
            merge(run, token)
            spent["merge"] = time.perf_counter() - began

        account = self.house.account
        count_at_x(account)
        estimate = queries.estimate_of_lists(queries.choice_of(account), now())
        assert estimate is not None
        steps.keep_page, steps.merge = kept, merged
        try:
            began = time.perf_counter()
            run = actions.start_from_outside(account.pk, kind=SyncKind.LISTS, adopt=False)
            while working.work(run.pk):
                pass
            seconds = time.perf_counter() - began
        finally:
            steps.keep_page, steps.merge = keep, merge
        run.refresh_from_db()
        if run.state != "done":
            raise RuntimeError(f"the sync ended as {run.state}: {run.problem or run.waits_for}")
        return {
            "calls": run.calls,
            "calls_foretold": estimate.calls,
            "people": run.done,
            "whole_seconds": round(seconds, 2),
            "copying_pages_seconds": round(spent["pages"], 2),
            "merge_share_of_whole": round(spent["merge"] / seconds, 3),
        }

    def _way(
        self, before: Callable[[], None], tables: list[str], *, adopt: bool = False
    ) -> dict[str, Any]:
        """Merge and COPY in turn, so that what else the machine does falls on both."""
        merges, copies = [], []
        for _ in range(ROUNDS):
            before()
            merges.append(self._merge(adopt=adopt))
            copies.append(self._copy(tables))
        merge, copy = statistics.median(merges), statistics.median(copies)
        return {
            "ratio": round(merge / copy, 3),
            "merge_seconds": [round(each, 2) for each in merges],
            "copy_seconds": [round(each, 2) for each in copies],
            "rows_copied": self.rows,
            "began_ceased": [self.run.began, self.run.ceased],
        }

    def _before_first(self) -> None:
        self._do("TRUNCATE customers_customer CASCADE")
        self._do(
            "INSERT INTO customers_customer (workspace_id, x_user_id, handle, name, first_name, "
            "time_zone, tags, attributes) SELECT DISTINCT ON (x_user_id) workspace_id, x_user_id, "
            "handle, name, '', '', '{}', '{}'::jsonb FROM bench_pages"
        )
        self._settle()

    def _before_again(self) -> None:
        """Known for an hour; one in 250 did not follow by then, and 400 others who do not now did."""
        self._before_first()
        self._merge()
        self._do(
            "UPDATE customers_relationship SET checked_at = checked_at - interval '1 hour', "
            "followed_by = followed_by <> (customer_id % 250 = 0)"
        )
        self._do(
            "UPDATE customers_customer SET x_user_id = -x_user_id WHERE id % 300 = 0",
        )
        self._settle()

    def _before_adopting(self) -> None:
        self._do("TRUNCATE customers_customer CASCADE")
        self._settle()

    def _merge(self, *, adopt: bool = False) -> float:
        """Seconds of one merge, with its commit."""
        from outreach.customers.models import SyncRun
        from outreach.customers.sync import steps
        from outreach.ground.clock import now

        moment, token = now(), uuid.uuid4()
        account = self.house.account
        run = SyncRun.objects.create(
            workspace=self.house.workspace,
            x_account=account,
            kind="lists",
            adopt=adopt,
            state="running",
            token=token,
            began_at=moment,
            reading="",
            done=FOLLOWERS + FOLLOWING,
        )
        self._do(
            "INSERT INTO customers_synceduser (workspace_id, run_id, reading, x_user_id, handle, "
            "name, following, followed_by, accepts_dms, seen_at) SELECT workspace_id, %s, reading, "
            "x_user_id, handle, name, following, followed_by, accepts_dms, outreach_now() "
            "FROM bench_pages",
            run.pk,
        )
        self._settle()
        began = time.perf_counter()
        steps.merge(run, token)
        seconds = time.perf_counter() - began
        run.refresh_from_db()
        self.run = run
        return seconds

    def _copy(self, tables: list[str]) -> float:
        """Seconds to COPY what stands in those tables into them, emptied; with the commit."""
        from django.db import transaction

        held = []
        self.rows = 0
        for table in tables:
            name, _, columns = table.partition(" ")
            buffer = io.StringIO()
            with self.connection.cursor() as cursor:
                cursor.copy_expert(f"COPY {name} {columns} TO STDOUT", buffer)
                self.rows += cursor.rowcount
            buffer.seek(0)
            held.append((table, buffer))
        self._do(f"{EMPTY}{', customers_customer CASCADE' if len(tables) > 1 else ''}")
        self._settle()
        began = time.perf_counter()
        with transaction.atomic(), self.connection.cursor() as cursor:
            for table, buffer in held:
                cursor.copy_expert(f"COPY {table} FROM STDIN", buffer)
        return time.perf_counter() - began

    def _settle(self) -> None:
        """What the autovacuum would do in the meantime, and what was written is on disk."""
        self._do("VACUUM ANALYZE customers_customer, customers_relationship, customers_synceduser")
        self._do("CHECKPOINT")

    def _do(self, sql: str, *values: int) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values or None)


if __name__ == "__main__":
    _main(sys.argv[1])
