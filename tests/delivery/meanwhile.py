"""Races without sleeping: run something between two named steps, wait for what must come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from django.conf import settings
from django.db import connection, connections

from outreach.celery import app

T = TypeVar("T")
PATIENCE = 20.0


def wait_until(condition: Callable[[], T], *, within: float = PATIENCE) -> T:
    """Return the first true answer of `condition`; fail where none comes in time (seconds)."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{condition} stayed {answer!r}"
        time.sleep(0.01)
    return answer


def _and_hang_up(work: Callable[..., T], *arguments: Any) -> T:
    try:
        return work(*arguments)
    finally:
        connections.close_all()


@contextmanager
def threads(count: int) -> Iterator[Callable[..., Future[Any]]]:
    """`start(work, *arguments)` runs it in a thread with a database connection of its own."""
    with ThreadPoolExecutor(count) as pool:
        yield lambda work, *arguments: pool.submit(_and_hang_up, work, *arguments)


class Halt:
    """A place in the code at which the first thread that comes by stops until it is let go."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._go_on = threading.Event()

    def __call__(self) -> None:
        if not self.reached.is_set():
            self.reached.set()
            assert self._go_on.wait(PATIENCE)

    def wait(self) -> None:
        """Wait until somebody stands there."""
        assert self.reached.wait(PATIENCE)

    def let_go(self) -> None:
        self._go_on.set()


def halt_before(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> Halt:
    """Stop the first thread that calls `module.name`, before the call."""
    halt, real = Halt(), getattr(module, name)

    def halting(*arguments: Any, **options: Any) -> Any:
        halt()
        return real(*arguments, **options)

    monkeypatch.setattr(module, name, halting)
    return halt


def somebody_waits_for_a_lock() -> bool:
    """Whether another connection of this database waits for a row or a transaction now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE datname = current_database() AND NOT granted"
        )
        return bool(cursor.fetchone()[0])


def queued(queue: str = settings.SEND_QUEUE) -> int:
    """How many wake-up calls wait for a worker."""
    with app.connection_for_read() as broker:
        channel: Any = broker.default_channel
        return int(channel.client.llen(queue))
