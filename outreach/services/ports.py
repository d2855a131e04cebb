"""The ports of the Outreach that runs here, for commands in another terminal."""

from pathlib import Path

from outreach.services import locks

HOST = "127.0.0.1"


def supervisor_lock(var_dir: Path) -> Path:
    """The file that the supervisor holds locked while it runs, with its two ports in it."""
    return var_dir / "services" / "supervisor"


def ports_of(var_dir: Path) -> tuple[int, int] | None:
    """The web's and the sandbox's port of the supervisor that runs in `var_dir`, if one does."""
    lock = supervisor_lock(var_dir)
    if not locks.is_held(lock):
        return None
    words = lock.read_text().split()
    return (int(words[0]), int(words[1])) if len(words) == 2 else None
