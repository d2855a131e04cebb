"""The sandbox's one SQLite file: its tables, and how a connection to it is opened."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

log = logging.getLogger(__name__)

# Raised with every change to a table that is there already. A file of another version is emptied:
# it holds a practice world, and what fills it (the demo, a test) does so again.
VERSION = 2
# With SQLite's own 2 MB, a million users' indexes are read again and again while they grow.
CACHE_KB = 100_000

# Ids are X's: positive, below 2^63, so they are integer keys here and decimal strings on the wire.
TABLES = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    handle TEXT NOT NULL UNIQUE COLLATE NOCASE,
    name TEXT NOT NULL,
    accepts_dms INTEGER NOT NULL DEFAULT 1,
    suspended INTEGER NOT NULL DEFAULT 0
);
-- The words of names, for finding people by what a word begins with. Whoever writes users writes
-- here too: a trigger takes ten times as long.
CREATE VIRTUAL TABLE IF NOT EXISTS names USING fts5 (
    name, content = 'users', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
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
CREATE TABLE IF NOT EXISTS mutes (
    source INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (source, target)
) WITHOUT ROWID;
-- Money in millionths of a dollar. `month` is the one (UTC) that spent and used belong to.
CREATE TABLE IF NOT EXISTS apps (
    number INTEGER PRIMARY KEY,
    client_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    client_secret TEXT NOT NULL,
    bearer_token TEXT NOT NULL UNIQUE,
    consumer_secret TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    credits INTEGER,
    spending_cap INTEGER,
    spent INTEGER NOT NULL DEFAULT 0,
    usage_cap INTEGER,
    used INTEGER NOT NULL DEFAULT 0,
    month TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY,
    app TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    redirect_uri TEXT NOT NULL,
    scopes TEXT NOT NULL,
    challenge TEXT NOT NULL,
    method TEXT NOT NULL,
    expires_at REAL NOT NULL
) WITHOUT ROWID;
-- `kind` is access or refresh; `grant_id` is shared by the tokens that one consent led to.
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    user_id INTEGER,
    app TEXT NOT NULL,
    scopes TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    issued_at REAL NOT NULL,
    expires_at REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tokens_by_user ON tokens (user_id, app);
CREATE INDEX IF NOT EXISTS tokens_by_grant ON tokens (grant_id);
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
-- What a window refused, of each bucket whose window was full.
CREATE TABLE IF NOT EXISTS turned_away (
    bucket TEXT NOT NULL,
    at REAL NOT NULL
);
-- How often each rule of faults was asked and struck; and what was injected.
CREATE TABLE IF NOT EXISTS fault_counts (
    place INTEGER PRIMARY KEY,
    asked INTEGER NOT NULL,
    fired INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS injected (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    endpoint TEXT NOT NULL,
    fault TEXT NOT NULL,
    accepted INTEGER,
    dm_id INTEGER
);
-- Activity: user_id is NULL for what concerns no one user; direction is '' for both.
CREATE TABLE IF NOT EXISTS subscriptions (
    id INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    event_type TEXT NOT NULL,
    user_id INTEGER,
    direction TEXT NOT NULL,
    tag TEXT,
    webhook_id INTEGER,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS subscriptions_once
    ON subscriptions (app, event_type, ifnull(user_id, 0), direction);
CREATE INDEX IF NOT EXISTS subscriptions_by_user ON subscriptions (user_id, event_type);
-- One row a delivery: an event that comes twice has two, under one uuid.
CREATE TABLE IF NOT EXISTS activity (
    n INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    uuid INTEGER NOT NULL,
    happened_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    webhook_id INTEGER,
    document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS activity_by_time ON activity (app, due_ms, n);
CREATE TABLE IF NOT EXISTS streams (
    id TEXT PRIMARY KEY,
    app TEXT NOT NULL,
    seen_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS webhooks (
    id INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    url TEXT NOT NULL,
    valid INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    checked_at REAL NOT NULL,
    UNIQUE (app, url)
);
-- What is still to be posted; done rows go. `document` is the whole body.
CREATE TABLE IF NOT EXISTS posts (
    n INTEGER PRIMARY KEY,
    webhook_id INTEGER NOT NULL,
    due_at REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS posts_by_time ON posts (due_at);
-- How far somebody has read what the other wrote to them.
CREATE TABLE IF NOT EXISTS reads (
    reader INTEGER NOT NULL,
    writer INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    PRIMARY KEY (reader, writer)
) WITHOUT ROWID;
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
    connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    _make(connection, path)
    return connection


def _make(connection: sqlite3.Connection, path: Path) -> None:
    """Put the tables there, in the place of those of another version."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            if _drop_all(connection):
                log.warning("%s was another version's; it was emptied.", path.name)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        # Statement by statement: executescript() would end the transaction first.
        for statement in TABLES.split(";\n"):
            connection.execute(statement)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _drop_all(connection: sqlite3.Connection) -> bool:
    """Drop every table; tell whether there was one."""
    found = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' "
        "ORDER BY sql LIKE 'CREATE VIRTUAL%' DESC"
    ).fetchall()
    for (name,) in found:
        # With a virtual table go those that it is kept in.
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    return bool(found)


def empty(connection: sqlite3.Connection) -> None:
    """Delete every row, inside the caller's transaction."""
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'names%'"
    ).fetchall()
    for (table,) in tables:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own tables
    connection.execute("INSERT INTO names (names) VALUES ('delete-all')")
