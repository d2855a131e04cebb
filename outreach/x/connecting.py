"""The way of an account to us and away: X's consent page, the tokens, the first look, the farewell.

Network and rows by turns, never a row locked while X answers. What goes wrong is an exception that
a page turns into words; then nothing has changed.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse

from accounts.access import Act, Member
from outreach.ground.writes import outside_transactions
from outreach.x import avatars, connections, oauth, refreshing, subscribing
from outreach.x.actions import Pair
from outreach.x.app_keys import AppKeys, is_usable, keys_of
from outreach.x.client import Timeouts, XClient
from outreach.x.errors import XError
from outreach.x.expenses import open_tab
from outreach.x.models import AccountState, XAccount, XApp
from outreach.x.queries import apps_of
from outreach.x.tokens import TokenKeyMissing, decrypt

log = logging.getLogger("outreach.x")

# Nothing that the product does today needs it.
MAY_BE_MISSING = frozenset({"media.write"})


class AppIncomplete(Exception):  # noqa: N818  says what is wrong
    """The X app has no client id or secret yet."""


class ScopesMissing(Exception):  # noqa: N818
    """X's consent page was left with fewer scopes than the product needs."""

    def __init__(self, scopes: tuple[str, ...]) -> None:
        self.scopes = scopes
        super().__init__(*scopes)


class AnotherAccount(Exception):  # noqa: N818
    """One account was to be connected again, and another one was chosen at X."""

    def __init__(self, wanted: XAccount, chosen: str) -> None:
        self.wanted, self.chosen = wanted, chosen
        super().__init__(wanted.pk, chosen)


class BelongsElsewhere(Exception):  # noqa: N818
    """Another workspace of this installation has the account; `handle` is what X calls it."""

    def __init__(self, handle: str) -> None:
        self.handle = handle
        super().__init__(handle)


@dataclass(frozen=True, slots=True)
class Connected:
    """An account that is connected now; `without` are scopes that X did not grant.

    `unheard`: why X does not tell us yet what happens to it; empty where it does.
    """

    account: XAccount
    without: tuple[str, ...]
    unheard: str = ""


def callback_url() -> str:
    """The one address that X sends people back to; it must be entered at X letter by letter."""
    return str(settings.PUBLIC_URL) + reverse("x_callback")


def begin(member: Member, *, app_id: int | None, account_id: int | None = None) -> str:
    """The address of X's consent page, for an administrator who wants to connect an account.

    `app_id` None: the installation's own app. `account_id`: the account to connect again. Raises
    AppIncomplete, XApp.DoesNotExist, XAccount.DoesNotExist, tokens.TokenKeyMissing.
    """
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    app = XApp(workspace=None) if app_id is None else apps_of(member).get(pk=app_id)
    if not is_usable(app):
        raise AppIncomplete
    keys = keys_of(app)
    connections.begin_consent(
        member, app_id=app.pk, account_id=account_id, state=state, verifier=verifier
    )
    return oauth.authorize_url(keys, redirect_uri=callback_url(), state=state, verifier=verifier)


@outside_transactions
def finish(member: Member, consent_id: int, code: str) -> Connected:
    """Connect the account that was chosen at X, with the code that X sent along.

    Raises ConsentUsed, ConsentExpired, ScopesMissing, AnotherAccount, BelongsElsewhere, OAuthErrors,
    XErrors, tokens.TokenKeyMissing; then nothing has changed but that the consent is used up.
    """
    consent = connections.use_consent(member, consent_id)
    keys = keys_of(consent.app)
    pair = oauth.exchange(
        keys, code, redirect_uri=callback_url(), verifier=decrypt(consent.verifier)
    )
    # RFC 6749, 5.1: where nothing is said, all that was asked for is granted.
    granted = pair.scopes or tuple(settings.X_SCOPES)
    without = tuple(scope for scope in settings.X_SCOPES if scope not in granted)
    if set(without) - MAY_BE_MISSING:
        raise ScopesMissing(without)
    timeouts = Timeouts(settings.CALL_CONNECT_TIMEOUT, settings.CALL_ANSWER_TIMEOUT)
    client = XClient(pair.access_token, base_url=settings.X_API_URL, timeouts=timeouts)
    with open_tab(consent.app_id, None, "user", 1) as tab:
        me = client.me()
        tab.spend(1)
    if consent.account is not None and consent.account.x_user_id != me.id:
        _give_back_unless_connected(keys, pair, me.id)
        raise AnotherAccount(consent.account, me.handle)
    try:
        account = connections.connect_account(
            member,
            app_id=consent.app_id,
            x_user_id=me.id,
            handle=me.handle,
            name=me.name or me.handle,
            pair=Pair(pair.access_token, pair.refresh_token, granted, pair.expires_at),
            avatar=avatars.fetch(me.avatar_url),
        )
    except connections.ConnectedElsewhere:
        raise BelongsElsewhere(me.handle) from None
    return Connected(account, without, _subscribed(account.pk))


def _give_back_unless_connected(keys: AppKeys, pair: Pair, x_user_id: int) -> None:
    """Have X forget the pair of somebody whom nobody wanted to connect.

    Of an account that is connected, here or in another workspace, X keeps it: it might tell us that
    the consent was revoked, and the account would be paused for nothing.
    """
    rows = XAccount.everywhere.filter(x_user_id=x_user_id)
    if not rows.exclude(state=AccountState.DISCONNECTED).exists():
        refreshing.give_back(keys, pair.refresh_token, pair.access_token)


def _subscribed(account_id: int) -> str:
    """Ask X to tell us what happens; why it does not, where it does not. The scheduler tries on."""
    try:
        subscribing.subscribe(account_id)
    except subscribing.NotSubscribed as refused:
        return str(refused)
    except (XError, TokenKeyMissing) as error:
        log.warning("account %s is not subscribed: %s", account_id, type(error).__name__)
        return "X did not take the request. It is made again by itself."
    return ""


def give_up(member: Member, consent_id: int) -> None:
    """X sent no code: the way back is used up. Raises ConsentUsed, ConsentExpired."""
    connections.use_consent(member, consent_id)


@outside_transactions
def disconnect(member: Member, account_id: int) -> bool:
    """Disconnect an account; whether X confirmed that it forgot the tokens.

    They are erased here whatever X says. Raises XAccount.DoesNotExist, NotAllowed.
    """
    member.require(Act.ADMINISTER)
    account = XAccount.objects.of(member).select_related("app").get(pk=account_id)
    try:
        subscribing.unsubscribe(account_id)
    except (subscribing.NotSubscribed, XError, TokenKeyMissing) as error:
        log.warning("account %s is not unsubscribed: %s", account_id, type(error).__name__)
    erased = connections.erase_tokens(member, account_id)
    try:
        keys = keys_of(account.app)
        tokens = [decrypt(each) for each in erased]
    except TokenKeyMissing:
        log.error("account %s: its tokens are erased, and cannot be read to revoke", account_id)
        return False
    return refreshing.give_back(keys, *tokens)
