"""The whole of Outreach as `make run` starts it, in a directory and on ports of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import requests

from outreach.services.locks import wait_until
from outreach.services.paths import CHECKOUT

READY = "Ctrl-C stops it."
READY_SECONDS = 90
END_SECONDS = 60
LISTENING = "0A"
# What would lead the run to services or settings that are not its own.
FOREIGN = (
    "DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "MAKELEVEL", "SECRET_KEY", "X_API_URL",
    "PUBLIC_URL", "STATIC_ROOT", "TOKEN_KEYS",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP socket that listens."""

    address: str
    port: int
    inode: str


class Installation:
    """`python -m outreach.services.run`: what it said, what runs below it, who it listens to."""

    def __init__(self) -> None:
        self.directory = tempfile.TemporaryDirectory(
            prefix="outreach-e2e-", ignore_cleanup_errors=True
        )
        self.var = Path(self.directory.name) / "var"
        self.port, self.sandbox_port = free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.said: list[str] = []
        self.http = requests.Session()
        self.http.trust_env = False

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        ours = {"PORT": self.port, "SANDBOX_PORT": self.sandbox_port, "VAR_DIR": self.var}
        return kept | {name: str(value) for name, value in ours.items()}

    def start(self) -> None:
        """Start everything and wait until it says that it answers."""
        self.process = self.another()
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(READY_SECONDS) or self.process.poll() is not None:
            self.process.kill()
            raise AssertionError("Outreach did not start:\n" + "\n".join(self.said))

    def another(self) -> subprocess.Popen[str]:
        """A run with the same environment: the first one, or one too many."""
        return subprocess.Popen(
            [sys.executable, "-m", "outreach.services.run"],
            cwd=CHECKOUT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if READY in line:
                self._ready.set()
        self._ready.set()

    def stop(self) -> int:
        """Press Ctrl-C; return the exit status."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(END_SECONDS)
        self._reader.join(END_SECONDS)
        return status

    def clear(self) -> None:
        """Remove what it kept; end it first where a test could not."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            wait_until(lambda: not self.processes(), END_SECONDS)
        self.http.close()
        self.directory.cleanup()

    def manage(self, *arguments: str) -> str:
        """Run manage.py beside it, as in another terminal; return what it says."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # --- the sandbox -------------------------------------------------------------------------

    def dms(self, participant: int) -> list[dict[str, str]]:
        """What the sandbox accepted from and for somebody, oldest first."""
        address = f"{self.sandbox_url}/_sandbox/dms"
        answer = self.http.get(address, params={"participant": str(participant)}, timeout=20)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, str]] = answer.json()["dms"]
        return found

    # --- what runs ---------------------------------------------------------------------------

    def processes(self) -> dict[int, str]:
        """Every process that was started with, or works in, our directory; its command line."""
        ours = str(self.var).encode()
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes()
                known = ours in command or ours in (process / "environ").read_bytes()
            except OSError:  # it ended while we looked
                continue
            # What is dead and waits to be collected has no command line.
            if known and command and int(process.name) != os.getpid():
                found[int(process.name)] = command.replace(b"\0", b" ").decode().strip()
        return found

    def listeners(self) -> list[Listener]:
        """The TCP sockets on which our processes listen."""
        inodes = set()
        for pid in self.processes():
            try:
                for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                    inodes |= set(re.findall(r"^socket:\[(\d+)\]$", str(descriptor.readlink())))
            except OSError:
                continue
        return [listener for listener in all_listeners() if listener.inode in inodes]


def all_listeners() -> list[Listener]:
    """Every listening TCP socket of this machine."""
    found = []
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[3] != LISTENING:
                continue
            address, port = fields[1].split(":")
            words = (bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8))
            family = socket.AF_INET if table == "tcp" else socket.AF_INET6
            written = socket.inet_ntop(family, b"".join(words))
            found.append(Listener(written, int(port, 16), fields[9]))
    return found


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody uses, each another."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
