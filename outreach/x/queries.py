"""Reads about X accounts."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from django.conf import settings

from outreach.ground.clock import now
from outreach.ground.scope import Scope
from outreach.x.client import Timeouts, XClient
from outreach.x.models import XAccount, XToken
from outreach.x.prices import price
from outreach.x.tokens import decrypt


def accounts_of(scope: Scope) -> list[XAccount]:
    """The workspace's X accounts by handle. One query."""
    return list(XAccount.objects.of(scope).select_related("app", "token").order_by("handle"))


def client_for(account: XAccount) -> XClient:
    """A client that speaks for this account.

    Raises tokens.TokenKeyMissing on a wrong key, XToken.DoesNotExist where it is disconnected.
    """
    timeouts = Timeouts(settings.CALL_CONNECT_TIMEOUT, settings.CALL_ANSWER_TIMEOUT)
    token = XToken.objects.get(pk=account.pk)
    return XClient(decrypt(token.access_token), base_url=settings.X_API_URL, timeouts=timeouts)


def price_of_a_letter() -> str:
    """What one letter costs at X in words, with the look-up before it: such as '3 cents'."""
    today = now().date()
    dollars = price("send_dm", today) + price("user", today)
    cents = (dollars * 100).quantize(Decimal(1), rounding=ROUND_CEILING)
    return "1 cent" if cents == 1 else f"{cents} cents"
