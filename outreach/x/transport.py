"""One HTTP exchange with X, of which it is known whether a byte of the request was written.

requests and urllib3 do the talking; this module decides *when*. The design's section 5, 'The
call', is held here: the call deadline is looked at last before the first byte, timeouts are
totals, a connection that is given up is reset, and nothing is retried or redirected.
"""

from __future__ import annotations

import io
import os
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPResponse as _StandardResponse
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

# tweepy writes this address into every request; the adapter mounted on it knows the real one.
TWEEPY_HOST = "https://api.twitter.com"

# A clock that runs on while the machine sleeps. Where it is missing (macOS), the monotonic one does.
_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

# A server may close a connection that has idled; a request written to it in that moment is lost or
# not, nobody knows. So a connection is used again only within this many seconds: below the 5 s
# after which the most impatient common servers close.
IDLE_SECONDS = 2.0

# X's largest answer, a page of 1,000 users, is below a megabyte. Counted unpacked: a few kilobytes
# may unpack to gigabytes.
LARGEST_ANSWER = 16_000_000

# close() then resets the connection and throws away what was not sent yet, also when the kernel
# closes it for a dead process.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_NORMAL_CLOSE = struct.pack("ii", 0, 0)


def boot_seconds() -> float:
    """Return seconds on a clock that no adjustment and no sleep of the machine stops."""
    return time.clock_gettime(_BOOT_CLOCK)


class DeadlinePassed(Exception):  # noqa: N818 - a fact about the clock, not an error of anyone
    """The call deadline passed before a byte was written, so none was."""


@dataclass(frozen=True, slots=True)
class CallDeadline:
    """The moment, on the boot clock, after which a call must not begin any more."""

    at: float

    @classmethod
    def starting_now(cls, seconds: float) -> CallDeadline:
        """Return the deadline that many seconds from now. Start it before the claim."""
        return cls(boot_seconds() + seconds)

    def remaining(self) -> float:
        """Return the seconds that are left; zero or less once it passed."""
        return self.at - boot_seconds()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Totals in seconds: until the connection stands (TLS done), and from there to the last byte.

    Looking a name up is the resolver's affair and has its own, which the call deadline outranks.
    """

    connect: float = 4.0
    answer: float = 15.0

    @property
    def longest(self) -> float:
        """Return how long a call may take from its beginning to its end, in seconds."""
        return self.connect + self.answer


@dataclass(slots=True)
class Exchange:
    """What is known about one request while it is under way and afterwards."""

    timeouts: Timeouts
    deadline: CallDeadline | None = None
    wrote: bool = False  # from here on a byte may have left us
    response: requests.Response | None = None  # once its status is known
    _connect_by: float = field(default=0.0, init=False)
    _answer_by: float = field(default=0.0, init=False)

    def begin_connecting(self) -> None:
        """Start the clock of the connection."""
        self._connect_by = boot_seconds() + self.timeouts.connect
        if self.deadline is not None:
            # Past the call deadline the connection would be of no use.
            self._connect_by = min(self._connect_by, self.deadline.at)

    def connect_remaining(self) -> float:
        """Return the seconds that are left to connect."""
        return self._connect_by - boot_seconds()

    def begin_writing(self) -> None:
        """Look at the call deadline, last before the first byte. Raises DeadlinePassed."""
        self._answer_by = boot_seconds() + self.timeouts.answer
        if self.deadline is not None and self.deadline.remaining() <= 0:
            raise DeadlinePassed
        self.wrote = True

    def answer_remaining(self) -> float:
        """Return the seconds that are left for the answer. Raises TimeoutError where none are."""
        remaining = self._answer_by - boot_seconds()
        if remaining <= 0:
            raise TimeoutError("the answer took longer than its total")
        return remaining


_exchange: ContextVar[Exchange] = ContextVar("outreach_x_exchange")


@contextmanager
def exchanging(exchange: Exchange) -> Iterator[Exchange]:
    """Make this the exchange that connections used inside the block report to."""
    token = _exchange.set(exchange)
    try:
        yield exchange
    finally:
        _exchange.reset(token)


class _TimedReader(io.RawIOBase):
    """The reading side of a connection, on which each read may take only what the total leaves."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, exchange: Exchange) -> None:
        self._raw = raw
        self._sock = sock
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        # requests' own timeout is for each read: a byte a second would hold a worker for ever.
        self._sock.settimeout(self._exchange.answer_remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(_StandardResponse):
    def __init__(self, sock: socket.socket, *args: Any, exchange: Exchange, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock, exchange))


class _Watched(HTTPConnection):
    """Connects within a total, writes a request in one piece, and says when it began to."""

    idle_since: float = 0.0
    _held: list[bytes] | None = None

    def _new_conn(self) -> socket.socket:
        exchange = _exchange.get()
        exchange.begin_connecting()
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, socket.gaierror(str(error))) from error
        failure: OSError | None = None
        for tried, (family, kind, protocol, _, address) in enumerate(found):
            # An address that swallows packets must leave time for the others.
            share = exchange.connect_remaining() / (len(found) - tried)
            if share <= 0:
                break
            try:
                return self._open(family, kind, protocol, address, share, exchange)
            except OSError as error:
                failure = error
        if failure is None or isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, f"No connection to {self.host} in time") from failure
        raise NewConnectionError(self, f"No connection to {self.host}: {failure}") from failure

    def _open(
        self, family: int, kind: int, protocol: int, address: Any, share: float, exchange: Exchange
    ) -> socket.socket:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                # Or the kernel goes on sending what a frozen or dead worker has written.
                milliseconds = int(exchange.timeouts.answer * 1000)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
            sock.settimeout(share)
            sock.connect(address)
            # The TLS handshake, which follows, has what is left; zero would mean 'do not wait'.
            sock.settimeout(max(exchange.connect_remaining(), 0.001))
        except BaseException:
            sock.close()
            raise
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        # Headers and body leave in one piece, so that no freeze falls between them.
        self._held = []
        try:
            super().request(*args, **kwargs)
            whole = b"".join(self._held)
        finally:
            self._held = None
        self._write(whole)

    def send(self, data: Any) -> None:
        if self._held is None:
            raise RuntimeError("a request is written in one piece")
        self._held.append(bytes(data))

    def _write(self, data: bytes) -> None:
        exchange = _exchange.get()
        if self.sock is None:
            self.connect()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.sock.settimeout(exchange.timeouts.answer)
        exchange.begin_writing()
        self.sock.sendall(data)

    def getresponse(self) -> Any:
        self.response_class = partial(_TimedResponse, exchange=_exchange.get())  # type: ignore[assignment]
        return super().getresponse()

    def answered(self) -> None:
        """The exchange is over and complete: the connection may idle, and close in the usual way."""
        self.idle_since = boot_seconds()
        if self.sock is not None:
            with suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NORMAL_CLOSE)


class _WatchedTLS(_Watched, HTTPSConnection):
    """The same over TLS: the connection stands once the handshake is done."""


class _Rested:
    """What both pools add: a connection that idled too long is not used again."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        # urllib3 has looked already whether the server closed it; this covers the moment between
        # that look and the first byte.
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        if connection.sock is not None and boot_seconds() - connection.idle_since > IDLE_SECONDS:
            connection.close()
        return connection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.answered()
        super()._put_conn(conn)  # type: ignore[misc]


class _Pool(_Rested, HTTPConnectionPool):
    ConnectionCls = _Watched


class _TLSPool(_Rested, HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


class XAdapter(HTTPAdapter):
    """Takes requests addressed to tweepy's host to the real one, over one pool a process."""

    def __init__(self, base_url: str, *, ca_file: str | None = None, connections: int = 32) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the X API's address must begin with http:// or https://")
        self._base_url = base_url.rstrip("/")
        # Built once: reading the certificates again for each connection costs tens of milliseconds.
        self._context = ssl.create_default_context(cafile=ca_file or DEFAULT_CA_BUNDLE_PATH)
        super().__init__(pool_connections=1, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to set: the context of the pool verifies, and nothing can switch that off."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        """Send within the totals of the current exchange and read the whole answer.

        An answer whose status came but whose body did not is returned without body, since the
        status alone says whether X took the request. So it is noted on the exchange at once,
        whatever becomes of it on its way up.
        """
        exchange = _exchange.get()
        request.url = self._base_url + (request.url or "").removeprefix(TWEEPY_HOST)
        kwargs["timeout"] = (exchange.timeouts.connect, exchange.timeouts.answer)
        kwargs["stream"] = True
        kwargs["proxies"] = {}
        response = super().send(request, *args, **kwargs)
        exchange.response = response
        try:
            body = _whole(response)
        except (requests.RequestException, OSError):
            body = b""
            response.raw.close()
        response._content = body  # requests offers no other way
        return response


def _whole(response: requests.Response) -> bytes:
    """Read a body to its end, unpacked. Raises where it ends early or is larger than any answer."""
    body = bytearray()
    for part in response.iter_content(65_536):
        body += part
        if len(body) > LARGEST_ANSWER:
            raise requests.exceptions.ContentDecodingError("larger than any answer of X")
    return bytes(body)


class XSession(requests.Session):
    """One client's session: it follows nothing and takes nothing from the environment.

    Accounts share connections, not sessions: what X says in a cookie to one is not told to another.
    """

    def __init__(self, adapter: XAdapter) -> None:
        super().__init__()
        # Neither proxies nor certificates, and no ~/.netrc, which would replace the token.
        self.trust_env = False
        self.adapters.clear()
        self.mount(TWEEPY_HOST, adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return none: a redirect is an answer like any other, and is not followed."""


_adapters: dict[tuple[str, str | None], XAdapter] = {}
# Two processes on one connection would read each other's answers.
os.register_at_fork(after_in_child=_adapters.clear)


def session(base_url: str, ca_file: str | None = None) -> XSession:
    """Return a new session over this process's connections to that address."""
    key = (base_url, ca_file)
    adapter = _adapters.get(key)
    if adapter is None:
        adapter = _adapters.setdefault(key, XAdapter(base_url, ca_file=ca_file))
    return XSession(adapter)
