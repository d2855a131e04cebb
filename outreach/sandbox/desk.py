"""/_sandbox/ in a browser: what tests do over the control interface, done by hand.

Plain forms, for this machine only; what is done here is what the acts of `control` do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from outreach.sandbox import fault_page
from outreach.sandbox.apps import MICROS
from outreach.sandbox.guards import from_this_machine
from outreach.sandbox.phone import HEADERS, page, posting, refusal
from outreach.sandbox.records import SCOPES, User
from outreach.sandbox.state import State

HOME = "/_sandbox/"
PAGES = "/_sandbox/people/"
FOUND = 20  # people on one page
OFFERED = 6  # of them where nobody is looked for
BRANDS = 5

View = Callable[[Request], Awaitable[Response]]
Doing = Callable[[State, Request, dict[str, str]], str]


def _here(view: View) -> View:
    """Return the same view, for this machine only."""

    async def guarded(request: Request) -> Response:
        if not from_this_machine(request):
            return refusal(request, 403)
        return await view(request)

    return guarded


def _act(doing: Doing) -> View:
    """Return what serves a form: `doing` returns where to go on, or raises ValueError in words."""

    async def act(request: Request, form: dict[str, str]) -> Response:
        state: State = request.app.state.world
        try:
            with state.writing():
                address = doing(state, request, form)
        except ValueError as error:
            return page("refused.html", 422, title="That did not work", words=f"{error}.")
        return RedirectResponse(address, 303, HEADERS)

    return _here(posting(act))


async def home(request: Request) -> Response:
    """/_sandbox/: people, apps with their money, limits, faults, and what was accepted."""
    state: State = request.app.state.world
    words = request.query_params.get("q", "")[:100]
    now = time.time()
    return page(
        "desk.html",
        words=words,
        people=state.search_users(words, FOUND if words.strip() else OFFERED),
        apps=[(app, state.counter.standing(None, app.client_id, now)) for app in state.apps()],
        limits=state.counter.limits(),
        dollars=_dollars,
        span=_span,
        ways=state.oauth_ways(),
        counts=state.counts(),
        **fault_page.context(state),
    )


async def person(request: Request) -> Response:
    """/_sandbox/people/<handle>: one user."""
    state: State = request.app.state.world
    user = _person(state, request)
    brands = [state.user(user_id) for user_id in state.connected_users(BRANDS)]
    now = time.time()
    used = [item for item in state.counter.standing(user.id, "", now) if item.used]
    return page(
        "desk_person.html",
        user=user,
        ties=[_ties(state, user, brand) for brand in brands if brand and brand.id != user.id],
        consents=state.consents(user.id),
        standing=used,
        words=SCOPES,
        span=_span,
        minutes=lambda at: max(1, math.ceil((at - now) / 60)),
    )


def _ties(state: State, user: User, other: User) -> dict[str, Any]:
    return {
        "other": other,
        "follows": state.follows(user.id, other.id),
        "followed": state.follows(other.id, user.id),
        "blocks": state.blocks(user.id, other.id),
    }


def _person(state: State, request: Request) -> User:
    user = state.user_by_handle(request.path_params["handle"])
    if user is None:
        raise HTTPException(404)
    return user


def _about(user: User) -> str:
    return f"{PAGES}{user.handle}"


def change(state: State, request: Request, form: dict[str, str]) -> str:
    """Open or close somebody's DMs, suspend them or let them back in."""
    user = _person(state, request)
    match form.get("do", ""):
        case "open":
            state.accept_dms(user.id, True)
        case "close":
            state.accept_dms(user.id, False)
        case "suspend":
            state.suspend(user.id, True)
        case "admit":
            state.suspend(user.id, False)
        case _:
            raise ValueError("Choose what to do")
    return _about(user)


def tie(state: State, request: Request, form: dict[str, str]) -> str:
    """Follow, unfollow, block or unblock somebody else."""
    user = _person(state, request)
    handle = form.get("other", "").strip().lstrip("@")[:50]
    other = state.user_by_handle(handle)
    if other is None or other.id == user.id:
        raise ValueError(f"Nobody else here is called @{handle}" if handle else "Type a handle")
    acts = {
        "follow": state.follow,
        "unfollow": state.unfollow,
        "block": state.block,
        "unblock": state.unblock,
    }
    do = acts.get(form.get("do", ""))
    if do is None:
        raise ValueError("Choose what to do")
    do(user.id, other.id)
    return _about(user)


def consent(state: State, request: Request, form: dict[str, str]) -> str:
    """Let a user's access tokens for an app end, or the whole consent."""
    user, app = _person(state, request), form.get("app", "")
    if form.get("do") == "expire":
        state.expire_tokens(user.id, app)
    else:
        state.revoke_consent(user.id, app)
    return _about(user)


def money(state: State, request: Request, form: dict[str, str]) -> str:
    """Set an app's credits and caps; an empty field is without end."""
    client_id = form.get("app", "")
    if state.app(client_id) is None:
        raise ValueError("There is no such app")
    given: dict[str, Any] = {name: _number(form, name) for name in ("credits", "spending_cap")}
    cap = form.get("usage_cap", "").strip()
    if cap and not (cap.isascii() and cap.isdigit()):
        raise ValueError("The usage cap is a whole number, or empty")
    state.put_app(client_id, given | {"usage_cap": int(cap) if cap else None})
    return f"{HOME}#app-{quote(client_id)}"


def periods(state: State, request: Request, form: dict[str, str]) -> str:
    """Set how long access tokens live from now on."""
    state.set_oauth_ways({"access_seconds": _needed(form, "access_seconds")})
    return f"{HOME}#apps"


def _number(form: dict[str, str], name: str) -> float | None:
    value = form.get(name, "").strip()
    if not value:
        return None
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{value[:20]} is no number")
    return number


def _needed(form: dict[str, str], name: str) -> float:
    number = _number(form, name)
    if number is None:
        raise ValueError("A number is missing")
    return number


def _dollars(micros: int) -> str:
    """Write an amount with the digits that it has, at least two behind the point."""
    whole = f"{micros / MICROS:.6f}".rstrip("0")
    places = len(whole.partition(".")[2])
    return whole + "0" * max(2 - places, 0)


def _span(seconds: float) -> str:
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {word}{'' if count == 1 else 's'}"
    return f"{seconds:g} seconds"


ROUTES = [
    Route(HOME, _here(home)),
    Route(PAGES + "{handle}", _here(person)),
    Route(PAGES + "{handle}/change", _act(change), methods=["POST"]),
    Route(PAGES + "{handle}/tie", _act(tie), methods=["POST"]),
    Route(PAGES + "{handle}/consent", _act(consent), methods=["POST"]),
    Route("/_sandbox/page/money", _act(money), methods=["POST"]),
    Route("/_sandbox/page/periods", _act(periods), methods=["POST"]),
    *(Route(route.path, _here(route.endpoint), methods=["POST"]) for route in fault_page.ROUTES),
]
