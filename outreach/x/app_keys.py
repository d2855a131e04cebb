"""What an X app proves itself with: the installation's from the settings, a brought one's own."""

from __future__ import annotations

from django.conf import settings

from outreach.x.models import XApp
from outreach.x.oauth import AppKeys
from outreach.x.tokens import decrypt

__all__ = ["AppKeys", "is_usable", "keys_of"]


def keys_of(app: XApp) -> AppKeys:
    """The app's client id and secrets, in the clear. Raises tokens.TokenKeyMissing on a wrong key."""
    if app.workspace_id is None:
        return AppKeys(
            client_id=settings.X_CLIENT_ID,
            client_secret=settings.X_CLIENT_SECRET,
            bearer_token=settings.X_BEARER_TOKEN,
            consumer_secret=settings.X_CONSUMER_SECRET,
        )
    return AppKeys(
        client_id=app.client_id,
        client_secret=_opened(app.client_secret),
        bearer_token=_opened(app.bearer_token),
        consumer_secret=_opened(app.consumer_secret),
    )


def is_usable(app: XApp) -> bool:
    """Whether accounts can be connected through it: a client id and secret are there."""
    if app.workspace_id is None:
        return bool(settings.X_CLIENT_ID and settings.X_CLIENT_SECRET)
    return bool(app.client_id and app.client_secret)


def _opened(secret: bytes | memoryview) -> str:
    return decrypt(secret) if bytes(secret) else ""
