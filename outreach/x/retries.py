"""Reads that are tried again. Nothing that writes ever is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from outreach.x.errors import NotCalled, TryLater

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retries:
    """How a read is tried again: how often in all, and within which bounds in seconds.

    Before try n + 1 it waits a random time of up to `first_wait` * 2^(n - 1), at most
    `longest_wait`: full jitter, so that workers which failed together do not return together. No
    try begins later than `total` after the first, so a read ends at the latest one call after it.
    """

    tries: int = 3
    first_wait: float = 0.6
    longest_wait: float = 4.0
    total: float = 15.0

    def run(self, call: Callable[[], T]) -> T:
        """Return what the call returns; raise what it raised last.

        Only what may be otherwise a moment later is tried again. A limit is not: X says when it
        opens, and calling before that costs the app its standing.
        """
        trying = Retrying(
            stop=stop_after_attempt(self.tries) | stop_before_delay(self.total),
            wait=wait_random_exponential(multiplier=self.first_wait, max=self.longest_wait),
            retry=retry_if_exception_type((TryLater, NotCalled)),
            reraise=True,
        )
        return trying(call)
