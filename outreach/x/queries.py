"""Reads about X accounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from outreach.ground.clock import now
from outreach.ground.scope import Scope
from outreach.x import health, refreshing
from outreach.x.actions import INSTALLATION_APP
from outreach.x.app_keys import is_usable
from outreach.x.client import Retries, Timeouts, XClient
from outreach.x.errors import TokenRefused
from outreach.x.hearing import GivenUp, Hearing, given_up, last_heard, sent_dms
from outreach.x.models import AccountState, XAccount, XApp
from outreach.x.prices import price
from outreach.x.subscribing import SUBSCRIPTIONS_AN_ACCOUNT, Room, room_for_accounts
from outreach.x.tokens import decrypt

# What the listener brings, under the room's public face.
__all__ = ["GivenUp", "Hearing", "Room", "given_up", "last_heard", "room_for_accounts", "sent_dms"]

T = TypeVar("T")
NEW = refreshing.Refreshed.NEW


def accounts_of(scope: Scope) -> list[XAccount]:
    """The workspace's X accounts by handle. One query."""
    return list(XAccount.objects.of(scope).select_related("app", "token").order_by("handle"))


def apps_of(scope: Scope) -> QuerySet[XApp]:
    """The X apps that the workspace may connect accounts through: the installation's and its own."""
    mine = Q(workspace__isnull=True) | Q(workspace_id=scope.workspace_id)
    return XApp.objects.filter(mine).order_by("workspace_id", "name", "pk")


def installations_app() -> XApp:
    """The installation's own app; a row not yet stored where nobody connected through it."""
    own = XApp.objects.filter(workspace__isnull=True).order_by("pk").first()
    return own or XApp(workspace=None, name=INSTALLATION_APP)


@dataclass(frozen=True, slots=True)
class AppChoice:
    """An X app to connect through. `value` is what a form names it by; the installation's is ''."""

    value: str
    name: str
    client_id: str
    brought: bool
    usable: bool
    accounts: int  # of this workspace
    connected: int  # of all workspaces
    room: int


def app_choices(scope: Scope) -> list[AppChoice]:
    """The apps of a workspace, the installation's first; that is left out where it has no id.

    One query, or two where nobody connected through the installation's own app yet.
    """
    here = Count("accounts", filter=Q(accounts__workspace_id=scope.workspace_id))
    connected = Count("accounts", filter=~Q(accounts__state=AccountState.DISCONNECTED))
    rows = list(apps_of(scope).annotate(here=here, connected=connected))
    if not any(app.workspace_id is None for app in rows):
        own: Any = installations_app()
        own.here = own.connected = 0
        rows.insert(0, own)
    rows.sort(key=lambda app: app.workspace_id is not None)
    return [
        AppChoice(
            value="" if app.workspace_id is None else str(app.pk),
            name="The installation’s app" if app.workspace_id is None else app.name,
            client_id=app.client_id,
            brought=app.workspace_id is not None,
            usable=is_usable(app),
            accounts=app.here,
            connected=app.connected,
            room=settings.X_SUBSCRIPTIONS_AN_APP // SUBSCRIPTIONS_AN_ACCOUNT,
        )
        for app in rows
    ]


def client_for(account: XAccount, *, retries: Retries | None = None) -> XClient:
    """A client that speaks for this account; its token is refreshed first where it ends soon.

    Never inside a transaction, since X may be asked. Raises tokens.TokenKeyMissing on a wrong key,
    XToken.DoesNotExist where the account is not connected.
    """
    token = refreshing.current(account.pk)
    return XClient(
        decrypt(token.access_token),
        base_url=settings.X_API_URL,
        timeouts=Timeouts(settings.CALL_CONNECT_TIMEOUT, settings.CALL_ANSWER_TIMEOUT),
        generation=token.generation,
        on_call=health.note(account.pk),
        retries=retries,
    )


def reading(
    account: XAccount, call: Callable[[XClient], T], *, retries: Retries | None = None
) -> T:
    """Read something from X for this account; where X refuses the token, once more with another.

    Raises XErrors (TokenRefused where there is no other token, or not yet), and what `client_for`
    raises.
    """
    client = client_for(account, retries=retries)
    try:
        return call(client)
    except TokenRefused:
        seen = client.generation or 0
        if refreshing.refresh(account.pk, seen_generation=seen, refused=True) is not NEW:
            raise
    return call(client_for(account, retries=retries))


def price_of_a_letter() -> str:
    """What one letter costs at X in words, with the look-up before it: such as '3 cents'."""
    today = now().date()
    return price_words(price("send_dm", today) + price("user", today))


def price_words(dollars: Decimal) -> str:
    """A sum in words, rounded up: '3 cents', '$1.13'."""
    cents = (dollars * 100).quantize(Decimal(1), rounding=ROUND_CEILING)
    if cents >= 100:
        return f"${cents / 100:,.2f}"
    return "1 cent" if cents == 1 else f"{cents} cents"
