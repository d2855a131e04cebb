"""/i/oauth2/authorize: the page on which a user lets an app act for them, or does not.

At X one is signed in; here one says who one is. What is wrong with the app or with its address is
said on the page: X leads nobody to an address that it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from outreach.sandbox.apps import accepts
from outreach.sandbox.phone import HEADERS, page, posting
from outreach.sandbox.records import SCOPES, App, User
from outreach.sandbox.state import State

ADDRESS = "/i/oauth2/authorize"
OFFERED = 5  # people to choose from; anybody else is typed
LONGEST_STATE = 500  # characters; source: X's OAuth 2.0 reference
METHODS = ("S256", "plain")
NAMES = (
    *("response_type", "client_id", "redirect_uri", "scope", "state"),
    *("code_challenge", "code_challenge_method"),
)


class Unknown(Exception):  # noqa: N818 - what the page says
    """The app or its address is not known: nobody is led anywhere. `str()` is for people."""


class Led(Exception):  # noqa: N818 - an answer on its way
    """What is wrong is told to the app: `word` is OAuth's."""

    def __init__(self, word: str, description: str) -> None:
        super().__init__(word)
        self.word = word
        self.description = description


@dataclass(frozen=True, slots=True)
class Asked:
    """What an app asks for, as the address said it."""

    app: App
    redirect_uri: str
    state: str
    given: dict[str, str]

    @property
    def scopes(self) -> list[str]:
        """Return the scopes in the order that they were asked for."""
        return list(dict.fromkeys(self.given.get("scope", "").split()))

    @property
    def method(self) -> str:
        """Return how the verifier was made into the challenge; 'plain' where nothing is said."""
        return self.given.get("code_challenge_method", "plain")

    def back(self, **added: str) -> Response:
        """Lead the browser back to the app."""
        parts = urlsplit(self.redirect_uri)
        query = parse_qsl(parts.query, keep_blank_values=True)
        # X names the state first; an app that sent none gets none back.
        query += [("state", self.state)] if self.state else []
        query += list(added.items())
        return RedirectResponse(
            urlunsplit(parts._replace(query=urlencode(query))), 303, _headers(self.redirect_uri)
        )


def _asked(state: State, given: dict[str, str]) -> Asked:
    """Return what is asked for. Raises Unknown where it cannot be said to the app."""
    app = state.app(given.get("client_id", ""))
    if app is None:
        raise Unknown("There is no X app with this client id.")
    redirect_uri = given.get("redirect_uri", "")
    if not accepts(app, redirect_uri):
        raise Unknown(
            f"{app.name} did not register this callback address: {redirect_uri[:200] or 'none'}."
        )
    return Asked(app, redirect_uri, given.get("state", ""), given)


def _check(asked: Asked) -> None:
    """Raise Led for what the app did wrong."""
    given = asked.given
    if given.get("response_type") != "code":
        raise Led("unsupported_response_type", "response_type must be code.")
    if not 1 <= len(asked.state) <= LONGEST_STATE:
        raise Led("invalid_request", f"state must be 1 to {LONGEST_STATE} characters.")
    if not asked.scopes:
        raise Led("invalid_scope", "No scope is asked for.")
    unknown = [scope for scope in asked.scopes if scope not in SCOPES]
    if unknown:
        raise Led("invalid_scope", f"There is no scope {unknown[0][:50]}.")
    if asked.method not in METHODS:
        raise Led("invalid_request", "code_challenge_method must be S256 or plain.")
    if not 1 <= len(given.get("code_challenge", "")) <= 128:
        raise Led("invalid_request", "code_challenge must be 1 to 128 characters.")


def _headers(redirect_uri: str) -> dict[str, str]:
    """Return the phone's headers, with a form that may end at the app's address.

    Browsers hold a form's redirects to form-action too.
    """
    parts = urlsplit(redirect_uri)
    target = f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
    policy = HEADERS["content-security-policy"]
    policy = policy.replace("form-action 'self'", f"form-action 'self' {target}")
    return HEADERS | {"content-security-policy": policy}


async def authorize(request: Request) -> Response:
    """GET: the page."""
    state: State = request.app.state.world
    given = {name: request.query_params[name] for name in NAMES if name in request.query_params}
    try:
        asked = _asked(state, given)
        _check(asked)
    except Unknown as unknown:
        return _refused(unknown)
    except Led as led:
        return asked.back(error=led.word, error_description=led.description)
    return _page(state, asked)


async def decide(request: Request, form: dict[str, str]) -> Response:
    """POST: what was chosen on it."""
    state: State = request.app.state.world
    try:
        asked = _asked(state, {name: form[name] for name in NAMES if form.get(name)})
        _check(asked)
    except Unknown as unknown:
        return _refused(unknown)
    except Led as led:
        return asked.back(error=led.word, error_description=led.description)
    if form.get("decision") != "authorize":
        return asked.back(error="access_denied")
    typed = form.get("handle", "").strip().lstrip("@")[:50]
    chosen = typed or form.get("as", "")
    user = state.user_by_handle(chosen) if chosen else None
    if user is None:
        wrong = f"Nobody here is called @{chosen}." if chosen else "Say who you are first."
        return _page(state, asked, 422, error=wrong, typed=typed)
    if user.suspended:
        return _page(state, asked, 422, error=f"@{user.handle} is suspended.", typed=typed)
    challenge = asked.given["code_challenge"]
    code = state.grant_code(
        asked.app, user.id, asked.redirect_uri, asked.scopes, challenge, asked.method
    )
    return asked.back(code=code)


def _page(
    state: State, asked: Asked, status: int = 200, *, error: str = "", typed: str = ""
) -> Response:
    people = _offered(state)
    response = page(
        "consent.html",
        status,
        asked=asked,
        host=urlsplit(asked.redirect_uri).netloc or asked.redirect_uri,
        names=NAMES,
        words=SCOPES,
        people=people,
        likely=_likely(state, people),
        error=error,
        typed=typed,
    )
    response.headers.update(_headers(asked.redirect_uri))
    return response


def _offered(state: State) -> list[User]:
    """Return who is likely to be at the page: those connected before, then the busiest."""
    connected = (state.user(user_id) for user_id in state.connected_users(OFFERED))
    found = {user.id: user for user in connected if user is not None}
    for user in state.search_users("", OFFERED):
        found.setdefault(user.id, user)
    return [user for user in found.values() if not user.suspended][:OFFERED]


def _likely(state: State, people: list[User]) -> str:
    """Return the handle of who is at the page most likely; nobody's where no app acts for any."""
    connected = state.connected_users(OFFERED)
    return next((user.handle for user in people if user.id in connected), "")


def _refused(unknown: Unknown) -> Response:
    return page("refused.html", 400, title="The app cannot be let in", words=str(unknown))


ROUTES = [
    Route(ADDRESS, posting(decide), methods=["POST"]),
    Route(ADDRESS, authorize),
]
