"""X's webhooks: addresses that events are posted to, checked before and while they are used.

Posts wait in a table and are taken from it one at a time for each webhook, by whichever process
comes first; what a dead one had taken is tried again by another.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import sqlite3
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from outreach.sandbox.records import SNOWFLAKE_EPOCH_MS

MOST_TRIES = 4
MOST_WEBHOOKS = 5  # of one app; X does not say how many its plans allow beyond 'one or more'
LOCAL = ("127.0.0.1", "localhost", "::1")
SIGNATURE = "x-twitter-webhooks-signature"
# What one process took and did not finish is anybody's again after this.
CLAIM_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that an app's events are posted to while it is valid."""

    id: int
    app: str
    url: str
    valid: bool
    created_ms: int
    checked_at: float


@dataclass(frozen=True, slots=True)
class Post:
    """A body on its way to a webhook."""

    n: int
    webhook: Webhook
    tries: int
    document: str


class Webhooks:
    """Webhooks and posts in the sandbox's file; all inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def webhook(self, app: str, id_: int) -> Webhook | None:
        """Return the app's webhook with that id."""
        row = self._connection.execute(
            "SELECT * FROM webhooks WHERE app = ? AND id = ?", (app, id_)
        ).fetchone()
        return _webhook(row) if row else None

    def webhooks(self, app: str) -> list[Webhook]:
        """Return an app's webhooks, oldest first."""
        rows = self._connection.execute("SELECT * FROM webhooks WHERE app = ? ORDER BY id", (app,))
        return [_webhook(row) for row in rows]

    def add(self, app: str, url: str) -> Webhook | None:
        """Keep a webhook that passed its check; None where the app has this address already."""
        now = time.time_ns() // 1_000_000
        newest = self._connection.execute("SELECT max(id) FROM webhooks").fetchone()[0] or 0
        id_ = max((now - SNOWFLAKE_EPOCH_MS) << 22, newest + 1)
        made = self._connection.execute(
            "INSERT OR IGNORE INTO webhooks VALUES (?, ?, ?, 1, ?, ?)",
            (id_, app, url, now, now / 1000),
        )
        return self.webhook(app, id_) if made.rowcount else None

    def remove(self, app: str, id_: int) -> bool:
        """Remove a webhook with what waits for it; tell whether it was there."""
        gone = self._connection.execute("DELETE FROM webhooks WHERE app = ? AND id = ?", (app, id_))
        if gone.rowcount:
            self._connection.execute("DELETE FROM posts WHERE webhook_id = ?", (id_,))
            self._connection.execute(
                "UPDATE subscriptions SET webhook_id = NULL WHERE webhook_id = ?", (id_,)
            )
        return bool(gone.rowcount)

    def checked(self, id_: int, *, valid: bool) -> None:
        """Note what a check found; an invalid webhook gets nothing until it passes again."""
        self._connection.execute(
            "UPDATE webhooks SET valid = ?, checked_at = ? WHERE id = ?", (valid, time.time(), id_)
        )

    def unchecked_since(self, moment: float) -> list[Webhook]:
        """Return valid webhooks whose last check is older than that."""
        rows = self._connection.execute(
            "SELECT * FROM webhooks WHERE valid AND checked_at < ?", (moment,)
        )
        return [_webhook(row) for row in rows]

    def replay(self, webhook: Webhook, since_ms: int, until_ms: int) -> int:
        """Post again what happened between two moments, both included; return how much it is."""
        made = self._connection.execute(
            "INSERT INTO posts (webhook_id, due_at, document) "
            "SELECT webhook_id, ?, document FROM activity "
            "WHERE webhook_id = ? AND happened_ms BETWEEN ? AND ? ORDER BY n",
            (time.time(), webhook.id, since_ms, until_ms),
        )
        return made.rowcount

    def due(self) -> bool:
        """Tell whether a post is due; no transaction is needed to ask."""
        query = "SELECT 1 FROM posts WHERE due_at <= ? LIMIT 1"
        return self._connection.execute(query, (time.time(),)).fetchone() is not None

    def take(self, busy: Collection[int]) -> list[Post]:
        """Take the oldest due post of each webhook but these; others cannot for CLAIM_SECONDS."""
        now = time.time()
        found = self._connection.execute(
            "SELECT min(posts.n) AS n, posts.tries, posts.document, webhooks.* FROM posts "
            "JOIN webhooks ON webhooks.id = webhook_id WHERE due_at <= ? AND valid "
            "GROUP BY webhook_id",
            (now,),
        ).fetchall()
        rows = [row for row in found if row["id"] not in busy]
        for row in rows:
            self._connection.execute(
                "UPDATE posts SET due_at = ?, tries = tries + 1 WHERE n = ?",
                (now + CLAIM_SECONDS, row["n"]),
            )
        return [Post(row["n"], _webhook(row), row["tries"] + 1, row["document"]) for row in rows]

    def done(self, post: Post, *, taken: bool, retry_seconds: float) -> None:
        """Forget a post that was taken or tried often enough; put others back for later."""
        if taken or post.tries >= MOST_TRIES:
            self._connection.execute("DELETE FROM posts WHERE n = ?", (post.n,))
            return
        later = time.time() + retry_seconds * 2 ** (post.tries - 1)
        self._connection.execute("UPDATE posts SET due_at = ? WHERE n = ?", (later, post.n))


def _webhook(row: sqlite3.Row) -> Webhook:
    return Webhook(
        *(row["id"], row["app"], row["url"], bool(row["valid"])),
        *(row["created_ms"], row["checked_at"]),
    )


def unfit(url: str) -> str | None:
    """Return what is wrong with a webhook's address; None for one that X would take.

    X takes https without a port. This machine's own addresses are taken besides, in any form.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "the address cannot be read"
    if not parts.hostname or parts.fragment or parts.username is not None:
        return "the address needs a host, and neither a user nor a fragment"
    if parts.scheme in ("http", "https") and parts.hostname in LOCAL:
        return None
    if parts.scheme != "https":
        return "the address must be https"
    return "the address cannot have a port" if port is not None else None


def sign(secret: str, data: bytes) -> str:
    """Return X's signature of a body, or of a challenge."""
    mac = hmac.new(secret.encode(), data, hashlib.sha256).digest()
    return "sha256=" + base64.b64encode(mac).decode()


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


def _challenge(url: str, secret: str, seconds: float) -> bool:
    challenge = secrets.token_urlsafe(24)
    joined = f"{url}{'&' if urlsplit(url).query else '?'}{urlencode({'crc_token': challenge})}"
    try:
        with _session() as http:
            response = http.get(joined, timeout=seconds, allow_redirects=False)
        said = response.json()["response_token"] if response.status_code == 200 else None
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return False
    return isinstance(said, str) and hmac.compare_digest(
        said.encode(), sign(secret, challenge.encode()).encode()
    )


async def check(url: str, secret: str, seconds: float) -> bool:
    """Ask an address for the answer to a challenge (CRC); tell whether it knew the secret."""
    return await asyncio.to_thread(_challenge, url, secret, seconds)


def _send(post: Post, secret: str, seconds: float) -> bool:
    body = post.document.encode()
    headers = {"content-type": "application/json", SIGNATURE: sign(secret, body)}
    try:
        with _session() as http:
            response = http.post(
                post.webhook.url, data=body, headers=headers, timeout=seconds, allow_redirects=False
            )
    except requests.RequestException:
        return False
    return 200 <= response.status_code < 300


async def deliver(post: Post, secret: str, seconds: float) -> bool:
    """Post a body, signed; tell whether it was taken within the time."""
    return await asyncio.to_thread(_send, post, secret, seconds)


def job_id() -> str:
    """Return a number for a replay job."""
    return str(secrets.randbelow(2**53))


def webhook_document(item: Webhook, moment: Any) -> dict[str, Any]:
    """Return a webhook as X writes it; `moment` writes a time."""
    return {
        "id": str(item.id),
        "url": item.url,
        "valid": item.valid,
        "created_at": moment(item.created_ms),
    }
