"""What the sandbox knows: users, who follows and blocks whom, tokens and DMs, in one file.

Plain functions for whoever seeds it: the server's control interface, the demo and tests. Several
processes may hold the same file open; each write is one immediate transaction.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from outreach.sandbox import windows
from outreach.sandbox.records import (
    ACCOUNT_SCOPES,
    DEFAULT_APP,
    DM,
    HANDLE,
    LARGEST_ID,
    LONGEST_TEXT,
    SCOPES,
    SNOWFLAKE_EPOCH_MS,
    NotAllowed,
    Token,
    User,
)
from outreach.sandbox.schema import connect

# The whole face of the practice world, for whoever seeds it.
__all__ = [
    "ACCOUNT_SCOPES",
    "DEFAULT_APP",
    "DM",
    "HANDLE",
    "LARGEST_ID",
    "LONGEST_TEXT",
    "SCOPES",
    "SNOWFLAKE_EPOCH_MS",
    "NotAllowed",
    "State",
    "Token",
    "User",
    "open_state",
]


def open_state(path: str | Path) -> State:
    """Open the practice world kept in that file, making an empty one where there is none."""
    return State(connect(Path(path)))


class State:
    """The practice world. Methods that write raise NotAllowed or ValueError and change nothing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.counter = windows.Counter(connection)

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the file's write lock and commit at the end; inside another such block, do nothing."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    # People

    def add_user(self, id: int, handle: str, name: str, accepts_dms: bool = True) -> User:  # noqa: A002
        """Add a user, or change the one who has that id.

        Raises ValueError for an id or handle that X could not have, or a handle that is taken.
        """
        if type(id) is not int or not 0 < id <= LARGEST_ID:
            raise ValueError("a user id is a positive whole number of up to 19 digits")
        if not isinstance(handle, str) or not HANDLE.fullmatch(handle):
            raise ValueError("a handle is 1 to 15 letters, digits or underscores")
        if not isinstance(name, str) or not 0 < len(name) <= 50:
            raise ValueError("a name is 1 to 50 characters")
        with self.writing():
            try:
                self.connection.execute(
                    "INSERT INTO users (id, handle, name, accepts_dms) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT (id) DO UPDATE SET handle = excluded.handle, "
                    "name = excluded.name, accepts_dms = excluded.accepts_dms",
                    (id, handle, name, int(bool(accepts_dms))),
                )
            except sqlite3.IntegrityError:
                raise ValueError(f"the handle @{handle} belongs to somebody else") from None
        return User(id, handle, name, bool(accepts_dms), False)

    def user(self, user_id: int) -> User | None:
        """Return the user with that id."""
        return self._one_user("id = ?", user_id) if user_id <= LARGEST_ID else None

    def user_by_handle(self, handle: str) -> User | None:
        """Return the user with that handle, whatever its case."""
        return self._one_user("handle = ?", handle)

    def search_users(self, words: str, limit: int = 50) -> list[User]:
        """Return users whose handle or name contains the words; without words, the busiest."""
        sought = words.strip().lstrip("@")
        if sought:
            rows = self.connection.execute(
                "SELECT * FROM users WHERE handle LIKE :like ESCAPE '\\' "
                "OR name LIKE :like ESCAPE '\\' ORDER BY handle LIMIT :limit",
                {"like": "%" + re.sub(r"([\\%_])", r"\\\1", sought) + "%", "limit": limit},
            )
            return [_user(row) for row in rows]
        # The last writers and readers come first; others fill the list up.
        found: dict[int, User] = {}
        recent = self.dms(newest_first=True, limit=500)
        for user_id in (id_ for dm in recent for id_ in (dm.recipient, dm.sender)):
            user = None if user_id in found else self.user(user_id)
            if user is not None:
                found[user_id] = user
        for row in self.connection.execute("SELECT * FROM users ORDER BY handle LIMIT ?", (limit,)):
            found.setdefault(row["id"], _user(row))
        return list(found.values())[:limit]

    def follow(self, source: int, target: int) -> None:
        """Let source follow target; following twice is once."""
        with self.writing():
            self._need(source, target)
            self.connection.execute("INSERT OR IGNORE INTO follows VALUES (?, ?)", (source, target))

    def unfollow(self, source: int, target: int) -> None:
        """Let source no longer follow target."""
        with self.writing():
            self.connection.execute(
                "DELETE FROM follows WHERE source = ? AND target = ?", (source, target)
            )

    def follows(self, source: int, target: int) -> bool:
        """Tell whether source follows target."""
        return self._any("SELECT 1 FROM follows WHERE source = ? AND target = ?", source, target)

    def block(self, source: int, target: int) -> None:
        """Let source block target; as at X, both stop following each other."""
        with self.writing():
            self._need(source, target)
            self.connection.execute("INSERT OR IGNORE INTO blocks VALUES (?, ?)", (source, target))
            self.unfollow(source, target)
            self.unfollow(target, source)

    def unblock(self, source: int, target: int) -> None:
        """Take the block back; nobody follows again by it."""
        with self.writing():
            self.connection.execute(
                "DELETE FROM blocks WHERE source = ? AND target = ?", (source, target)
            )

    def blocks(self, source: int, target: int) -> bool:
        """Tell whether source blocks target."""
        return self._any("SELECT 1 FROM blocks WHERE source = ? AND target = ?", source, target)

    def _blocked(self, one: int, other: int) -> bool:
        """Tell whether either blocks the other."""
        return self._any(
            "SELECT 1 FROM blocks WHERE (source, target) IN (VALUES (?, ?), (?, ?))",
            *(one, other, other, one),
        )

    def accept_dms(self, user_id: int, accepts: bool) -> None:
        """Open or close a user's DMs."""
        with self.writing():
            self._need(user_id)
            self.connection.execute(
                "UPDATE users SET accepts_dms = ? WHERE id = ?", (int(accepts), user_id)
            )

    def followers(self, user_id: int, after: int, limit: int) -> list[User]:
        """Return who follows the user, by id, beginning after that id."""
        rows = self.connection.execute(
            "SELECT users.* FROM follows JOIN users ON users.id = follows.source "
            "WHERE follows.target = ? AND follows.source > ? ORDER BY follows.source LIMIT ?",
            (user_id, after, limit),
        )
        return [_user(row) for row in rows]

    def following(self, user_id: int, after: int, limit: int) -> list[User]:
        """Return whom the user follows, by id, beginning after that id."""
        rows = self.connection.execute(
            "SELECT users.* FROM follows JOIN users ON users.id = follows.target "
            "WHERE follows.source = ? AND follows.target > ? ORDER BY follows.target LIMIT ?",
            (user_id, after, limit),
        )
        return [_user(row) for row in rows]

    # Tokens

    def issue_token(
        self,
        user_id: int | None,
        scopes: Iterable[str] = ACCOUNT_SCOPES,
        *,
        app: str = DEFAULT_APP,
        expires_in: float | None = None,
    ) -> str:
        """Return a new bearer token of that user, or of the app alone; `expires_in` in seconds.

        Raises ValueError for a scope or user that does not exist.
        """
        wanted = set(scopes)
        if not wanted <= SCOPES:
            raise ValueError(f"no such scope: {', '.join(sorted(wanted - SCOPES))}")
        token = secrets.token_urlsafe(48)
        expires_at = None if expires_in is None else time.time() + expires_in
        with self.writing():
            if user_id is not None:
                self._need(user_id)
            self.connection.execute(
                "INSERT INTO tokens VALUES (?, ?, ?, ?, ?)",
                (token, user_id, app, " ".join(sorted(wanted)), expires_at),
            )
        return token

    def revoke_token(self, token: str) -> None:
        """Make the token unknown."""
        with self.writing():
            self.connection.execute("DELETE FROM tokens WHERE token = ?", (token,))

    def token(self, token: str) -> Token | None:
        """Return what the token stands for; None for one that is unknown or expired."""
        row = self.connection.execute(
            "SELECT * FROM tokens WHERE token = ? AND (expires_at IS NULL OR expires_at > ?)",
            (token, time.time()),
        ).fetchone()
        if row is None:
            return None
        return Token(
            row["user_id"], row["app"], frozenset(row["scopes"].split()), row["expires_at"]
        )

    # DMs

    def receives_dm(self, recipient: User, sender: int) -> bool:
        """Tell whether the recipient takes DMs from the sender.

        They do while their DMs are open to those they follow or wrote to, and nobody blocks.
        """
        if recipient.suspended or not recipient.accepts_dms or recipient.id == sender:
            return False
        if self._blocked(recipient.id, sender):
            return False
        return self.follows(recipient.id, sender) or self._any(
            "SELECT 1 FROM dms WHERE sender = ? AND recipient = ? LIMIT 1", recipient.id, sender
        )

    def send_dm(self, sender: int, recipient: int, text: str, app: str | None) -> DM:
        """Keep a message as it came. Whether it may be sent is the caller's to ask first."""
        with self.writing():
            now = time.time_ns() // 1_000_000
            newest = self.connection.execute("SELECT max(id) FROM dms").fetchone()[0] or 0
            dm_id = max((now - SNOWFLAKE_EPOCH_MS) << 22, newest + 1)
            # The stamp is in the id, as at X: a burst's later ids may run ahead of the clock.
            created_ms = (dm_id >> 22) + SNOWFLAKE_EPOCH_MS
            people = (min(sender, recipient), max(sender, recipient), sender, recipient)
            self.connection.execute(
                "INSERT INTO dms (id, low, high, sender, recipient, text, created_ms, app) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (dm_id, *people, text, created_ms, app),
            )
        return DM(dm_id, sender, recipient, text, created_ms, app)

    def write_on_phone(self, sender: int, recipient: int, text: str) -> DM:
        """Let a person write by hand. Raises NotAllowed where the other takes no DMs from them."""
        if not any(char.isprintable() and not char.isspace() for char in text):
            raise NotAllowed("empty", "Write something first.")
        if len(text) > LONGEST_TEXT:
            raise NotAllowed("too_long", f"X takes at most {LONGEST_TEXT:,} characters.")
        with self.writing():
            to = self.user(recipient)
            if to is None or to.suspended or not to.accepts_dms or sender == recipient:
                raise NotAllowed("closed", "This person does not take messages.")
            if self._blocked(recipient, sender):
                raise NotAllowed("blocked", "One of the two has blocked the other.")
            return self.send_dm(sender, recipient, text, None)

    def add_dm(
        self,
        id: int,  # noqa: A002
        sender: int,
        recipient: int,
        text: str,
        *,
        app: str | None = None,
    ) -> None:
        """Put a message of the past there, by its id (which holds its time). Twice is once."""
        milliseconds = (id >> 22) + SNOWFLAKE_EPOCH_MS
        low, high = min(sender, recipient), max(sender, recipient)
        self.connection.execute(
            "INSERT OR IGNORE INTO dms (id, low, high, sender, recipient, text, created_ms, app) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (id, low, high, sender, recipient, text, milliseconds, app),
        )

    def forget(self, user_id: int) -> None:
        """Take away all that ties a user to others: messages, follows, blocks and tokens."""
        with self.writing():
            for statement in (
                "DELETE FROM dms WHERE sender = :user OR recipient = :user",
                "DELETE FROM follows WHERE source = :user OR target = :user",
                "DELETE FROM blocks WHERE source = :user OR target = :user",
                "DELETE FROM tokens WHERE user_id = :user",
            ):
                self.connection.execute(statement, {"user": user_id})

    def dms(
        self,
        *,
        participant: int | None = None,
        other: int | None = None,
        before: int | None = None,
        after: int = 0,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[DM]:
        """Return messages, oldest first unless asked: all, one person's, or those of two."""
        where, values = ["id > :after"], {"after": after, "a": participant, "b": other}
        if participant is not None and other is not None:
            where.append("low = min(:a, :b) AND high = max(:a, :b)")
        elif participant is not None:
            where.append("(sender = :a OR recipient = :a)")
        if before is not None:
            where.append("id < :before")
            values["before"] = before
        order = "DESC" if newest_first else "ASC"
        rows = self.connection.execute(
            f"SELECT * FROM dms WHERE {' AND '.join(where)} ORDER BY id {order} LIMIT :limit",  # noqa: S608
            values | {"limit": -1 if limit is None else limit},
        )
        return [_dm(row) for row in rows]

    def conversations(self, user_id: int) -> list[tuple[User, DM]]:
        """Return whom the user has exchanged messages with, each with the last one, newest first."""
        rows = self.connection.execute(
            "SELECT max(id) AS id, sender, recipient, text, created_ms, app FROM dms "
            "WHERE sender = ? OR recipient = ? GROUP BY low, high ORDER BY max(id) DESC LIMIT 200",
            (user_id, user_id),
        )
        last = [_dm(row) for row in rows]
        others = [self.user(dm.sender + dm.recipient - user_id) for dm in last]
        return [(other, dm) for other, dm in zip(others, last, strict=True) if other is not None]

    # The world

    def set_limits(self, document: Any) -> None:
        """Change limits: endpoint → windows; None brings the documented ones back.

        Raises ValueError for anything that is not limits.
        """
        with self.writing():
            self.connection.execute("DELETE FROM settings WHERE key = ?", (windows.SETTING,))
            if document is not None:
                windows.parse(document)
                self.connection.execute(
                    "INSERT INTO settings VALUES (?, ?)", (windows.SETTING, json.dumps(document))
                )

    def reset(self) -> None:
        """Empty the world."""
        with self.writing():
            for table in ("users", "follows", "blocks", "tokens", "dms", "arrivals", "settings"):
                self.connection.execute(f"DELETE FROM {table}")  # noqa: S608

    def _one_user(self, condition: str, value: int | str) -> User | None:
        row = self.connection.execute(
            f"SELECT * FROM users WHERE {condition}",  # noqa: S608 - conditions are written here
            (value,),
        ).fetchone()
        return _user(row) if row else None

    def _any(self, statement: str, *values: int) -> bool:
        return self.connection.execute(statement, values).fetchone() is not None

    def _need(self, *user_ids: int) -> None:
        for user_id in user_ids:
            if self.user(user_id) is None:
                raise ValueError(f"there is no user {user_id}")


def _user(row: sqlite3.Row) -> User:
    return User(
        row["id"], row["handle"], row["name"], bool(row["accepts_dms"]), bool(row["suspended"])
    )


def _dm(row: sqlite3.Row) -> DM:
    return DM(
        row["id"], row["sender"], row["recipient"], row["text"], row["created_ms"], row["app"]
    )
