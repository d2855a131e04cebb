"""Processes that chaos starts, kills and freezes, and that end with it however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from outreach.services.child import die_with_parent
from outreach.services.paths import CHECKOUT


class Process:
    """One program in a process group of its own, writing into a file.

    It is killed when chaos dies, also while it is frozen: SIGKILL is the one signal that a stopped
    process does not sleep through. The kernel watches the thread that started it, so processes are
    started by the main thread alone.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], logs: Path
    ) -> None:
        self.name = name
        self.frozen = False
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

    @property
    def alive(self) -> bool:
        """Whether it runs, or stands frozen."""
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL to all of it; return once it is gone."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP."""
        os.killpg(self._process.pid, signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT."""
        os.killpg(self._process.pid, signal.SIGCONT)
        self.frozen = False


def celery(*arguments: str) -> list[str]:
    """The command of a Celery program, which says only what went wrong."""
    return ["-m", "celery", "--quiet", "-A", "outreach", *arguments, "--loglevel=WARNING"]


def worker(name: str, queues: str, threads: int) -> list[str]:
    """The command of a worker that is one process."""
    return celery(
        "worker", f"--queues={queues}", "--pool=threads", f"--concurrency={threads}",
        f"--hostname={name}@chaos", "--without-gossip", "--without-mingle", "--without-heartbeat",
    )  # fmt: skip
