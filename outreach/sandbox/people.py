"""The practice world's people: who there is, who follows, mutes and blocks whom."""

from __future__ import annotations

import re
import sqlite3

from outreach.sandbox.records import HANDLE, LARGEST_ID, User
from outreach.sandbox.world import World


class People(World):
    """Users and what ties them. Methods that write raise ValueError and then change nothing."""

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
            before = self.user(id)
            try:
                self.connection.execute(
                    "INSERT INTO users (id, handle, name, accepts_dms) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT (id) DO UPDATE SET handle = excluded.handle, "
                    "name = excluded.name, accepts_dms = excluded.accepts_dms",
                    (id, handle, name, int(bool(accepts_dms))),
                )
            except sqlite3.IntegrityError:
                raise ValueError(f"the handle @{handle} belongs to somebody else") from None
            if before is not None:
                self.connection.execute(
                    "INSERT INTO names (names, rowid, name) VALUES ('delete', ?, ?)",
                    (id, before.name),
                )
            self.connection.execute("INSERT INTO names (rowid, name) VALUES (?, ?)", (id, name))
        return User(id, handle, name, bool(accepts_dms), False)

    def user(self, user_id: int) -> User | None:
        """Return the user with that id."""
        return self._one_user("id = ?", user_id) if user_id <= LARGEST_ID else None

    def user_by_handle(self, handle: str) -> User | None:
        """Return the user with that handle, whatever its case."""
        return self._one_user("handle = ?", handle)

    def search_users(self, words: str, limit: int = 50) -> list[User]:
        """Return users whose handle, or a word of whose name, begins with what was typed.

        Without words, the busiest: who wrote or was written to last. Both are looked up in
        indexes, so that a million users are searched in the time that one keystroke may take.
        """
        found: dict[int, User] = {}
        sought = words.strip().lstrip("@")
        if sought:
            for row in self._by_handle(sought, limit) + self._by_name(sought, limit):
                found.setdefault(row["id"], _user(row))
            return list(found.values())[:limit]
        recent = self.connection.execute(
            "SELECT sender, recipient FROM dms ORDER BY id DESC LIMIT 500"
        )
        for user_id in (id_ for dm in recent for id_ in (dm["recipient"], dm["sender"])):
            user = None if user_id in found else self.user(user_id)
            if user is not None:
                found[user_id] = user
        for row in self.connection.execute("SELECT * FROM users ORDER BY handle LIMIT ?", (limit,)):
            found.setdefault(row["id"], _user(row))
        return list(found.values())[:limit]

    def _by_handle(self, sought: str, limit: int) -> list[sqlite3.Row]:
        if not HANDLE.fullmatch(sought):
            return []
        # '{' sorts behind every character that a handle may have.
        return self.connection.execute(
            "SELECT * FROM users WHERE handle >= ? AND handle < ? ORDER BY handle LIMIT ?",
            (sought, sought + "{", limit),
        ).fetchall()

    def _by_name(self, sought: str, limit: int) -> list[sqlite3.Row]:
        words = re.findall(r"\w+", sought)
        if not words:
            return []
        # Each word is quoted, so that none is taken for a word of the search's own language.
        question = " ".join(f'"{word}"*' for word in words)
        return self.connection.execute(
            "SELECT users.* FROM names JOIN users ON users.id = names.rowid "
            "WHERE names MATCH ? ORDER BY names.rowid LIMIT ?",
            (question, limit),
        ).fetchall()

    def follow(self, source: int, target: int) -> None:
        """Let source follow target; following twice is once."""
        with self.writing():
            self._need(source, target)
            new = self.connection.execute(
                "INSERT OR IGNORE INTO follows VALUES (?, ?)", (source, target)
            )
            if new.rowcount:
                self.activity.followed(source, target, still=True)

    def unfollow(self, source: int, target: int) -> None:
        """Let source no longer follow target."""
        with self.writing():
            gone = self.connection.execute(
                "DELETE FROM follows WHERE source = ? AND target = ?", (source, target)
            )
            if gone.rowcount:
                self.activity.followed(source, target, still=False)

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

    def mute(self, source: int, target: int, *, muted: bool = True) -> None:
        """Let source mute target or not; the other is told nothing, and nothing else changes."""
        with self.writing():
            self._need(source, target)
            statement = (
                "INSERT OR IGNORE INTO mutes VALUES (?, ?)"
                if muted
                else "DELETE FROM mutes WHERE source = ? AND target = ?"
            )
            self.connection.execute(statement, (source, target))

    def mutes(self, source: int, target: int) -> bool:
        """Tell whether source mutes target."""
        return self._any("SELECT 1 FROM mutes WHERE source = ? AND target = ?", source, target)

    def accept_dms(self, user_id: int, accepts: bool) -> None:
        """Open or close a user's DMs."""
        with self.writing():
            self._need(user_id)
            self.connection.execute(
                "UPDATE users SET accepts_dms = ? WHERE id = ?", (int(accepts), user_id)
            )

    def suspend(self, user_id: int, suspended: bool) -> None:
        """Suspend a user, or let them back in; what ties them to others stays."""
        with self.writing():
            self._need(user_id)
            self.connection.execute(
                "UPDATE users SET suspended = ? WHERE id = ?", (int(suspended), user_id)
            )

    def followers(self, user_id: int, after: int, limit: int) -> list[User]:
        """Return who follows the user, by id, beginning after that id; nobody suspended."""
        rows = self.connection.execute(
            "SELECT users.* FROM follows JOIN users ON users.id = follows.source "
            "WHERE follows.target = ? AND follows.source > ? AND NOT users.suspended "
            "ORDER BY follows.source LIMIT ?",
            (user_id, after, limit),
        )
        return [_user(row) for row in rows]

    def following(self, user_id: int, after: int, limit: int) -> list[User]:
        """Return whom the user follows, by id, beginning after that id; nobody suspended."""
        rows = self.connection.execute(
            "SELECT users.* FROM follows JOIN users ON users.id = follows.target "
            "WHERE follows.source = ? AND follows.target > ? AND NOT users.suspended "
            "ORDER BY follows.target LIMIT ?",
            (user_id, after, limit),
        )
        return [_user(row) for row in rows]

    def metrics(self, user_id: int) -> dict[str, int]:
        """Return what X counts of a user; nobody here posts, and the suspended count as well."""
        row = self.connection.execute(
            "SELECT (SELECT count(*) FROM follows WHERE target = :id), "
            "(SELECT count(*) FROM follows WHERE source = :id)",
            {"id": user_id},
        ).fetchone()
        nothing = dict.fromkeys(("tweet_count", "listed_count", "like_count", "media_count"), 0)
        return {"followers_count": row[0], "following_count": row[1]} | nothing

    def _blocked(self, one: int, other: int) -> bool:
        """Tell whether either blocks the other."""
        return self._any(
            "SELECT 1 FROM blocks WHERE (source, target) IN (VALUES (?, ?), (?, ?))",
            *(one, other, other, one),
        )

    def _one_user(self, condition: str, value: int | str) -> User | None:
        row = self.connection.execute(
            f"SELECT * FROM users WHERE {condition}",  # noqa: S608 - conditions are written here
            (value,),
        ).fetchone()
        return _user(row) if row else None

    def _need(self, *user_ids: int) -> None:
        for user_id in user_ids:
            if self.user(user_id) is None:
                raise ValueError(f"there is no user {user_id}")


def _user(row: sqlite3.Row) -> User:
    return User(
        row["id"], row["handle"], row["name"], bool(row["accepts_dms"]), bool(row["suspended"])
    )
