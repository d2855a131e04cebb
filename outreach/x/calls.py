"""One call to X: made, read, logged and told of, with an error whose claim is true otherwise."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import requests
from urllib3.exceptions import HTTPError

from outreach.x.answers import Document, Unreadable, document_of
from outreach.x.errors import (
    About,
    NotCalled,
    TryLater,
    Unknown,
    XError,
    error_for,
    error_within,
)
from outreach.x.limits import Limits, limits_from
from outreach.x.retries import Retries
from outreach.x.transport import CallDeadline, DeadlinePassed, Exchange, Timeouts, exchanging

log = logging.getLogger("outreach.x")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}", re.ASCII)
_REQUEST_ID_HEADERS = ("x-transaction-id", "x-request-id", "x-transaction")

A = TypeVar("A")
Send = Callable[[], object]


@dataclass(frozen=True, slots=True)
class CallReport:
    """One exchange with X, or the attempt at one: `call` is method and path without ids.

    `error` is None where X did as asked; `status` where no answer came.
    """

    call: str
    error: XError | None
    status: int | None
    request_id: str | None
    limits: Limits


class Caller:
    """Makes calls with one set of timeouts and retries, and tells `on_call` of each exchange."""

    def __init__(
        self,
        timeouts: Timeouts,
        retries: Retries,
        on_call: Callable[[CallReport], None] | None,
    ) -> None:
        self._timeouts = timeouts
        self._retries = retries
        self._on_call = on_call

    def read(
        self,
        call: str,
        send: Send,
        read: Callable[[Document, Limits], A],
        *,
        about: About = About.PERSON,
    ) -> A:
        """Make a call that changes nothing, again where that may help, and read its answer."""

        def understand(response: requests.Response) -> A:
            return read(document_of(response.content), limits_from(response.headers))

        return self._retries.run(lambda: self.exchange(call, send, understand, about=about))

    def exchange(
        self,
        call: str,
        send: Send,
        understand: Callable[[requests.Response], A],
        *,
        deadline: CallDeadline | None = None,
        writes: bool = False,
        about: About = About.PERSON,
    ) -> A:
        """Make one call, once, and return what X's success says; raise what anything else means.

        `call` is the method and path without ids, for the log; `send` makes the request on a
        session of ours; `understand` reads a success and raises Unreadable where it says nothing.
        """
        exchange = Exchange(self._timeouts, deadline)
        started = time.monotonic()
        failure: XError | None = None
        answers: list[A] = []
        # Errors are raised outside the handlers, so that they do not drag along the exceptions of
        # requests and tweepy, which hold the request with its token and text.
        try:
            with exchanging(exchange):
                send()
        except Exception as error:
            # Once the status is there it says everything, whatever went wrong above it (tweepy
            # raises for refusals, and trips over headers that it reads).
            if exchange.response is None:
                if not _expected(error) and not exchange.wrote:
                    raise
                failure = _no_answer(exchange, error, writes=writes)
        response = exchange.response
        if response is not None:
            failure = _refusal(response, writes=writes, about=about)
            if failure is None:
                try:
                    answers.append(understand(response))
                except Unreadable:
                    failure = _unreadable(response, writes=writes, about=about)
        status = response.status_code if response is not None else None
        request_id = request_id_of(response) if response is not None else None
        log.info(
            "%s: %s, request %s, %d ms",
            call,
            " ".join(map(str, filter(None, (status, failure and failure.kind)))),
            request_id or "-",
            (time.monotonic() - started) * 1000,
        )
        limits = limits_from(response.headers) if response is not None else Limits()
        self._tell(CallReport(call, failure, status, request_id, limits))
        if failure is not None:
            raise failure
        return answers[0]

    def _tell(self, report: CallReport) -> None:
        if self._on_call is None:
            return
        try:
            self._on_call(report)
        except Exception as error:
            # X's answer matters more; and its message and trace may quote anything.
            log.error(
                "%s: who was to be told failed with %s, request %s",
                report.call,
                type(error).__name__,
                report.request_id or "-",
            )


def _expected(error: Exception) -> bool:
    """Tell what the network does to us from a fault of ours."""
    return isinstance(error, DeadlinePassed | requests.RequestException | HTTPError | OSError)


def _no_answer(exchange: Exchange, error: Exception, *, writes: bool) -> XError:
    """Say what the lack of an answer means: it turns on whether a byte was written."""
    if not exchange.wrote:
        late = exchange.deadline is not None and exchange.deadline.remaining() <= 0
        late = late or isinstance(error, DeadlinePassed)
        return NotCalled("deadline_passed" if late else "no_connection")
    timed_out = isinstance(error, requests.Timeout | TimeoutError)
    kind = "answer_timed_out" if timed_out else "connection_lost"
    return Unknown(kind) if writes else TryLater(kind)


def _refusal(response: requests.Response, *, writes: bool, about: About) -> XError | None:
    if 200 <= response.status_code < 300:
        return None
    return error_for(
        response.status_code,
        response.content,
        limits=limits_from(response.headers),
        request_id=request_id_of(response),
        writes=writes,
        about=about,
    )


def _unreadable(response: requests.Response, *, writes: bool, about: About) -> XError:
    """Say what a success means that carries no answer."""
    limits, request_id = limits_from(response.headers), request_id_of(response)
    if writes:
        return Unknown(
            "unexpected_success",
            status=response.status_code,
            request_id=request_id,
            limits=limits,
        )
    return error_within(
        response.status_code, response.content, limits=limits, request_id=request_id, about=about
    )


def request_id_of(response: requests.Response) -> str | None:
    """Return X's id of the request, where it has the looks of one."""
    for header in _REQUEST_ID_HEADERS:
        value = response.headers.get(header, "")
        if _REQUEST_ID.fullmatch(value):
            return str(value)
    return None
