"""Tokens and what they come from: a user's consent, a code, and pairs that follow one another."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from outreach.sandbox.apps import Apps
from outreach.sandbox.people import People
from outreach.sandbox.records import ACCOUNT_SCOPES, DEFAULT_APP, SCOPES, App, Consent, Token

SETTING = "oauth"
OFFLINE = "offline.access"
DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class OAuthWays:
    """X's periods in seconds, and how it words a refusal. Source: X's OAuth 2.0 reference."""

    access_seconds: float = 7200.0
    code_seconds: float = 30.0
    # X says 'invalid_request' where the standard says 'invalid_grant', and words of its own.
    x_words: bool = False


@dataclass(frozen=True, slots=True)
class Issued:
    """What a client gets for a code or a refresh token."""

    access_token: str
    refresh_token: str | None
    scopes: str
    seconds: float


class Tokens(Apps, People):
    """Codes, access tokens and refresh tokens. What is revoked, used or expired is unknown."""

    def oauth_ways(self) -> OAuthWays:
        """Return the periods in force."""
        stored = self.setting(SETTING)
        return OAuthWays(**json.loads(stored)) if stored else OAuthWays()

    def set_oauth_ways(self, changes: Mapping[str, Any]) -> OAuthWays:
        """Change some of them, for tokens issued from now on. Raises ValueError."""
        ways = asdict(self.oauth_ways())
        for name, value in changes.items():
            kinds = (bool,) if name == "x_words" else (int, float)
            if name not in ways or type(value) not in kinds:
                raise ValueError(f"no such setting or value: {name}; there are {', '.join(ways)}")
            if name != "x_words" and not 0 < value <= 365 * DAY:
                raise ValueError(f"{name} is more than 0 and at most a year")
            ways[name] = value
        self.store_setting(SETTING, json.dumps(ways))
        return OAuthWays(**ways)

    def issue_token(
        self,
        user_id: int | None,
        scopes: Iterable[str] = ACCOUNT_SCOPES,
        *,
        app: str = DEFAULT_APP,
        expires_in: float | None = None,
    ) -> str:
        """Return a new bearer token of that user, or of the app alone; `expires_in` in seconds.

        Nobody is asked: this is for whoever sets the world up. An app that is named for the first
        time is there afterwards. Raises ValueError for a scope or user that does not exist.
        """
        wanted = set(scopes)
        if not wanted <= SCOPES.keys():
            raise ValueError(f"no such scope: {', '.join(sorted(wanted - SCOPES.keys()))}")
        with self.writing():
            if user_id is not None:
                self._need(user_id)
            self._ensure(app)
            written = " ".join(sorted(wanted))
            return self._new_token("access", user_id, app, written, _unique(), expires_in)

    def issue_pair(self, user_id: int, scopes: Iterable[str], *, app: str = DEFAULT_APP) -> Issued:
        """Return what the user's consent would have brought the app, without asking them.

        Raises ValueError for a user that does not exist.
        """
        with self.writing():
            self._need(user_id)
            self._ensure(app)
            return self._issue_pair(user_id, app, " ".join(sorted(scopes)), _unique())

    def token(self, token: str) -> Token | None:
        """Return what an access token stands for; None for one that is unknown or expired."""
        row = self.connection.execute(
            "SELECT user_id, app, scopes, expires_at FROM tokens WHERE token = ? "
            "AND kind = 'access' AND (expires_at IS NULL OR expires_at > ?)",
            (token, time.time()),
        ).fetchone()
        if row is not None:
            scopes = frozenset(row["scopes"].split())
            return Token(row["user_id"], row["app"], scopes, row["expires_at"])
        app = self.app_of_bearer(token)
        return Token(None, app.client_id, frozenset(), None) if app is not None else None

    def revoke_token(self, token: str) -> None:
        """Make the token unknown, whatever kind it is of."""
        with self.writing():
            self.connection.execute("DELETE FROM tokens WHERE token = ?", (token,))

    def expire_token(self, token: str) -> None:
        """Let an access token have ended a second ago. Raises ValueError for an unknown one."""
        with self.writing():
            if not self._expire("token = ?", token):
                raise ValueError("there is no such access token")

    def expire_tokens(self, user_id: int, app: str) -> int:
        """Let all access tokens of a user for that app have ended; return how many there were."""
        with self.writing():
            return self._expire("user_id = ? AND app = ?", user_id, app)

    def _expire(self, condition: str, *values: str | int) -> int:
        now = time.time()
        return self.connection.execute(
            "UPDATE tokens SET expires_at = ? WHERE kind = 'access' "  # noqa: S608 - written here
            f"AND (expires_at IS NULL OR expires_at > ?) AND {condition}",
            (now - 1, now, *values),
        ).rowcount

    # Consent

    def grant_code(
        self,
        app: App,
        user_id: int,
        redirect_uri: str,
        scopes: Iterable[str],
        challenge: str,
        method: str,
    ) -> str:
        """Return a code for what a user agreed to; it serves once, for a short time."""
        code = _unique()
        now = time.time()
        with self.writing():
            self.connection.execute("DELETE FROM codes WHERE expires_at < ?", (now,))
            self.connection.execute(
                "INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (code, app.client_id, user_id, redirect_uri, " ".join(sorted(set(scopes))))
                + (challenge, method, now + self.oauth_ways().code_seconds),
            )
        return code

    def exchange_code(self, app: App, code: str, redirect_uri: str, verifier: str) -> Issued | None:
        """Return the tokens for a code; None where it is not this client's, or not good any more.

        Its own client has one try: after it the code is gone, whatever came of it.
        """
        with self.writing():
            row = self.connection.execute(
                "SELECT * FROM codes WHERE code = ? AND app = ?", (code, app.client_id)
            ).fetchone()
            if row is None:
                return None
            self.connection.execute("DELETE FROM codes WHERE code = ?", (code,))
            good = (
                row["expires_at"] > time.time()
                and row["redirect_uri"] == redirect_uri
                and _proves(verifier, row["challenge"], row["method"])
            )
            if not good:
                return None
            return self._issue_pair(row["user_id"], app.client_id, row["scopes"], _unique())

    def refresh(self, app: App, refresh_token: str) -> Issued | None:
        """Return a new pair for a refresh token of this client, which is used up by it; or None.

        Access tokens that were given out before live on to their end.
        """
        with self.writing():
            row = self.connection.execute(
                "SELECT * FROM tokens WHERE token = ? AND kind = 'refresh' AND app = ?",
                (refresh_token, app.client_id),
            ).fetchone()
            if row is None:
                return None
            self.connection.execute("DELETE FROM tokens WHERE token = ?", (refresh_token,))
            return self._issue_pair(row["user_id"], app.client_id, row["scopes"], row["grant_id"])

    def revoke(self, app: App, token: str) -> bool:
        """Make a token of this client's unknown; tell whether there was one.

        With a refresh token go the access tokens that came of the same consent.
        """
        with self.writing():
            row = self.connection.execute(
                "SELECT kind, grant_id FROM tokens WHERE token = ? AND app = ?",
                (token, app.client_id),
            ).fetchone()
            if row is None:
                return False
            if row["kind"] == "refresh":
                self.connection.execute("DELETE FROM tokens WHERE grant_id = ?", (row["grant_id"],))
            else:
                self.connection.execute("DELETE FROM tokens WHERE token = ?", (token,))
            return True

    def consents(self, user_id: int) -> list[Consent]:
        """Return which apps may act for the user: those that hold a living token of theirs."""
        rows = self.connection.execute(
            "SELECT app, group_concat(scopes, ' ') AS scopes, min(issued_at) AS since FROM tokens "
            "WHERE user_id = ? AND (expires_at IS NULL OR expires_at > ?) GROUP BY app ORDER BY app",
            (user_id, time.time()),
        ).fetchall()
        found = ((self.app(row["app"]), row) for row in rows)
        return [
            Consent(app, frozenset(row["scopes"].split()), row["since"])
            for app, row in found
            if app is not None
        ]

    def revoke_consent(self, user_id: int, client_id: str) -> bool:
        """Let the app no longer act for the user, and tell it so; tell whether it could before."""
        with self.writing():
            app = self.app(client_id)
            if app is None:
                raise ValueError(f"there is no app {client_id}")
            self._need(user_id)
            self.connection.execute(
                "DELETE FROM codes WHERE user_id = ? AND app = ?", (user_id, client_id)
            )
            gone = self.connection.execute(
                "DELETE FROM tokens WHERE user_id = ? AND app = ?", (user_id, client_id)
            )
            if gone.rowcount:
                self.activity.revoked(user_id, client_id, str(app.number))
            return bool(gone.rowcount)

    def connected_users(self, limit: int) -> list[int]:
        """Return the ids of users whom an app acts for, the last to agree first."""
        rows = self.connection.execute(
            "SELECT user_id FROM tokens WHERE user_id IS NOT NULL GROUP BY user_id "
            "ORDER BY max(issued_at) DESC LIMIT ?",
            (limit,),
        )
        return [row[0] for row in rows]

    def _issue_pair(self, user_id: int, app: str, scopes: str, grant_id: str) -> Issued:
        seconds = self.oauth_ways().access_seconds
        access = self._new_token("access", user_id, app, scopes, grant_id, seconds)
        refresh = None
        if OFFLINE in scopes.split():
            refresh = self._new_token("refresh", user_id, app, scopes, grant_id, None)
        return Issued(access, refresh, scopes, seconds)

    def _new_token(
        self,
        kind: str,
        user_id: int | None,
        app: str,
        scopes: str,
        grant_id: str,
        expires_in: float | None,
    ) -> str:
        token, now = _unique(), time.time()
        expires_at = None if expires_in is None else now + expires_in
        self.connection.execute(
            "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (token, kind, user_id, app, scopes, grant_id, now, expires_at),
        )
        return token


def _unique() -> str:
    return secrets.token_urlsafe(48)


def _proves(verifier: str, challenge: str, method: str) -> bool:
    """Tell whether a verifier is the one that a challenge was made of (RFC 7636)."""
    if method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        verifier = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(verifier.encode(), challenge.encode())
