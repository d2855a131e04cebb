"""The endpoints of X's API v2 that the sandbox answers."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from outreach.sandbox import problems
from outreach.sandbox.faulty import LAG, around
from outreach.sandbox.paging import page_after, read_token
from outreach.sandbox.prices import PRICED, cost
from outreach.sandbox.prices import refusal as refusal_of
from outreach.sandbox.problems import Refusal, answer, invalid_request
from outreach.sandbox.records import (
    DM,
    HANDLE,
    LARGEST_ID,
    LONGEST_TEXT,
    Token,
    User,
    dm_id_at,
)
from outreach.sandbox.shapes import (
    DM_FIELDS,
    USER_FIELDS,
    dm_document,
    fields,
    user_document,
)
from outreach.sandbox.state import State
from outreach.sandbox.windows import Arrival

ID = re.compile(r"[0-9]{1,19}", re.ASCII)
LARGEST_BODY = 1_000_000  # bytes
DM_HISTORY_MS = 30 * 24 * 60 * 60 * 1000  # what GET /2/dm_events reaches back
PER_LOOKUP = 100


@dataclass(slots=True)
class Call:
    """One request that was let in."""

    state: State
    request: Request
    token: Token
    body: bytes

    @property
    def me(self) -> int:
        """Return the id of the user whose token it is; only for endpoints that need one."""
        assert self.token.user_id is not None
        return self.token.user_id

    def query(self, name: str) -> str | None:
        """Return a query parameter."""
        return self.request.query_params.get(name)

    def path_id(self, name: str) -> int:
        """Return a user id from the path. Raises a 400 for anything else."""
        value = str(self.request.path_params[name])
        if not ID.fullmatch(value):
            raise invalid_request(f"The `{name}` parameter is not a user id.", name, value[:50])
        return int(value)

    def max_results(self, default: int, most: int) -> int:
        """Return the page size asked for. Raises a 400 outside 1 to `most`."""
        value = self.query("max_results")
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,6}", value, re.ASCII) or not 1 <= int(value) <= most:
            message = f"The `max_results` parameter must be between 1 and {most}."
            raise invalid_request(message, "max_results", value[:50])
        return int(value)


Answerer = Callable[[Call], tuple[int, dict[str, Any]]]


def endpoint(
    name: str, scopes: frozenset[str], serve: Answerer, *, user_only: bool
) -> Callable[[Request], Awaitable[Response]]:
    """Return what serves an endpoint: token, limits, scopes and money first, then the endpoint."""

    async def handle(request: Request) -> Response:
        headers = {"x-transaction-id": secrets.token_hex(8)}
        body = await _body(request)
        state: State = request.app.state.world
        # Nothing below awaits: all requests share the connection, one transaction each.
        with state.writing():
            try:
                token = _token(state, request)
                arrival = _arrive(name, state, token)
                headers.update(arrival.headers)
                if arrival.refused:
                    raise problems.too_many_requests()
                _permit(state, token, scopes, user_only=user_only)
                why = state.refused(token.app) if name in PRICED else None
                if why is not None:
                    raise refusal_of(why, token.app)
                if isinstance(body, Refusal):
                    raise body
                status, document = serve(Call(state, request, token, body))
                if name in PRICED:
                    state.charge(token.app, *cost(name, document))
            except Refusal as refusal:
                return refusal.response(headers)
        return answer(status, document, headers)

    def count(state: State, request: Request) -> None:
        try:
            _arrive(name, state, _token(state, request))
        except Refusal:
            pass  # nobody knows whose it is

    return around(name, handle, count)


def _arrive(name: str, state: State, token: Token) -> Arrival:
    """Count a call: who asks is known, so it counts, whatever comes of it."""
    return state.counter.arrive(name, token.user_id, token.app, time.time())


async def _body(request: Request) -> bytes | Refusal:
    """Return a request's body, or why it is not taken."""
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > LARGEST_BODY:
                return problems.too_large()
            parts.append(part)
    except ClientDisconnect:
        # Nobody reads the answer; what matters is that half a request has no effect.
        return invalid_request("The request did not come whole.")
    return b"".join(parts)


def _token(state: State, request: Request) -> Token:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    token = state.token(value.strip()) if kind.lower() == "bearer" else None
    if token is None:
        raise problems.unauthorized()
    return token


def _permit(state: State, token: Token, scopes: frozenset[str], *, user_only: bool) -> None:
    """Refuse whoever may not make the call at all."""
    if token.user_id is None:
        if user_only:
            raise problems.app_only()
        return
    user = state.user(token.user_id)
    if user is None:
        raise problems.unauthorized()
    if user.suspended:
        raise problems.suspended()
    missing = sorted(scopes - token.scopes)
    if missing:
        raise problems.missing_scope(missing[0])


def send_dm(call: Call) -> tuple[int, dict[str, Any]]:
    """POST /2/dm_conversations/with/:participant_id/messages."""
    recipient_id = call.path_id("participant_id")
    text = _text(call.body)
    recipient = call.state.user(recipient_id) if recipient_id <= LARGEST_ID else None
    if recipient is None:
        raise problems.no_such_user("participant_id", str(recipient_id))
    if recipient.suspended:
        raise problems.no_such_user("participant_id", str(recipient_id), suspended=True)
    if not call.state.receives_dm(recipient, call.me):
        raise problems.no_dms()
    dm = call.state.send_dm(call.me, recipient_id, text, call.token.app)
    data = {"dm_conversation_id": dm.conversation_id, "dm_event_id": str(dm.id)}
    return 201, {"data": data}


def _text(body: bytes) -> str:
    """Return a message's text. Raises a 400 unless the body is what X's description allows."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise invalid_request("The body is not JSON.") from None
    if not isinstance(document, dict):
        raise invalid_request("The body must be a JSON object.")
    for name in document:
        if name not in ("text", "attachments"):
            raise invalid_request("The body has a property that is not allowed.", name[:50])
    if "attachments" in document:
        raise invalid_request("The sandbox has no media to attach.", "attachments")
    text = document.get("text")
    if not isinstance(text, str) or not 1 <= len(text) <= LONGEST_TEXT:
        raise invalid_request(f"`text` must be 1 to {LONGEST_TEXT} characters.", "text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise invalid_request("`text` holds half a surrogate pair.", "text") from None
    return text


def dm_events(call: Call) -> tuple[int, dict[str, Any]]:
    """GET /2/dm_events: every conversation of the last 30 days."""
    horizon = int(time.time() * 1000) - DM_HISTORY_MS
    return _events(call, None, horizon)


def dm_events_with(call: Call) -> tuple[int, dict[str, Any]]:
    """GET /2/dm_conversations/with/:participant_id/dm_events."""
    return _events(call, min(call.path_id("participant_id"), LARGEST_ID), 0)


def _events(call: Call, other: int | None, horizon_ms: int) -> tuple[int, dict[str, Any]]:
    wanted = fields(call.query("dm_event.fields"), "dm_event.fields", DM_FIELDS)
    types = fields(
        call.query("event_types"),
        "event_types",
        frozenset({"MessageCreate", "ParticipantsJoin", "ParticipantsLeave"}),
    )
    size = call.max_results(100, 100)
    before = read_token(call.query("pagination_token"))
    lag_ms = call.request.scope.get(LAG)
    if lag_ms is not None:
        before = min(before or LARGEST_ID, dm_id_at(int(time.time() * 1000) - lag_ms))
    found: list[DM] = []
    if not types or "MessageCreate" in types:
        found = call.state.dms(
            participant=call.me, other=other, before=before, limit=size + 1, newest_first=True
        )
    page = [dm for dm in found[:size] if dm.created_ms >= horizon_ms]
    meta: dict[str, Any] = {"result_count": len(page)}
    if len(found) > size and len(page) == size:
        meta["next_token"] = page_after(page[-1].id)
    document: dict[str, Any] = {"meta": meta}
    if page:
        document["data"] = [dm_document(dm, wanted) for dm in page]
    return 200, document


def users(call: Call) -> tuple[int, dict[str, Any]]:
    """GET /2/users?ids=…."""
    asked = _listed(call, "ids", ID)
    found = [
        (value, call.state.user(int(value)) if int(value) <= LARGEST_ID else None)
        for value in asked
    ]
    return _users(call, "ids", found)


def users_by(call: Call) -> tuple[int, dict[str, Any]]:
    """GET /2/users/by?usernames=…."""
    asked = _listed(call, "usernames", HANDLE)
    return _users(call, "usernames", [(value, call.state.user_by_handle(value)) for value in asked])


def _listed(call: Call, name: str, shape: re.Pattern[str]) -> list[str]:
    values = (call.query(name) or "").split(",")
    if not 1 <= len(values) <= PER_LOOKUP:
        raise invalid_request(f"`{name}` takes 1 to {PER_LOOKUP} values.", name)
    for value in values:
        if not shape.fullmatch(value):
            raise invalid_request(f"`{name}` has a value that is none.", name, value[:50])
    return list(dict.fromkeys(values))


def _users(
    call: Call, parameter: str, found: list[tuple[str, User | None]]
) -> tuple[int, dict[str, Any]]:
    wanted = fields(call.query("user.fields"), "user.fields", USER_FIELDS)
    data, errors = [], []
    for value, user in found:
        if user is None or user.suspended:
            errors.append(problems.not_found(parameter, value, suspended=user is not None))
        else:
            data.append(_described(call, user, wanted))
    document: dict[str, Any] = {}
    if data:
        document["data"] = data
    if errors:
        document["errors"] = errors
    return 200, document


def me(call: Call) -> tuple[int, dict[str, Any]]:
    """GET /2/users/me."""
    wanted = fields(call.query("user.fields"), "user.fields", USER_FIELDS)
    user = call.state.user(call.me)
    assert user is not None
    return 200, {"data": _described(call, user, wanted)}


def followers(call: Call) -> tuple[int, dict[str, Any]]:
    """GET /2/users/:id/followers."""
    return _follow_page(call, call.state.followers)


def following(call: Call) -> tuple[int, dict[str, Any]]:
    """GET /2/users/:id/following."""
    return _follow_page(call, call.state.following)


def _follow_page(
    call: Call, read: Callable[[int, int, int], list[User]]
) -> tuple[int, dict[str, Any]]:
    wanted = fields(call.query("user.fields"), "user.fields", USER_FIELDS)
    size = call.max_results(100, 1000)
    after = read_token(call.query("pagination_token")) or 0
    user_id = call.path_id("id")
    user = call.state.user(user_id) if user_id <= LARGEST_ID else None
    if user is None or user.suspended:
        problem = problems.not_found("id", str(user_id), suspended=user is not None)
        return 200, {"errors": [problem]}
    found = read(user_id, after, size + 1)
    page = found[:size]
    meta: dict[str, Any] = {"result_count": len(page)}
    if len(found) > size:
        meta["next_token"] = page_after(page[-1].id)
    document: dict[str, Any] = {"meta": meta}
    if page:
        document["data"] = [_described(call, item, wanted) for item in page]
    return 200, document


def _described(call: Call, user: User, wanted: frozenset[str]) -> dict[str, Any]:
    return user_document(
        call.state, user, wanted, viewer=call.token.user_id, base_url=str(call.request.base_url)
    )


_READ_USERS = frozenset({"tweet.read", "users.read"})
_READ_DMS = _READ_USERS | {"dm.read"}
_SEND_DMS = _READ_DMS | {"dm.write"}
_READ_FOLLOWS = _READ_USERS | {"follows.read"}

ROUTES = [
    Route(
        "/2/dm_conversations/with/{participant_id}/messages",
        endpoint("send_dm", _SEND_DMS, send_dm, user_only=True),
        methods=["POST"],
    ),
    Route("/2/dm_events", endpoint("dm_events", _READ_DMS, dm_events, user_only=True)),
    Route(
        "/2/dm_conversations/with/{participant_id}/dm_events",
        endpoint("dm_events_with", _READ_DMS, dm_events_with, user_only=True),
    ),
    Route("/2/users", endpoint("users", _READ_USERS, users, user_only=False)),
    Route("/2/users/by", endpoint("users_by", _READ_USERS, users_by, user_only=False)),
    Route("/2/users/me", endpoint("me", _READ_USERS, me, user_only=True)),
    Route(
        "/2/users/{id}/followers",
        endpoint("followers", _READ_FOLLOWS, followers, user_only=False),
    ),
    Route(
        "/2/users/{id}/following",
        endpoint("following", _READ_FOLLOWS, following, user_only=False),
    ),
]
