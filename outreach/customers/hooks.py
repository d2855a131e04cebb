"""What rooms above do in the transactions of this one, and what it asks of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from outreach.ground.hooks import Chorus, Hook

# People were suppressed: (workspace id, X user ids, reason). Whatever is queued for them from any
# account of the workspace is cancelled. The customers' rows are locked already.
suppressed: Hook[[int, Sequence[int], str], None] = Hook("customers.suppressed")

# Whether a message asks us to stop: (its text). None: it may, so it must not count as a
# permission, and a person has to read it. Nothing is changed.
reads_as_stop: Hook[[str], bool | None] = Hook("customers.reads_as_stop")


@dataclass(frozen=True, slots=True)
class OptedIn:
    """Who accepted an invitation, and the draft that it asks for."""

    workspace_id: int
    x_account_id: int
    customer_id: int
    writer_id: int
    starting_words: str
    why_person: str


# A customer accepted an invitation for the first time: a draft to them is prepared.
opted_in: Hook[[OptedIn], None] = Hook("customers.opted_in")


@dataclass(frozen=True, slots=True)
class Whom:
    """One person whole: the customer's row that speaks for them, and those merged into it.

    `gone_ids`, `gone_handles`: of rows known by handle alone that were folded into one of these and
    are there no more. `names`: what they are called in any of all these (handles, names, X user
    ids), for what is kept of words alone. A scope of its own: the workspace's.
    """

    workspace_id: int
    customer_ids: tuple[int, ...]
    x_user_ids: tuple[int, ...]
    handles: tuple[str, ...]
    gone_ids: tuple[int, ...]
    gone_handles: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(slots=True)
class Erasure:
    """One person who is being erased; what each room took away is counted into `gone`.

    `audited`: the rows whose audit events lose their details, by kind of target.
    """

    whom: Whom
    gone: Counter[str] = field(default_factory=Counter)
    audited: dict[str, list[int]] = field(default_factory=dict)


# A person is being erased: each room blanks or removes what it keeps of them, in this transaction.
# The customer's rows are locked already and still as they were, and before them the open runs that
# may hold something of them; rooms come in the order of their locks (customers, drafts, deliveries). Raises errors.InTheAir where a letter is leaving just now.
erased: Chorus[[Erasure], None] = Chorus("customers.erased")

# Everything a room keeps of one person: lists under names of its own.
known: Chorus[[Whom], dict[str, Any]] = Chorus("customers.known")

# A customer's row was merged into another one of the same person: (workspace id, the customer's
# id, reason). Whatever is queued for it is cancelled. The row is locked already.
merged: Hook[[int, int, str], None] = Hook("customers.merged")


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing in a customer's history. `kind` is a word for its icon and for tests.

    `all_day`: only its day is known, not the hour.
    """

    at: datetime
    kind: str
    words: str
    detail: str = ""
    url: str = ""
    tone: str = ""
    all_day: bool = False


# Letters to customers, newest first: (workspace id, slug, customer ids, before when, at most so
# many). Nothing is changed; it is asked for a customer's history.
letters_to: Hook[[int, str, Sequence[int], datetime, int], list[Happened]] = Hook(
    "customers.letters_to"
)

# X user ids of those to whom letters of an X account are queued, the soonest first: (account id).
# Nothing is changed; it is asked for each page of syncs.
about_to_be_written_to: Hook[[int], list[int]] = Hook("customers.about_to_be_written_to")

# How old what X said of a relationship may be when a letter leaves: (workspace id).
fresh_for: Hook[[int], timedelta] = Hook("customers.fresh_for")
