"""GET /2/activity/stream: an app's events as they happen, one JSON document a line.

The stream reads the table of events, which every process of the sandbox writes to, so that it does
not matter which of them a message went through.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from outreach.sandbox import problems
from outreach.sandbox.activity_api import NO_SCOPES, need_app
from outreach.sandbox.api import Call, endpoint
from outreach.sandbox.faults import STREAM, STREAMING, Fault
from outreach.sandbox.problems import invalid_request
from outreach.sandbox.state import State
from outreach.sandbox.transport import hang_up

CONNECTIONS = 2  # at one time, for each app; source: X's rate limit page of August 2026
MOST_BACKFILL = 5  # minutes
# How often the table is looked at. X promises events "with sub-second latency".
POLL_SECONDS = 0.05
# A connection that says nothing for so long has died with its process. One that lives says so
# every BEAT_SECONDS.
BEAT_SECONDS = 1.0
DEAD_SECONDS = 4.0
# An event may be committed a little after it was due, by another process.
OVERLAP_MS = 2000
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)

_PLAN = "sandbox.stream"


@dataclass(slots=True)
class Plan:
    """What one connection asked for; moments in milliseconds of Unix time."""

    id: str
    app: str
    since_ms: int
    until_ms: int | None


def admit(call: Call) -> tuple[int, dict[str, Any]]:
    """Look at a request for the stream and take one of the app's connections."""
    need_app(call)
    now = time.time()
    minutes = call.query("backfill_minutes") or "0"
    if not re.fullmatch(r"[0-9]{1,3}", minutes, re.ASCII) or int(minutes) > MOST_BACKFILL:
        message = f"`backfill_minutes` is 0 to {MOST_BACKFILL}."
        raise invalid_request(message, "backfill_minutes", minutes[:50])
    start, end = _moment(call, "start_time"), _moment(call, "end_time")
    since = start if start is not None else int((now - 60 * int(minutes)) * 1000)
    connection = call.state.connection
    connection.execute("DELETE FROM streams WHERE seen_at < ?", (now - DEAD_SECONDS,))
    app = call.token.app
    count = connection.execute("SELECT count(*) FROM streams WHERE app = ?", (app,)).fetchone()[0]
    if count >= CONNECTIONS:
        raise problems.too_many_connections()
    plan = Plan(secrets.token_hex(8), app, since, end)
    connection.execute("INSERT INTO streams VALUES (?, ?, ?)", (plan.id, app, now))
    call.request.scope[_PLAN] = plan
    return 200, {}


def _moment(call: Call, name: str) -> int | None:
    value = call.query(name)
    if value is None:
        return None
    try:
        if not MOMENT.fullmatch(value):
            raise ValueError
        return int(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() * 1000)
    except (ValueError, OverflowError):
        message = f"`{name}` is a moment such as 2026-08-01T12:00:00Z."
        raise invalid_request(message, name, value[:50]) from None


_admission = endpoint(STREAM, NO_SCOPES, admit, user_only=False)


async def stream(request: Request) -> Response:
    """Serve the stream for as long as the client reads it."""
    admitted = await _admission(request)
    plan = request.scope.get(_PLAN)
    if plan is None or admitted.status_code != 200:
        return admitted
    limits = {k: v for k, v in admitted.headers.items() if k.startswith("x-")}
    return StreamingResponse(
        _lines(request, plan), 200, limits | {"cache-control": "no-cache"}, "application/json"
    )


async def _lines(request: Request, plan: Plan) -> AsyncIterator[bytes]:
    state: State = request.app.state.world
    sent: dict[int, int] = {}  # delivery → when it was due
    spoken = beat = time.monotonic()
    since = plan.since_ms
    drop_at: float | None = None
    leaving = getattr(request.app.state, "leaving", lambda: False)
    try:
        while not leaving():
            now_ms = time.time_ns() // 1_000_000
            until = now_ms if plan.until_ms is None else min(now_ms, plan.until_ms)
            for row in state.activity.due(plan.app, since, until):
                if row["n"] in sent:
                    continue
                fault = _drop(state)
                if fault is not None and "seconds" not in fault.options:
                    hang_up(request.scope, reset=fault.option("reset"))
                    return
                if fault is not None and drop_at is None:
                    drop_at = time.monotonic() + fault.option("seconds")
                sent[row["n"]] = row["due_ms"]
                yield row["document"].encode() + b"\r\n"
                spoken = time.monotonic()
            if plan.until_ms is not None and now_ms > plan.until_ms:
                return
            since = max(since, until - OVERLAP_MS)
            sent = {n: due for n, due in sent.items() if due >= since}
            if drop_at is not None and time.monotonic() >= drop_at:
                hang_up(request.scope, reset=True)
                return
            if time.monotonic() - beat >= BEAT_SECONDS:
                if not _alive(state, plan):
                    return
                beat = time.monotonic()
            if time.monotonic() - spoken >= state.activity.ways().keep_alive_seconds:
                yield b"\r\n"
                spoken = time.monotonic()
            await asyncio.sleep(POLL_SECONDS)
    finally:
        with state.writing():
            state.connection.execute("DELETE FROM streams WHERE id = ?", (plan.id,))


def _alive(state: State, plan: Plan) -> bool:
    """Say that the connection lives; tell whether the world still knows it."""
    with state.writing():
        known = state.connection.execute(
            "UPDATE streams SET seen_at = ? WHERE id = ?", (time.time(), plan.id)
        )
    return bool(known.rowcount)


def _drop(state: State) -> Fault | None:
    """Ask the rules whether the stream breaks at the event that comes next."""
    if not state.faults.any_for(STREAM, STREAMING):
        return None
    with state.writing():
        fault = state.faults.ask(STREAM, STREAMING).get("stream")
        if fault is not None:
            state.faults.note(STREAM, fault, accepted=None)
    return fault


ROUTES = [Route("/2/activity/stream", stream)]
