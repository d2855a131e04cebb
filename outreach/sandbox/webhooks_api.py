"""/2/webhooks as X describes it, and the task that posts to them.

Asking an address whether it is what it says takes seconds, so it happens between two transactions:
one lets the request in, the other keeps what came of it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from outreach.sandbox import problems
from outreach.sandbox.activity_api import NO_SCOPES, body_of, id_of, moment, need_app
from outreach.sandbox.api import ID, Call, endpoint
from outreach.sandbox.problems import Refusal, answer, invalid_request
from outreach.sandbox.records import LARGEST_ID
from outreach.sandbox.shapes import fields
from outreach.sandbox.state import State
from outreach.sandbox.webhooks import (
    MOST_WEBHOOKS,
    Post,
    Webhook,
    check,
    deliver,
    job_id,
    unfit,
    webhook_document,
)

LONGEST_URL = 200
WEBHOOK_FIELDS = frozenset({"created_at", "id", "url", "valid"})
REPLAY_DAYS = 5  # how far back; source: X's replay of the older API, its only word on that
POLL_SECONDS = 0.05

_ASKED = "sandbox.webhook"
_CRC_FAILED = "CrcValidationFailed: the address did not answer the challenge as it should."


def webhooks(call: Call) -> tuple[int, dict[str, Any]]:
    """GET /2/webhooks."""
    need_app(call)
    fields(call.query("webhook_config.fields"), "webhook_config.fields", WEBHOOK_FIELDS)
    found = call.state.webhooks.webhooks(call.token.app)
    data = [webhook_document(item, moment) for item in found]
    return 200, {"data": data, "meta": {"result_count": len(data)}}


def _let_make(call: Call) -> tuple[int, dict[str, Any]]:
    need_app(call)
    url = body_of(call, frozenset({"url"})).get("url")
    if not isinstance(url, str) or not 1 <= len(url) <= LONGEST_URL:
        raise invalid_request(f"`url` is 1 to {LONGEST_URL} characters.", "url")
    wrong = unfit(url)
    if wrong is not None:
        raise invalid_request(f"UrlValidationFailed: {wrong}.", "url", url)
    there = call.state.webhooks.webhooks(call.token.app)
    if any(item.url == url for item in there):
        raise invalid_request("DuplicateUrlFailed: the app has this webhook already.", "url", url)
    if len(there) >= MOST_WEBHOOKS:
        raise invalid_request(f"WebhookLimitExceeded: an app has {MOST_WEBHOOKS} at most.")
    call.request.scope[_ASKED] = (call.token.app, url)
    return 200, {}


def _let_validate(call: Call) -> tuple[int, dict[str, Any]]:
    call.request.scope[_ASKED] = _there(call)
    return 200, {}


def remove(call: Call) -> tuple[int, dict[str, Any]]:
    """DELETE /2/webhooks/:id."""
    there = _there(call)
    call.state.webhooks.remove(there.app, there.id)
    return 200, {"data": {"deleted": True}}


def replay(call: Call) -> tuple[int, dict[str, Any]]:
    """POST /2/webhooks/replay: have what happened between two minutes posted again."""
    need_app(call)
    body = body_of(call, frozenset({"webhook_id", "from_date", "to_date"}))
    webhook_id = id_of(body.get("webhook_id"), "webhook_id")
    since, until = _minute(body, "from_date"), _minute(body, "to_date")
    now = datetime.now(UTC)
    if not now - timedelta(days=REPLAY_DAYS, minutes=1) <= since <= until:
        raise invalid_request(f"A replay goes back {REPLAY_DAYS} days at most.", "from_date")
    there = call.state.webhooks.webhook(call.token.app, webhook_id)
    if there is None:
        raise problems.no_such_resource("webhook", "webhook_id", str(webhook_id))
    # Both minutes are included, to their end.
    end = until + timedelta(minutes=1)
    call.state.webhooks.replay(
        there, int(since.timestamp() * 1000), int(end.timestamp() * 1000) - 1
    )
    created = moment(int(now.timestamp() * 1000))
    return 200, {"data": {"job_id": job_id(), "created_at": created}}


def _minute(body: dict[str, Any], name: str) -> datetime:
    value = body.get(name)
    try:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{12}", value, re.ASCII):
            raise ValueError
        return datetime.strptime(value, "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        message = f"`{name}` is a minute in UTC such as 202608011200."
        raise invalid_request(message, name, str(value)[:50]) from None


def _there(call: Call) -> Webhook:
    need_app(call)
    value = str(call.request.path_params["webhook_id"])
    if not re.fullmatch(ID, value):
        raise invalid_request("`webhook_id` is not an id.", "webhook_id", value[:50])
    found = None
    if int(value) <= LARGEST_ID:
        found = call.state.webhooks.webhook(call.token.app, int(value))
    if found is None:
        raise problems.no_such_resource("webhook", "webhook_id", value)
    return found


def _asking(
    let_in: Callable[[Request], Awaitable[Response]],
    ask: Callable[[State, Any], Awaitable[dict[str, Any]]],
) -> Callable[[Request], Awaitable[Response]]:
    """Return what serves a call that asks an address something before it answers."""

    async def served(request: Request) -> Response:
        admitted = await let_in(request)
        asked = request.scope.get(_ASKED)
        if asked is None or admitted.status_code != 200:
            return admitted
        headers = {k: v for k, v in admitted.headers.items() if k.startswith("x-")}
        try:
            return answer(200, await ask(request.app.state.world, asked), headers)
        except Refusal as refusal:
            return refusal.response(headers)

    return served


async def _make(state: State, asked: tuple[str, str]) -> dict[str, Any]:
    app, url = asked
    seconds = state.activity.ways().answer_seconds
    if not await check(url, state.consumer_secret(app), seconds):
        raise invalid_request(_CRC_FAILED, "url", url)
    with state.writing():
        made = state.webhooks.add(app, url)
    if made is None:  # made by another request meanwhile
        raise invalid_request("DuplicateUrlFailed: the app has this webhook already.", "url", url)
    return {"data": webhook_document(made, moment)}


async def _validate(state: State, there: Webhook) -> dict[str, Any]:
    valid = await _check(state, there)
    if not valid:
        raise invalid_request(_CRC_FAILED, "webhook_id", str(there.id))
    return {"data": {"valid": True}}


async def _check(state: State, webhook: Webhook) -> bool:
    seconds = state.activity.ways().answer_seconds
    valid = await check(webhook.url, state.consumer_secret(webhook.app), seconds)
    with state.writing():
        state.webhooks.checked(webhook.id, valid=valid)
    return valid


async def work(state: State) -> None:
    """Post what is due and check webhooks in their turn, until cancelled."""
    tasks: dict[int, asyncio.Task[Any]] = {}
    try:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            tasks = {id_: task for id_, task in tasks.items() if not task.done()}
            for webhook in _stale(state):
                if webhook.id not in tasks:
                    tasks[webhook.id] = asyncio.create_task(_check(state, webhook))
            if state.webhooks.due():
                with state.writing():
                    taken = state.webhooks.take(tasks)
                for post in taken:
                    tasks[post.webhook.id] = asyncio.create_task(_deliver(state, post))
    finally:
        for task in tasks.values():
            task.cancel()


def _stale(state: State) -> list[Webhook]:
    return state.webhooks.unchecked_since(time.time() - state.activity.ways().crc_seconds)


async def _deliver(state: State, post: Post) -> None:
    ways = state.activity.ways()
    secret = state.consumer_secret(post.webhook.app)
    taken = await deliver(post, secret, ways.answer_seconds)
    with state.writing():
        state.webhooks.done(post, taken=taken, retry_seconds=ways.retry_seconds)


async def end(worker: asyncio.Task[None]) -> None:
    """Stop the task."""
    worker.cancel()
    with suppress(asyncio.CancelledError):
        await worker


_ALL = "/2/webhooks"
_ONE = _ALL + "/{webhook_id}"
_let_made = endpoint("webhooks_make", NO_SCOPES, _let_make, user_only=False)
_let_validated = endpoint("webhooks_validate", NO_SCOPES, _let_validate, user_only=False)
ROUTES = [
    Route(_ALL, endpoint("webhooks", NO_SCOPES, webhooks, user_only=False)),
    Route(_ALL, _asking(_let_made, _make), methods=["POST"]),
    Route(
        _ALL + "/replay",
        endpoint("webhooks_replay", NO_SCOPES, replay, user_only=False),
        methods=["POST"],
    ),
    Route(_ONE, _asking(_let_validated, _validate), methods=["PUT"]),
    Route(
        _ONE,
        endpoint("webhooks_remove", NO_SCOPES, remove, user_only=False),
        methods=["DELETE"],
    ),
]
