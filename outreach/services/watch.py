"""`python -m outreach.services.watch VAR_DIR`: stops the services whose last user was killed.

Users that end normally stop the services themselves; this is for SIGKILL. It looks twice a second,
ends with the last service, and holds the lock `services/watcher`, which it inherited, until then.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from outreach.services import embedded, locks
from outreach.services.errors import ServiceError
from outreach.services.service import Service

LOOK_SECONDS = 0.5


def watch(var_dir: Path) -> None:
    """Stop what is no longer used, until nothing runs."""
    services = embedded.every_service(var_dir)
    while not _all_stopped(var_dir, services):
        time.sleep(LOOK_SECONDS)
    # If the directory was removed below the servers, nobody can reach or use them any more.
    for service in services:
        locks.kill(locks.holders_of_removed(service.alive))


def _all_stopped(var_dir: Path, services: Sequence[Service]) -> bool:
    """Stop what nobody uses; say whether no server runs, at least none that has its files."""
    try:
        # Taken without waiting: who holds it is about to change what we look at.
        with locks.exclusive(embedded.start_lock(var_dir), seconds=0):
            embedded.stop_unused(var_dir, services)
            return not any(locks.is_held(service.alive) for service in services)
    except FileNotFoundError:
        return True
    except ServiceError:
        return False


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
