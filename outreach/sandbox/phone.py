"""The phone: pages on which one is any user of the practice world.

Plain forms and links do everything; the script only shows new messages without a reload.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from outreach.sandbox.avatars import png, svg
from outreach.sandbox.guards import from_other_site
from outreach.sandbox.links import Piece, pieces
from outreach.sandbox.records import DM, LARGEST_ID, LONGEST_TEXT, SCOPES, NotAllowed, User
from outreach.sandbox.state import State

HERE = Path(__file__).parent
SHOWN = 200  # messages on one page
PICTURE = {"cache-control": "max-age=3600", "x-content-type-options": "nosniff"}

_pages = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
)

# Nothing inline, nothing from elsewhere, and no other page may frame the phone.
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}

REFUSALS = {
    403: ("Not from another site", "This form was sent from a page that is not the phone's."),
    404: ("Not here", "Nobody in the practice world has this handle."),
    405: ("Not that way", "This address does not take what was sent to it."),
    500: ("The phone failed", "The sandbox's log says how. What was sent before is kept."),
}


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _plainly(text: str) -> str:
    """Return a text as the phone shows it in one line: links without what nobody reads."""
    return "".join(_shown(piece) for piece in pieces(text))


def _shown(piece: Piece) -> str:
    return piece.display if piece.leads_to else piece.words


_pages.filters["moment"] = _moment
_pages.filters["pieces"] = pieces
_pages.filters["plainly"] = _plainly


def page(template: str, status: int = 200, **context: Any) -> Response:
    """Return a page of the phone."""
    html = _pages.get_template(template).render(longest=LONGEST_TEXT, **context)
    return Response(html, status, HEADERS, "text/html")


def refusal(request: Request, status: int) -> Response:
    """Return the page that says why there is none, with a way on."""
    title, words = REFUSALS.get(status, ("That did not work", "Go back and try another way."))
    return page("refused.html", status, title=title, words=words)


def posting(
    act: Callable[[Request, dict[str, str]], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Return a view that takes a form, and only one that the phone's own pages sent."""

    async def view(request: Request) -> Response:
        if from_other_site(request):
            return refusal(request, 403)
        form = await request.form(max_files=0, max_fields=20)
        return await act(request, {k: v for k, v in form.items() if isinstance(v, str)})

    return view


def _world(request: Request) -> State:
    state: State = request.app.state.world
    return state


def _person(request: Request, name: str = "handle") -> User:
    user = _world(request).user_by_handle(request.path_params[name])
    if user is None:
        raise HTTPException(404)
    return user


async def people(request: Request) -> Response:
    """/phone/: whose phone it is to be."""
    words = request.query_params.get("q", "")[:100]
    found = _world(request).search_users(words)
    return page("people.html", people=found, words=words)


async def person(request: Request) -> Response:
    """/phone/<handle>/: a person's conversations."""
    return _person_page(request, _person(request))


def _person_page(request: Request, me: User, status: int = 200, **context: Any) -> Response:
    told = {"error": "", "sought": ""} | context
    state = _world(request)
    return page(
        "person.html",
        status,
        me=me,
        conversations=state.conversations(me.id),
        consents=state.consents(me.id),
        words=SCOPES,
        **told,
    )


async def find(request: Request) -> Response:
    """/phone/<handle>/find: open the conversation with a handle that was typed."""
    me = _person(request)
    sought = request.query_params.get("to", "").strip().lstrip("@")[:50]
    other = _world(request).user_by_handle(sought)
    if other is None or other.id == me.id:
        error = f"Nobody else here is called @{sought}." if sought else "Type a handle first."
        return _person_page(request, me, 422, error=error, sought=sought)
    return RedirectResponse(f"/phone/{me.handle}/with/{other.handle}/", 303, HEADERS)


async def conversation(request: Request) -> Response:
    """/phone/<handle>/with/<other>/: what two people wrote to each other.

    `?text=` is a message that somebody began by a link.
    """
    return _conversation_page(request, text=request.query_params.get("text", "")[:LONGEST_TEXT])


def _conversation_page(request: Request, status: int = 200, **context: Any) -> Response:
    state, me, other = _world(request), _person(request), _person(request, "other")
    told = {"error": "", "text": ""} | context
    state.read(me.id, other.id)
    messages = state.dms(participant=me.id, other=other.id, limit=SHOWN, newest_first=True)
    return page(
        "conversation.html",
        status,
        me=me,
        other=other,
        messages=messages[::-1],
        conversations=state.conversations(me.id),
        follows=state.follows(me.id, other.id),
        followed=state.follows(other.id, me.id),
        blocks=state.blocks(me.id, other.id),
        **told,
    )


async def since(request: Request) -> Response:
    """…/since?after=<id>: the bubbles that came after that message, or 204 for none."""
    me, other = _person(request), _person(request, "other")
    _world(request).read(me.id, other.id)
    found = _world(request).dms(
        participant=me.id, other=other.id, after=_after(request), limit=SHOWN
    )
    return _part("messages.html", found, me=me, other=other, messages=found)


async def conversations(request: Request) -> Response:
    """…/conversations?after=<id>: the list of conversations, or 204 if nothing came since."""
    me = _person(request)
    found = _world(request).conversations(me.id)
    fresh = [dm for _, dm in found if dm.id > _after(request)]
    return _part("conversations.html", fresh, me=me, conversations=found, current="")


def _after(request: Request) -> int:
    value = request.query_params.get("after", "")
    whole = value.isascii() and value.isdigit() and len(value) <= 19
    return min(int(value), LARGEST_ID) if whole else 0


def _part(template: str, fresh: list[DM], **context: Any) -> Response:
    if not fresh:
        return Response(status_code=204, headers=HEADERS)
    return page(template, **context)


async def write(request: Request, form: dict[str, str]) -> Response:
    """Write to the other; browsers send line ends as CRLF, phones do not."""
    me, other = _person(request), _person(request, "other")
    text = form.get("text", "").replace("\r\n", "\n")
    try:
        _world(request).write_on_phone(me.id, other.id, text)
    except NotAllowed as refused:
        return _conversation_page(request, 422, error=str(refused), text=text)
    return _back(me, other)


async def follow(request: Request, form: dict[str, str]) -> Response:
    """Follow the other, or stop."""
    me, other = _person(request), _person(request, "other")
    change = _world(request).follow if form.get("follow") == "yes" else _world(request).unfollow
    change(me.id, other.id)
    return _back(me, other)


async def accept(request: Request, form: dict[str, str]) -> Response:
    """Open or close one's DMs."""
    me = _person(request)
    _world(request).accept_dms(me.id, form.get("accept") == "yes")
    return RedirectResponse(f"/phone/{me.handle}/", 303, HEADERS)


async def revoke(request: Request, form: dict[str, str]) -> Response:
    """Let an app no longer act for one."""
    me = _person(request)
    if _world(request).app(form.get("app", "")) is None:
        raise HTTPException(404)
    _world(request).revoke_consent(me.id, form["app"])
    return RedirectResponse(f"/phone/{me.handle}/#apps", 303, HEADERS)


async def block(request: Request, form: dict[str, str]) -> Response:
    """Block the other, or take it back."""
    me, other = _person(request), _person(request, "other")
    change = _world(request).block if form.get("block") == "yes" else _world(request).unblock
    change(me.id, other.id)
    return _back(me, other)


def _back(me: User, other: User) -> Response:
    return RedirectResponse(f"/phone/{me.handle}/with/{other.handle}/#newest", 303, HEADERS)


async def avatar(request: Request) -> Response:
    """/avatars/<id>.svg: a user's picture on the phone."""
    return Response(svg(_pictured(request)), 200, PICTURE, "image/svg+xml")


async def avatar_png(request: Request) -> Response:
    """/avatars/<id>.png: the picture that X's API names."""
    return Response(png(_pictured(request).id), 200, PICTURE, "image/png")


def _pictured(request: Request) -> User:
    user = _world(request).user(request.path_params["id"])
    if user is None:
        raise HTTPException(404)
    return user


_PAIR = "/phone/{handle}/with/{other}/"
ROUTES = [
    Route("/phone/", people),
    Route("/phone/{handle}/", person),
    Route("/phone/{handle}/find", find),
    Route("/phone/{handle}/conversations", conversations),
    Route("/phone/{handle}/accept", posting(accept), methods=["POST"]),
    Route("/phone/{handle}/revoke", posting(revoke), methods=["POST"]),
    Route(_PAIR, posting(write), methods=["POST"]),
    Route(_PAIR, conversation),
    Route(_PAIR + "since", since),
    Route(_PAIR + "follow", posting(follow), methods=["POST"]),
    Route(_PAIR + "block", posting(block), methods=["POST"]),
    Route("/avatars/{id:int}.svg", avatar),
    Route("/avatars/{id:int}.png", avatar_png),
    Mount("/phone-static", StaticFiles(directory=HERE / "static")),
]
