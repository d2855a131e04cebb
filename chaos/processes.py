"""Processes that chaos starts, kills and freezes, and that end with it however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from outreach.services.child import die_with_parent
from outreach.services.paths import CHECKOUT


class Running:
    """A process in a group of its own, by the pid of both."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid
        self.frozen = False

    @property
    def alive(self) -> bool:
        """Whether it runs, or stands frozen."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL to all of it; return once it is gone."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.wait()

    def wait(self) -> None:
        """Return once it is gone."""
        while self.alive:
            time.sleep(0.005)

    def freeze(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)
        self.frozen = False

    def _signal(self, number: signal.Signals) -> None:
        # It may have ended by itself in this moment; who looks after it will see.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


class Process(Running):
    """A program that was started here, writing into a file.

    It is killed when chaos dies, also while it is frozen: SIGKILL is the one signal that a stopped
    process does not sleep through. The kernel watches the thread that started it, so processes are
    started by the main thread alone.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], logs: Path
    ) -> None:
        parent = os.getpid()
        with (logs / f"{name}.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                cwd=CHECKOUT,
                # PostgreSQL knows its clients by this name: it tells whose claim is whose.
                env=dict(environment) | {"PGAPPNAME": name},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent, signal.SIGKILL),  # noqa: PLW1509
            )

        super().__init__(name, self._process.pid)

    @property
    def alive(self) -> bool:
        """Whether it runs, or stands frozen."""
        return self._process.poll() is None

    def wait(self) -> None:
        """Return once it is gone."""
        self._process.wait()


class Nursery:
    """Where workers come from (see chaos/nursery.py)."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self._logs = logs
        parent = os.getpid()
        with (logs / "nursery.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chaos.nursery"],
                cwd=CHECKOUT,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent, signal.SIGKILL),  # noqa: PLW1509
            )

    def start(self, name: str, arguments: Sequence[str]) -> Running:
        """Have a Celery program run; it dies with the nursery, and that with us."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        log = str(self._logs / f"{name}.log")
        order = {"name": name, "arguments": list(arguments), "log": log}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Running(name, int(self._process.stdout.readline()))

    def close(self) -> None:
        """End it, and with it whoever came from it."""
        self._process.kill()
        self._process.communicate()


def worker(name: str, queues: str, threads: int) -> list[str]:
    """The arguments of a Celery worker that is one process and says only what went wrong."""
    return [
        "--quiet", "worker", f"--queues={queues}", "--pool=threads", f"--concurrency={threads}",
        f"--hostname={name}@chaos", "--without-gossip", "--without-mingle", "--without-heartbeat",
        "--loglevel=WARNING",
    ]  # fmt: skip


def beat(schedule: Path) -> list[str]:
    """The arguments of a Celery beat."""
    return ["--quiet", "beat", "--pidfile=", f"--schedule={schedule}", "--loglevel=WARNING"]
