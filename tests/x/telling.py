"""X as it tells: subscriptions and the activity stream as X documents them, on demand of a test."""

from __future__ import annotations

import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_uuids = itertools.count(7_000_000_000_000)


@dataclass
class Visitor:
    """One connection to the stream."""

    backfill_minutes: int
    token: str
    lines: list[bytes] = field(default_factory=list)
    ended: bool = False
    rude: bool = False  # ended in the middle of a line


class TellingX:
    """Serves one app's stream to up to two connections, with keep-alives, and keeps a backlog."""

    def __init__(self, keep_alive: float = 0.2) -> None:
        self.keep_alive: float | None = keep_alive
        self.bearer_token = "bearer"
        self.refusals: list[tuple[int, dict[str, Any]]] = []
        self.grants_backfill = True
        self.told: list[tuple[float, bytes]] = []
        self.visitors: list[Visitor] = []
        self.subscriptions: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, str, Any]] = []  # method, path, token, body
        self.changed = threading.Condition()
        handler = type("Handler", (_Handler,), {"world": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.drop()
        self._server.shutdown()
        self._server.server_close()

    # --- what the test does ----------------------------------------------------------------------

    def tell(
        self,
        kind: str,
        user_id: int,
        payload: dict[str, Any],
        *,
        event_uuid: str | None = None,
        live: bool = True,
        ago: float = 0.0,
    ) -> str:
        """Let something happen; not `live`, or with nobody there, only backfill tells of it."""
        name = event_uuid or str(next(_uuids))
        data = {"event_uuid": name, "event_type": kind, "payload": payload}
        line = json.dumps({"data": data | {"filter": {"user_id": str(user_id)}}}).encode()
        with self.changed:
            self.told.append((time.time() - ago, line))
            if live:
                self.say(line)
        return name

    def say(self, line: bytes) -> None:
        """Write a line to everybody who is connected."""
        with self.changed:
            for visitor in self.present:
                visitor.lines.append(line)
            self.changed.notify_all()

    def drop(self, *, rudely: bool = False) -> None:
        """End all connections to the stream, `rudely` in the middle of a line."""
        with self.changed:
            for visitor in self.present:
                visitor.rude, visitor.ended = rudely, True
            self.changed.notify_all()

    @property
    def present(self) -> list[Visitor]:
        return [visitor for visitor in self.visitors if not visitor.ended]

    def calls(self, method: str, path: str) -> list[tuple[str, Any]]:
        """Token and body of each such request."""
        return [(token, body) for m, p, token, body in self.requests if (m, p) == (method, path)]


class _Handler(BaseHTTPRequestHandler):
    world: TellingX
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        parts = urlsplit(self.path)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        world = self.world
        with world.changed:
            world.requests.append((method, parts.path, token, body))
            refusal = world.refusals.pop(0) if world.refusals else None
        if refusal:
            self._answer(*refusal)
        elif parts.path == "/2/activity/stream":
            self._stream(parse_qs(parts.query), token)
        elif parts.path.startswith("/2/activity/subscriptions"):
            self._subscriptions(method, parts.path, body)
        else:
            self._answer(404, {"title": "Not Found", "type": "about:blank", "status": 404})

    def _subscriptions(self, method: str, path: str, body: Any) -> None:
        there = self.world.subscriptions
        if method == "GET":
            self._answer(200, {"data": there, "meta": {"total_subscriptions": len(there)}})
        elif method == "POST":
            same = [
                each
                for each in there
                if (each["event_type"], each["filter"]) == (body["event_type"], body["filter"])
            ]
            if same:
                title = {"title": "Invalid Request", "detail": "DuplicateSubscriptionFailed"}
                type_ = "https://api.x.com/2/problems/invalid-request"
                self._answer(400, title | {"type": type_, "status": 400})
                return
            made = {"subscription_id": str(9000 + len(self.world.requests)), **body}
            there.append(made)
            self._answer(200, {"data": {"subscription": made}})
        else:
            id_ = path.rpartition("/")[2]
            left = [each for each in there if each["subscription_id"] != id_]
            gone = len(left) == len(there)
            self.world.subscriptions[:] = left
            self._answer(404 if gone else 200, {"data": {"deleted": not gone}})

    def _stream(self, query: dict[str, list[str]], token: str) -> None:
        world = self.world
        minutes = int(query.get("backfill_minutes", ["0"])[0])
        if token != world.bearer_token:
            self._answer(401, {"title": "Unauthorized", "type": "about:blank", "status": 401})
            return
        if minutes and not world.grants_backfill:
            type_ = "https://api.x.com/2/problems/invalid-request"
            self._answer(400, {"title": "Invalid Request", "type": type_, "status": 400})
            return
        visitor = Visitor(minutes, token)
        with world.changed:
            if len(world.present) >= 2:
                type_ = "https://api.x.com/2/problems/streaming-connection"
                self._answer(429, {"title": "ConnectionException", "type": type_})
                return
            since = time.time() - minutes * 60
            visitor.lines += [line for at, line in world.told if minutes and at >= since]
            world.visitors.append(visitor)
            world.changed.notify_all()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self._tell(visitor)
        except OSError:
            pass
        with world.changed:
            visitor.ended = True
            world.changed.notify_all()
        self.close_connection = True

    def _tell(self, visitor: Visitor) -> None:
        world = self.world
        while True:
            with world.changed:
                heard = world.changed.wait_for(
                    lambda: visitor.lines or visitor.ended, world.keep_alive
                )
                lines, visitor.lines = visitor.lines, []
                silent = world.keep_alive is None
            for line in lines:
                self._chunk(line + b"\r\n")
            if visitor.ended:
                if visitor.rude:
                    self._chunk(b'{"data": {"event_uuid": "half')
                return
            if not heard and not silent:
                self._chunk(b"\r\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# --- payloads as X shows them ----------------------------------------------------------------------


def user(id_: int) -> dict[str, Any]:
    return {"data": {"id": str(id_), "username": f"user{id_}", "name": f"User {id_}"}}


def follow(source: int, target: int) -> dict[str, Any]:
    return {"source": user(source), "target": user(target)}


def dm(
    id_: int, sender: int, recipient: int, text: str, *, at: float, **urls: str
) -> dict[str, Any]:
    """`urls`: t.co's part of a short link → where it leads."""
    entities = [
        {"url": f"https://t.co/{short}", "expanded_url": long} for short, long in urls.items()
    ]
    return {
        "direct_message_events": [
            {
                "type": "message_create",
                "id": str(id_),
                "created_timestamp": str(int(at * 1000)),
                "message_create": {
                    "target": {"recipient_id": str(recipient)},
                    "sender_id": str(sender),
                    "message_data": {
                        "text": text,
                        "entities": {"hashtags": [], "urls": entities},
                    },
                },
            }
        ],
        "users": {str(sender): user(sender), str(recipient): user(recipient)},
    }
