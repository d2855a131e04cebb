"""What a claim takes with a million letters waiting, beside a hundred.

Two databases on one server, of which the second is the first and a million more: half of them one
account's, the rest a thousand accounts', all of them in fifty campaigns and none. Claims take turns
between them. What was claimed is put away as sent, unmeasured, and another letter waits instead.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

from bench.registry import Measured, figure
from bench.works import CANCELLED, execute, in_a_child

ACCOUNTS = 1000
FEW = 100
MANY = int(os.environ.get("BENCH_WAITING", "1000000"))
CAMPAIGNS = 50
ROUNDS = 20
CLAIMS = 20  # a round, of each kind
DUE = "outreach_now() - interval '1 hour' + n * interval '1 millisecond'"
# It is long ago for every limit.
PUT_AWAY = """
    SET LOCAL session_replication_role = replica;
    UPDATE delivery_attempt SET outcome = 'sent', ended_at = started_at,
        counts_until = started_at - interval '2 days' WHERE id = %(attempt)s;
    UPDATE delivery_delivery SET state = 'sent', sent_at = outreach_now() WHERE id = %(letter)s
"""


@figure(goal=1.5, better="lower")
def claim_flatness() -> Measured:
    """A claim among a million waiting letters ÷ a claim among a hundred; the worse of two ways."""
    measured = in_a_child("bench.claiming")
    return Measured(max(measured["ratios"].values()), measured)


def measure() -> dict[str, Any]:
    """Median claims of each kind, and their ratios."""
    return _Bench().measure()


class _Bench:
    def __init__(self) -> None:
        from django.db import connections

        from bench.filling import copy_accounts, fill
        from bench.works import Works
        from outreach.drafts.models import Campaign
        from tests import factories

        works = Works()
        house = works.house
        made = [
            Campaign.everywhere.create(
                workspace=house.workspace, name="C", author=house.marketer.user
            )
            for _ in range(CAMPAIGNS)
        ]
        lanes = CAMPAIGNS + 1
        self.campaign = f"CASE WHEN n % {lanes} > 0 THEN {made[0].pk} - 1 + n % {lanes} END"
        self.first = factories.delivery(house, due=False).pk
        self.accounts = copy_accounts(house.account.pk, ACCOUNTS)
        spare = FEW + CLAIMS * (ROUNDS + 1)
        self.waiting = fill(
            self.first, self.accounts[1:], letters=spare, people=spare, first_x_user_id=10**18,
            due=DUE, campaign=self.campaign,
        )  # fmt: skip
        execute(f"UPDATE delivery_delivery SET {CANCELLED} WHERE id >= {self.waiting[FEW]}")
        execute(f"UPDATE delivery_delivery SET {CANCELLED} WHERE id = {self.first}")
        self.few = connections["default"]
        self.many = self._another()

    def _another(self) -> Any:
        """A connection to a copy of the database in which many more letters wait."""
        from django.db import connections

        from bench.filling import fill

        connection = connections["default"]
        name = connection.settings_dict["NAME"]
        connection.close()
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE many TEMPLATE {name}")
        other = connections.create_connection("default")
        other.settings_dict = connection.settings_dict | {"NAME": "many"}
        connections["default"] = other
        people = MANY // 10
        began = time.monotonic()
        fill(
            self.first, self.accounts, letters=MANY, people=people, to_first=people // 2,
            first_x_user_id=2 * 10**18, due=DUE, campaign=self.campaign,
        )  # fmt: skip
        execute("VACUUM ANALYZE")
        execute("CHECKPOINT")
        self.filling_s = round(time.monotonic() - began, 1)
        return other

    def measure(self) -> dict[str, Any]:
        from bench.filling import be_heard

        taken: dict[str, list[float]] = {"few": [], "spread": [], "one": []}
        for connection in (self.few, self.many):
            self._on(connection)
            be_heard(self.accounts)
        # The first round warms caches up and does not count.
        for number in range(ROUNDS + 1):
            accounts = [
                self.accounts[1 + n % (ACCOUNTS - 1)]
                for n in range(number * CLAIMS, (number + 1) * CLAIMS)
            ]
            for kind, connection, claimed_for in (
                ("few", self.few, accounts),
                ("spread", self.many, accounts),
                ("one", self.many, [self.accounts[0]] * CLAIMS),
            ):
                self._on(connection)
                took = [self._claim(account) for account in claimed_for]
                if number:
                    taken[kind] += took
            self._on(self.few)
            more = self.waiting[FEW + number * CLAIMS : FEW + (number + 1) * CLAIMS]
            execute(
                "UPDATE delivery_delivery SET state = 'queued', reason = '' WHERE id = ANY(%s)",
                list(more),
            )
        medians = {kind: statistics.median(each) for kind, each in taken.items()}
        return {
            "ratios": {
                kind: round(medians[kind] / medians["few"], 3) for kind in ("spread", "one")
            },
            "median_ms": {kind: round(median * 1000, 2) for kind, median in medians.items()},
            "p95_ms": {
                kind: round(statistics.quantiles(each, n=20)[-1] * 1000, 2)
                for kind, each in taken.items()
            },
            "claims_each": ROUNDS * CLAIMS,
            "accounts": ACCOUNTS,
            "waiting": {"few": FEW, "many": MANY, "one": MANY // 2},
            "filling_s": self.filling_s,
        }

    def _claim(self, account: int) -> float:
        """Seconds of one claim with its commit. Raises RuntimeError where nothing could leave."""
        from django.db import transaction

        from outreach.delivery.claim import Claimed, claim

        began = time.perf_counter()
        answer = claim(account)
        seconds = time.perf_counter() - began
        if not isinstance(answer, Claimed):
            raise RuntimeError(f"nothing was claimed: {answer}")
        with transaction.atomic():
            execute(PUT_AWAY, attempt=answer.attempt_id, letter=answer.delivery_id)
        return seconds

    def _on(self, connection: Any) -> None:
        from django.db import connections

        connections["default"] = connection
