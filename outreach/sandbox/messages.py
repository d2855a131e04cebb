"""The practice world's messages: who may write to whom, and everything that was accepted."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from outreach.sandbox.people import People
from outreach.sandbox.records import DM, LONGEST_TEXT, SNOWFLAKE_EPOCH_MS, NotAllowed, User


class Messages(People):
    """Direct messages. Texts are kept as they came; what X makes of them is in `links`."""

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
            dm = DM(dm_id, sender, recipient, text, created_ms, app)
            self.activity.dm_sent(dm)
        return dm

    def read(self, reader: int, writer: int) -> None:
        """Let somebody have seen what the other wrote to them."""
        # Looked at first: most of the time there is nothing new, and nothing to write.
        if self.activity.unread(reader, writer):
            with self.writing():
                self.activity.dm_read(reader, writer)

    def write_on_phone(self, sender: int, recipient: int, text: str) -> DM:
        """Let a person write by hand. Raises NotAllowed where the other takes no DMs from them."""
        if not any(char.isprintable() and not char.isspace() for char in text):
            raise NotAllowed("empty", "Write something first.")
        if len(text) > LONGEST_TEXT:
            raise NotAllowed("too_long", f"X takes at most {LONGEST_TEXT:,} characters.")
        with self.writing():
            to, writer = self.user(recipient), self.user(sender)
            if writer is not None and writer.suspended:
                raise NotAllowed("suspended", "Your account is suspended.")
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

    def counts(self) -> dict[str, Any]:
        """Return how much of everything was accepted."""
        execute = self.connection.execute
        rows = execute("SELECT ifnull(app, ''), count(*) FROM dms GROUP BY app").fetchall()
        by_app = {row[0]: row[1] for row in rows}
        tables = ("users", "follows", "blocks")
        counts = {name: execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}  # noqa: S608
        on_phone = by_app.pop("", 0)
        dms = sum(by_app.values()) + on_phone
        return {"dms": dms, "dms_by_app": by_app, "dms_on_phone": on_phone} | counts


def _dm(row: sqlite3.Row) -> DM:
    return DM(
        row["id"], row["sender"], row["recipient"], row["text"], row["created_ms"], row["app"]
    )
