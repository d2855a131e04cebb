"""X's limits as sliding windows, counted when a request arrives."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

QUARTER = 15 * 60
DAY = 24 * 60 * 60

SETTING = "limits"


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` requests within any `seconds`, for each user or each X app."""

    limit: int
    seconds: float
    per: Literal["user", "app"]
    header: str = "x-rate-limit"


# Endpoint → its windows. Source: X's rate limit page of August 2026. The per-app limits of reads
# are those of app-only tokens. The first window of a caller's kind fills x-rate-limit-*.
LIMITS: dict[str, tuple[Window, ...]] = {
    "send_dm": (
        Window(15, QUARTER, "user"),
        Window(1440, DAY, "user", "x-user-limit-24hour"),
        Window(1440, DAY, "app", "x-app-limit-24hour"),
    ),
    "dm_events": (Window(15, QUARTER, "user"),),
    "dm_events_with": (Window(15, QUARTER, "user"),),
    "users": (Window(900, QUARTER, "user"), Window(300, QUARTER, "app")),
    "users_by": (Window(900, QUARTER, "user"), Window(300, QUARTER, "app")),
    "followers": (Window(300, QUARTER, "user"), Window(300, QUARTER, "app")),
    "following": (Window(300, QUARTER, "user"), Window(300, QUARTER, "app")),
    "me": (Window(75, QUARTER, "user"),),
    "activity_stream": (Window(450, QUARTER, "app"),),
    "activity_subscribe": (Window(500, QUARTER, "app"),),
    "activity_subscriptions": (Window(500, QUARTER, "app"),),
    "activity_update": (Window(500, QUARTER, "app"),),
    "activity_unsubscribe": (Window(500, QUARTER, "app"),),
    "webhooks": (Window(450, QUARTER, "app"),),
    "webhooks_make": (Window(450, QUARTER, "app"),),
    "webhooks_validate": (Window(450, QUARTER, "app"),),
    "webhooks_remove": (Window(450, QUARTER, "app"),),
    "webhooks_replay": (Window(100, QUARTER, "app"),),
}
# X counts its sends per app over all users; its reads per app only for the app's own token.
SHARED_BY_USERS = frozenset({"send_dm", "activity_subscribe", "activity_subscriptions"})


def parse(document: Any) -> dict[str, tuple[Window, ...]]:
    """Read limits as the control interface takes them: endpoint → list of windows.

    Raises ValueError, saying what is wrong, for anything else.
    """
    if not isinstance(document, dict):
        raise ValueError("limits must be an object: endpoint → list of windows")
    unknown = sorted(set(document) - set(LIMITS))
    if unknown:
        raise ValueError(f"no such endpoint: {', '.join(unknown)}; there are {', '.join(LIMITS)}")
    return {name: tuple(_window(item) for item in _list(value)) for name, value in document.items()}


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("each endpoint takes a list of windows")
    return value


def _window(item: Any) -> Window:
    shape = "a window is {limit: whole number, seconds: number, per: 'user'|'app', header?: text}"
    if not isinstance(item, dict) or not {"limit", "seconds", "per"} <= set(item):
        raise ValueError(shape)
    limit, seconds, per = item["limit"], item["seconds"], item["per"]
    header = item.get("header", "x-rate-limit")
    sound = (
        type(limit) is int
        and limit >= 0
        and type(seconds) in (int, float)
        and 0 < seconds <= 10 * DAY
        and per in ("user", "app")
        and header in ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour")
    )
    if not sound:
        raise ValueError(shape)
    return Window(limit, float(seconds), per, header)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that came in: whether a limit refuses it, and the headers that say so."""

    refused: bool
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of a window is used, and when it opens again where it is closed (Unix time)."""

    endpoint: str
    window: Window
    used: int
    opens_at: float | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one user, or one app, asked of an endpoint: `most` is the fullest each window ever was."""

    per: str
    whose: str
    arrivals: int
    refused: int
    most: tuple[tuple[Window, int], ...]


def _most(moments: list[float], seconds: float) -> int:
    """Return how many moments (ascending) lie in the fullest window, which its beginning is no part of."""
    first = most = 0
    for place, at in enumerate(moments):
        while moments[first] <= at - seconds:
            first += 1
        most = max(most, place - first + 1)
    return most


class Counter:
    """Counts arrivals in the sandbox's file; every method runs inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._stored: str | None = None
        self._limits = LIMITS

    def limits(self) -> dict[str, tuple[Window, ...]]:
        """Return the limits in force: the documented ones, changed by what was set here."""
        row = self._connection.execute(
            "SELECT value FROM settings WHERE key = ?", (SETTING,)
        ).fetchone()
        stored = row[0] if row else None
        if stored != self._stored:
            self._limits = LIMITS | (parse(json.loads(stored)) if stored else {})
            self._stored = stored
        return self._limits

    def arrive(self, endpoint: str, user_id: int | None, app: str, now: float) -> Arrival:
        """Count one request, unless a limit refuses it: a refused one takes up no room."""
        windows = [
            window
            for window in self.limits()[endpoint]
            if (window.per == "user" and user_id is not None)
            or (window.per == "app" and (user_id is None or endpoint in SHARED_BY_USERS))
        ]
        buckets = {window.per: f"{endpoint}/{window.per}/" for window in windows}
        for per in buckets:
            buckets[per] += str(user_id) if per == "user" else app
        last = {bucket: self._last(bucket) for bucket in buckets.values()}
        # A clock that was set back must not make arrivals look older than they are.
        now = max([now, *(at for _, at in last.values())])
        counted = []
        for window in windows:
            bucket = buckets[window.per]
            used, oldest = self._used(bucket, last[bucket][0], now - window.seconds)
            counted.append((window, used, (oldest if used else now) + window.seconds))
        full = {buckets[window.per] for window, used, _ in counted if used >= window.limit}
        refused = bool(full)
        self._connection.executemany(
            "INSERT INTO turned_away VALUES (?, ?)", [(bucket, now) for bucket in sorted(full)]
        )
        if not refused:
            for bucket, (n, _) in last.items():
                self._connection.execute(
                    "INSERT INTO arrivals (bucket, n, at) VALUES (?, ?, ?)", (bucket, n + 1, now)
                )
        headers: dict[str, str] = {}
        for window, used, reset in counted:
            if f"{window.header}-limit" in headers:
                continue
            left = window.limit - used - (0 if refused else 1)
            headers[f"{window.header}-limit"] = str(window.limit)
            headers[f"{window.header}-remaining"] = str(max(left, 0))
            headers[f"{window.header}-reset"] = str(math.ceil(reset))
        return Arrival(refused, headers)

    def standing(self, user_id: int | None, app: str, now: float) -> list[Standing]:
        """Return how the windows of a user, or of an app, stand, without counting anything."""
        found = []
        for endpoint, windows in self.limits().items():
            for window in windows:
                if (window.per == "user") != (user_id is not None):
                    continue
                whose = app if user_id is None else str(user_id)
                bucket = f"{endpoint}/{window.per}/{whose}"
                last, _ = self._last(bucket)
                used, oldest = self._used(bucket, last, now - window.seconds)
                opens_at = oldest + window.seconds if used >= window.limit and used else None
                found.append(Standing(endpoint, window, used, opens_at))
        return found

    def traffic(self, endpoint: str) -> list[Traffic]:
        """Return what arrived there since the beginning, by user and by app."""
        execute = self._connection.execute
        refused = dict(
            execute("SELECT bucket, count(*) FROM turned_away GROUP BY bucket").fetchall()
        )
        found: dict[str, list[float]] = {bucket: [] for bucket in refused}
        for bucket, at in execute("SELECT bucket, at FROM arrivals ORDER BY bucket, n"):
            found.setdefault(bucket, []).append(at)
        traffic = []
        for bucket, moments in sorted(found.items()):
            name, per, whose = bucket.split("/", 2)
            if name == endpoint:
                windows = [window for window in self.limits()[name] if window.per == per]
                most = tuple((window, _most(moments, window.seconds)) for window in windows)
                traffic.append(Traffic(per, whose, len(moments), refused.get(bucket, 0), most))
        return traffic

    def _last(self, bucket: str) -> tuple[int, float]:
        row = self._connection.execute(
            "SELECT n, at FROM arrivals WHERE bucket = ? ORDER BY n DESC LIMIT 1", (bucket,)
        ).fetchone()
        return (row[0], row[1]) if row else (0, 0.0)

    def _used(self, bucket: str, last: int, since: float) -> tuple[int, float]:
        """Return how many arrivals lie after that moment, and when the oldest of them came."""
        row = self._connection.execute(
            "SELECT n, at FROM arrivals WHERE bucket = ? AND at > ? ORDER BY at, n LIMIT 1",
            (bucket, since),
        ).fetchone()
        return (last - row[0] + 1, row[1]) if row else (0, 0.0)

    def forget(self, before: float) -> None:
        """Drop arrivals that no window can reach any more; each bucket keeps its last number."""
        self._connection.execute(
            "DELETE FROM arrivals WHERE at < ? AND n < "
            "(SELECT max(n) FROM arrivals AS newer WHERE newer.bucket = arrivals.bucket)",
            (before,),
        )
        self._connection.execute("DELETE FROM turned_away WHERE at < ?", (before,))
