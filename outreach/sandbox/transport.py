"""The server's HTTP protocol, and answers that break a connection instead of ending well.

ASGI has no words for "hang up", so the protocol hands the connection's transport to the
application, and these answers are the only ones who touch it.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "sandbox.transport"
# close() then resets the connection: the client reads an error, not an end.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Protocol(H11Protocol):
    """uvicorn's protocol, whose requests know their connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope[_TRANSPORT] = self.transport
            await inner(scope, receive, send)

        self.app = app


class Dropped(Response):
    """No answer at all: the connection is reset, or closed as if the server had ended."""

    def __init__(self, *, reset: bool = True) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hang_up(scope, reset=self._reset)
        await _gone(receive)


class Cut(Response):
    """An answer whose body ends in the middle of what its length announced."""

    def __init__(self, whole: Response) -> None:
        super().__init__(whole.body, whole.status_code)
        self.raw_headers = whole.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start"} | head)
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        # Not aborted: what was written must get there.
        scope[_TRANSPORT].close()
        await _gone(receive)


def hang_up(scope: Scope, *, reset: bool) -> None:
    """End the request's connection now, and throw away what was not written yet."""
    transport = scope[_TRANSPORT]
    sock = transport.get_extra_info("socket")
    if reset and sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


async def _gone(receive: Receive) -> None:
    """Wait until the server knows that nobody is there; it would answer 500 otherwise."""
    while (await receive())["type"] != "http.disconnect":
        pass
