"""The limits that X reports in the headers of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Scope = Literal["user", "app", "endpoint"]

# Header prefix → whose limit it is. Source: X's rate limit documentation (2026-08); each prefix
# has the endings -limit, -remaining and -reset (Unix seconds). The first is the short window of
# the endpoint; the others are the 24 hours of the user and of the X app, where X sends them.
PREFIXES: tuple[tuple[str, Scope], ...] = (
    ("x-rate-limit", "endpoint"),
    ("x-user-limit-24hour", "user"),
    ("x-app-limit-24hour", "app"),
)


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit as X counted it when it answered; `reset` is when X opens it again (UTC)."""

    scope: Scope
    limit: int
    remaining: int
    reset: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit that one answer named; empty where it named none."""

    windows: tuple[Limit, ...] = ()

    def of(self, scope: Scope) -> Limit | None:
        """Return the limit of that scope, or None where the answer did not name it."""
        return next((window for window in self.windows if window.scope == scope), None)

    def closed(self) -> Limit | None:
        """Return the used-up limit that opens last, or None where none is used up."""
        used_up = [window for window in self.windows if window.remaining <= 0]
        return max(used_up, key=lambda window: window.reset, default=None)


def limits_from(headers: Mapping[str, str]) -> Limits:
    """Read the limits of an answer; a header that is missing or unreadable names no limit.

    `headers` must look names up without regard to case, as those of requests do.
    """
    windows = []
    for prefix, scope in PREFIXES:
        reset = _whole(headers.get(f"{prefix}-reset"))
        limit = _whole(headers.get(f"{prefix}-limit"))
        remaining = _whole(headers.get(f"{prefix}-remaining"))
        if reset is None or limit is None or remaining is None:
            continue
        try:
            moment = datetime.fromtimestamp(reset, UTC)
        except (OverflowError, OSError, ValueError):
            continue
        windows.append(Limit(scope=scope, limit=limit, remaining=remaining, reset=moment))
    return Limits(tuple(windows))


def _whole(value: str | None) -> int | None:
    """Return a header's non-negative whole number, or None; 18 digits are beyond any limit."""
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
