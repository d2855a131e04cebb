"""An address that X posts events to, for tests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

SECRET = "sandbox-consumer-secret"


def signature(data: bytes, secret: str = SECRET) -> str:
    mac = hmac.new(secret.encode(), data, hashlib.sha256).digest()
    return "sha256=" + base64.b64encode(mac).decode()


class Receiver:
    """Answers challenges with `secret`, and posts with the statuses of `answers`, then 200."""

    def __init__(self, secret: str = SECRET) -> None:
        self.secret = secret
        self.answers: list[int] = []
        self.hold: threading.Event | None = None  # while set to one: no post is answered before it
        self.challenges = 0
        self.posts: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                receiver.challenges += 1
                (token,) = parse_qs(urlsplit(self.path).query)["crc_token"]
                answer = {"response_token": signature(token.encode(), receiver.secret)}
                self._answer(200, json.dumps(answer).encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.put(({k.lower(): v for k, v in self.headers.items()}, body))
                if receiver.hold is not None:
                    receiver.hold.wait(20)
                self._answer(receiver.answers.pop(0) if receiver.answers else 200, b"")

            def _answer(self, status: int, body: bytes) -> None:
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/x/events"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def post(self, timeout: float = 10) -> dict[str, Any]:
        """Return the next event that was posted, after a look at its signature."""
        headers, body = self.posts.get(timeout=timeout)
        assert headers["x-twitter-webhooks-signature"] == signature(body)
        assert headers["content-type"] == "application/json"
        return json.loads(body)["data"]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
