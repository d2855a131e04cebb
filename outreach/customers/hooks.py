"""What rooms above do in the transactions of this one, and what only they know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from outreach.ground.hooks import Hook


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing in a customer's history. `kind` is a word for its icon and for tests."""

    at: datetime
    kind: str
    words: str
    detail: str = ""
    url: str = ""
    tone: str = ""


# A person was suppressed: (workspace id, x user id, reason). Whatever is queued for them from
# any account of the workspace is cancelled. The customer's row is locked already.
suppressed: Hook[[int, int, str], None] = Hook("customers.suppressed")

# A customer's row was merged into another one of the same person: (workspace id, the customer's
# id, reason). Whatever is queued for it is cancelled. The row is locked already.
merged: Hook[[int, int, str], None] = Hook("customers.merged")

# Letters to customers, newest first: (workspace id, slug, customer ids, before when, at most so
# many). Nothing is changed; it is asked for a customer's history.
letters_to: Hook[[int, str, Sequence[int], datetime, int], list[Happened]] = Hook(
    "customers.letters_to"
)
