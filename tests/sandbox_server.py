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

    def expire_token(self, token: str) -> None:
        """Let an access token have ended a second ago."""
        self.control("expire_token", token=token)

    def revoke_consent(self, user_id: int, client_id: str = "sandbox-client") -> bool:
        """Take back what a user let an app do; tell whether it could do anything."""
        answer = self.control("revoke_consent", user_id=str(user_id), client_id=client_id)
        return bool(answer["revoked"])

    def suspend(self, user_id: int, suspended: bool = True) -> None:
        self.control("suspend", user_id=str(user_id), suspended=suspended)

    def put_app(self, client_id: str, **given: Any) -> dict[str, Any]:
        """Make or change an X app; return it. Given: name, client_secret, redirect_uris, credits…"""
        apps = self.control("apps", apps=[{"client_id": client_id} | given])["apps"]
        return next(app for app in apps if app["client_id"] == client_id)

    def app(self, client_id: str = "sandbox-client") -> dict[str, Any]:
        """Return an X app as it stands: what it proves itself with, what it spent (dollars)."""
        response = self.http.get(f"{self.base_url}/_sandbox/apps", timeout=20)
        return next(app for app in response.json()["apps"] if app["client_id"] == client_id)

    def set_credits(self, dollars: float | None, app: str = "sandbox-client") -> None:
        """Give an app credits; None: without end."""
        self.control("credits", app=app, credits=dollars)

    def set_usage_cap(self, resources: int | None, app: str = "sandbox-client") -> None:
        self.control("usage_cap", app=app, resources=resources)

    def set_oauth(self, **changes: Any) -> None:
        """Change access_seconds, code_seconds or x_words."""
        self.control("oauth", **changes)

    def seed(self, brand_id: int, users: int, **pattern: Any) -> dict[str, Any]:
        """Make people around a brand: first_id, mutual, following, followed_by, accepts_dms."""
        arguments = {"brand_id": str(brand_id), "users": users} | pattern
        response = self.http.post(f"{self.base_url}/_sandbox/seed", json=arguments, timeout=120)
        assert response.status_code == 200, response.text
        return response.json()

    def authorize(self, handle: str | None, **parameters: str) -> str:
        """Press Authorize (or, without a handle, Cancel) on the consent page as that user.

        Returns the address that the browser is led to.
        """
        form = parameters | {"decision": "authorize" if handle else "cancel"}
        response = self.http.post(
            f"{self.base_url}/i/oauth2/authorize",
            data=form | ({"handle": handle} if handle else {}),
            timeout=20,
            allow_redirects=False,
        )
        assert response.status_code == 303, response.text
        return str(response.headers["location"])

    def set_limits(self, limits: dict[str, list[dict[str, Any]]] | None) -> None:
        self.control("limits", limits=limits)

    def set_faults(self, *rules: dict[str, Any], seed: str | None = None) -> None:
        """Have calls go wrong: rules of {endpoint, fault, probability or script, times?, …}."""
        self.control("faults", rules=list(rules), seed=seed)

    def injected(self) -> list[dict[str, Any]]:
        """Return the faults that struck, oldest first."""
        response = self.http.get(f"{self.base_url}/_sandbox/faults", timeout=20)
        assert response.status_code == 200, response.text
        return response.json()["injected"]

    def set_latency(self, seconds: float, endpoint: str = "*") -> None:
        self.control("latency", seconds=seconds, endpoint=endpoint)

    def write(self, sender: int, recipient: int, text: str) -> int:
        """Let a person write, as on the phone; return the message's id."""
        answer = self.control("write", sender=str(sender), recipient=str(recipient), text=text)
        return int(answer["id"])

    def ledger(self) -> Iterator[dict[str, Any]]:
        """Yield everything that was accepted, oldest first, page by page."""
        after: str | None = "0"
        while after is not None:
            response = self.http.get(
                f"{self.base_url}/_sandbox/ledger", params={"after": after}, timeout=20
            )
            assert response.status_code == 200, response.text
            page = response.json()
            yield from page["dms"]
            after = page["next_after"]

    def arrivals(self, endpoint: str = "send_dm") -> list[dict[str, Any]]:
        """Return what came in there, by user and by app, and what the limits refused."""
        query = {"endpoint": endpoint}
        response = self.http.get(f"{self.base_url}/_sandbox/arrivals", params=query, timeout=20)
        assert response.status_code == 200, response.text
        found: list[dict[str, Any]] = response.json()["arrivals"]
        return found

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
