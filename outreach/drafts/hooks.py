"""What `delivery` does in the transactions of this room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.access import Member
from outreach.ground.hooks import Hook

# A revision was approved: (revision id, review id). The delivery is made.
approved: Hook[[int, int], None] = Hook("drafts.approved")

# An approval is taken back: (draft id, reason, actor's user id). What is queued is cancelled;
# raises drafts.errors.OnItsWay where the letter left already or is leaving now.
approval_withdrawn: Hook[[int, str, int | None], None] = Hook("drafts.approval_withdrawn")

# When a letter last left, or may be leaving now, for a person from any account of the workspace:
# (workspace id, X user id). None: never. Nothing is changed; it is asked for each reading.
last_letter: Hook[[int, int], datetime | None] = Hook("drafts.last_letter")


@dataclass(frozen=True, slots=True)
class WouldLeave:
    """When a letter would leave, were it approved now, and what it costs.

    `at` None: it would not before its *leave by*, or, `held`, not until somebody lets it. `why`: what
    it waits for, in a sentence. Not `exact`: then or later. `price` in words.
    """

    at: datetime | None
    held: bool
    exact: bool
    why: str
    price: str


# When a letter would leave: (member, X account id, customer id, when its author wants it, campaign
# id). Nothing is changed; the composer and the review ask for it.
would_leave: Hook[[Member, int, int, datetime | None, int | None], WouldLeave] = Hook(
    "drafts.would_leave"
)
