"""How patient the listener is, and what it says about what went wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass

from outreach.ground.clock import now
from outreach.x.errors import LimitedUntil, NeverWill, NotCalled, TokenRefused, XError
from outreach.x.streaming import StreamEnded


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds.

    The waits are X's own ("Handling disconnections", August 2026): after a network error 0.25 s
    more each time up to 16; after a refusal 5 s, doubled up to 320; after a 429 a minute, doubled.
    """

    look: float = 5.0  # how often for apps to listen to
    lease: float = 20.0  # longer than it may take to connect
    quiet: float = 5.0  # so long without a line, and what was asked for again has come
    stall: float = 25.0
    network: float = 0.25
    network_most: float = 16.0
    refused: float = 5.0
    refused_most: float = 320.0
    limited: float = 60.0
    end: float = 3.0  # for an ear to end in


class Backoff:
    """How long to wait before the next try, by what went wrong and how often in a row."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._kind = ""
        self._times = 0

    def reset(self) -> None:
        """It went well: the next try is made at once."""
        self._kind, self._times = "", 0

    def after(self, error: Exception) -> float:
        """Seconds to wait now, with jitter."""
        kind, pace = self._kind_of(error), self._pace
        self._times = self._times + 1 if kind == self._kind else 1
        self._kind = kind
        doubled = 2.0 ** min(self._times - 1, 16)
        if kind == "network":
            # An established connection that drops is tried again at once.
            wait = min(pace.network * (self._times - 1), pace.network_most)
        elif kind == "limited":
            wait = max(pace.limited * doubled, _until_reset(error))
            wait = min(wait, max(pace.limited, 900.0))  # X's windows are 15 minutes
        else:
            first = pace.refused_most if kind == "token" else pace.refused
            wait = min(first * doubled, pace.refused_most)
        return wait * random.uniform(1.0, 1.25)

    @staticmethod
    def _kind_of(error: Exception) -> str:
        if isinstance(error, LimitedUntil):
            return "limited"
        if isinstance(error, TokenRefused):
            return "token"
        if isinstance(error, XError) and error.status is not None:
            return "refused"
        return "network"


def _until_reset(error: Exception) -> float:
    until = error.until if isinstance(error, LimitedUntil) else None
    return (until - now()).total_seconds() if until is not None else 0.0


def words_for(error: Exception) -> str:
    """What keeps us from hearing, in a sentence for the account's page."""
    if isinstance(error, StreamEnded):
        return "The stream ended; it is being opened again."
    if not isinstance(error, XError):
        return "Something went wrong here; the log says what."
    if error.kind == "too_many_streams":
        return "X says that this app's two streams are taken: does another installation use it?"
    if isinstance(error, TokenRefused):
        return "X refuses the app's bearer token. Put the present one into the X app's settings."
    if isinstance(error, LimitedUntil):
        return "X asks to wait before the stream is opened again."
    if isinstance(error, NeverWill):
        return "X does not let this app listen. Look at its access at X's developer portal."
    if isinstance(error, NotCalled):
        return "X cannot be reached."
    return "X did not answer as it should; the stream is being opened again."
