"""A load that is killed, and two at once: real processes on the real database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection, transaction

from accounts.models import User, Workspace
from outreach.customers.models import Customer
from outreach.delivery.models import Delivery
from outreach.sandbox.state import open_state

pytestmark = pytest.mark.django_db(transaction=True)
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(tmp_path):
    """A development installation of its own, on the test's database."""
    return tmp_path


def start(place: Path) -> subprocess.Popen[str]:
    url = urlsplit(os.environ["DATABASE_URL"])
    name = str(connection.settings_dict["NAME"])
    environment = os.environ | {
        "DATABASE_URL": urlunsplit(url._replace(path=f"/{name}")),
        "VAR_DIR": str(place),
        "TOKEN_KEYS": ",".join(settings.TOKEN_KEYS),
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "load_demo"],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(place: Path) -> str:
    process = start(place)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said


def wait_until_it_waits_for_us() -> None:
    """Until another session is held up by a lock of this one."""
    deadline = time.monotonic() + 60
    asks = (
        "SELECT count(*) FROM pg_locks "
        "WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    )
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(asks)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("the load never came to the lock")


def test_a_killed_load_leaves_nothing_and_the_next_one_is_whole(place):
    with transaction.atomic():
        with connection.cursor() as cursor:
            # The load is held where it writes its first attempt, in the middle of its letters.
            cursor.execute("LOCK TABLE delivery_attempt IN SHARE MODE")
        process = start(place)
        try:
            wait_until_it_waits_for_us()
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=20)
    assert not Workspace.objects.exists()
    assert not User.objects.exists()

    assert "is loaded:" in run(place)
    assert Customer.everywhere.count() == 200
    sent = set(Delivery.everywhere.exclude(dm_event_id=None).values_list("dm_event_id", flat=True))
    state = open_state(place / "sandbox.sqlite3")
    by_letters = [dm.id for dm in state.dms() if dm.app]
    tokens = state.connection.execute("SELECT count(*) FROM tokens").fetchone()[0]
    state.close()
    # Nothing twice: the letters that were sent, one pair of tokens.
    assert sorted(by_letters) == sorted(sent)
    assert tokens == 2


def test_two_loads_at_once_load_once(place):
    both = [start(place), start(place)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("is loaded:" in words for words in said) == 1
    assert sum("nothing was changed" in words for words in said) == 1
    assert Customer.everywhere.count() == 200
