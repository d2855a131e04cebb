"""OAuth 2.0 as X has it: tokens for a code, for a refresh token, and for the app itself.

The documents are those of RFC 6749; where X's own words differ, `OAuthWays.x_words` says them.
/oauth2/… without a 2 is the older one: an app's own token, with refusals of an older shape.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from outreach.sandbox.faulty import around
from outreach.sandbox.problems import answer
from outreach.sandbox.records import App
from outreach.sandbox.state import State
from outreach.sandbox.tokens import Issued

LARGEST_FORM = 20_000  # bytes
FORM = "application/x-www-form-urlencoded"
# What holds secrets is kept by nobody on the way (RFC 6749, 5.1).
HEADERS = {"cache-control": "no-store", "pragma": "no-cache"}


class Refused(Exception):  # noqa: N818 - an answer on its way
    """An OAuth error: a word of RFC 6749 and a sentence."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status

    def response(self) -> Response:
        """Return the HTTP answer."""
        headers = dict(HEADERS)
        if self.status == 401:
            headers["www-authenticate"] = 'Basic realm="OAuth 2.0"'
        document = {"error": self.error, "error_description": self.description}
        return answer(self.status, document, headers)


Form = dict[str, str]
Serve = Callable[[State, App, Form], dict[str, Any]]


async def _form(request: Request) -> Form:
    """Return the body's fields. Raises Refused for what is no form, or says a thing twice."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Refused("invalid_request", f"The content type must be {FORM}.")
    try:
        body = await request.body()
        if len(body) > LARGEST_FORM:
            raise Refused("invalid_request", "The body is too large.")
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20)
    except (ClientDisconnect, ValueError):
        raise Refused("invalid_request", "The body is no form.") from None
    if len({name for name, _ in pairs}) < len(pairs):
        raise Refused("invalid_request", "A parameter is there twice.")
    # A parameter without a value counts as left out (RFC 6749, 3.2).
    return {name: value for name, value in pairs if value}


def _need(form: Form, *names: str) -> list[str]:
    for name in names:
        if name not in form:
            raise Refused("invalid_request", f"Missing required parameter [{name}].")
    return [form[name] for name in names]


def _basic(request: Request) -> tuple[str, str] | None:
    """Return the client id and secret of a Basic header; None where there is no such header."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote(name), unquote(secret)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _client(state: State, request: Request, form: Form) -> App:
    """Return the app that asks. Raises Refused for one that does not prove that it is that."""
    given = _basic(request)
    if given is None:
        (client_id,) = _need(form, "client_id")
        app = state.app(client_id)
        if app is None:
            raise Refused("invalid_client", "There is no such client.", 401)
        if app.client_secret:
            raise Refused("unauthorized_client", "Missing valid authorization header", 401)
        return app
    app = state.app(given[0])
    if app is None or not app.client_secret or not _same(app.client_secret, given[1]):
        raise Refused("invalid_client", "The client id or secret is wrong.", 401)
    if form.get("client_id", app.client_id) != app.client_id:
        raise Refused("invalid_request", "The header and the body name two clients.")
    return app


def _serving(name: str, serve: Serve) -> Callable[[Request], Awaitable[Response]]:
    """Return what serves a call of an app: its form, who it is, then what it asks."""

    async def handle(request: Request) -> Response:
        state: State = request.app.state.world
        try:
            form = await _form(request)
            # What a refusal has changed (a code that was tried in vain) stays changed.
            with state.writing():
                try:
                    document = serve(state, _client(state, request, form), form)
                except Refused as refused:
                    return refused.response()
        except Refused as refused:
            return refused.response()
        return answer(200, document, HEADERS)

    return around(name, handle)


def token(state: State, app: App, form: Form) -> dict[str, Any]:
    """POST /2/oauth2/token: a pair of tokens."""
    (grant_type,) = _need(form, "grant_type")
    if grant_type == "authorization_code":
        code, redirect_uri, verifier = _need(form, "code", "redirect_uri", "code_verifier")
        issued = state.exchange_code(app, code, redirect_uri, verifier)
        if issued is None:
            raise _not_good(state, "authorization code")
        return _pair(issued)
    if grant_type == "refresh_token":
        (old,) = _need(form, "refresh_token")
        issued = state.refresh(app, old)
        if issued is None:
            raise _not_good(state, "token")
        return _pair(issued)
    raise Refused("unsupported_grant_type", f"There is no grant type {grant_type[:50]}.")


def _pair(issued: Issued) -> dict[str, Any]:
    document: dict[str, Any] = {
        "token_type": "bearer",
        "expires_in": int(issued.seconds),
        "access_token": issued.access_token,
        "scope": issued.scopes,
    }
    if issued.refresh_token is not None:
        document["refresh_token"] = issued.refresh_token
    return document


def _not_good(state: State, what: str) -> Refused:
    if state.oauth_ways().x_words:
        return Refused("invalid_request", f"Value passed for the {what} was invalid.")
    return Refused("invalid_grant", f"The {what} is unknown, used, expired or not this client's.")


def revoke(state: State, app: App, form: Form) -> dict[str, Any]:
    """POST /2/oauth2/revoke: forget a token; one that is not there is as good (RFC 7009, 2.2)."""
    (value,) = _need(form, "token")
    if not state.revoke(app, value) and state.oauth_ways().x_words:
        raise _not_good(state, "token")
    return {"revoked": True}


def _app_only(
    name: str, serve: Callable[[State, App, Form], dict[str, Any] | None]
) -> Callable[[Request], Awaitable[Response]]:
    """Return what serves a call of the older kind; all that is wrong has one answer there."""

    async def handle(request: Request) -> Response:
        state: State = request.app.state.world
        try:
            form = await _form(request)
        except Refused:
            return _unverified()
        given = _basic(request)
        app = state.app(given[0]) if given is not None else None
        if given is None or app is None or not app.client_secret:
            return _unverified()
        if not _same(app.client_secret, given[1]):
            return _unverified()
        with state.writing():
            document = serve(state, app, form)
        return _unverified() if document is None else answer(200, document, HEADERS)

    return around(name, handle)


def _unverified() -> Response:
    """Return X's 403. Source: X's "Application-only authentication", common error cases."""
    error = {"code": 99, "label": "authenticity_token_error"}
    words = {"message": "Unable to verify your credentials"}
    return answer(403, {"errors": [error | words]}, HEADERS)


def app_token(state: State, app: App, form: Form) -> dict[str, Any] | None:
    """POST /oauth2/token: the app's own token, the same until it is invalidated."""
    if form.get("grant_type") != "client_credentials":
        return None
    return {"token_type": "bearer", "access_token": app.bearer_token}


def invalidate(state: State, app: App, form: Form) -> dict[str, Any] | None:
    """POST /oauth2/invalidate_token: the app's own token becomes nobody's."""
    value = form.get("access_token", "")
    if not _same(value, app.bearer_token):
        return None
    state.renew_bearer(app)
    return {"access_token": value}


ROUTES = [
    Route("/2/oauth2/token", _serving("oauth_token", token), methods=["POST"]),
    Route("/2/oauth2/revoke", _serving("oauth_revoke", revoke), methods=["POST"]),
    Route("/oauth2/token", _app_only("oauth_app_token", app_token), methods=["POST"]),
    Route("/oauth2/invalidate_token", _app_only("oauth_invalidate", invalidate), methods=["POST"]),
]
