"""OAuth 2.0 with X: the consent page's address, and what is exchanged for tokens. No database.

oauthlib writes the requests' bodies; they go over the room's own transport (totals, no redirects,
nothing from the environment), and nothing of them is logged but their outcome.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import requests
from django.conf import settings
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2 import BackendApplicationClient, WebApplicationClient
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import HTTPError

from outreach.x.actions import Pair
from outreach.x.transport import TWEEPY_HOST, Exchange, Timeouts, exchanging, session

log = logging.getLogger("outreach.x")

PAIRS = "/2/oauth2/token"
REVOKE = "/2/oauth2/revoke"
FOR_THE_APP = "/oauth2/token"
# A read that X lets an app make in its own name, and that costs nothing.
APP_ONLY = "/2/activity/subscriptions"

# X answers 'invalid_request' with these words where the standard says 'invalid_grant'.
_NO_LONGER_GOOD = ("value passed for the token", "value passed for the authorization code")
_ABOUT_THE_CLIENT = frozenset({"invalid_client", "unauthorized_client"})
# 404: the address is wrong, or something between us and X answered.
_NOT_NOW = frozenset({404, 408, 425, 429})


@dataclass(frozen=True, slots=True)
class AppKeys:
    """What an X app proves itself with; secrets that it does not have are empty."""

    client_id: str
    client_secret: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)
    consumer_secret: str = field(default="", repr=False)


class OAuthError(Exception):
    """X refused; `word` is its own error word, such as 'invalid_scope', or what we call it."""

    def __init__(self, word: str) -> None:
        self.word = word
        super().__init__(word)


class InvalidGrant(OAuthError):  # noqa: N818  says what is wrong
    """The code or refresh token is used, expired, revoked or never was one."""


class InvalidClient(OAuthError):  # noqa: N818  says what is wrong
    """X does not know the app by this client id and secret."""


class OAuthUnavailable(OAuthError):  # noqa: N818  says what is wrong
    """X did not answer, or not clearly. Whether it did what was asked is not known."""


def authorize_url(app: AppKeys, *, redirect_uri: str, state: str, verifier: str) -> str:
    """The address of X's consent page, with PKCE (S256); the verifier itself stays here."""
    client = WebApplicationClient(app.client_id)
    parameters = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(settings.X_SCOPES),
        "state": state,
        "code_challenge": client.create_code_challenge(verifier, "S256"),
        "code_challenge_method": "S256",
    }
    address: str = add_params_to_uri(settings.X_AUTHORIZE_URL, list(parameters.items()))
    return address


def exchange(app: AppKeys, code: str, *, redirect_uri: str, verifier: str) -> Pair:
    """Exchange the code that a consent ended with for a pair of tokens. Raises OAuthErrors."""
    body = WebApplicationClient(app.client_id).prepare_request_body(
        code=code, redirect_uri=redirect_uri, code_verifier=verifier
    )
    return _pair(app, body)


def refresh(app: AppKeys, refresh_token: str) -> Pair:
    """Exchange a refresh token for another pair; the old one stops working. Raises OAuthErrors."""
    body = WebApplicationClient(app.client_id).prepare_refresh_body(refresh_token=refresh_token)
    return _pair(app, body)


def revoke(app: AppKeys, token: str) -> None:
    """Have X forget a token; one that it does not know any more is no error. Raises OAuthErrors."""
    # oauthlib adds the address only to say it again; ours is the transport's affair.
    _, _, body = WebApplicationClient(app.client_id).prepare_token_revocation_request(
        TWEEPY_HOST + REVOKE, token, token_type_hint=None
    )
    try:
        _post(app, REVOKE, body)
    except InvalidGrant:
        return


def app_token(app: AppKeys) -> str:
    """A token that speaks for the app alone (client credentials). Raises OAuthErrors."""
    body = BackendApplicationClient(app.client_id).prepare_request_body()
    token = _post(app, FOR_THE_APP, body).get("access_token")
    if not isinstance(token, str) or not token:
        raise OAuthUnavailable("unreadable_answer")
    return token


def check_client(app: AppKeys) -> None:
    """Return where X knows the app by its client id and secret. Raises OAuthErrors where not.

    X looks at the app before it looks at the grant, so a grant that is none tells about the app.
    """
    try:
        refresh(app, "a-question-about-the-app")
    except InvalidGrant:
        return


def check_bearer(app: AppKeys) -> None:
    """Return where X accepts the app's bearer token. Raises OAuthErrors where not."""
    response = _send("GET", APP_ONLY, headers={"Authorization": f"Bearer {app.bearer_token}"})
    if response.status_code == requests.codes.unauthorized:
        raise InvalidClient("bearer_token_refused")
    if response.status_code >= 500 or response.status_code in _NOT_NOW:
        raise OAuthUnavailable(f"status_{response.status_code}")
    if response.status_code != requests.codes.ok:
        raise OAuthError(f"status_{response.status_code}")


def _pair(app: AppKeys, body: str) -> Pair:
    # Reckoned from before the call: a token may be thought to end early, never late.
    asked_at = datetime.now(UTC)
    answer = _post(app, PAIRS, body)
    access, new, scope = (answer.get(k) for k in ("access_token", "refresh_token", "scope"))
    if not isinstance(access, str) or not access:
        raise OAuthUnavailable("unreadable_answer")
    seconds = answer.get("expires_in")
    known = isinstance(seconds, int | float) and 0 < seconds < 10**9
    return Pair(
        access_token=access,
        refresh_token=new if isinstance(new, str) else "",
        scopes=tuple(scope.split()) if isinstance(scope, str) else (),
        expires_at=asked_at + timedelta(seconds=float(seconds)) if known else None,  # type: ignore[arg-type]
    )


def _post(app: AppKeys, path: str, body: str) -> dict[str, Any]:
    # RFC 6749, 2.3.1: both are form-encoded before they become a Basic header.
    auth = HTTPBasicAuth(quote(app.client_id, safe=""), quote(app.client_secret, safe=""))
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    response = _send("POST", path, data=body, auth=auth, headers=headers)
    document = _document(response)
    if response.status_code == requests.codes.ok:
        return document
    raise _refusal(response.status_code, document)


def _send(method: str, path: str, **options: Any) -> requests.Response:
    """One exchange with X within the totals. Raises OAuthUnavailable where there was no answer."""
    timeouts = Timeouts(settings.CALL_CONNECT_TIMEOUT, settings.CALL_ANSWER_TIMEOUT)
    failure = ""
    # Raised outside the handler: the exceptions of requests hold the request with its secrets.
    try:
        with exchanging(Exchange(timeouts)):
            response = session(settings.X_API_URL).request(method, TWEEPY_HOST + path, **options)
    except (requests.RequestException, HTTPError, OSError) as error:
        failure = type(error).__name__
    if failure:
        log.warning("%s %s: %s", method, path, failure)
        raise OAuthUnavailable(failure)
    log.info("%s %s: %s", method, path, response.status_code)
    return response


def _refusal(status: int, document: dict[str, Any]) -> OAuthError:
    """What an answer other than 200 means."""
    word = document.get("error")
    said = str(document.get("error_description", "")).lower()
    if not isinstance(word, str):
        word = f"status_{status}"
    word = word[:48]
    if status >= 500 or status in _NOT_NOW or status < 400:
        return OAuthUnavailable(word)
    if word == "invalid_grant" or any(words in said for words in _NO_LONGER_GOOD):
        return InvalidGrant(word)
    if word in _ABOUT_THE_CLIENT or status == requests.codes.unauthorized or _is_99(document):
        return InvalidClient(word)
    # Without a document it came from something between us and X.
    return OAuthError(word) if document else OAuthUnavailable(word)


def _is_99(document: dict[str, Any]) -> bool:
    """Whether X says in its older words that it could not verify the app's credentials."""
    errors = document.get("errors")
    return isinstance(errors, list) and any(
        isinstance(error, dict) and error.get("code") == 99 for error in errors
    )


def _document(response: requests.Response) -> dict[str, Any]:
    try:
        document = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
