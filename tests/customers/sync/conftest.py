from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from outreach.customers.models import Relationship, SyncRun
from outreach.customers.sync import actions, queries, working
from outreach.customers.sync.counting import count_at_x
from outreach.x.models import XApp
from tests import factories
from tests.customers.sync.doomed import Doomed
from tests.sandbox_server import Sandbox, sandbox, sandbox_server

__all__ = ["sandbox", "sandbox_server"]

BRAND = 2244994945
# US dollars.
A_LOT = 1_000_000


@dataclass
class World:
    """A house whose account lives in the sandbox, and what its syncs make of it."""

    house: factories.House
    sandbox: Sandbox

    @property
    def account(self) -> Any:
        return self.house.account

    def person(
        self, x_user_id: int, handle: str = "", *, follows: bool = True, followed: bool = True
    ) -> int:
        """Somebody in the sandbox; mutual unless said otherwise."""
        self.sandbox.add_user(x_user_id, handle or f"p{x_user_id}")
        if follows:
            self.sandbox.follow(x_user_id, BRAND)
        if followed:
            self.sandbox.follow(BRAND, x_user_id)
        return x_user_id

    def start(self, kind: str = "lists", *, adopt: bool = False) -> SyncRun:
        """Begin a sync at the price that the page shows."""
        if kind == "lists":
            count_at_x(self.account)
        left = queries.room(self.account)
        way = queries.way(self.account, queries.choice_of(self.account), kind, left)  # type: ignore[arg-type]
        assert way.estimate is not None
        return actions.start(
            self.house.manager, self.account.pk, kind=kind, price=way.estimate.price, adopt=adopt
        )

    def work(self, run: SyncRun) -> SyncRun:
        """Work on it until it ends or waits."""
        while working.work(run.pk):
            pass
        run.refresh_from_db()
        return run

    def sync(self, kind: str = "lists", *, adopt: bool = False) -> SyncRun:
        run = self.work(self.start(kind, adopt=adopt))
        assert (run.state, run.problem) == ("done", "")
        return run

    def known(self) -> dict[int | None, tuple[bool, bool, bool]]:
        """X user id → whether the brand follows them, they follow it, and they take messages."""
        rows = Relationship.everywhere.filter(x_account=self.account).select_related("customer")
        return {
            row.customer.x_user_id: (row.following, row.followed_by, row.accepts_dms)
            for row in rows
        }


@pytest.fixture
def world(sandbox, settings, transactional_db) -> World:
    """A brand in the sandbox whom nobody knows, with a cap that pays for its syncs."""
    settings.X_API_URL = sandbox.base_url
    sandbox.add_user(BRAND, "inkandloom")
    house = factories.house(token=sandbox.issue_token(BRAND), x_user_id=BRAND)
    XApp.objects.filter(pk=house.account.app_id).update(monthly_cap=A_LOT)
    return World(house, sandbox)


@pytest.fixture(scope="session")
def outside(django_db_setup: None, sandbox_server: Sandbox) -> dict[str, str]:
    """The environment of a process that works on the test database and the sandbox."""
    address = urlsplit(os.environ["DATABASE_URL"])
    database = connection.settings_dict["NAME"]
    return os.environ | {
        "DATABASE_URL": address._replace(path=f"/{database}").geturl(),
        "X_API_URL": sandbox_server.base_url,
        "DJANGO_SETTINGS_MODULE": "outreach.settings",
    }


@pytest.fixture(scope="session")
def doomed(outside: dict[str, str]) -> Iterator[Doomed]:
    """Real worker processes that die where a test says."""
    process = Doomed(outside)
    yield process
    process.end()
