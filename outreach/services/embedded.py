"""Start, share and stop the embedded services.

Who uses a service is counted by the kernel (`locks`). The last one out stops it, whoever started
it, and a small watcher (`watch`) does so for those who were killed. What somebody started by hand,
with `python -m outreach.services start` or with pg_ctl, is used and left alone.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from outreach.services import locks
from outreach.services.paths import CHECKOUT
from outreach.services.postgres import Postgres
from outreach.services.service import Service
from outreach.services.valkey import Valkey


@dataclass(frozen=True)
class Urls:
    """Where the services that were asked for are; empty for one that was not."""

    database_url: str = ""
    redis_url: str = ""

    def environment(self) -> dict[str, str]:
        """The same as environment variables."""
        named = {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}
        return {name: url for name, url in named.items() if url}


@dataclass
class Use:
    """Services in use by this process. `descriptors`, passed to a child, count it as a user too."""

    urls: Urls
    descriptors: tuple[int, ...]


def every_service(var_dir: Path) -> tuple[Service, ...]:
    """Both services of `var_dir`, running or not."""
    return (Postgres(var_dir), Valkey(var_dir))


def start_lock(var_dir: Path) -> Path:
    """The lock that is held while any service of `var_dir` is started or stopped."""
    return var_dir / "services" / "start.lock"


def kept_mark(var_dir: Path) -> Path:
    """The file that says: started by hand, to be stopped by hand."""
    return var_dir / "services" / "kept"


@contextlib.contextmanager
def running(var_dir: Path, *, database: bool = True, cache: bool = True) -> Iterator[Urls]:
    """Have PostgreSQL (`database`) and Valkey (`cache`) run in `var_dir` for the length of the
    block. Raises ServiceError when they cannot.
    """
    with using(var_dir, database=database, cache=cache) as use:
        yield use.urls


@contextlib.contextmanager
def using(var_dir: Path, *, database: bool = True, cache: bool = True) -> Iterator[Use]:
    """`running`, for those who start children that are to count as users as well."""
    var_dir = var_dir.absolute()
    postgres, valkey = Postgres(var_dir), Valkey(var_dir)
    services = [service for service, wanted in ((postgres, database), (valkey, cache)) if wanted]
    joined: list[int] = []
    try:
        with locks.exclusive(start_lock(var_dir)):
            joined += [service.join() for service in services]
            start(var_dir, services)
            urls = Urls(
                postgres.url() if database else "",
                valkey.url() if cache else "",
            )
        yield Use(urls, tuple(joined))
    finally:
        for descriptor in joined:
            os.close(descriptor)
        with locks.exclusive(start_lock(var_dir)):
            stop_unused(var_dir, services)


def start(var_dir: Path, services: Sequence[Service]) -> None:
    """Start what does not run. The caller holds the start lock."""
    if not any(locks.is_held(service.alive) for service in every_service(var_dir)):
        kept_mark(var_dir).unlink(missing_ok=True)
    for service in services:
        service.ensure()
    _ensure_watcher(var_dir)


def stop_unused(var_dir: Path, services: Sequence[Service]) -> None:
    """Stop what nobody uses and nobody wants kept. The caller holds the start lock."""
    if kept_mark(var_dir).exists():
        return
    for service in services:
        if not service.is_used():
            service.stop()


def _ensure_watcher(var_dir: Path) -> None:
    watcher = var_dir / "services" / "watcher"
    if locks.is_held(watcher):
        return
    descriptor = locks.open_lock(watcher)
    try:
        locks.try_lock(descriptor)
        # It must outlive us and our terminal.
        subprocess.Popen(
            [sys.executable, "-m", "outreach.services.watch", str(var_dir)],
            cwd=CHECKOUT,
            pass_fds=(descriptor,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
