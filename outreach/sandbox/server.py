"""The sandbox's server: X's API, the control interface and the phone under one address."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from outreach.sandbox import (
    activity_api,
    api,
    consent,
    control,
    desk,
    fault_acts,
    intents,
    oauth,
    phone,
    problems,
    stream,
    webhooks_api,
)
from outreach.sandbox.state import open_state
from outreach.sandbox.transport import Protocol
from outreach.sandbox.windows import DAY

# Where people read answers; everywhere else programs do.
PAGES = ("/phone/", consent.ADDRESS, desk.PAGES, intents.MESSAGES, intents.FOLLOW)


async def home(request: Request) -> Response:
    """/: the phone, for a browser; X's API has nothing there."""
    if "text/html" not in request.headers.get("accept", ""):
        raise HTTPException(404)
    return RedirectResponse("/phone/", 302)


def make_app(state_file: Path) -> Starlette:
    """Return the application over the practice world in that file."""

    @asynccontextmanager
    async def world(app: Starlette) -> AsyncIterator[None]:
        app.state.world = open_state(state_file)
        with app.state.world.writing():
            app.state.world.counter.forget(time.time() - 2 * DAY)
            app.state.world.activity.forget(int((time.time() - 6 * DAY) * 1000))
        posting = asyncio.create_task(webhooks_api.work(app.state.world))
        yield
        await webhooks_api.end(posting)
        app.state.world.close()

    app = Starlette(
        routes=[
            Route("/", home),
            *api.ROUTES,
            *oauth.ROUTES,
            *consent.ROUTES,
            *activity_api.ROUTES,
            *stream.ROUTES,
            *webhooks_api.ROUTES,
            *fault_acts.ROUTES,
            *control.ROUTES,
            *desk.ROUTES,
            *phone.ROUTES,
            *intents.ROUTES,
        ],
        lifespan=world,
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )
    # X redirects nothing, and a client that is sent elsewhere must not think otherwise.
    app.router.redirect_slashes = False
    return app


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if request.url.path.startswith(PAGES):
        return phone.refusal(request, status)
    headers = (error.headers or {}) if isinstance(error, HTTPException) else {}
    known = {404: problems.no_such_page, 405: problems.wrong_method}
    refusal = known[status]() if status in known else problems.invalid_request("Not understood.")
    return refusal.response(headers)


async def _failed(request: Request, error: Exception) -> Response:
    # The server's own log names the fault; the answer names none, as X's would not.
    if request.url.path.startswith(PAGES):
        return phone.refusal(request, 500)
    return problems.internal_error().response()


def serve(host: str, port: int, state_file: Path) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status. Port 0 takes a free one.

    The first line printed is the address, once it takes connections.
    """
    # uvicorn raises the signal again once it is done; being told to stop is no failure.
    for told_to_stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told_to_stop, _leave)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Naming the protocol matters: without it asyncio leaves TCP_NODELAY off, and each answer waits
    # 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        print(f"The sandbox cannot listen on {host}:{port}: {error.strerror}.", flush=True)  # noqa: T201
        return 1
    listener.listen(1024)
    bracketed = f"[{host}]" if ":" in host else host
    print(f"Sandbox at http://{bracketed}:{listener.getsockname()[1]}", flush=True)  # noqa: T201
    app = make_app(state_file)
    config = uvicorn.Config(
        app,
        http=Protocol,
        access_log=False,  # paths name people
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    server = uvicorn.Server(config)
    # Streams never end by themselves; the server would wait for them before it leaves.
    app.state.leaving = lambda: server.should_exit
    server.run(sockets=[listener])
    return 0


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
