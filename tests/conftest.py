"""Shared by all tests. The services are started by outreach.services.pytest_plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from tests import factories


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
