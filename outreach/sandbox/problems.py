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
        self.described = True  # whether a type of X's is one of its description too

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """Return the HTTP answer."""
        typed = self.described and str(self.document.get("type", "")).startswith(TYPES)
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
    """Return a 404: the user whom the call is about is not there; a 403 where X suspended them."""
    status = 403 if suspended else 404
    return Refusal(status, not_found(parameter, value, suspended=suspended) | {"status": status})


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


def _undescribed(name: str, status: int, title: str, detail: str, **more: str) -> Refusal:
    """Return a refusal whose type X sends and its description does not list."""
    refusal = _untyped(status, title, detail, status, detail)
    refusal.document |= {"type": TYPES + name} | more
    refusal.described = False
    return refusal


def no_credits(account: str) -> Refusal:
    """Return a 402: the app's credits are used up."""
    detail = f"Your enrolled account [{account}] does not have any credits to fulfill this request."
    return _undescribed("credits", 402, "CreditsDepleted", detail, account_id=account)


def spending_capped(account: str, reset: str) -> Refusal:
    """Return a 403: the app has spent what its owner let it spend until that day."""
    detail = (
        f"Your enrolled account [{account}] has reached its billing cycle spend cap. "
        f"API requests will be blocked until the next cycle begins on {reset}."
    )
    more = {"account_id": account, "reset_date": reset}
    return _undescribed("credits", 403, "SpendCapReached", detail, **more)


def usage_capped(account: str) -> Refusal:
    """Return a 429 that no window opens again: the month's resources are used up."""
    more = {"account_id": account, "period": "Monthly", "scope": "Product"}
    detail = "Usage cap exceeded: Monthly product cap"
    return _undescribed("usage-capped", 429, "UsageCapExceeded", detail, **more)


def no_such_page() -> Refusal:
    """Return a 404: no endpoint has this path."""
    return _untyped(404, "Not Found", "There is no such endpoint.", 34, "Page not found.")


def wrong_method() -> Refusal:
    """Return a 405: the endpoint takes other methods."""
    return _untyped(405, "Method Not Allowed", "Method Not Allowed", 86, "Method not allowed.")


def too_large() -> Refusal:
    """Return a 413: the body is larger than any message."""
    return _untyped(413, "Payload Too Large", "The body is too large.", 386, "Too large.")


def over_capacity() -> Refusal:
    """Return a 503."""
    return _untyped(503, "Service Unavailable", "Service Unavailable", 130, "Over capacity.")


def forbidden(detail: str) -> Refusal:
    """Return a 403 for a reason of the activity or webhook endpoints."""
    return _untyped(403, "Forbidden", detail, 220, detail)


def too_many_connections() -> Refusal:
    """Return the 429 of a stream that all its connections are taken of.

    Its type is in X's documentation and not in its description, hence the code and the message.
    """
    detail = "This stream is currently at the maximum allowed connection limit."
    refusal = _untyped(429, "ConnectionException", detail, 88, detail)
    refusal.document["connection_issue"] = "TooManyConnections"
    refusal.document["type"] = f"{TYPES}streaming-connection"
    refusal.described = False
    return refusal


def no_such_resource(kind: str, parameter: str, value: str) -> Refusal:
    """Return a 404: a subscription or webhook that is not there, or is another app's."""
    return Refusal(
        404,
        {"title": "Not Found Error", "detail": f"Could not find {kind}: [{value}]."}
        | {"type": f"{TYPES}resource-not-found", "status": 404, "resource_type": kind}
        | {"resource_id": value, "parameter": parameter, "value": value},
    )


def unavailable(kind: str, value: str) -> dict[str, Any]:
    """Return the problem that says that X could not read something just now, part of an answer."""
    return {
        "title": "Resource Unavailable Error",
        "detail": f"Could not read {kind}: [{value}].",
        "type": f"{TYPES}resource-unavailable",
        "resource_type": kind,
        "resource_id": value,
    }


def internal_error() -> Refusal:
    """Return a 500: a fault of the sandbox."""
    return Refusal(
        500,
        {"title": "Internal Error", "detail": "The sandbox failed; its log says how."}
        | {"type": f"{TYPES}internal-error", "status": 500},
    )
