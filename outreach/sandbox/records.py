"""What the practice world is made of, and the bounds that X sets to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}", re.ASCII)
LARGEST_ID = 2**63 - 1
LONGEST_TEXT = 10_000  # characters; source: X's DM reference
SNOWFLAKE_EPOCH_MS = 1_288_834_974_657  # source: X's description of its ids

# The X app that is always there; the product's settings name it where one practises.
DEFAULT_APP = "sandbox-client"
DEFAULT_APP_SECRET = "sandbox-secret"  # noqa: S105 - of the practice world, and public
DEFAULT_APP_BEARER = "sandbox-bearer"
DEFAULT_APP_CONSUMER_SECRET = "sandbox-consumer-secret"  # noqa: S105
DEFAULT_APP_NAME = "Outreach (practice)"
# A `*` stands for any port.
DEFAULT_APP_REDIRECTS = ("http://127.0.0.1:*/x/callback/", "http://localhost:*/x/callback/")

ACCOUNT_SCOPES = ("dm.read", "dm.write", "tweet.read", "users.read", "follows.read")
# Every scope of X's, and what it lets an app do. Source: X's OAuth 2.0 reference.
SCOPES = {
    "dm.read": "Read your direct messages",
    "dm.write": "Write direct messages in your name",
    "tweet.read": "See the posts that you can see",
    "tweet.write": "Post in your name",
    "tweet.moderate.write": "Hide and unhide replies to your posts",
    "users.read": "See the profiles that you can see",
    "users.email": "Read your e-mail address",
    "follows.read": "See whom you follow and who follows you",
    "follows.write": "Follow and unfollow people for you",
    "offline.access": "Stay connected until you revoke it",
    "media.write": "Upload pictures and videos for you",
    "mute.read": "See whom you muted",
    "mute.write": "Mute and unmute people for you",
    "block.read": "See whom you blocked",
    "block.write": "Block and unblock people for you",
    "like.read": "See what you liked",
    "like.write": "Like posts for you, and take likes back",
    "list.read": "See your lists",
    "list.write": "Make and change lists for you",
    "bookmark.read": "See your bookmarks",
    "bookmark.write": "Bookmark posts for you",
    "space.read": "See the Spaces that you can see",
}


def dm_id_at(milliseconds: int) -> int:
    """Return the least id that a message of that moment (Unix time) can have."""
    return max(milliseconds - SNOWFLAKE_EPOCH_MS, 0) << 22


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


@dataclass(frozen=True, slots=True)
class App:
    """An X app. Money is in millionths of a dollar; None: there is no end to it."""

    client_id: str
    number: int  # X's own id of it, as its events name it
    name: str
    client_secret: str  # empty for a public client
    bearer_token: str
    consumer_secret: str
    redirect_uris: tuple[str, ...]
    credits: int | None
    spending_cap: int | None
    spent: int  # in this UTC month
    usage_cap: int | None  # resources read in a month
    used: int
    month: str  # the one that spent and used belong to, such as 2026-08


@dataclass(frozen=True, slots=True)
class Consent:
    """What a user let an app do, as long as a token of theirs is alive."""

    app: App
    scopes: frozenset[str]
    since: float  # Unix time of the oldest living token
