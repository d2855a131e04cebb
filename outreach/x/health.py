"""How an account's calls go: what the client's observer keeps, and what a page says of it.

Advisory. It is written now and then, after a call, and whatever goes wrong here stays here.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from outreach.ground.clock import now
from outreach.ground.writes import outside_transactions
from outreach.x.calls import CallReport
from outreach.x.models import AccountHealth, XToken

log = logging.getLogger("outreach.x")

# A process writes an account's health at most so often (seconds), unless its calls begin to fail
# or to succeed, or one is made for the first time.
AT_MOST_EVERY = 5.0

_SEND = "POST /2/dm_conversations/with/:participant_id/messages"
# The client's name of a call → what it is for, on a page.
CALL_WORDS: dict[str, str] = {
    _SEND: "Sending a letter",
    "GET /2/users": "Looking people up",
    "GET /2/users/by": "Looking people up by handle",
    "GET /2/users/me": "Asking who the account is",
    "GET /2/users/:id/followers": "Reading its followers",
    "GET /2/users/:id/following": "Reading whom it follows",
    "GET /2/dm_events": "Reading its messages",
    "GET /2/dm_conversations/with/:participant_id/dm_events": "Reading one conversation",
}

# The kind of an error (errors.py) → a sentence about the last one, for an administrator.
ERROR_WORDS: dict[str, str] = {
    # money and caps
    "payment_needed": "X wants its credits topped up.",
    "credits_used_up": "The X app's credits are used up.",
    "usage_capped": "The X app's usage cap at X is reached.",
    "spending_capped": "The spending limit that is set at X is reached.",
    "not_enrolled": "The X app is in no paid plan at X.",
    # limits
    "rate_limited": "A limit of X was reached; it opens again by itself.",
    "too_many_streams": "X has as many streams of the X app open as it allows.",
    # the account and its connection
    "account_locked": "X locked the account. Somebody must sign in to X and unlock it.",
    "account_suspended": "X suspended the account.",
    "token_refused": "X did not take the account's token.",
    "no_access": "X does not let the X app, or this connection, make this call.",
    # one person or one letter
    "no_dms": "The person takes no messages from this account.",
    "blocked": "The person blocked this account.",
    "gone": "X knows no such account as the person's any more.",
    "suspended": "X suspended the person's account.",
    "spam": "X refused a letter as spam or automated.",
    "duplicate": "X refused a letter as the same words again.",
    "bad_request": "X did not accept the request as it was written.",
    "refused": "X refused the call and did not say why.",
    # X, and what is between
    "no_connection": "X could not be reached.",
    "deadline_passed": "The call came too late and was not made.",
    "no_token": "The account's token was of no use, so no call was made.",
    "answer_timed_out": "X did not answer in time.",
    "connection_lost": "The connection to X was lost before the answer came.",
    "server_error": "X had a problem of its own.",
    "unavailable": "X was out of order and took nothing.",
    "ambiguous_status": "X, or something before it, gave up half-way.",
    "unexpected_status": "X answered in a way that nobody knows.",
    "unexpected_success": "X answered, and its answer could not be read.",
    "unreadable_answer": "X answered, and its answer could not be read.",
    "no_such_address": "X knows no such address: X_API_URL may be wrong.",
    "not_from_x": "Something between us and X answered in its place.",
    "gateway": "Something between us and X refused the call.",
}
UNKNOWN_ERROR = "X did not do what was asked."

STORE = """
    INSERT INTO x_accounthealth AS known (account_id, last_success_at, last_success_call,
        last_error_at, last_error_call, last_error_kind, last_error_request_id, limits)
    VALUES (%(account)s, CASE WHEN %(failed)s THEN NULL ELSE %(at)s END,
        CASE WHEN %(failed)s THEN '' ELSE %(call)s END,
        CASE WHEN %(failed)s THEN %(at)s END, CASE WHEN %(failed)s THEN %(call)s ELSE '' END,
        %(kind)s, %(request_id)s, %(limits)s::jsonb)
    ON CONFLICT (account_id) DO UPDATE SET
        last_success_at = coalesce(EXCLUDED.last_success_at, known.last_success_at),
        last_success_call = CASE WHEN %(failed)s THEN known.last_success_call
            ELSE EXCLUDED.last_success_call END,
        last_error_at = coalesce(EXCLUDED.last_error_at, known.last_error_at),
        last_error_call = CASE WHEN %(failed)s THEN EXCLUDED.last_error_call
            ELSE known.last_error_call END,
        last_error_kind = CASE WHEN %(failed)s THEN EXCLUDED.last_error_kind
            ELSE known.last_error_kind END,
        last_error_request_id = CASE WHEN %(failed)s THEN EXCLUDED.last_error_request_id
            ELSE known.last_error_request_id END,
        limits = known.limits || EXCLUDED.limits
"""


@dataclass(slots=True)
class _Noted:
    """What this process wrote of one account: when (monotonic), of which calls; what waits."""

    at: float
    failed: bool
    calls: set[str] = field(default_factory=set)
    limits: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


_noted: dict[int, _Noted] = {}
_lock = threading.Lock()


def note(account_id: int) -> Callable[[CallReport], None]:
    """An observer for the client's `on_call` that keeps this account's health. Never raises."""

    def observe(report: CallReport) -> None:
        try:
            limits = _due(account_id, report, time.monotonic())
            if limits is not None:
                _store(account_id, report, limits)
        except Exception as error:
            log.warning("health of account %s not written: %s", account_id, type(error).__name__)

    return observe


def _due(
    account_id: int, report: CallReport, moment: float
) -> dict[str, list[dict[str, Any]]] | None:
    """The limits to write with this report, or None where it is too soon to write again."""
    failed = report.error is not None
    with _lock:
        noted = _noted.get(account_id)
        known = noted is not None and noted.failed == failed and report.call in noted.calls
        if noted is None:
            noted = _noted[account_id] = _Noted(moment, failed)
        if report.limits.windows:
            noted.limits[report.call] = [
                {
                    "scope": window.scope,
                    "limit": window.limit,
                    "remaining": window.remaining,
                    "reset": window.reset.isoformat(),
                }
                for window in report.limits.windows
            ]
        if known and moment - noted.at < AT_MOST_EVERY:
            return None
        waiting, noted.limits = noted.limits, {}
        noted.at, noted.failed = moment, failed
        noted.calls.add(report.call)
        return waiting


@outside_transactions
def _store(account_id: int, report: CallReport, limits: dict[str, list[dict[str, Any]]]) -> None:
    moment = now()
    windows = {call: {"at": moment.isoformat(), "windows": found} for call, found in limits.items()}
    values: dict[str, Any] = {
        "account": account_id,
        "failed": report.error is not None,
        "at": moment,
        "call": report.call[:80],
        "kind": (report.error.kind if report.error else "")[:48],
        "request_id": (report.request_id or "" if report.error else "")[:100],
        "limits": json.dumps(windows),
    }
    with connection.cursor() as cursor:
        cursor.execute(STORE, values)


# --- what a page says ------------------------------------------------------------------------

SCOPE_OF_LIMIT = {"endpoint": "", "user": "24 hours", "app": "24 hours of the X app"}


@dataclass(frozen=True, slots=True)
class LimitLine:
    """One limit as X last reported it; `stale` once X has opened it again since."""

    call: str
    whose: str
    limit: int
    remaining: int
    reset: datetime
    seen_at: datetime
    stale: bool

    @property
    def used(self) -> int:
        return max(0, self.limit - self.remaining)


@dataclass(frozen=True, slots=True)
class Health:
    """How the account's last calls went, in words; empty where it has made none."""

    success_at: datetime | None = None
    success_call: str = ""
    error_at: datetime | None = None
    error_call: str = ""
    error: str = ""
    error_request_id: str = ""
    limits: tuple[LimitLine, ...] = ()

    @property
    def failing(self) -> bool:
        """Whether the last call that was noted failed."""
        return self.error_at is not None and (
            self.success_at is None or self.error_at > self.success_at
        )


def call_words(call: str) -> str:
    """What a call is for; one that nobody named is shown as it is."""
    return CALL_WORDS.get(call, call)


def error_words(kind: str) -> str:
    """A sentence about an error of that kind."""
    return ERROR_WORDS.get(kind, UNKNOWN_ERROR)


def in_words(row: AccountHealth | None, moment: datetime) -> Health:
    """What a page says of an account's health at that moment. No query."""
    if row is None:
        return Health()
    return Health(
        success_at=row.last_success_at,
        success_call=call_words(row.last_success_call),
        error_at=row.last_error_at,
        error_call=call_words(row.last_error_call),
        error=error_words(row.last_error_kind),
        error_request_id=row.last_error_request_id,
        limits=tuple(_limit_lines(row.limits, moment)),
    )


def _limit_lines(limits: dict[str, Any], moment: datetime) -> list[LimitLine]:
    order = list(CALL_WORDS)
    lines = []
    for call in sorted(limits, key=lambda call: order.index(call) if call in order else 99):
        for window in limits[call]["windows"]:
            reset = datetime.fromisoformat(window["reset"])
            lines.append(
                LimitLine(
                    call=call_words(call),
                    whose=SCOPE_OF_LIMIT.get(window["scope"], ""),
                    limit=window["limit"],
                    remaining=window["remaining"],
                    reset=reset,
                    seen_at=datetime.fromisoformat(limits[call]["at"]),
                    stale=reset <= moment,
                )
            )
    return lines


@dataclass(frozen=True, slots=True)
class TokenState:
    """What may be told of an account's token; never anything of the token itself."""

    generation: int
    stored_at: datetime
    expires_at: datetime | None
    refreshable: bool
    words: str
    expired: bool


def token_state(token: XToken | None, moment: datetime) -> TokenState | None:
    """How long the token holds and what happens then; None where the account has none."""
    if token is None:
        return None
    refreshable = bool(token.refresh_token)
    expired = token.expires_at is not None and token.expires_at <= moment
    if token.expires_at is None:
        words = "X did not say when it ends."
    elif refreshable:
        words = "Fetched anew with the next call." if expired else "Renewed by itself before that."
    elif expired:
        words = "Connect the account again."
    else:
        words = "It cannot be renewed: connect the account again before that."
    return TokenState(
        generation=token.generation,
        stored_at=token.stored_at,
        expires_at=token.expires_at,
        refreshable=refreshable,
        words=words,
        expired=expired,
    )
