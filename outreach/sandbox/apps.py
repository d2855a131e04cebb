"""X apps: what they prove themselves with, and the money and caps that bound them."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from outreach.sandbox.records import (
    DEFAULT_APP,
    DEFAULT_APP_BEARER,
    DEFAULT_APP_CONSUMER_SECRET,
    DEFAULT_APP_NAME,
    DEFAULT_APP_REDIRECTS,
    DEFAULT_APP_SECRET,
    App,
)
from outreach.sandbox.world import World

MICROS = 1_000_000  # of a dollar
CLIENT_ID = re.compile(r"[\x21-\x7e]{1,200}")
FIRST_NUMBER = 29_000_001
LARGEST = 10**15


class Apps(World):
    """The apps in the file. The default one is always there, also in an emptied world."""

    def app(self, client_id: str) -> App | None:
        """Return the app with that client id."""
        return self._app("client_id = ?", client_id)

    def app_of_bearer(self, token: str) -> App | None:
        """Return the app whose own token this is."""
        return self._app("bearer_token = ?", token)

    def apps(self) -> list[App]:
        """Return all apps, the default one first."""
        rows = self.connection.execute("SELECT * FROM apps ORDER BY number")
        return [_app(row) for row in rows]

    def consumer_secret(self, app: str) -> str:
        """Return the secret with which X signs what it sends to an app's webhooks."""
        found = self.app(app)
        return found.consumer_secret if found is not None else ""

    def put_app(self, client_id: str, given: Mapping[str, Any]) -> App:
        """Make an app, or change what is given of one; secrets that are not given are made up.

        `credits` and `spending_cap` are dollars, `usage_cap` counts resources; None is without end.
        Raises ValueError for what is no app.
        """
        if not isinstance(client_id, str) or not CLIENT_ID.fullmatch(client_id):
            raise ValueError("a client_id is 1 to 200 printable characters without spaces")
        values: dict[str, Any] = {}
        for name in ("name", "client_secret", "bearer_token", "consumer_secret"):
            if name in given:
                values[name] = _text(name, given[name])
        if "redirect_uris" in given:
            values["redirect_uris"] = json.dumps(_addresses(given["redirect_uris"]))
        for name in ("credits", "spending_cap"):
            if name in given:
                values[name] = _money(name, given[name])
        if "usage_cap" in given:
            values["usage_cap"] = _count("usage_cap", given["usage_cap"])
        with self.writing():
            self._ensure(client_id)
            try:
                for name, value in values.items():
                    self.connection.execute(
                        f"UPDATE apps SET {name} = ? WHERE client_id = ?",  # noqa: S608 - names above
                        (value, client_id),
                    )
            except sqlite3.IntegrityError:
                raise ValueError("the bearer token is another app's") from None
        found = self.app(client_id)
        assert found is not None
        return found

    def add_default_app(self) -> None:
        """Put the default app there unless it is."""
        if self.app(DEFAULT_APP) is None:
            self.put_app(
                DEFAULT_APP,
                {
                    "name": DEFAULT_APP_NAME,
                    "client_secret": DEFAULT_APP_SECRET,
                    "bearer_token": DEFAULT_APP_BEARER,
                    "consumer_secret": DEFAULT_APP_CONSUMER_SECRET,
                    "redirect_uris": DEFAULT_APP_REDIRECTS,
                },
            )

    def renew_bearer(self, app: App) -> None:
        """Give the app another token of its own; the old one is nobody's."""
        with self.writing():
            self.connection.execute(
                "UPDATE apps SET bearer_token = ? WHERE client_id = ?",
                (_new_secret(), app.client_id),
            )

    def refused(self, client_id: str) -> str | None:
        """Return what keeps the app from anything that costs: a column's name, or None."""
        row = self.connection.execute(
            "SELECT credits, spending_cap, spent, usage_cap, used, month FROM apps "
            "WHERE client_id = ?",
            (client_id,),
        ).fetchone()
        if row is None:
            return None
        this_month = row["month"] == _month()
        spent, used = (row["spent"], row["used"]) if this_month else (0, 0)
        if row["credits"] is not None and row["credits"] <= 0:
            return "credits"
        if row["spending_cap"] is not None and spent >= row["spending_cap"]:
            return "spending_cap"
        if row["usage_cap"] is not None and used >= row["usage_cap"]:
            return "usage_cap"
        return None

    def charge(self, client_id: str, micros: int, resources: int) -> None:
        """Take what a request cost. As at X, the last one may leave less than nothing."""
        self.connection.execute(
            "UPDATE apps SET spent = iif(month = :month, spent, 0) + :micros, "
            "used = iif(month = :month, used, 0) + :resources, "
            "credits = credits - :micros, month = :month WHERE client_id = :app",
            {"month": _month(), "micros": micros, "resources": resources, "app": client_id},
        )

    def _ensure(self, client_id: str) -> None:
        """Put an app there that is named for the first time."""
        self.connection.execute(
            "INSERT OR IGNORE INTO apps (number, client_id, name, client_secret, bearer_token, "
            "consumer_secret, redirect_uris) VALUES "
            "((SELECT max(ifnull(max(number), 0) + 1, ?) FROM apps), ?, ?, ?, ?, ?, '[]')",
            (FIRST_NUMBER, client_id, client_id) + (_new_secret(), _new_secret(), _new_secret()),
        )

    def _app(self, condition: str, value: str) -> App | None:
        row = self.connection.execute(
            f"SELECT * FROM apps WHERE {condition}",  # noqa: S608 - conditions are written here
            (value,),
        ).fetchone()
        return _app(row) if row else None


def accepts(app: App, redirect_uri: str) -> bool:
    """Tell whether the app names this address; X compares whole addresses, without patterns.

    Only the practice world's own addresses have `*` for a port.
    """
    return any(
        redirect_uri == allowed
        or (":*/" in allowed and re.fullmatch(_any_port(allowed), redirect_uri) is not None)
        for allowed in app.redirect_uris
    )


def _any_port(allowed: str) -> str:
    return re.escape(allowed).replace(r":\*/", ":[0-9]{1,5}/", 1)


def _app(row: sqlite3.Row) -> App:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row is no mapping
    return App(**values | {"redirect_uris": tuple(json.loads(row["redirect_uris"]))})


def _month() -> str:
    return time.strftime("%Y-%m", time.gmtime())


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > 500 or (not value and name != "client_secret"):
        raise ValueError(f"{name} is text of up to 500 characters")
    return value


def _addresses(value: Any) -> list[str]:
    sound = isinstance(value, list | tuple) and all(
        isinstance(item, str) and re.fullmatch(r"[a-z][a-z0-9+.-]*:[\x21-\x7e]{1,500}", item)
        for item in value
    )
    if not sound:
        raise ValueError("redirect_uris is a list of whole addresses")
    return list(value)


def _money(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= LARGEST / MICROS:
        raise ValueError(f"{name} is a number of dollars, or null")
    micros: int = round(value * MICROS)
    return micros


def _count(name: str, value: Any) -> int | None:
    if value is not None and (type(value) is not int or not 0 <= value <= LARGEST):
        raise ValueError(f"{name} is a whole number, or null")
    return None if value is None else int(value)
