"""Shared by all tests. The services are started by outreach.services.pytest_plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests import factories

ROOT = Path(__file__).resolve().parent


# Folders whose tests share something that takes long to start: one worker runs them all.
TOGETHER = ("e2e", "demo")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what stays on one worker (`-n 2 --dist loadgroup`): some folders, else each file."""
    for item in items:
        room = item.path.relative_to(ROOT).parts[0]
        item.add_marker(pytest.mark.xdist_group(room if room in TOGETHER else str(item.path)))
    # What takes longest begins first, so that no worker is left alone with it at the end.
    items.sort(key=lambda item: not item.path.is_relative_to(ROOT / "e2e"))


@pytest.fixture(autouse=True)
def _fast_passwords(settings):
    """Argon2 is slow by design; what hashes a password is Django's and tested there."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _plain_static_files(settings):
    """Pages name static files without a collected manifest."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture
def house(db):
    """A workspace with a marketer, a manager, an administrator and one X account."""
    return factories.house()


@pytest.fixture
def clock(db) -> Iterator[Callable[[float], None]]:
    """`clock(11)`: from here on it is 11 seconds later than it is, for this connection."""

    def later(seconds: float) -> None:
        _offset(f"{seconds} seconds")

    yield later
    _offset("")


def _offset(interval: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('outreach.clock_offset', %s, false)", [interval])
