"""A small server that plays X's OAuth 2.0 and counts what it is asked, awkward where a test says so."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

CLIENT, SECRET, BEARER = "sandbox-client", "sandbox-secret", "sandbox-bearer"
ALL_SCOPES = (
    "dm.write dm.read tweet.read users.read follows.read media.write offline.access"  # as asked for
)
PICTURE = b"\x89PNG\r\n\x1a\n" + b"picture"
_numbers = itertools.count(1)


@dataclass
class User:
    """Somebody at X."""

    id: int
    handle: str
    avatar: str = ""


@dataclass
class PlayedX:
    """What it knows; `asked` counts requests by path, `answers` overrides what is said next."""

    clients: dict[str, str] = field(default_factory=lambda: {CLIENT: SECRET})
    bearers: set[str] = field(default_factory=lambda: {BEARER})
    codes: dict[str, tuple[User, str, str]] = field(default_factory=dict)  # user, challenge, scopes
    live: dict[str, User] = field(default_factory=dict)  # access tokens
    refreshable: dict[str, User] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answers: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    lifetime: int = 7200
    # Set to hold answers back: each request to the token endpoint waits for it after its work.
    hold: threading.Event | None = None
    arrived: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    base_url: str = ""

    def count(self, path: str) -> int:
        return sum(each == path for each, _ in self.asked)

    def pair(self, user: User) -> dict[str, Any]:
        """Hand out another pair, as X's token endpoint does."""
        number = next(_numbers)
        access, refresh = f"access-{number}", f"refresh-{number}"
        self.live[access] = user
        self.refreshable[refresh] = user
        return {
            "token_type": "bearer",
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": self.lifetime,
            "scope": ALL_SCOPES,
        }

    def consent(self, user: User, challenge: str, scopes: str = ALL_SCOPES) -> str:
        """The user agrees; returns the code of the way back."""
        code = f"code-{next(_numbers)}"
        self.codes[code] = (user, challenge, scopes)
        return code

    # --- endpoints -------------------------------------------------------------------------

    def token(self, form: dict[str, str], client: str) -> tuple[int, dict[str, Any]]:
        if form.get("grant_type") == "refresh_token":
            with self.lock:
                user = self.refreshable.pop(form["refresh_token"], None)
                if user is None:
                    return 400, {
                        "error": "invalid_request",
                        "error_description": "Value passed for the token was invalid.",
                    }
                return 200, self.pair(user)
        found = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if found is None or found[1] != challenge:
            return 400, {"error": "invalid_grant"}
        return 200, self.pair(found[0]) | {"scope": found[2]}

    def answer(
        self, method: str, path: str, form: dict[str, str], authorization: str
    ) -> tuple[int, Any]:
        scheme, _, proof = authorization.partition(" ")
        if path in ("/2/oauth2/token", "/2/oauth2/revoke", "/oauth2/token"):
            client, _, secret = base64.b64decode(proof).decode().partition(":")
            if scheme != "Basic" or self.clients.get(unquote(client)) != unquote(secret):
                return 401, {
                    "error": "unauthorized_client",
                    "error_description": "Missing valid authorization header",
                }
            if path == "/oauth2/token":
                return 200, {"token_type": "bearer", "access_token": BEARER}
            if path == "/2/oauth2/token":
                return self.token(form, client)
            self.revoked.append(form["token"])
            self.live.pop(form["token"], None)
            self.refreshable.pop(form["token"], None)
            return 200, {"revoked": True}
        if path == "/picture.png":
            return 200, PICTURE
        if path.startswith("/2/activity/subscriptions"):
            if proof not in self.bearers and proof not in self.live:
                return 401, {"title": "Unauthorized", "status": 401}
            number = str(next(_numbers))
            return 200, {"data": [{"subscription_id": number}], "meta": {"result_count": 1}}
        user = self.live.get(proof)
        if user is None:
            return 401, {"title": "Unauthorized", "type": "about:blank", "status": 401}
        if path == "/2/users/me":
            data = {"id": str(user.id), "username": user.handle, "name": user.handle.title()}
            return 200, {"data": data | {"profile_image_url": user.avatar}}
        if path.startswith("/2/dm_conversations/with/"):
            number = f"{10**17 + next(_numbers)}"
            return 201, {"data": {"dm_conversation_id": "1-2", "dm_event_id": number}}
        return 404, {"title": "Not Found", "status": 404}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    played: PlayedX

    def _answer(self) -> None:
        played = self.played
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        form = {key: values[0] for key, values in parse_qs(body).items()} if body else {}
        path = urlsplit(self.path).path
        with played.lock:
            played.asked.append((path, form))
            scripted = played.answers.get(path)
            said = scripted.pop(0) if scripted else None
        if said is not None:
            status, document = said
        else:
            authorization = self.headers.get("Authorization", "")
            status, document = played.answer(self.command, path, form, authorization)
        if path == "/2/oauth2/token":
            played.arrived.set()
            if played.hold is not None:
                played.hold.wait(20)
        if status == 0:  # no answer at all
            self.close_connection = True
            return
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        kind = "image/png" if path == "/picture.png" else "application/json"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def played(settings) -> Iterator[PlayedX]:
    """X's OAuth 2.0, played; the settings lead there."""
    x = PlayedX()
    handler = type("Handler", (_Handler,), {"played": x})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    x.base_url = f"http://127.0.0.1:{server.server_port}"
    settings.X_API_URL = x.base_url
    settings.X_AUTHORIZE_URL = "https://x.example/i/oauth2/authorize"
    settings.X_CLIENT_ID, settings.X_CLIENT_SECRET = CLIENT, SECRET
    settings.X_BEARER_TOKEN, settings.X_CONSUMER_SECRET = BEARER, "sandbox-consumer-secret"
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    yield x
    if x.hold is not None:
        x.hold.set()
    server.shutdown()
    server.server_close()
