"""Real processes that use services in a directory of their own, and that can be killed."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg2
import pytest
import redis

from outreach.services import embedded, locks, running
from outreach.services.paths import CHECKOUT, make_directory

USER_SCRIPT = """
import sys
from pathlib import Path
from outreach.services import running
with running(Path(sys.argv[1])) as urls:
    print(urls.database_url, urls.redis_url, flush=True)
    sys.stdin.readline()
print("stopped", flush=True)
"""


class User:
    """A process that uses both services until told to leave."""

    def __init__(self, place, script=USER_SCRIPT, preexec=None, environment=None):
        self.place = place
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, str(place)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=preexec,  # noqa: PLW1509
            env=os.environ | (environment or {}),
        )
        self.database_url = self.redis_url = ""

    def ready(self):
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            pytest.fail(self.process.communicate()[1])
        self.database_url, self.redis_url = line.split()
        return self

    def leave(self):
        said, complaints = self.process.communicate("\n", timeout=60)
        assert (said, complaints, self.process.returncode) == ("stopped\n", "", 0)

    def kill(self):
        self.process.kill()
        self.process.communicate()


class Place:
    """A VAR_DIR, who uses it, and what runs in it."""

    def __init__(self, path):
        self.path = path
        self.users = []

    def user(self, **options):
        user = User(self.path, **options)
        self.users.append(user)
        return user

    def alive(self):
        services = self.path / "services"
        return {
            name for name in ("postgres", "valkey") if locks.is_held(services / f"{name}.alive")
        }

    def ends(self, seconds=15):
        """Whether both services end by themselves."""
        return locks.wait_until(lambda: not self.alive(), seconds)

    def processes(self, name):
        return locks.holders(self.path / "services" / f"{name}.alive")

    def clear(self):
        for user in self.users:
            if user.process.poll() is None:
                user.kill()
        if not (self.path / "services").exists():
            return
        with locks.exclusive(embedded.start_lock(self.path)):
            for service in embedded.every_service(self.path):
                service.stop()


@pytest.fixture(scope="session")
def made_cluster():
    """A stopped cluster to copy, because making one takes seconds."""
    with directory() as parent:
        with running(parent / "var", cache=False):
            pass
        yield parent / "var" / "postgres"


@contextlib.contextmanager
def directory():
    # Not pytest's own, which other accounts may not enter.
    path = Path(tempfile.mkdtemp(prefix="outreach-test-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def empty_place():
    """Where nothing was started yet."""
    with directory() as parent:
        place = Place(parent / "var")
        yield place
        place.clear()


@pytest.fixture
def place(empty_place, made_cluster):
    """Where a cluster was made before."""
    make_directory(empty_place.path)
    subprocess.run(["cp", "-a", made_cluster, empty_place.path / "postgres"], check=True)
    return empty_place


def query(url, sql):
    """The first value that PostgreSQL answers."""
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None


def ping(url):
    """Whether Valkey answers."""
    with redis.Redis.from_url(url) as client:
        return client.ping()


def kill_all(pids):
    """End these processes at once, and wait until they are dead."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert locks.wait_until(lambda: all(is_dead(pid) for pid in pids), 10)


def is_dead(pid):
    """Whether the process is gone, or dead and waits to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
