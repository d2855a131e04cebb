"""Two listeners as real processes: one listens, the other stands by, and a signal decides."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.db import connection

from outreach.customers.models import Relationship
from outreach.services.locks import wait_until
from outreach.services.paths import CHECKOUT
from outreach.x.models import ActivityEvent, Gap, Stream
from tests import factories
from tests.x.telling import TellingX, follow

pytestmark = pytest.mark.django_db(transaction=True)

# Longer than a lease of 20 s, on a machine that has more to do.
SECONDS = 60.0


@pytest.fixture
def x() -> Iterator[TellingX]:
    world = TellingX()
    yield world
    world.close()


@pytest.fixture
def house(x) -> factories.House:
    return factories.house()


@pytest.fixture
def listener(x) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Start `manage.py listen` on the test database; what still runs is killed with the test."""
    address = urlsplit(os.environ["DATABASE_URL"])
    database = connection.settings_dict["NAME"]
    environment = os.environ | {
        "DATABASE_URL": address._replace(path=f"/{database}").geturl(),
        "X_API_URL": x.base_url,
        "X_BEARER_TOKEN": x.bearer_token,
        "DJANGO_SETTINGS_MODULE": "outreach.settings",
    }
    processes: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "listen"],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def until(holds: Callable[[], object]) -> None:
    assert wait_until(lambda: bool(holds()), SECONDS)


def heard() -> bool:
    return Stream.objects.filter(heard_at__isnull=False, connected_at__isnull=False).exists()


def holder() -> object:
    return Stream.objects.values_list("holder", flat=True).first()


@pytest.fixture
def two(x, house, listener):
    """One that listens, and one that stands by."""
    first = listener()
    until(lambda: x.present and heard())
    held_by = holder()
    second = listener()
    # Each has two connections: one that looks for apps, one that asks for the stream.
    until(lambda: connections() >= 4)
    assert (holder(), len(x.visitors)) == (held_by, 1)
    return first, second


def connections() -> int:
    """How many connections other processes have to the test database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.timeout(240)
def test_when_the_one_that_listens_is_killed_the_other_takes_over_and_nothing_is_lost(
    x, house, two
):
    first, _ = two
    maria, brand = house.customer(), house.account.x_user_id
    first.kill()
    first.wait()
    until(lambda: not x.present)
    x.tell("follow.unfollow", brand, follow(maria.x_user_id, brand), live=False)
    until(lambda: not Relationship.everywhere.get(customer=maria).followed_by)
    assert len(x.visitors) == 2
    until(heard)
    assert Gap.objects.count() == 0
    x.tell("follow.follow", brand, follow(maria.x_user_id, brand))
    until(lambda: Relationship.everywhere.get(customer=maria).followed_by)
    assert ActivityEvent.objects.count() == 2


@pytest.mark.timeout(240)
def test_one_that_was_frozen_past_its_lease_stands_by_when_it_wakes(x, house, two):
    first, _ = two
    first.send_signal(signal.SIGSTOP)
    until(lambda: len(x.visitors) == 2)
    new = holder()
    first.send_signal(signal.SIGCONT)
    until(lambda: x.visitors[0].ended)
    assert (holder(), x.visitors[1].ended, first.poll()) == (new, False, None)
    assert Gap.objects.count() == 0


@pytest.mark.timeout(240)
def test_told_to_end_it_ends_within_seconds_and_the_other_takes_over_at_once(x, house, two):
    first, second = two
    began = time.monotonic()
    first.terminate()
    assert first.wait(SECONDS) == 0
    assert time.monotonic() - began < 5
    until(lambda: len(x.visitors) == 2 and heard())
    second.send_signal(signal.SIGINT)
    assert second.wait(SECONDS) == 0
    assert holder() is None
    assert second.stderr is not None
    assert "Traceback" not in second.stderr.read()
