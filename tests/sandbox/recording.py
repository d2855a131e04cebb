"""A server that hands requests on to the sandbox and keeps what it saw."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self

from tests.sandbox_server import Sandbox


class Request(NamedTuple):
    method: str
    url: str
    headers: dict[str, str]  # names in lower case
    body: bytes


class Recorder:
    """Stands between a client and the sandbox; `requests` is what the client sent."""

    def __init__(self, server: Sandbox) -> None:
        self.requests: list[Request] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _hand_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                recorder.requests.append(Request(self.command, self.path, headers, body))
                there = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
                there.request(self.command, self.path, body or None, headers)
                answer = there.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "date"):
                        self.send_header(name, value)
                # A stream is recorded by its request; nobody reads it through here.
                endless = answer.getheader("content-length") is None
                content = b"" if endless else answer.read()
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                there.close()

            do_GET = do_POST = do_PUT = do_DELETE = _hand_on  # noqa: N815 - names of the library

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

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
