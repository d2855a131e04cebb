"""Servers that behave as no server should, to see what the client says about it."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

TAKEN = json.dumps({"data": {"dm_conversation_id": "1-2", "dm_event_id": "9" * 18}}).encode()

Script = Callable[["Visit"], Any]


@dataclass
class Visit:
    """One connection that the client opened, seen from the server."""

    sock: socket.socket
    number: int  # 1 for the first connection
    requests: list[bytes] = field(default_factory=list)
    ending: str = ""  # how the client left: 'closed', 'reset', or '' while it is there

    def read_request(self) -> bytes:
        """Read one whole request, or what came of it."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = self._receive()
            if not part:
                break
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        while len(body) < length and (part := self._receive()):
            body += part
        if data:
            self.requests.append(head + b"\r\n\r\n" + body)
        return data

    def answer(self, status: str, body: bytes = b"", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def wait_for_the_end(self) -> None:
        """Wait until the client leaves, and note how."""
        while self._receive():
            pass

    def _receive(self) -> bytes:
        try:
            part = self.sock.recv(65536)
        except ConnectionResetError:
            self.ending = "reset"
            return b""
        if not part:
            self.ending = "closed"
        return part


class Awkward:
    """Runs a script for each connection, each in a thread of its own."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.tls = tls
        self.visits: list[Visit] = []
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def base_url(self) -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def requests(self) -> list[bytes]:
        return [request for visit in self.visits for request in visit.requests]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Wakes accept(), which close() alone would not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def join(self) -> None:
        """Wait until every script came to its end."""
        with self._starting:
            started = list(self._threads)
        for thread in started:
            thread.join(timeout=10)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            visit = Visit(sock, len(self.visits) + 1)
            self.visits.append(visit)
            thread = threading.Thread(target=self._serve, args=(visit,), daemon=True)
            with self._starting:
                self._threads.append(thread)
                thread.start()

    def _serve(self, visit: Visit) -> None:
        try:
            if self.tls is not None:
                visit.sock = self.tls.wrap_socket(visit.sock, server_side=True)
            self.script(visit)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            visit.sock.close()


def answering(status: str, body: bytes = b"", *headers: str) -> Script:
    """Answer every request on a connection like this."""

    def answer(visit: Visit) -> None:
        while visit.read_request():
            visit.answer(status, body, *headers)

    return answer
