"""What rooms above do for this one, and when X tells of something."""

from __future__ import annotations

from collections.abc import Callable
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
