"""Addresses of X's own pages, for people to follow. Nothing here is called.

In practice they are the sandbox's, which has pages at the same paths.
"""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings


def compose_address(x_user_id: int, text: str) -> str:
    """Where one begins a DM to that user, with the text filled in.

    Source: X's documentation of direct message deep links (`recipient_id`, `text`).
    """
    site = settings.X_SITE_URL
    return f"{site}/messages/compose?recipient_id={x_user_id}&text={quote(text, safe='')}"


def follow_address(handle: str) -> str:
    """Where one is asked whether to follow that user. Source: X's documentation of web intents."""
    return f"{settings.X_SITE_URL}/intent/follow?screen_name={quote(handle, safe='')}"


def conversation_address(our_x_user_id: int, their_x_user_id: int) -> str:
    """Where one reads the conversation of an account with that user, signed in as the account."""
    return f"{settings.X_SITE_URL}/messages/{our_x_user_id}-{their_x_user_id}"
