import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from outreach.services.locks import holders, wait_until
from outreach.services.paths import CHECKOUT, make_directory

from .conftest import Place, directory, is_dead

ADDRESS = re.compile(r"^Outreach is at (\S+)$", re.MULTILINE)


class Run:
    """`python -m outreach.services.run`, what it said, and the processes below it."""

    def __init__(self, place, port, sandbox_port):
        self.place = place
        self.said = ""
        ours = {"VAR_DIR": str(place.path), "PORT": str(port), "SANDBOX_PORT": str(sandbox_port)}
        theirs = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "MAKELEVEL"}
        kept = {name: value for name, value in os.environ.items() if name not in theirs}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "outreach.services.run"],
            cwd=CHECKOUT,
            env=kept | ours,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until(self, words):
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if words in line:
                return self
        pytest.fail(f"ended with {self.process.wait()}: {self.said}")

    def parts(self):
        return [
            pid
            for pid in holders(self.place.path / "services" / "children")
            if pid != self.process.pid
        ]

    def end(self, number):
        self.process.send_signal(number)
        return self.ended()

    def ended(self):
        self.said += self.process.communicate(timeout=60)[0]
        return self.process.returncode


@pytest.fixture(scope="module")
def installation(made_cluster):
    """A VAR_DIR whose database is migrated by the first run and kept for the next."""
    with directory() as parent:
        place = Place(make_directory(parent / "var"))
        subprocess.run(["cp", "-a", made_cluster, place.path / "postgres"], check=True)
        yield place
        place.clear()


@pytest.fixture
def ports():
    with socket.socket() as one, socket.socket() as two:
        for free in (one, two):
            free.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


@pytest.fixture
def run(installation, ports):
    run = Run(installation, *ports)
    yield run
    if run.process.poll() is None:
        run.end(signal.SIGTERM)


def name_of(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as handle:
        return handle.read().decode().split("\0")


@pytest.mark.timeout(180)
def test_it_says_one_address_which_answers_and_ends_on_sigterm_without_a_trace(run, ports):
    run.until("Ctrl-C stops it.")
    assert ADDRESS.findall(run.said) == [f"http://127.0.0.1:{ports[0]}"]
    with urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/healthz") as answer:
        assert answer.status == 200
    parts = run.parts()
    assert len(parts) >= 4
    second = Run(run.place, *ports)
    assert second.ended() == 1
    assert second.said == (
        f"Port {ports[0]} is taken: Outreach already runs from this checkout at "
        f"http://127.0.0.1:{ports[0]}. Stop that one first (Ctrl-C where it runs).\n"
    )
    assert run.end(signal.SIGTERM) == 0
    assert [pid for pid in parts if not is_dead(pid)] == []
    assert run.place.alive() == set()


@pytest.mark.timeout(180)
def test_when_a_part_dies_it_says_which_and_ends_the_rest(run):
    run.until("Ctrl-C stops it.")
    parts = run.parts()
    beat = next(pid for pid in parts if "beat" in name_of(pid))
    os.kill(beat, signal.SIGKILL)
    assert run.ended() == 1
    assert "beat ended by itself (signal 9); stopping the rest." in run.said.splitlines()
    assert [pid for pid in parts if not is_dead(pid)] == []
    assert run.place.alive() == set()


@pytest.mark.timeout(180)
def test_nothing_outlives_a_supervisor_that_was_killed(run):
    run.until("Ctrl-C stops it.")
    parts = run.parts()
    run.process.kill()
    run.process.communicate()
    assert wait_until(lambda: all(is_dead(pid) for pid in parts), 60)
    assert run.place.ends(30)


def test_a_taken_port_is_said_in_one_line(installation, ports):
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports[0]))
        other.listen()
        run = Run(installation, *ports)
        assert run.ended() == 1
    assert run.said == (
        f"Port {ports[0]} is taken. Stop what uses it, or choose another: "
        f"make run PORT={ports[0] + 100}\n"
    )
    assert installation.alive() == set()


def test_interrupted_while_it_makes_ready_it_ends_without_a_trace(run):
    assert wait_until(lambda: len(run.place.alive()) == 2, 30)
    assert run.end(signal.SIGINT) == 0
    assert "Outreach is at" not in run.said
    assert run.place.alive() == set()
