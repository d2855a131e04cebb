"""What every part of the practice world stands on: one connection, one writer at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from outreach.sandbox import windows
from outreach.sandbox.activity import Activity
from outreach.sandbox.faults import Faults
from outreach.sandbox.webhooks import Webhooks


class World:
    """The connection to the file, its write lock, and what others keep in it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.counter = windows.Counter(connection)
        self.faults = Faults(connection)
        self.activity = Activity(connection, self.faults)
        self.webhooks = Webhooks(connection)

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

    def setting(self, key: str) -> str | None:
        """Return a setting as it was stored."""
        row = self.connection.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def store_setting(self, key: str, value: str | None) -> None:
        """Store a setting; None takes it back."""
        with self.writing():
            self.connection.execute("DELETE FROM settings WHERE key = ?", (key,))
            if value is not None:
                self.connection.execute("INSERT INTO settings VALUES (?, ?)", (key, value))

    def _any(self, statement: str, *values: int) -> bool:
        return self.connection.execute(statement, values).fetchone() is not None
