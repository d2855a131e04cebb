"""Calls to X: typed methods over tweepy, plain answers, and errors whose claims are true."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import requests
import tweepy
from urllib3.exceptions import HTTPError

from outreach.x.errors import NotCalled, TryLater, Unknown, XError, error_for
from outreach.x.limits import Limit, Limits, limits_from
from outreach.x.transport import (
    CallDeadline,
    DeadlinePassed,
    Exchange,
    Timeouts,
    exchanging,
    session,
)

__all__ = [
    "CallDeadline",
    "Limit",
    "Limits",
    "SentDM",
    "Timeouts",
    "UsersAnswer",
    "XClient",
    "XUser",
]

log = logging.getLogger("outreach.x")

# tweepy's debug lines carry the token and the text of the message. No level that an operator sets
# may bring them into a log.
logging.getLogger("tweepy.client").addFilter(lambda record: record.levelno >= logging.WARNING)

# The most users that one look-up answers. Source: X's reference of GET /2/users.
USERS_PER_CALL = 100
# A list, since tweepy joins lists only.
USER_FIELDS = ["connection_status", "receives_your_dm", "profile_image_url"]

# X's ids are positive and fit a signed 64-bit column; anything else is not an id.
_ID = re.compile(r"[0-9]{1,19}", re.ASCII)
_LARGEST_ID = 2**63 - 1
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}", re.ASCII)
_REQUEST_ID_HEADERS = ("x-transaction-id", "x-request-id", "x-transaction")


@dataclass(frozen=True, slots=True)
class SentDM:
    """X took the message. `dm_event_id` is None where its answer named no readable id."""

    dm_event_id: int | None
    conversation_id: str | None
    limits: Limits
    request_id: str | None


@dataclass(frozen=True, slots=True)
class XUser:
    """A user as X describes them to the account that asks; None means that X did not say."""

    id: int
    handle: str
    name: str
    avatar_url: str
    following: bool | None
    followed_by: bool | None
    accepts_dms: bool | None


@dataclass(frozen=True, slots=True)
class UsersAnswer:
    """A look-up's answer: who was found, who X says is not there, and whom it said nothing about."""

    found: tuple[XUser, ...]
    missing: tuple[int, ...]
    unanswered: tuple[int, ...]
    limits: Limits


class XClient:
    """X as one account sees it. Cheap to make: all clients of a process share connections.

    Every method raises an `outreach.x.errors.XError` where X does not do what was asked.
    """

    def __init__(
        self,
        access_token: str,
        *,
        base_url: str,
        timeouts: Timeouts | None = None,
        ca_file: str | None = None,
    ) -> None:
        self._timeouts = timeouts or Timeouts()
        self._api = tweepy.Client(
            bearer_token=access_token,
            return_type=requests.Response,
            # It would sleep inside the worker.
            wait_on_rate_limit=False,
        )
        self._api.session = session(base_url, ca_file)

    def send_dm(
        self, recipient_id: int, text: str, *, deadline: CallDeadline | None = None
    ) -> SentDM:
        """Send one message; never more than one request, whatever happens.

        Past the deadline no byte is written and NotCalled is raised. Raises every XError; of them
        `Unknown` alone leaves open whether the message was sent.
        """
        response = self._call(
            "POST /2/dm_conversations/with/:participant_id/messages",
            lambda: self._api.create_direct_message(
                participant_id=recipient_id, text=text, user_auth=False
            ),
            deadline=deadline,
            writes=True,
        )
        data = _object(_document(response).get("data"))
        event_id = _id(data.get("dm_event_id"))
        if event_id is None and response.status_code != requests.codes.created:
            # Only 201 says that X took it. Another success without an id may come from a gateway.
            raise _error(Unknown, "unexpected_success", response)
        conversation = data.get("dm_conversation_id")
        return SentDM(
            dm_event_id=event_id,
            conversation_id=conversation if isinstance(conversation, str) else None,
            limits=limits_from(response.headers),
            request_id=_request_id(response),
        )

    def users(self, ids: Sequence[int]) -> UsersAnswer:
        """Look up at most 100 users, with what connects them to the account that asks.

        Raises ValueError for more than 100 ids, and every XError but Unknown.
        """
        if len(ids) > USERS_PER_CALL:
            raise ValueError(f"X answers at most {USERS_PER_CALL} users in one look-up")
        if not ids:
            return UsersAnswer((), (), (), Limits())
        response = self._call(
            "GET /2/users",
            lambda: self._api.get_users(ids=list(ids), user_fields=USER_FIELDS, user_auth=False),
        )
        document = _document(response)
        if "data" not in document and "errors" not in document:
            raise _error(TryLater, "unreadable_answer", response)
        found = tuple(user for user in map(_user, _objects(document.get("data"))) if user)
        seen = {user.id for user in found}
        named = {
            _id(problem.get("resource_id") or problem.get("value"))
            for problem in _objects(document.get("errors"))
            if str(problem.get("type", "")).endswith("/resource-not-found")
        }
        return UsersAnswer(
            found=found,
            missing=tuple(id_ for id_ in ids if id_ in named and id_ not in seen),
            unanswered=tuple(id_ for id_ in ids if id_ not in named and id_ not in seen),
            limits=limits_from(response.headers),
        )

    def me(self) -> XUser:
        """Return the account that the token belongs to. Raises every XError but Unknown."""
        response = self._call(
            "GET /2/users/me",
            lambda: self._api.get_me(user_fields=USER_FIELDS, user_auth=False),
        )
        user = _user(_object(_document(response).get("data")))
        if user is None:
            raise _error(TryLater, "unreadable_answer", response)
        return user

    def _call(
        self,
        template: str,
        call: Callable[[], requests.Response],
        *,
        deadline: CallDeadline | None = None,
        writes: bool = False,
    ) -> requests.Response:
        """Make one call and return X's success; raise what anything else means.

        `template` is the method and path without ids, for the log.
        """
        exchange = Exchange(self._timeouts, deadline)
        started = time.monotonic()
        response: requests.Response | None = None
        failure: XError | None = None
        # Errors are raised outside the handlers, so that they do not drag along the exceptions of
        # requests and tweepy, which hold the request with its token and text.
        try:
            with exchanging(exchange):
                response = call()
        except tweepy.HTTPException as error:
            response = error.response
            failure = error_for(
                response.status_code,
                response.content,
                limits=limits_from(response.headers),
                request_id=_request_id(response),
                writes=writes,
            )
        except DeadlinePassed:
            failure = NotCalled("deadline_passed")
        except (requests.RequestException, HTTPError, OSError) as error:
            failure = _no_answer(exchange, error, writes=writes)
        except Exception as error:
            # A fault of ours. Before the first byte it may be seen as one; after it, what must be
            # said first is that nobody knows.
            if not exchange.wrote:
                raise
            failure = _no_answer(exchange, error, writes=writes)
        log.info(
            "%s: %s, request %s, %d ms",
            template,
            response.status_code if response is not None else failure and failure.kind,
            (_request_id(response) if response is not None else None) or "-",
            (time.monotonic() - started) * 1000,
        )
        if failure is not None:
            raise failure
        assert response is not None
        return response


def _no_answer(exchange: Exchange, error: Exception, *, writes: bool) -> XError:
    """Say what the lack of an answer means: it turns on whether a byte was written."""
    if not exchange.wrote:
        late = exchange.deadline is not None and exchange.deadline.remaining() <= 0
        return NotCalled("deadline_passed" if late else "no_connection")
    timed_out = isinstance(error, requests.Timeout | TimeoutError)
    kind = "answer_timed_out" if timed_out else "connection_lost"
    return Unknown(kind) if writes else TryLater(kind)


def _error(error: type[XError], kind: str, response: requests.Response) -> XError:
    return error(
        kind,
        status=response.status_code,
        request_id=_request_id(response),
        limits=limits_from(response.headers),
    )


def _document(response: requests.Response) -> dict[str, Any]:
    try:
        return _object(json.loads(response.content))
    except (ValueError, RecursionError):
        return {}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _id(value: object) -> int | None:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        return None
    number = int(value)
    return number if 0 < number <= _LARGEST_ID else None


def _user(data: dict[str, Any]) -> XUser | None:
    id_, handle = _id(data.get("id")), data.get("username")
    if id_ is None or not isinstance(handle, str):
        return None
    status = data.get("connection_status")
    connection = status if isinstance(status, list) else None
    accepts = data.get("receives_your_dm")
    return XUser(
        id=id_,
        handle=handle,
        name=str(data.get("name", "")),
        avatar_url=str(data.get("profile_image_url", "")),
        following=None if connection is None else "following" in connection,
        followed_by=None if connection is None else "followed_by" in connection,
        accepts_dms=accepts if isinstance(accepts, bool) else None,
    )


def _request_id(response: requests.Response) -> str | None:
    for header in _REQUEST_ID_HEADERS:
        value = response.headers.get(header, "")
        if _REQUEST_ID.fullmatch(value):
            return str(value)
    return None
