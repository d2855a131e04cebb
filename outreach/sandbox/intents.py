"""X's pages that a link opens with something filled in, at X's own paths.

At X one is signed in; here one says first whose phone it is.
Source: X's documentation of direct message deep links and of web intents.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from outreach.sandbox.phone import HEADERS, page
from outreach.sandbox.records import LARGEST_ID, LONGEST_TEXT, User
from outreach.sandbox.state import State

MESSAGES, FOLLOW = "/messages/", "/intent/follow"
COMPOSE, CONVERSATION = f"{MESSAGES}compose", f"{MESSAGES}{{ours:int}}-{{theirs:int}}"
BRANDS = 5  # who may act through an app is offered first: the follow is theirs


async def compose(request: Request) -> Response:
    """/messages/compose?recipient_id=…&text=…: a message that is begun, on somebody's phone."""
    state: State = request.app.state.world
    number = request.query_params.get("recipient_id", "")
    known = number.isascii() and number.isdigit() and len(number) <= 19
    to = state.user(int(number)) if known and int(number) <= LARGEST_ID else None
    if to is None:
        raise HTTPException(404)
    text = request.query_params.get("text", "")[:LONGEST_TEXT]
    kept = {"recipient_id": number, "text": text}
    leads_on = f"?text={quote(text, safe='')}#newest"
    return _choose(request, to, COMPOSE, kept, f"Who writes to {to.name}?", leads_on, ())


async def follow(request: Request) -> Response:
    """/intent/follow?screen_name=…: somebody's page, on the phone of who may follow them."""
    state: State = request.app.state.world
    handle = request.query_params.get("screen_name", "").strip().lstrip("@")[:50]
    to = state.user_by_handle(handle)
    if to is None:
        raise HTTPException(404)
    brands = [state.user(user_id) for user_id in state.connected_users(BRANDS)]
    offered = [user for user in brands if user is not None]
    kept = {"screen_name": to.handle}
    return _choose(request, to, FOLLOW, kept, f"Who follows {to.name}?", "", offered)


async def conversation(request: Request) -> Response:
    """/messages/<ours>-<theirs>: a conversation, on the phone of the one named first."""
    state: State = request.app.state.world
    numbers = (request.path_params["ours"], request.path_params["theirs"])
    found = [state.user(number) for number in numbers if number <= LARGEST_ID]
    ours, theirs = found if len(found) == 2 else (None, None)
    if ours is None or theirs is None or ours.id == theirs.id:
        raise HTTPException(404)
    return RedirectResponse(f"/phone/{ours.handle}/with/{theirs.handle}/#newest", 303, HEADERS)


def _choose(
    request: Request,
    to: User,
    address: str,
    kept: dict[str, str],
    title: str,
    leads_on: str,
    offered: Sequence[User],
) -> Response:
    state: State = request.app.state.world
    words = request.query_params.get("q", "")[:100]
    found = offered if offered and not words else state.search_users(words)
    return page(
        "intent.html",
        title=title,
        address=address,
        kept=kept,
        words=words,
        people=[user for user in found if user.id != to.id],
        to=to,
        leads_on=leads_on,
    )


ROUTES = [
    Route(COMPOSE, compose),
    Route(CONVERSATION, conversation),
    Route(FOLLOW, follow),
]
