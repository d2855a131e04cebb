"""Refusals in X's shapes.

Where X's description has a problem type, the answer is a problem document of that type. X also
answers with documents of type 'about:blank', which its own description does not list; those go out
as JSON that carries a legacy code and message too, the other shape that the description allows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

TYPES = "https://api.x.com/2/problems/"


class Refusal(Exception):  # noqa: N818 - an answer on its way, not a fault
    """An answer other than success; raised where it is decided, sent by whoever serves the call."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(status)
        self.status = status
        self.document = document

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """Return the HTTP answer."""
        typed = str(self.document.get("type", "")).startswith(TYPES)
        kind = "application/problem+json" if typed else "application/json"
        return answer(self.status, self.document, headers, media_type=kind)


def answer(
    status: int,
    document: Any,
    headers: Mapping[str, str] | None = None,
    *,
    media_type: str = "application/json",
) -> Response:
    """Return a JSON answer."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, headers, media_type)


def _untyped(status: int, title: str, detail: str, code: int, message: str) -> Refusal:
    return Refusal(
        status,
        {"title": title, "detail": detail, "type": "about:blank", "status": status}
        | {"code": code, "message": message},
    )


def invalid_request(message: str, parameter: str = "", value: str = "") -> Refusal:
    """Return a 400: a parameter or the body is not as X wants it."""
    document: dict[str, Any] = {
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": f"{TYPES}invalid-request",
        "status": 400,
        "errors": [{"parameters": {parameter: [value]} if parameter else {}, "message": message}],
    }
    return Refusal(400, document)


def not_found(parameter: str, value: str, *, suspended: bool = False) -> dict[str, Any]:
    """Return the problem that says a user is not there, whole answer or part of one."""
    what = "User has been suspended" if suspended else f"Could not find user with {parameter}"
    return {
        "title": "Forbidden" if suspended else "Not Found Error",
        "detail": f"{what}: [{value}].",
        "type": f"{TYPES}resource-not-found",
        "resource_type": "user",
        "resource_id": value,
        "parameter": parameter,
        "value": value,
    }


def no_such_user(parameter: str, value: str, *, suspended: bool = False) -> Refusal:
    """Return a 404: the user whom the call is about is not there."""
    return Refusal(404, not_found(parameter, value, suspended=suspended) | {"status": 404})


def unauthorized() -> Refusal:
    """Return a 401: no token, or one that is unknown, revoked or expired."""
    return _untyped(401, "Unauthorized", "Unauthorized", 89, "Invalid or expired token.")


def app_only() -> Refusal:
    """Return a 403: an app-only token on an endpoint that needs a user's."""
    detail = "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint."
    return _untyped(403, "Unsupported Authentication", detail, 220, detail)


def missing_scope(scope: str) -> Refusal:
    """Return a 403: the token lacks a scope that the endpoint needs."""
    detail = f"The token lacks a scope that this endpoint needs: {scope}."
    return _untyped(403, "Forbidden", detail, 220, detail)


def no_dms() -> Refusal:
    """Return a 403: X does not tell a closed inbox from a missing follow or a block."""
    detail = "You do not have permission to DM one or more participants."
    return _untyped(403, "Forbidden", detail, 349, "You cannot send messages to this user.")


def suspended() -> Refusal:
    """Return a 403: the account that calls is suspended."""
    detail = "Your account is suspended and is not permitted to access this feature."
    return _untyped(403, "Forbidden", detail, 64, detail)


def too_many_requests() -> Refusal:
    """Return a 429."""
    return _untyped(429, "Too Many Requests", "Too Many Requests", 88, "Rate limit exceeded.")


def no_such_page() -> Refusal:
    """Return a 404: no endpoint has this path."""
    return _untyped(404, "Not Found", "There is no such endpoint.", 34, "Page not found.")


def wrong_method() -> Refusal:
    """Return a 405: the endpoint takes other methods."""
    return _untyped(405, "Method Not Allowed", "Method Not Allowed", 86, "Method not allowed.")


def too_large() -> Refusal:
    """Return a 413: the body is larger than any message."""
    return _untyped(413, "Payload Too Large", "The body is too large.", 386, "Too large.")


def internal_error() -> Refusal:
    """Return a 500: a fault of the sandbox."""
    return Refusal(
        500,
        {"title": "Internal Error", "detail": "The sandbox failed; its log says how."}
        | {"type": f"{TYPES}internal-error", "status": 500},
    )
