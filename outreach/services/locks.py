"""Locks that the kernel gives back when their holder dies, however it dies.

flock(2) belongs to the open file: a forked child shares it, an executed program has it only where
the descriptor is passed on, and it ends with the last descriptor. So a lock whose descriptor is
passed to a server says, without any process id, whether the server still runs.
"""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from outreach.services.errors import ServiceError

POLL_SECONDS = 0.02


def open_lock(path: Path) -> int:
    """Open the lock file at `path`, only for its owner, and return its descriptor.

    Raises ServiceError where the directory is another user's.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        raise ServiceError(belongs_to_another(path.parent)) from error


def belongs_to_another(directory: Path) -> str:
    """The one line for a directory that another user made."""
    return (
        f"{directory} belongs to another user. Run this as that user, "
        "set VAR_DIR to a directory of your own, or remove it."
    )


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock if it is free; say whether it was."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether anybody holds the lock at `path` in any way."""
    if not path.exists():
        return False
    descriptor = open_lock(path)
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


def share(path: Path) -> int:
    """Hold the lock at `path` together with others until the returned descriptor is closed."""
    descriptor = open_lock(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


@contextlib.contextmanager
def exclusive(path: Path, *, seconds: float = 180) -> Iterator[None]:
    """Hold the lock at `path` alone. Raises ServiceError when others keep it for `seconds`."""
    descriptor = open_lock(path)
    try:
        if not wait_until(lambda: try_lock(descriptor), seconds):
            raise ServiceError(
                f"Another process has been starting or stopping the services for {seconds:.0f} "
                f"seconds ({path}). End it, then try again."
            )
        yield
    finally:
        os.close(descriptor)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask `condition` again and again, for at most `seconds`; return its last answer."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def holders(path: Path) -> list[int]:
    """The processes that have the file at `path` open, ourselves apart. Only Linux tells; elsewhere
    the list is empty.
    """
    wanted = path.stat()

    def is_it(descriptor: Path) -> bool:
        opened = descriptor.stat()
        return (opened.st_dev, opened.st_ino) == (wanted.st_dev, wanted.st_ino)

    return _with_descriptor(is_it)


def holders_of_removed(path: Path) -> list[int]:
    """The same for the file that was at `path` until it was removed."""
    return _with_descriptor(lambda descriptor: str(descriptor.readlink()) == f"{path} (deleted)")


def _with_descriptor(is_it: Callable[[Path], bool]) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        # Processes end while we look, and those of other people are not ours to read.
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if is_it(descriptor):
                        found.append(int(process.name))
                        break
    return [pid for pid in found if pid != os.getpid()]


def kill(pids: Iterable[int]) -> None:
    """End these processes with SIGKILL."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_holders(path: Path, seconds: float = 10) -> bool:
    """End what keeps the file at `path` open; say whether its lock is free then."""
    kill(holders(path))
    return wait_until(lambda: not is_held(path), seconds)
