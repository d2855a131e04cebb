"""The reading side of X's activity stream: one answer that never ends, line by line.

transport.py reads whole answers within a total and cannot serve here. What is kept of it: nothing
from the environment, no redirect, certificates verified.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from urllib.parse import urlencode, urlsplit

from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from outreach.x.errors import About, NotCalled, TryLater, error_for
from outreach.x.limits import limits_from
from outreach.x.transport import Timeouts

# X's largest events are some ten kilobytes; what is longer than this is no event.
LONGEST_LINE = 1 << 20
LONGEST_REFUSAL = 1 << 16


class StreamEnded(Exception):  # noqa: N818  says what happened
    """The stream gives no more; `kind` says why: stalled, closed, too_long."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(kind)


class EventStream:
    """An open stream. One thread reads its lines; any other may close it."""

    def __init__(self, connection: http.client.HTTPConnection, sock: socket.socket) -> None:
        self._connection = connection
        self._sock = sock
        self._response: http.client.HTTPResponse | None = None

    def lines(self) -> Iterator[bytes]:
        """Yield each line as it comes, an empty one for a keep-alive. Raises StreamEnded."""
        assert self._response is not None
        while True:
            try:
                line = self._response.readline(LONGEST_LINE + 1)
            except TimeoutError:
                raise StreamEnded("stalled") from None
            except (OSError, http.client.HTTPException, ValueError, AttributeError):
                # The last two: http.client on a connection that another thread closed.
                raise StreamEnded("closed") from None
            if not line.endswith(b"\n"):
                # Half a line is no event: X sends it again when asked for what was missed.
                raise StreamEnded("too_long" if len(line) > LONGEST_LINE else "closed")
            yield line.strip()

    def close(self) -> None:
        """End it; whoever reads lines is told at once."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def open(self, path: str, headers: Mapping[str, str], timeouts: Timeouts, stall: float) -> None:
        """Ask for the stream. Raises XError where X does not grant it."""
        self._sock.settimeout(timeouts.answer)
        try:
            self._connection.request("GET", path, headers=dict(headers))
            answer = self._connection.getresponse()
            body = b"" if answer.status == http.client.OK else answer.read(LONGEST_REFUSAL)
        except (OSError, http.client.HTTPException) as error:
            raise TryLater(
                "answer_timed_out" if isinstance(error, TimeoutError) else "connection_lost"
            ) from None
        if answer.status != http.client.OK:
            raise error_for(
                answer.status,
                body,
                limits=limits_from(CaseInsensitiveDict(answer.headers.items())),
                writes=False,
                about=About.MANY,
            )
        self._sock.settimeout(stall)
        self._response = answer


def open_stream(
    base_url: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    timeouts: Timeouts,
    stall: float,
    ca_file: str | None = None,
) -> EventStream:
    """Open a stream that counts as dead after `stall` seconds without a byte.

    Raises every XError but Unknown.
    """
    parts = urlsplit(base_url)
    assert parts.hostname is not None
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file or DEFAULT_CA_BUNDLE_PATH)
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=timeouts.connect, context=context
        )
    else:
        connection = http.client.HTTPConnection(
            parts.hostname, parts.port, timeout=timeouts.connect
        )
    try:
        connection.connect()
    except (OSError, UnicodeError):
        connection.close()
        raise NotCalled("no_connection") from None
    stream = EventStream(connection, connection.sock)
    whole = parts.path.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
    try:
        stream.open(whole, headers, timeouts, stall)
    except BaseException:
        stream.close()
        raise
    return stream
