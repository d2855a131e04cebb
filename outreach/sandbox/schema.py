"""The sandbox's one SQLite file: its tables, and how a connection to it is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

# Ids are X's: positive, below 2^63, so they are integer keys here and decimal strings on the wire.
TABLES = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    handle TEXT NOT NULL UNIQUE COLLATE NOCASE,
    name TEXT NOT NULL,
    accepts_dms INTEGER NOT NULL DEFAULT 1,
    suspended INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS follows (
    source INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (source, target)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS follows_by_target ON follows (target, source);
CREATE TABLE IF NOT EXISTS blocks (
    source INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (source, target)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY,
    user_id INTEGER,
    app TEXT NOT NULL,
    scopes TEXT NOT NULL,
    expires_at REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dms (
    id INTEGER PRIMARY KEY,
    low INTEGER NOT NULL,
    high INTEGER NOT NULL,
    sender INTEGER NOT NULL,
    recipient INTEGER NOT NULL,
    text TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    app TEXT
);
CREATE INDEX IF NOT EXISTS dms_by_conversation ON dms (low, high, id);
CREATE INDEX IF NOT EXISTS dms_by_sender ON dms (sender, recipient, id);
CREATE INDEX IF NOT EXISTS dms_by_recipient ON dms (recipient, id);
-- n numbers a bucket's arrivals without a gap, so that counting a window is one look at an index.
CREATE TABLE IF NOT EXISTS arrivals (
    bucket TEXT NOT NULL,
    n INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (bucket, n)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS arrivals_by_time ON arrivals (bucket, at);
CREATE TABLE IF NOT EXISTS settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, making it where it is not there yet.

    What a commit wrote survives the death of this process (WAL hands it to the kernel); surviving
    a power cut is not asked of a practice world, so no commit waits for the disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    # Setting WAL needs a lock of its own; two processes may open a new file at once.
    connection.execute("PRAGMA busy_timeout = 10000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript("BEGIN IMMEDIATE;" + TABLES + "COMMIT;")
    return connection
