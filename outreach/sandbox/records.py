"""What the practice world is made of, and the bounds that X sets to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}", re.ASCII)
LARGEST_ID = 2**63 - 1
LONGEST_TEXT = 10_000  # characters; source: X's DM reference
SNOWFLAKE_EPOCH_MS = 1_288_834_974_657  # source: X's description of its ids
DEFAULT_APP = "sandbox"

# The scopes that the sandbox knows. Source: X's OAuth 2.0 reference.
ACCOUNT_SCOPES = ("dm.read", "dm.write", "tweet.read", "users.read", "follows.read")
SCOPES = frozenset({*ACCOUNT_SCOPES, "follows.write", "media.write", "offline.access"})


class NotAllowed(Exception):  # noqa: N818 - what the world answers, not a fault
    """The world does not allow this; `reason` is a word for tests, the message one for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class User:
    """One person or brand of the practice world."""

    id: int
    handle: str
    name: str
    accepts_dms: bool
    suspended: bool


@dataclass(frozen=True, slots=True)
class DM:
    """One message. `app` is the X app it was sent through; None for one written on the phone."""

    id: int
    sender: int
    recipient: int
    text: str
    created_ms: int
    app: str | None

    @property
    def conversation_id(self) -> str:
        """Return X's id of the two people's conversation."""
        return f"{min(self.sender, self.recipient)}-{max(self.sender, self.recipient)}"


@dataclass(frozen=True, slots=True)
class Token:
    """What a bearer token stands for; `user_id` is None for an app-only one."""

    user_id: int | None
    app: str
    scopes: frozenset[str]
    expires_at: float | None
