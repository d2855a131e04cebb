"""The whole of Outreach for a bench: services and sandbox of its own, real workers, a real beat.

`in_a_child` is for the figure: it starts PostgreSQL, Valkey and the sandbox in a new folder, and
has a module's `measure` called in a process of its own. The rest is for that process.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outreach.services import running
from tests.sandbox_server import CHECKOUT, Sandbox

if TYPE_CHECKING:
    from outreach.x.models import XAccount
    from tests.factories import House

# X's own ids are of this size.
BRAND, FIRST_PERSON = 1_000_000_000_000_000_000, 2_000_000_000_000_000_000
UNREACHED = [{"limit": 10**9, "seconds": 900, "per": "user"}]
LIFTED = {"X_ACCOUNT_WINDOWS": "[]", "X_APP_WINDOWS": "[]"}
CONCURRENCY = 4
CANCELLED = "state = 'cancelled', reason = 'Not wanted.'"
TICKS = os.sysconf("SC_CLK_TCK")


# --- for the figure ------------------------------------------------------------------------------


def in_a_child(module: str, *arguments: str, **settings: str) -> dict[str, Any]:
    """Call a module's `measure` with Django and a migrated database; return what it returned.

    `settings`: environment variables, the same for it and for the workers that it starts.
    """
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as urls:
        sandbox = Sandbox(Path(folder) / "world.sqlite3")
        sandbox.start()
        try:
            done = subprocess.run(
                [sys.executable, "-m", "bench.works", module, *arguments],
                cwd=CHECKOUT,
                env=os.environ
                | urls.environment()
                | {
                    "VAR_DIR": folder,
                    "X_API_URL": sandbox.base_url,
                    "DJANGO_SETTINGS_MODULE": "outreach.settings",
                    "PYTHONWARNINGS": "ignore::UserWarning:celery.platforms",
                }
                | settings,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        finally:
            sandbox.stop()
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


# --- for the process that measures ---------------------------------------------------------------


def _main(module: str, *arguments: str) -> None:
    import django

    django.setup()
    # Django has to be ready first.
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps(importlib.import_module(module).measure(*arguments)))


class Works:
    """A migrated database with one workspace, and a sandbox whose brands are its accounts."""

    def __init__(self) -> None:
        from outreach.x.models import XApp
        from tests import factories

        self.folder = Path(os.environ["VAR_DIR"])
        self.sandbox = Sandbox(self.folder / "world.sqlite3")
        self.sandbox.port = int(os.environ["X_API_URL"].rpartition(":")[2])
        self.sandbox.set_limits({"send_dm": UNREACHED})
        self.sandbox.add_user(BRAND, "brand0")
        self.tokens = [self.sandbox.issue_token(BRAND)]
        self.house: House = factories.house(token=self.tokens[0], x_user_id=BRAND)
        self.accounts: list[XAccount] = [self.house.account]
        XApp.objects.update(monthly_cap=9_999_999)

    def more_accounts(self, count: int, *, app: str = "") -> None:
        """Connect so many more accounts, brands of the sandbox; `app`: through one of that name."""
        from outreach.x.models import XAccount
        from tests import factories

        through = self._app(app) if app else self.house.account.app_id
        whose = {"app": app} if app else {}
        for number in range(len(self.accounts), len(self.accounts) + count):
            self.sandbox.add_user(BRAND + number, f"brand{number}")
            token = self.sandbox.issue_token(BRAND + number, **whose)
            made = factories.account(self.house.workspace, token=token, x_user_id=BRAND + number)
            XAccount.everywhere.filter(pk=made.pk).update(app=through)
            self.tokens.append(token)
            self.accounts.append(made)

    def _app(self, name: str) -> int:
        from outreach.delivery.models import AppPace
        from outreach.x.models import XApp

        self.sandbox.put_app(name)
        made = XApp.objects.create(
            workspace=self.house.workspace, name=name, client_id=name, monthly_cap=9_999_999
        )
        AppPace.objects.create(app=made)
        return made.pk

    def letters(self, count: int, *, due: str) -> range:
        """Put letters on their way, each to a person of its own who is mutual; return their ids.

        The accounts take turns. `due` is SQL over `n`, a letter's number.
        """
        from bench.filling import be_heard, fill
        from tests import factories

        first = factories.delivery(self.house, due=False)
        ids = [account.pk for account in self.accounts]
        people = range(FIRST_PERSON, FIRST_PERSON + count)
        users = [{"id": str(id_), "handle": f"u{n}", "name": "U"} for n, id_ in enumerate(people)]
        self.sandbox.control("users", users=users)
        pairs = [(str(BRAND + n % len(ids)), str(id_)) for n, id_ in enumerate(people)]
        self.sandbox.control("follows", follows=[*pairs, *(pair[::-1] for pair in pairs)])
        made = fill(
            first.pk, ids, letters=count, people=count, first_x_user_id=FIRST_PERSON, due=due
        )
        execute(f"UPDATE delivery_delivery SET {CANCELLED} WHERE id = {first.pk}")
        be_heard(ids)
        return made

    @contextmanager
    def workers(self, count: int) -> Iterator[list[int]]:
        """Have so many worker processes and a beat run; yield the workers' process ids."""
        from outreach.celery import app

        celery = [sys.executable, "-m", "celery", "--quiet", "-A", "outreach"]
        worker = [
            *celery,
            "worker",
            "-Q",
            "send",
            "--pool=threads",
            "--loglevel=WARNING",
        ]
        worker += [f"--concurrency={CONCURRENCY}", "--without-gossip", "--without-mingle"]
        schedule = self.folder / "beat-schedule"
        beat = [*celery, "beat", "--loglevel=WARNING", "--pidfile=", f"--schedule={schedule}"]
        with self._processes([[*worker, f"--hostname=w{n}@bench"] for n in range(count)]) as pids:
            wait_until(lambda: len(app.control.ping(timeout=1) or ()) == count, seconds=60)
            with self._processes([beat]):
                yield pids

    @contextmanager
    def _processes(self, commands: Sequence[Sequence[str]]) -> Iterator[list[int]]:
        with (self.folder / "processes.log").open("ab") as log:
            started = [
                subprocess.Popen(command, cwd=CHECKOUT, stdout=log, stderr=log)
                for command in commands
            ]
            try:
                yield [process.pid for process in started]
            finally:
                for process in started:
                    process.send_signal(signal.SIGTERM)
                for process in started:
                    process.wait(timeout=60)

    def postgres(self) -> int:
        """The process id of PostgreSQL's parent process."""
        return int((self.folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def execute(sql: str, *values: Any, **named: Any) -> None:
    """Execute a statement, or several."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, values or named or None)


def rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a statement finds."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def wait_until(done: Callable[[], bool], *, seconds: float) -> None:
    """Look until it is done. Raises RuntimeError where it is not in that time."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise RuntimeError(f"not done within {seconds:.0f} s")
        time.sleep(0.05)


def cpu_seconds(pids: Sequence[int]) -> float:
    """CPU that these processes used so far."""
    return sum(sum(_stat(pid)[11:13]) for pid in pids) / TICKS


def cpu_seconds_with_children(pid: int) -> float:
    """CPU that a process and its children, ended ones too, used so far."""
    children = [
        stat
        for stat in (_stat_or_none(int(name.name)) for name in Path("/proc").glob("[0-9]*"))
        if stat and stat[1] == pid
    ]
    return (sum(_stat(pid)[11:15]) + sum(sum(stat[11:15]) for stat in children)) / TICKS


def _stat(pid: int) -> list[int]:
    """proc(5)'s numbers of a process from its parent on: 1 parent, 11 to 14 CPU and its children's."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [0, *map(int, after_name[1:15])]


def _stat_or_none(pid: int) -> list[int] | None:
    try:
        return _stat(pid)
    except (FileNotFoundError, ProcessLookupError):
        return None


if __name__ == "__main__":
    _main(*sys.argv[1:])
