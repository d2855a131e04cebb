"""Calls that go wrong on order: what stands between a request and the endpoint that serves it."""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from outreach.sandbox import problems
from outreach.sandbox.faults import ENDPOINTS, Fault, Plan
from outreach.sandbox.state import State
from outreach.sandbox.transport import Cut, Dropped

Handler = Callable[[Request], Awaitable[Response]]
Count = Callable[[State, Request], object]

# Where an endpoint that reads messages finds how young the youngest may be, in milliseconds.
LAG = "sandbox.lag_ms"


def around(endpoint: str, handle: Handler, count: Count | None = None) -> Handler:
    """Return what serves an endpoint as the rules of the moment want it served.

    X counts what arrives, whatever comes of it: `count` does so for calls that nobody looks at,
    but for those that are told of a limit, which take up no room.
    """
    ENDPOINTS.add(endpoint)

    async def served(request: Request) -> Response:
        state: State = request.app.state.world
        latency, concerned = state.faults.ahead(endpoint)
        if latency:
            await asyncio.sleep(latency)
        if not concerned:
            return await handle(request)
        with state.writing():
            plan = state.faults.ask(endpoint)
            if "before" in plan:
                state.faults.note(endpoint, plan["before"], accepted=False)
                if count is not None and plan["before"].name != "rate_limited":
                    count(state, request)
        if "before" in plan:
            return _refused(plan["before"])
        if "lag" in plan:
            request.scope[LAG] = int(plan["lag"].option("seconds") * 1000)
        return await _spoilt(endpoint, plan, state, await handle(request))

    return served


async def _spoilt(endpoint: str, plan: Plan, state: State, response: Response) -> Response:
    """Note what acts on a call that was served, and return what the client gets of it."""
    accepted, dm_id = response.status_code < 300, _dm_id(response)
    if plan:
        with state.writing():
            for fault in plan.values():
                state.faults.note(endpoint, fault, accepted=accepted, dm_id=dm_id)
    if "delay" in plan:
        # What was accepted stays so, whether or not anybody waits for the answer.
        await asyncio.sleep(plan["delay"].option("seconds"))
    if "partial" in plan and accepted:
        response = _partial(plan["partial"], response)
    return _failed(plan["after"], response) if "after" in plan else response


def _refused(fault: Fault) -> Response:
    """Return the answer to a call that nobody looked at."""
    if fault.name == "drop_before":
        return Dropped(reset=fault.option("reset"))
    if fault.name == "error_before":
        return _error(fault.option("status"))
    headers = {}
    if fault.option("headers"):
        reset = math.ceil(time.time() + fault.option("seconds"))
        headers = {"limit": "15", "remaining": "0", "reset": str(reset)}
    named = {f"x-rate-limit-{name}": value for name, value in headers.items()}
    return problems.too_many_requests().response(named)


def _failed(fault: Fault, response: Response) -> Response:
    """Return what the client gets in the place of an answer that was ready."""
    if fault.name == "drop_after":
        return Dropped(reset=fault.option("reset"))
    if fault.name == "error_after":
        return _error(fault.option("status"))
    body = bytes(response.body)
    match fault.option("how"):
        case "cut":
            return Cut(response)
        case "no_id":
            return _with(response, _without_id(body))
        case "html":
            page = b"<!doctype html><title>X</title><h1>Something went wrong</h1>"
            return Response(page, response.status_code, media_type="text/html")
    return _with(response, body[: len(body) // 2])


# Gateways answer in HTML, X itself with a problem.
_GATEWAY = {502: "Bad Gateway", 504: "Gateway Timeout"}


def _error(status: int) -> Response:
    if status in _GATEWAY:
        page = f"<html><head><title>{status} {_GATEWAY[status]}</title></head></html>"
        return Response(page, status, media_type="text/html")
    if status == 503:
        return problems.over_capacity().response()
    refusal = problems.internal_error()
    refusal.status = status
    refusal.document["status"] = status
    return refusal.response()


def _with(response: Response, body: bytes) -> Response:
    """Return the same answer with another body."""
    headers = {k: v for k, v in response.headers.items() if k != "content-length"}
    return Response(body, response.status_code, headers)


def _dm_id(response: Response) -> int | None:
    """Return the id of the message that an answer tells of."""
    if response.status_code != 201 or b"dm_event_id" not in response.body:
        return None
    return int(json.loads(bytes(response.body))["data"]["dm_event_id"])


def _without_id(body: bytes) -> bytes:
    document = _document(body)
    data = document.get("data")
    for name in ("dm_event_id", "id"):
        if isinstance(data, dict):
            data.pop(name, None)
    return json.dumps(document, ensure_ascii=False).encode()


def _partial(fault: Fault, response: Response) -> Response:
    """Leave some users out of an answer: X names them as errors, or says nothing about them."""
    document = _document(bytes(response.body))
    data = document.get("data")
    if not isinstance(data, list) or not data:
        return response
    count = max(1, round(len(data) * fault.option("fraction")))
    gone = random.Random(len(data)).sample(range(len(data)), count)
    errors = [problems.unavailable("user", str(data[place]["id"])) for place in gone]
    document["data"] = [item for place, item in enumerate(data) if place not in gone]
    if not document["data"]:
        del document["data"]
    if fault.option("how") == "errors":
        document["errors"] = document.get("errors", []) + errors
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return _with(response, body)


def _document(body: bytes) -> dict[str, Any]:
    document = json.loads(body)
    return document if isinstance(document, dict) else {}
