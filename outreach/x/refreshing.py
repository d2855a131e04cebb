"""Another pair of tokens, before the old one ends and when X refuses it, by one process at a time.

The row in XToken is leased for the length of the call: nobody holds a transaction or a lock while X
answers, and a process that dies leaves a lease that ends by itself. What was asked for is named by
its generation, so that whoever comes late sees that another pair is there.
"""

from __future__ import annotations

import enum
import logging
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import BooleanField, ExpressionWrapper, F, Q
from django.db.models.functions import Coalesce
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from outreach.ground.clock import Now
from outreach.ground.writes import outside_transactions
from outreach.x import actions, oauth
from outreach.x.app_keys import keys_of
from outreach.x.models import MENDED_BY_CONNECTING, PausedBy, XToken
from outreach.x.tokens import TokenKeyMissing, decrypt

log = logging.getLogger("outreach.x")

REVOKED = (
    "X no longer accepts the connection. An administrator must connect the account again: "
    "Settings, X accounts."
)
UNREADABLE = "Its token cannot be read: the key it was encrypted with is not in TOKEN_KEYS."
APP_REFUSED = (
    "X does not accept the X app's client id and secret any more, so the connection ended. "
    "An administrator must mend the app and connect the account again."
)
REFUSED_ALL_THE_SAME = (
    "X refuses even the token that it gave out a moment ago. An administrator must check the X app "
    "at X and connect the account again."
)
REFUSED_AGAIN = timedelta(seconds=60)


class Refreshed(enum.Enum):
    """How it ended."""

    NEW = "another pair is stored, by us or by another process"
    BUSY = "another process is at it"
    REFUSED = "the account is paused, with a reason; its administrators are told"
    LATER = "X did not answer; the pair that is there stays"


@outside_transactions
def refresh(account_id: int, *, seen_generation: int, refused: bool = False) -> Refreshed:
    """Get another pair for the one of that generation, unless somebody has or is about to.

    `refused`: X answered a call with 401. A pair refused soon after another one was would be
    replaced for ever, so the account is paused instead.
    """
    lease = uuid.uuid4()
    if not _leased(account_id, seen_generation, lease):
        return _why_not(account_id, seen_generation)
    if refused and not _first_refusal(account_id, lease):
        return _refused(account_id, seen_generation, PausedBy.TOKEN, REFUSED_ALL_THE_SAME)
    try:
        keys, refresh_token = _take(account_id)
    except TokenKeyMissing:
        return _refused(account_id, seen_generation, PausedBy.KEY, UNREADABLE)
    except XToken.DoesNotExist:
        return Refreshed.REFUSED  # disconnected a moment ago
    if not refresh_token:
        return _refused(account_id, seen_generation, PausedBy.TOKEN, REVOKED)
    try:
        pair = oauth.refresh(keys, refresh_token)
    except oauth.InvalidGrant:
        return _refused(account_id, seen_generation, PausedBy.TOKEN, REVOKED)
    except oauth.OAuthUnavailable:
        _come_back(account_id, lease)
        return Refreshed.LATER
    except oauth.OAuthError as error:
        log.error("account %s: X refuses to refresh its token: %s", account_id, error.word)
        if not _ended(account_id):
            # It may be mended at X or in the environment while the token still serves.
            _come_back(account_id, lease)
            return Refreshed.LATER
        return _refused(account_id, seen_generation, PausedBy.TOKEN, APP_REFUSED)
    # From here on X knows only the new pair: it must be stored.
    if _store(account_id, pair, seen_generation):
        return Refreshed.NEW
    # Connected anew meanwhile, or disconnected: then nobody is to have this pair.
    outcome = _why_not(account_id, seen_generation)
    if outcome is Refreshed.REFUSED:
        give_back(keys, pair.refresh_token, pair.access_token)
    return outcome


def give_back(keys: oauth.AppKeys, *tokens: str) -> bool:
    """Have X forget these tokens; whether it did, for all of them."""
    done = True
    for token in filter(None, tokens):
        try:
            oauth.revoke(keys, token)
        except oauth.OAuthError as error:
            log.warning("a token could not be revoked at X: %s", error.word)
            done = False
    return done


def current(account_id: int) -> XToken:
    """The token to call X with, refreshed first where it ends soon.

    It is the old one while another process refreshes or X does not answer. Raises
    XToken.DoesNotExist where the account is not connected.
    """
    token = _due_or_not(account_id)
    if token.is_due:
        refresh(account_id, seen_generation=token.generation)
        token = _due_or_not(account_id)
    found: XToken = token
    return found


def _leased(account_id: int, generation: int, lease: uuid.UUID) -> bool:
    """Take the lease, where that generation is the one in force and nobody has it."""
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=Now())
    until = Now() + timedelta(seconds=settings.X_REFRESH_LEASE)
    rows = XToken.objects.filter(free, pk=account_id, generation=generation)
    return rows.update(lease=lease, leased_until=until) == 1


def _first_refusal(account_id: int, lease: uuid.UUID) -> bool:
    """Note that X refused a pair before its end; False where it did a moment ago as well."""
    early = XToken.objects.filter(pk=account_id, lease=lease).filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    )
    if early.filter(refused_at__gt=Now() - REFUSED_AGAIN).exists():
        return False
    early.update(refused_at=Now())
    return True


def _why_not(account_id: int, generation: int) -> Refreshed:
    stored = XToken.objects.filter(pk=account_id).values_list("generation", flat=True).first()
    if stored is None:
        return Refreshed.REFUSED  # disconnected
    return Refreshed.BUSY if stored == generation else Refreshed.NEW


def _take(account_id: int) -> tuple[oauth.AppKeys, str]:
    """What to refresh with; an empty token where X gave none. Raises TokenKeyMissing."""
    token = XToken.objects.select_related("account__app").get(pk=account_id)
    refresh_token = bytes(token.refresh_token)
    return keys_of(token.account.app), decrypt(refresh_token) if refresh_token else ""


def _refused(account_id: int, generation: int, by: PausedBy, reason: str) -> Refreshed:
    """Pause the account, unless another pair was stored meanwhile."""
    if actions.pause_refused(account_id, generation=generation, by=by, reason=reason):
        return Refreshed.REFUSED
    return _why_not(account_id, generation)


def _come_back(account_id: int, lease: uuid.UUID) -> None:
    """Keep the lease for a moment, so that nobody asks X at once again."""
    until = Now() + timedelta(seconds=settings.X_REFRESH_RETRY)
    XToken.objects.filter(pk=account_id, lease=lease).update(leased_until=until)


def _ended(account_id: int) -> bool:
    return XToken.objects.filter(pk=account_id, expires_at__lte=Now()).exists()


def _reconnect(_: object) -> None:
    connection.close()


@retry(
    retry=retry_if_exception_type((OperationalError, InterfaceError)),
    wait=wait_exponential_jitter(multiplier=0.1, max=3),
    stop=stop_after_delay(30),
    before_sleep=_reconnect,
    reraise=True,
)
def _store(account_id: int, pair: actions.Pair, generation: int) -> bool:
    """Store what only this process knows; on a new connection where the database's was lost."""
    return actions.store_refreshed(account_id, pair=pair, generation=generation)


def soon() -> list[tuple[int, int, int]]:
    """Tokens that end soon and that may be refreshed: (account, generation, app). One query."""
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=Now())
    return list(
        XToken.objects.filter(free, _due())
        .order_by("expires_at")
        .values_list("pk", "generation", "account__app_id")
    )


def _due() -> Q:
    """A token that ends soon, was used for half its life (or it would be refreshed for ever, where
    X makes them shorter than we look ahead), and that X may still take.
    """
    soon = Q(expires_at__lte=Now() + timedelta(seconds=settings.X_REFRESH_BEFORE))
    half = Q(expires_at__lte=Now() + (Now() - F("stored_at")))
    ended = Q(account__paused_by__in=MENDED_BY_CONNECTING)
    return soon & half & ~Q(refresh_token=b"") & ~ended


def _due_or_not(account_id: int) -> Any:  # an XToken with `is_due`
    due = Coalesce(ExpressionWrapper(_due(), BooleanField()), False)
    return XToken.objects.annotate(is_due=due).get(pk=account_id)
