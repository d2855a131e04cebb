"""What is still missing before an account can be connected through an X app: one line a thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from outreach.ground.writes import outside_transactions
from outreach.x import oauth
from outreach.x.app_keys import keys_of
from outreach.x.connecting import callback_url
from outreach.x.models import XApp
from outreach.x.oauth import AppKeys
from outreach.x.tokens import TokenKeyMissing, encrypt


@dataclass(frozen=True, slots=True)
class Line:
    """One thing: whether it is there (None: nobody could tell), what was seen, how to mend it."""

    name: str
    ok: bool | None
    what: str
    how: str = ""


@outside_transactions
def check(app: XApp) -> list[Line]:
    """Every line, in the order in which one would mend. Asks X; never raises for what is missing."""
    lines = [_address(), _token_keys()]
    try:
        keys = keys_of(app)
    except TokenKeyMissing:
        how = "Add the key to TOKEN_KEYS, or enter the app’s secrets again."
        return [*lines, Line("The app’s secrets", False, "No key opens them.", how)]
    ours = app.workspace_id is None
    client = _client(keys, ours=ours)
    lines.append(client)
    # X that just did not answer is not waited for twice.
    lines.append(_bearer(keys, ours=ours, answering=client.ok is not None))
    lines.append(_consumer(keys, ours=ours))
    return lines


def _address() -> Line:
    name, address = "Callback address", callback_url()
    if settings.PRACTICE:
        return Line(name, True, f"{address} (practice: the sandbox takes it)")
    if urlsplit(address).scheme != "https":
        how = "Set PUBLIC_URL to the https address that people open, and serve it there."
        return Line(name, False, f"{address} is not https; X sends nobody back to it.", how)
    return Line(name, True, f"{address} is https. X must know it letter by letter.")


def _token_keys() -> Line:
    try:
        encrypt("")
    except TokenKeyMissing as missing:
        return Line("Encryption of tokens", False, str(missing), "manage.py doctor says how.")
    return Line("Encryption of tokens", True, "TOKEN_KEYS can be used.")


def _client(keys: AppKeys, *, ours: bool) -> Line:
    name = "Client id and secret"
    if not keys.client_id or not keys.client_secret:
        how = _where(ours, "X_CLIENT_ID and X_CLIENT_SECRET", "the client id and secret")
        return Line(name, False, "Not entered.", how)
    again = _where(ours, "X_CLIENT_ID and X_CLIENT_SECRET", "the client secret")
    return _asked(name, lambda: oauth.check_client(keys), again)


def _bearer(keys: AppKeys, *, ours: bool, answering: bool) -> Line:
    name = "Bearer token"
    how = _where(ours, "X_BEARER_TOKEN", "the bearer token")
    if not keys.bearer_token:
        what = "Not entered: X cannot tell of follows and messages as they happen."
        return Line(name, False, what, how)
    if not answering:
        return _unanswered(name)
    return _asked(name, lambda: oauth.check_bearer(keys), how)


def _consumer(keys: AppKeys, *, ours: bool) -> Line:
    name = "Consumer secret"
    if keys.consumer_secret:
        return Line(name, True, "Entered. X’s signatures on its webhook can be checked.")
    how = _where(ours, "X_CONSUMER_SECRET", "the consumer secret")
    what = "Not entered. Only the webhook needs it; the stream works without."
    return Line(name, None, what, how)


def _asked(name: str, ask: Callable[[], None], how: str) -> Line:
    try:
        ask()
    except oauth.OAuthUnavailable:
        return _unanswered(name)
    except oauth.InvalidClient:
        return Line(name, False, "X does not accept what is entered.", how)
    except oauth.OAuthError as error:
        return Line(name, False, f"X refuses: {error.word}.", "Check the app’s plan at X.")
    return Line(name, True, "X accepts it." if name == "Bearer token" else "X accepts them.")


def _unanswered(name: str) -> Line:
    return Line(name, None, "X did not answer.", "Check again in a minute.")


def _where(ours: bool, variables: str, words: str) -> str:
    if ours:
        return f"Set {variables} in the installation’s environment and restart it."
    return f"Enter {words} in the app’s form."
