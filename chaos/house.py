"""Where a run of chaos lives: PostgreSQL, Valkey and the sandbox, all its own, and how they fall."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import redis

from chaos.processes import Process
from chaos.scale import Scale
from outreach.services import locks
from outreach.services.embedded import Use, start_lock, using
from outreach.services.postgres import Postgres
from outreach.services.service import Service
from outreach.services.valkey import Valkey
from tests.sandbox_server import Sandbox

STARTS_WITHIN = 60.0


class ChaosSandbox(Sandbox):
    """The sandbox as a process that ends with chaos."""

    def run(self, environment: Mapping[str, str], logs: Path) -> Process:
        """Start it on a free port and wait until it serves."""
        command = ["-m", "outreach.sandbox", "--port", "0", "--state", str(self.state_file)]
        process = Process("sandbox", command, environment, logs)
        log = logs / "sandbox.log"
        wait_for("the sandbox", lambda: "Sandbox at http://" in log.read_text())
        self.port = int(log.read_text().split()[2].rpartition(":")[2])
        return process


@dataclass
class House:
    """The services of one run. `environment` is what every process of the product is given."""

    place: Path
    logs: Path
    sandbox: ChaosSandbox
    environment: dict[str, str]
    redis_url: str
    postgres: Postgres
    valkey: Valkey

    def crash_postgres(self) -> None:
        """End PostgreSQL as a power cut would, and start it again."""
        with locks.exclusive(start_lock(self.place)):
            self.postgres.crash()
            self._start(self.postgres)

    def flush_valkey(self) -> None:
        """Throw away every wake-up call and all that is cached."""
        with redis.Redis.from_url(self.redis_url, socket_timeout=5) as client:
            client.flushall()

    def restart_valkey(self) -> None:
        """End Valkey with all that it holds, and start it again."""
        with locks.exclusive(start_lock(self.place)):
            self.valkey.stop()
            self._start(self.valkey)

    @staticmethod
    def _start(service: Service) -> None:
        service.ensure()


@contextmanager
def house(place: Path, scale: Scale) -> Iterator[House]:
    """Have the services run for the length of the block, and a database that tells commit times."""
    logs = place / "logs"
    logs.mkdir()
    services = place / "var"
    plain = {
        name: value
        for name, value in os.environ.items()
        # What would make another installation of this one, or send its calls elsewhere.
        if not name.lower().endswith("_proxy")
        and not name.startswith(("X_", "PG", "CALL_", "SETTLE_"))
        and name not in ("SECRET_KEY", "TOKEN_KEYS", "DATABASE_URL", "REDIS_URL")
    }
    plain |= {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore::UserWarning:celery.platforms"}
    sandbox = ChaosSandbox(place / "sandbox.sqlite3")
    with using(services) as use:
        process = sandbox.run(plain, logs)
        try:
            yield _furnished(services, logs, sandbox, plain | scale.environment(), use)
        finally:
            process.kill()


def _furnished(
    place: Path, logs: Path, sandbox: ChaosSandbox, environment: dict[str, str], use: Use
) -> House:
    own = use.urls.environment() | {
        "VAR_DIR": str(place),
        "X_API_URL": sandbox.base_url,
        "DJANGO_SETTINGS_MODULE": "outreach.settings",
    }
    made = House(
        place, logs, sandbox, environment | own, use.urls.redis_url, Postgres(place), Valkey(place)
    )
    connection = psycopg2.connect(use.urls.database_url)
    connection.autocommit = True
    connection.cursor().execute("ALTER SYSTEM SET track_commit_timestamp = on")
    connection.close()
    made.crash_postgres()
    return made


def wait_for(what: str, condition: Any, within: float = STARTS_WITHIN) -> None:
    """Wait until the condition holds. Raises TimeoutError, naming what did not come."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within:.0f} seconds")
        time.sleep(0.02)
