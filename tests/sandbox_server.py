"""A real sandbox process for tests: `pytest_plugins = ["tests.sandbox_server"]`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

CHECKOUT = Path(__file__).resolve().parent.parent


class Sandbox:
    """The sandbox server on a free port, and its control interface."""

    def __init__(self, state_file: Path) -> None:
        self.state_file = state_file
        self.port = 0
        self.http = requests.Session()
        self.http.trust_env = False

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process; it takes the port it had before, if it had one."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "outreach.sandbox"]
            + ["--port", str(self.port), "--state", str(self.state_file)],
            cwd=CHECKOUT,
            env={k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        first_line = self.process.stdout.readline().strip()
        assert first_line.startswith("Sandbox at http://127.0.0.1:"), first_line
        self.port = int(first_line.rpartition(":")[2])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process and return its exit status."""
        self.process.send_signal(how)
        self.process.communicate(timeout=20)
        return self.process.returncode

    def control(self, act: str, **arguments: Any) -> dict[str, Any]:
        """Do something to the world, as POST /_sandbox/<act>."""
        response = self.http.post(f"{self.base_url}/_sandbox/{act}", json=arguments, timeout=20)
        assert response.status_code == 200, response.text
        return response.json()

    def reset(self) -> None:
        self.control("reset")

    def add_user(self, id: int, handle: str, name: str = "", accepts_dms: bool = True) -> int:  # noqa: A002
        user = {"id": str(id), "handle": handle, "name": name or handle.title()}
        self.control("users", users=[user | {"accepts_dms": accepts_dms}])
        return id

    def follow(self, source: int, target: int) -> None:
        self.control("follows", follows=[[str(source), str(target)]])

    def befriend(self, one: int, other: int) -> None:
        """Make the two follow each other."""
        self.follow(one, other)
        self.follow(other, one)

    def unfollow(self, source: int, target: int) -> None:
        self.control("unfollow", source=str(source), target=str(target))

    def block(self, source: int, target: int) -> None:
        self.control("block", source=str(source), target=str(target))

    def accept_dms(self, user_id: int, accepts: bool) -> None:
        self.control("accept_dms", user_id=str(user_id), accepts=accepts)

    def issue_token(self, user_id: int | None, **options: Any) -> str:
        """Return a new token; options: scopes, app, expires_in (seconds)."""
        who = None if user_id is None else str(user_id)
        return str(self.control("tokens", user_id=who, **options)["token"])

    def revoke_token(self, token: str) -> None:
        self.control("revoke", token=token)

    def set_limits(self, limits: dict[str, list[dict[str, Any]]] | None) -> None:
        self.control("limits", limits=limits)

    def write(self, sender: int, recipient: int, text: str) -> int:
        """Let a person write, as on the phone; return the message's id."""
        answer = self.control("write", sender=str(sender), recipient=str(recipient), text=text)
        return int(answer["id"])

    def dms(self, participant: int | None = None) -> list[dict[str, Any]]:
        """Return everything that was accepted, oldest first."""
        query = {} if participant is None else {"participant": str(participant)}
        response = self.http.get(f"{self.base_url}/_sandbox/dms", params=query, timeout=20)
        assert response.status_code == 200, response.text
        return response.json()["dms"]

    def api(self, method: str, path: str, token: str | None = None, **options: Any) -> Any:
        """Call X's API as plain HTTP; return the response."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        return self.http.request(
            method, self.base_url + path, headers=headers, timeout=20, **options
        )


@pytest.fixture(scope="session")
def sandbox_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox process for the whole run; use `sandbox`, which empties it first."""
    server = Sandbox(tmp_path_factory.mktemp("sandbox") / "world.sqlite3")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def sandbox(sandbox_server: Sandbox) -> Sandbox:
    """The sandbox with an empty world and X's documented limits."""
    sandbox_server.reset()
    return sandbox_server
