"""X's Activity API from behind: who subscribed to what, and the events that come of it.

An event is stored in the transaction of what it tells of, once for each subscription that it fits,
and is delivered from there: to streams of the app, and to a webhook where the subscription has one.
Shapes: X's "Event payloads" of August 2026, whose users lie in `data` of their own. X has no
example of dm.read; it is told here as the Account Activity API told it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from outreach.sandbox.faults import EVENT, Faults
from outreach.sandbox.links import as_pushed
from outreach.sandbox.records import DM, SNOWFLAKE_EPOCH_MS

SETTING = "activity"
# What has no user in its filter. X's description does not list it as an event type at all.
OF_NOBODY = frozenset({"oauth.revoke"})
# Private events are told to apps that the user let in; the scope is the one that reads them.
PRIVATE = {"dm.sent": "dm.read", "dm.received": "dm.read", "dm.read": "dm.read"}


@dataclass(frozen=True, slots=True)
class Ways:
    """How the sandbox behaves where X's documents disagree, and X's periods, in seconds."""

    keep_alive_seconds: float = 20.0  # source: X's "Handling disconnections"
    crc_seconds: float = 3600.0  # between checks of a webhook; X's "V2 Webhooks API"
    retry_seconds: float = 1.0  # before a failed post is tried again; doubled each time
    answer_seconds: float = 10.0  # what a webhook has for its answer; X's "V2 Webhooks API"
    bare_users: bool = False  # users as the description has them, not within `data`
    signed_ids: bool = False  # negative event_uuids, as in X's examples; the description has none


@dataclass(frozen=True, slots=True)
class Subscription:
    """What an app wants to be told; `user_id` is None for what concerns no one user."""

    id: int
    app: str
    event_type: str
    user_id: int | None
    direction: str
    tag: str | None
    webhook_id: int | None
    created_ms: int
    updated_ms: int

    @property
    def filter(self) -> dict[str, str]:
        """Return the filter as X writes it."""
        found = {} if self.user_id is None else {"user_id": str(self.user_id)}
        return found | ({"direction": self.direction} if self.direction else {})


class Activity:
    """Subscriptions and events in the sandbox's file; all inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, faults: Faults) -> None:
        self._connection = connection
        self._faults = faults
        self._stored: str | None = None
        self._ways = Ways()

    # Settings

    def ways(self) -> Ways:
        """Return how the sandbox behaves now."""
        row = self._connection.execute(
            "SELECT value FROM settings WHERE key = ?", (SETTING,)
        ).fetchone()
        stored = row[0] if row else None
        if stored != self._stored:
            self._ways = Ways(**json.loads(stored)) if stored else Ways()
            self._stored = stored
        return self._ways

    def set_ways(self, changes: Mapping[str, Any]) -> Ways:
        """Change some of them. Raises ValueError for what is none of them."""
        ways = asdict(self.ways())
        for name, value in changes.items():
            kind = bool if isinstance(ways.get(name), bool) else (int, float)
            if name not in ways or not isinstance(value, kind):
                raise ValueError(f"no such setting or value: {name}; there are {', '.join(ways)}")
            if kind is not bool and not 0 < value <= 24 * 3600:
                raise ValueError(f"{name} is more than 0 and at most a day")
            ways[name] = value
        self._connection.execute(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (SETTING, json.dumps(ways)),
        )
        return Ways(**ways)

    # Subscriptions

    def subscribe(
        self,
        app: str,
        event_type: str,
        user_id: int | None,
        direction: str = "",
        tag: str | None = None,
        webhook_id: int | None = None,
    ) -> Subscription | None:
        """Keep a subscription; None where the app has this one already."""
        now = _now_ms()
        id_ = max((now - SNOWFLAKE_EPOCH_MS) << 22, self._newest("subscriptions", "id") + 1)
        row = (id_, app, event_type, user_id, direction, tag, webhook_id, now, now)
        made = self._connection.execute(
            "INSERT OR IGNORE INTO subscriptions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row
        )
        return Subscription(*row) if made.rowcount else None

    def subscriptions(self, app: str, after: int = 0, limit: int = -1) -> list[Subscription]:
        """Return an app's subscriptions, oldest first."""
        rows = self._connection.execute(
            "SELECT * FROM subscriptions WHERE app = ? AND id > ? ORDER BY id LIMIT ?",
            (app, after, limit),
        )
        return [Subscription(*row) for row in rows]

    def subscription(self, app: str, id_: int) -> Subscription | None:
        """Return the app's subscription with that id."""
        row = self._connection.execute(
            "SELECT * FROM subscriptions WHERE app = ? AND id = ?", (app, id_)
        ).fetchone()
        return Subscription(*row) if row else None

    def count(self, app: str) -> int:
        """Return how many subscriptions an app has."""
        query = "SELECT count(*) FROM subscriptions WHERE app = ?"
        return int(self._connection.execute(query, (app,)).fetchone()[0])

    def change(self, id_: int, tag: str | None, webhook_id: int | None) -> None:
        """Give a subscription another tag and webhook."""
        self._connection.execute(
            "UPDATE subscriptions SET tag = ?, webhook_id = ?, updated_ms = ? WHERE id = ?",
            (tag, webhook_id, _now_ms(), id_),
        )

    def unsubscribe(self, app: str, id_: int) -> bool:
        """Remove an app's subscription; tell whether it was there."""
        gone = self._connection.execute(
            "DELETE FROM subscriptions WHERE app = ? AND id = ?", (app, id_)
        )
        return bool(gone.rowcount)

    # What happens

    def followed(self, source: int, target: int, *, still: bool) -> None:
        """Tell that source follows target now, or `still` false: no longer."""
        kind = "follow.follow" if still else "follow.unfollow"
        about = {source: "outbound", target: "inbound"}
        self._tell(
            kind, about, lambda: {"source": self._user(source), "target": self._user(target)}
        )

    def dm_sent(self, dm: DM) -> None:
        """Tell both ends of a message."""
        # Most of the time nobody asked, and a bench sends hundreds in a second.
        if not self._any_about(dm.sender, dm.recipient):
            return

        def payload() -> dict[str, Any]:
            text, entities = as_pushed(dm.text)
            data = {"text": text, "entities": entities}
            message = {"target": {"recipient_id": str(dm.recipient)}, "sender_id": str(dm.sender)}
            event = {
                "type": "message_create",
                "id": str(dm.id),
                "created_timestamp": str(dm.created_ms),
                "message_create": message | {"message_data": data},
            }
            return {"direct_message_events": [event]} | self._users(dm.sender, dm.recipient)

        self._tell("dm.sent", {dm.sender: "outbound"}, payload)
        self._tell("dm.received", {dm.recipient: "inbound"}, payload)

    def dm_read(self, reader: int, writer: int) -> None:
        """Tell the writer, once, that the reader has seen what the writer wrote last."""
        newest = self._connection.execute(
            "SELECT max(id) FROM dms WHERE sender = ? AND recipient = ?", (writer, reader)
        ).fetchone()[0]
        changed = self._connection.execute(
            "INSERT INTO reads SELECT ?, ?, ? WHERE ? IS NOT NULL ON CONFLICT (reader, writer) "
            "DO UPDATE SET last_id = excluded.last_id WHERE excluded.last_id > last_id",
            (reader, writer, newest, newest),
        )
        if not changed.rowcount:
            return
        event = {
            "created_timestamp": str(_now_ms()),
            "sender_id": str(reader),
            "target": {"recipient_id": str(writer)},
            "last_read_event_id": str(newest),
        }
        self._tell(
            "dm.read",
            {writer: "inbound"},
            lambda: {"direct_message_mark_read_events": [event]} | self._users(reader, writer),
        )

    def unread(self, reader: int, writer: int) -> bool:
        """Tell whether the writer wrote something that the reader has not seen."""
        return bool(
            self._connection.execute(
                "SELECT 1 FROM dms WHERE sender = :writer AND recipient = :reader AND id > ifnull("
                "(SELECT last_id FROM reads WHERE reader = :reader AND writer = :writer), 0) LIMIT 1",
                {"reader": reader, "writer": writer},
            ).fetchone()
        )

    def revoked(self, user_id: int, app: str, app_id: str) -> None:
        """Tell an app that a user let it in no longer; its private subscriptions end with that.

        The payload is that of X's example; its `app_id` is a number of X's own.
        """
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        self._tell(
            "oauth.revoke",
            {user_id: ""},
            lambda: {"date_time": moment, "user_id": str(user_id), "app_id": app_id},
            app=app,
        )
        marks = ", ".join("?" * len(PRIVATE))
        self._connection.execute(
            f"DELETE FROM subscriptions WHERE app = ? AND user_id = ? AND event_type IN ({marks})",  # noqa: S608
            (app, user_id, *PRIVATE),
        )

    def _any_about(self, one: int, other: int) -> bool:
        query = "SELECT 1 FROM subscriptions WHERE user_id IN (?, ?) LIMIT 1"
        return self._connection.execute(query, (one, other)).fetchone() is not None

    def _tell(
        self,
        kind: str,
        about: Mapping[int, str],
        payload: Callable[[], dict[str, Any]],
        *,
        app: str | None = None,
    ) -> None:
        """Store an event for each subscription that it fits; `about`: user → direction."""
        marks = ", ".join("?" * len(about))
        found = self._connection.execute(
            f"SELECT * FROM subscriptions WHERE (user_id IN ({marks}) OR user_id IS NULL) "  # noqa: S608
            "AND event_type = ? ORDER BY id",
            (*about, kind),
        ).fetchall()
        for row in found:
            subscription = Subscription(*row)
            # X's filter of an oauth.revoke is empty: the payload says whose it is.
            direction = about.get(subscription.user_id or 0, "")
            if subscription.direction and subscription.direction != direction:
                continue
            if app is None or app == subscription.app:
                self._store(subscription, payload())

    def _store(self, subscription: Subscription, payload: dict[str, Any]) -> None:
        kind, late, copies = subscription.event_type, 0.0, 1
        fault = None
        if self._faults.any_for(kind, EVENT):
            fault = self._faults.ask(kind, EVENT).get("event")
        if fault is not None:
            self._faults.note(kind, fault, accepted=None)
            if fault.name == "event_never":
                return
            late = fault.option("seconds") if fault.name == "event_late" else 0.0
            copies = 2 if fault.name == "event_twice" else 1
        now, n = _now_ms(), self._newest("activity", "n") + 1
        uuid = ((now - SNOWFLAKE_EPOCH_MS) << 22) | (n & 0x3FFFFF)
        filter_ = {} if kind in OF_NOBODY else subscription.filter
        data: dict[str, Any] = {
            "event_uuid": str(-uuid if self.ways().signed_ids else uuid),
            "filter": filter_,
            "event_type": kind,
        }
        if subscription.tag is not None:
            data["tag"] = subscription.tag
        document = json.dumps(
            {"data": data | {"payload": payload}}, ensure_ascii=False, separators=(",", ":")
        )
        due = now + int(late * 1000)
        for copy in range(copies):
            row = (n + copy, subscription.app, uuid, now, due, subscription.webhook_id, document)
            self._connection.execute("INSERT INTO activity VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            if subscription.webhook_id is not None:
                self._connection.execute(
                    "INSERT INTO posts (webhook_id, due_at, document) "
                    "SELECT id, ?, ? FROM webhooks WHERE id = ? AND valid",
                    (due / 1000, document, subscription.webhook_id),
                )

    # Delivery

    def due(self, app: str, since_ms: int, until_ms: int) -> list[sqlite3.Row]:
        """Return an app's deliveries that fall due between two moments, both included."""
        return self._connection.execute(
            "SELECT n, due_ms, document FROM activity "
            "WHERE app = ? AND due_ms BETWEEN ? AND ? ORDER BY due_ms, n",
            (app, since_ms, until_ms),
        ).fetchall()

    def forget(self, before_ms: int) -> None:
        """Drop events that nobody can ask for again."""
        self._connection.execute("DELETE FROM activity WHERE due_ms < ?", (before_ms,))

    # Shapes

    def _user(self, user_id: int) -> dict[str, Any]:
        row = self._connection.execute(
            "SELECT handle, name FROM users WHERE id = ?", (user_id,)
        ).fetchone()
        handle, name = (row[0], row[1]) if row else ("", "")
        user = {"id": str(user_id), "name": name, "username": handle, "protected": False}
        return user if self.ways().bare_users else {"data": user}

    def _users(self, *user_ids: int) -> dict[str, Any]:
        return {"users": {str(user_id): self._user(user_id) for user_id in user_ids}}

    def _newest(self, table: str, column: str) -> int:
        query = f"SELECT max({column}) FROM {table}"  # noqa: S608 - both are written above
        return int(self._connection.execute(query).fetchone()[0] or 0)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
