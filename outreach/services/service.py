"""What PostgreSQL and Valkey have in common: when they live, who uses them, who ends them.

Three locks for each service, in `VAR_DIR/services` (see `locks`):
- `<name>.alive`: held by the server's own processes. Free means: no process of it is left.
- `<name>.users`: shared by everybody who uses the service. Whoever gets it alone is the last out.
- `start.lock`, one for both, in `embedded`: held while a service is started or stopped.
"""

import os
from abc import ABC, abstractmethod
from pathlib import Path

from outreach.services import locks
from outreach.services.errors import ServiceError
from outreach.services.paths import make_directory

START_SECONDS = 60.0
SETTLE_SECONDS = 30.0


class Service(ABC):
    """One server below a data directory. Its methods are called with the start lock held."""

    name: str
    label: str

    def __init__(self, var_dir: Path) -> None:
        self.var_dir = var_dir
        self.directory = var_dir / self.name
        lock_dir = make_directory(make_directory(var_dir) / "services")
        self.alive = lock_dir / f"{self.name}.alive"
        self.users = lock_dir / f"{self.name}.users"

    @abstractmethod
    def url(self) -> str:
        """Where the running service is reached."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the service takes connections now."""

    @abstractmethod
    def launch(self, alive: int) -> None:
        """Start the server and pass it the descriptor `alive`; return when it answers."""

    @abstractmethod
    def shut_down(self) -> None:
        """Tell the running server to end; return when it did or refused."""

    @abstractmethod
    def log_tail(self) -> str:
        """The last line of the server's log that tells why it failed."""

    def runs_by_other_means(self) -> bool:
        """Whether somebody started the server without us, who then owns it."""
        return False

    def runs(self) -> bool:
        """Whether a process that we started serves."""
        return locks.is_held(self.alive) and self.answers()

    def ensure(self) -> bool:
        """Have the service answer, whatever state it was left in; say whether we started it.

        Raises ServiceError when it cannot be had.
        """
        if self._settled_and_answers() or self.runs_by_other_means():
            return False
        descriptor = locks.open_lock(self.alive)
        try:
            if not locks.try_lock(descriptor):
                raise ServiceError(f"{self.label} in {self.directory} starts and dies.")
            self.launch(descriptor)
        finally:
            os.close(descriptor)
        return True

    def _settled_and_answers(self) -> bool:
        """Wait for a start or an end that is under way; end what neither answers nor ends."""
        locks.wait_until(lambda: not locks.is_held(self.alive) or self.answers(), SETTLE_SECONDS)
        if not locks.is_held(self.alive):
            return False
        if self.answers():
            return True
        if not locks.kill_holders(self.alive):
            raise ServiceError(
                f"Left-over processes of {self.label} hold {self.directory} and cannot be ended. "
                "End them, then try again."
            )
        return False

    def stop(self) -> None:
        """End what we started, by its own means first. Raises ServiceError when it stays."""
        if not locks.is_held(self.alive):
            return
        self.shut_down()
        if locks.wait_until(lambda: not locks.is_held(self.alive), SETTLE_SECONDS):
            return
        if not locks.kill_holders(self.alive):
            raise ServiceError(f"{self.label} in {self.directory} does not stop.")

    def join(self) -> int:
        """Be counted as a user until the returned descriptor is closed or we die."""
        return locks.share(self.users)

    def is_used(self) -> bool:
        """Whether any process is counted as a user."""
        return locks.is_held(self.users)
