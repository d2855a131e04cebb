"""What rooms above do for this one, and when X tells of something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from outreach.ground.hooks import Hook
from outreach.x.models import ActivityEvent

# What letters cost in [since, until), by X account id: (X app id, since, until). The price of a
# send stands on its attempt, which this room does not know.
spent_on_letters: Hook[[int, datetime, datetime], dict[int, Decimal]] = Hook("x.spent_on_letters")

# An account is connected through this X app from now on: (X app id). What counts an app's letters
# needs a row for it.
app_chosen: Hook[[int], None] = Hook("x.app_chosen")


@dataclass(frozen=True, slots=True)
class Heard:
    """Whether what people write to an account is heard: told by X, or read.

    `until`: when heard, how long that holds if nothing more is heard. `since`: when not heard, since
    when something may be missing; None where it was never heard.
    """

    heard: bool
    until: datetime | None
    since: datetime | None


# Whether an account is heard at a moment, so that letters may leave from it: (account id, moment).
# Nothing is changed; it is asked for the account's page.
heard_at: Hook[[int, datetime], Heard] = Hook("x.heard_at")

# An account may send again: (X account id). Its letters are looked at.
goes_on: Hook[[int], None] = Hook("x.goes_on")

# Kind of event → who asked for it, in the order of asking. Filled when Django starts.
Handler = Callable[[ActivityEvent], None]
handlers: dict[str, list[Handler]] = {}


def on_event(kind: str, handler: Handler) -> None:
    """Have `handler` called for each stored event of that kind, in order per account.

    It is called inside the transaction that marks the event as handled, so it is a step. An
    exception of its own leaves the event to be tried again.
    """
    asked = handlers.setdefault(kind, [])
    if handler not in asked:
        asked.append(handler)


# Kind of event → what has to happen before anybody may act on not knowing of it.
StoreHandler = Callable[[Sequence[ActivityEvent]], None]
at_once: dict[str, list[StoreHandler]] = {}


def on_store(kind: str, handler: StoreHandler) -> None:
    """Have `handler` called in the transaction that stores events of that kind, for what cannot wait.

    It gets the new ones of a batch together, in the order of storing, each of a connected account,
    and is a step: X waits for it, so it does only what has to hold from the commit on. What it
    raises is taken back and costs no event; each of them is then tried alone. An event for which all
    such handlers ran says so (`took_effect_at`) to the handlers of `on_event`, which follow.
    """
    asked = at_once.setdefault(kind, [])
    if handler not in asked:
        asked.append(handler)
