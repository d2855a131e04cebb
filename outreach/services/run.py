"""What `make run` starts: the whole of Outreach on this machine, on loopback only.

`python -m outreach.services.run [--prepare]`; with `--prepare` everything is made ready and nothing
is started. `PORT` is the web's port (8000), `SANDBOX_PORT` the sandbox's (`PORT` + 1). Ctrl-C,
SIGTERM and SIGHUP end every part in turn. Exit status: 0 after such an end, 1 when a part failed.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from outreach.services import locks
from outreach.services.child import Child, die_with_parent
from outreach.services.embedded import Use, using
from outreach.services.errors import ServiceError
from outreach.services.paths import CHECKOUT, make_directory, var_dir
from outreach.services.ports import HOST, ports_of, supervisor_lock

ANSWER_SECONDS = 60.0
LEFTOVER_SECONDS = 10.0
WORKER_GRACE_SECONDS = 40.0
WORKERS = 2
SENDS = 4  # at once
THREADS = 8


class Supervisor:
    """The parts of one installation, from the first to be started to the last to be stopped."""

    def __init__(self, place: Path, port: int, sandbox_port: int) -> None:
        self.place = place
        self.port = port
        self.sandbox_port = sandbox_port
        self.url = _address((port, sandbox_port))
        self.children: list[Child] = []
        self.asked_to_end = threading.Event()
        self._printing = threading.Lock()
        self._preparing: subprocess.Popen[str] | None = None

    # --- one at a time -------------------------------------------------------------------------

    @contextlib.contextmanager
    def alone(self) -> Iterator[int]:
        """Be the only supervisor here, and yield the descriptor of the lock that children hold.

        Raises ServiceError when another one runs or a port is taken.
        """
        directory = make_directory(make_directory(self.place) / "services")
        ours, theirs = supervisor_lock(self.place), directory / "children"
        supervisor = locks.open_lock(ours)
        try:
            # A moment's patience with commands that only look whether one runs.
            if not locks.wait_until(lambda: locks.try_lock(supervisor), 0.5):
                where = _address(ports_of(self.place))
                taken = f"Port {self.port} is taken: " if where == self.url else ""
                raise ServiceError(
                    f"{taken}Outreach already runs from this checkout at {where}. "
                    "Stop that one first (Ctrl-C where it runs)."
                )
            os.truncate(supervisor, 0)
            os.pwrite(supervisor, f"{self.port} {self.sandbox_port}".encode(), 0)
            children = locks.open_lock(theirs)
            try:
                # A supervisor that was killed may have left parts that are still ending.
                ended = locks.wait_until(lambda: locks.try_lock(children), LEFTOVER_SECONDS)
                if not ended:
                    os.close(children)
                    locks.kill_holders(theirs)
                    children = locks.open_lock(theirs)
                    if not locks.try_lock(children):
                        raise ServiceError("Parts of an earlier run do not end; end them first.")
                yield children
            finally:
                os.close(children)
        finally:
            os.close(supervisor)

    # --- ready ---------------------------------------------------------------------------------

    def environment(self, use: Use) -> dict[str, str]:
        """What every part is started with."""
        return {
            **os.environ,
            **use.urls.environment(),
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "VAR_DIR": str(self.place),
            "PYTHONUNBUFFERED": "1",
            # Celery warns on every start of a worker as root; in a checkout that is as meant.
            "PYTHONWARNINGS": "ignore::UserWarning:celery.platforms",
        }

    def prepare(self, use: Use, keep: Sequence[int]) -> str:
        """Migrate, load the demo workspace, collect static files; return the demo's log-ins.

        Raises ServiceError when one of them fails; its own words are on stderr by then.
        """
        parent = os.getpid()
        with subprocess.Popen(
            [sys.executable, "manage.py", "prepare"],
            cwd=CHECKOUT,
            env=self.environment(use),
            pass_fds=keep,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 - no threads yet
        ) as self._preparing:
            said, _ = self._preparing.communicate()
        if self._preparing.returncode != 0 and not self.asked_to_end.is_set():
            raise ServiceError("Outreach could not be made ready; the reason is above.")
        return said.strip()

    # --- run -----------------------------------------------------------------------------------

    def parts(self, web_socket: int) -> list[Child]:
        """The programs to run, in the order of their start."""
        python = sys.executable
        celery = [python, "-m", "celery", "--quiet", "-A", "outreach"]
        parts = [
            Child(
                "web",
                [python, "-m", "gunicorn", "outreach.wsgi", f"--bind=fd://{web_socket}"]
                + ["--worker-class=gthread", f"--workers={WORKERS}", f"--threads={THREADS}"]
                + ["--graceful-timeout=5", "--log-level=warning", "--no-control-socket"],
                descriptors=(web_socket,),
            ),
            Child(
                "worker",
                [*celery, "worker", "--queues=celery", f"--concurrency={WORKERS}"]
                + ["--loglevel=WARNING", "--without-gossip", "--without-mingle"],
                grace=WORKER_GRACE_SECONDS,
            ),
            # Sending is waiting for X: threads of one process do it.
            Child(
                "sender",
                [*celery, "worker", "--queues=send", "--pool=threads", f"--concurrency={SENDS}"]
                + ["--hostname=sender@%h", "--loglevel=WARNING"]
                + ["--without-gossip", "--without-mingle"],
                grace=WORKER_GRACE_SECONDS,
            ),
            Child(
                "beat",
                [*celery, "beat", "--loglevel=WARNING", "--pidfile="]
                + [f"--schedule={self.place / 'beat-schedule'}"],
            ),
            Child("listener", [python, "manage.py", "listen"]),
        ]
        if not os.environ.get("X_API_URL"):
            sandbox = [python, "manage.py", "sandbox", "--host", HOST]
            sandbox += ["--port", str(self.sandbox_port)]
            sandbox += ["--state", str(self.place / "sandbox.sqlite3")]
            parts.insert(0, Child("sandbox", sandbox))
        return parts

    def run(self) -> int:
        """Start everything and stay until told to end, or until a part ends by itself."""
        with self.alone() as children, self._listening() as web, self.services() as use:
            keep = (children, *use.descriptors)
            log_ins = self.prepare(use, keep)
            if self.asked_to_end.is_set():
                return 0
            try:
                environment = self.environment(use)
                self.children = self.parts(web.fileno())
                for child in self.children:
                    child.start(environment, CHECKOUT, keep)
                for child in self.children:
                    child.listen(self.say)
                web.close()
                return self._stay(log_ins)
            finally:
                self.stop()

    def services(self) -> contextlib.AbstractContextManager[Use]:
        """PostgreSQL and Valkey of our own, where the environment names none."""
        return using(
            self.place,
            database=not os.environ.get("DATABASE_URL"),
            cache=not os.environ.get("REDIS_URL"),
        )

    @contextlib.contextmanager
    def _listening(self) -> Iterator[socket.socket]:
        """The web's socket, ours from the first moment on; and the sandbox's port is free."""
        if not os.environ.get("X_API_URL"):
            _listen(self.sandbox_port, "SANDBOX_PORT").close()
        with _listen(self.port, "PORT") as web:
            yield web

    def _stay(self, log_ins: str) -> int:
        answering = [self.url + "/healthz"]
        if self.children[0].name == "sandbox":
            answering.append(f"http://{HOST}:{self.sandbox_port}/phone/")
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self.asked_to_end.wait(0.1 if answering else 0.5):
            if self._says_who_ended():
                return 1
            if not answering:
                continue
            answering = [url for url in answering if not _answers(url)]
            if not answering:
                self.say("", f"\nOutreach is at {self.url}\n\n{log_ins}\n\nCtrl-C stops it.\n")
            elif time.monotonic() > deadline:
                self.say("", f"No answer from {answering[0]} for {ANSWER_SECONDS:.0f} seconds.")
                return 1
        return 0

    def _says_who_ended(self) -> bool:
        for child in self.children:
            status = child.ended()
            if status is not None:
                how = f"signal {-status}" if status < 0 else f"exit status {status}"
                self.say("", f"{child.name} ended by itself ({how}); stopping the rest.")
                return True
        return False

    def stop(self) -> None:
        """End the parts, the sandbox last: a letter under way is finished, not cut off."""
        for last in (False, True):
            ending = [child for child in self.children if (child.name == "sandbox") is last]
            for child in ending:
                child.ask_to_end()
            for child in ending:
                child.make_end(child.grace)

    def say(self, name: str, line: str) -> None:
        """Print a line of ours, or of the part called `name`."""
        with self._printing:
            print(f"{name:>8} | {line}" if name else line, flush=True)  # noqa: T201

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Begin to end; told a second time, do not wait for anybody."""
        del number, frame
        if self.asked_to_end.is_set():
            for child in self.children:
                child.grace = 0
                if child.process is not None and child.ended() is None:
                    child.process.kill()
        self.asked_to_end.set()
        if self._preparing is not None and self._preparing.poll() is None:
            self._preparing.terminate()


def _address(ports: tuple[int, int] | None) -> str:
    return f"http://{HOST}:{ports[0]}" if ports else "an address it has not told yet"


def _listen(port: int, variable: str) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ServiceError(
            f"Port {port} is taken. Stop what uses it, or choose another: "
            f"make run {variable}={port + 100}"
        ) from error
    return listening


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def main() -> int:
    """Run, or only make ready. One line says what is wrong."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--prepare", action="store_true")
    prepare_only = parser.parse_args().prepare
    try:
        port = int(os.environ.get("PORT") or 8000)
        sandbox_port = int(os.environ.get("SANDBOX_PORT") or port + 1)
    except ValueError:
        return _refuse("PORT and SANDBOX_PORT are numbers.")
    if os.environ.get("SECRET_KEY"):
        return _refuse("SECRET_KEY is set: this is for development (see docs/operating.md).")
    supervisor = Supervisor(var_dir(), port, sandbox_port)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, supervisor.on_signal)
    if os.environ.get("MAKELEVEL"):
        die_with_parent(os.getppid())
    try:
        if not prepare_only:
            return supervisor.run()
        with supervisor.services() as use:
            supervisor.say("", supervisor.prepare(use, use.descriptors))
            return 0
    except ServiceError as error:
        return _refuse(str(error))


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
