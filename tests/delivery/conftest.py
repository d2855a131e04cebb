from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.db import connection

from tests import factories
from tests.delivery.doomed import Doomed
from tests.sandbox_server import Sandbox, sandbox, sandbox_server

__all__ = ["sandbox", "sandbox_server"]

BRAND = 2244994945
MARIA = 783214


@pytest.fixture
def world(sandbox, settings, transactional_db) -> factories.House:
    """A house whose account and one customer live in the sandbox, mutual."""
    settings.X_API_URL = sandbox.base_url
    sandbox.add_user(BRAND, "inkandloom")
    house = factories.house(token=sandbox.issue_token(BRAND), x_user_id=BRAND)
    befriended(sandbox, house, MARIA)
    return house


def befriended(sandbox: Sandbox, house: factories.House, x_user_id: int) -> None:
    """One more customer who lives in the sandbox and is mutual with the brand."""
    sandbox.add_user(x_user_id, f"maria{x_user_id}")
    sandbox.befriend(house.account.x_user_id, x_user_id)
    house.customer(x_user_id=x_user_id)


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
    """Real worker processes that die or freeze where a test says."""
    process = Doomed(outside)
    yield process
    process.end()
