"""One process below the supervisor: started so that it ends with us, heard line by line."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int, how: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel for a signal when the parent dies, however it does. Linux only; elsewhere the
    next start clears what is left.
    """
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, how, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os.kill(os.getpid(), how)


@dataclass
class Child:
    """A program of the installation. `grace`: how many seconds it has to end by itself."""

    name: str
    command: Sequence[str]
    grace: float = 10.0
    descriptors: tuple[int, ...] = ()
    process: "subprocess.Popen[str] | None" = None
    _reader: threading.Thread | None = field(default=None, repr=False)

    def start(
        self,
        environment: Mapping[str, str],
        directory: Path,
        keep: Sequence[int],
    ) -> None:
        """Start it in a process group of its own, so that the terminal's Ctrl-C is ours alone to
        pass on. `keep`: descriptors it inherits.
        """
        parent = os.getpid()
        self.process = subprocess.Popen(
            list(self.command),
            cwd=directory,
            env=dict(environment),
            pass_fds=(*keep, *self.descriptors),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 - before any thread
        )

    def listen(self, say: Callable[[str, str], None]) -> None:
        """Give each line it writes to `say(name, line)`, from a thread. Only once every child runs:
        a fork beside threads is asking for trouble.
        """
        self._reader = threading.Thread(target=self._read, args=(say,), daemon=True)
        self._reader.start()

    def _read(self, say: Callable[[str, str], None]) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            say(self.name, line.rstrip("\n"))

    def ended(self) -> int | None:
        """Its exit status, or None while it runs. Negative: the signal that ended it."""
        return None if self.process is None else self.process.poll()

    def ask_to_end(self) -> None:
        """SIGTERM: celery, gunicorn and uvicorn finish what they are at, then end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def make_end(self, seconds: float) -> None:
        """Wait for at most `seconds`, then end it and whatever it started."""
        if self.process is None:
            return
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        try:
            # The group outlives its leader if the leader was killed before its own children.
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        if self._reader is not None:
            self._reader.join(2)
