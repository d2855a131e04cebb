"""X apps that a workspace brings: tried at X before they are stored."""

from __future__ import annotations

from dataclasses import dataclass, field

from accounts.access import Act, Member
from outreach.ground.writes import outside_transactions
from outreach.x import connections, oauth
from outreach.x.app_keys import AppKeys, keys_of
from outreach.x.models import XApp

SECRETS = ("client_secret", "bearer_token", "consumer_secret")


class Refused(Exception):  # noqa: N818  says what happened
    """X refuses what was entered; `problems` says what, by the name of the field."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__(*problems)


@dataclass(frozen=True, slots=True)
class Entered:
    """What somebody entered; a secret left empty is kept as it was, or not there."""

    name: str
    client_id: str = ""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)


@outside_transactions
def bring(member: Member, entered: Entered) -> XApp:
    """Try an app at X and store it. Raises Refused, connections.AppTaken, oauth.OAuthUnavailable."""
    member.require(Act.ADMINISTER)
    secrets = {name: entered.secrets.get(name, "") for name in SECRETS}
    _try_out(AppKeys(entered.client_id, **secrets), secrets)
    return connections.bring_app(member, name=entered.name, client_id=entered.client_id, **secrets)


@outside_transactions
def change(member: Member, app_id: int, entered: Entered) -> XApp:
    """Try what was entered anew at X and store it.

    Raises XApp.DoesNotExist, Refused, oauth.OAuthUnavailable, tokens.TokenKeyMissing where the
    app's other secrets cannot be read.
    """
    member.require(Act.ADMINISTER)
    app = XApp.objects.get(pk=app_id, workspace_id=member.workspace_id)
    new = {name: entered.secrets.get(name, "") for name in SECRETS}
    if new["client_secret"]:
        # Nothing of the old ones is needed, so a lost key does not stand in the way.
        keys = AppKeys(app.client_id, **new)
    elif any(new.values()):
        old = keys_of(app)
        kept = {name: new[name] or getattr(old, name) for name in SECRETS}
        keys = AppKeys(app.client_id, **kept)
    else:
        keys = AppKeys(app.client_id)
    _try_out(keys, new)
    return connections.change_app(member, app_id, name=entered.name, secrets=new)


def _try_out(keys: AppKeys, new: dict[str, str]) -> None:
    """Ask X about what was entered. The consumer secret is used by X towards us: nobody to ask."""
    asks = {"client_secret": _ask_client, "bearer_token": _ask_bearer}
    answers = {name: ask(keys) for name, ask in asks.items() if new[name]}
    problems = {name: words for name, words in answers.items() if words}
    if problems:
        raise Refused(problems)


def _ask_client(keys: AppKeys) -> str:
    """What X has against the client id and secret; nothing where it takes them."""
    try:
        oauth.check_client(keys)
    except oauth.OAuthUnavailable:
        raise
    except oauth.InvalidClient:
        return (
            "X does not know this client id with this client secret. Copy both again from "
            "‘Keys and tokens’ at X, under OAuth 2.0."
        )
    except oauth.OAuthError as error:
        return f"X did not take the client id and secret; it says: {error.word}."
    return ""


def _ask_bearer(keys: AppKeys) -> str:
    try:
        oauth.check_bearer(keys)
    except oauth.OAuthUnavailable:
        raise
    except oauth.InvalidClient:
        return "X does not accept this bearer token. Make a new one under ‘Keys and tokens’ at X."
    except oauth.OAuthError:
        return (
            "X knows this bearer token and refuses its app the Activity API. Check the app’s plan "
            "at X."
        )
    return ""
