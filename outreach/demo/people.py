"""What the demo knows of one customer; `regulars.py` and `crowd.py` say who they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from outreach.customers.models import Basis


class Tie(Enum):
    """Who follows whom."""

    MUTUAL = "both follow"
    THEY_FOLLOW = "they follow the brand"
    WE_FOLLOW = "the brand follows them"
    NEITHER = "neither follows"
    BLOCKED = "they block the brand; as at X, nobody follows any more"
    GONE = "X knows no such user"

    @property
    def we_follow(self) -> bool:
        return self in (Tie.MUTUAL, Tie.WE_FOLLOW)

    @property
    def they_follow(self) -> bool:
        return self in (Tie.MUTUAL, Tie.THEY_FOLLOW)


@dataclass(frozen=True, slots=True)
class Consent:
    """Why the brand may write: `wrote` is what they said in a DM, for those who wrote first."""

    basis: Basis
    days_ago: int
    place: str
    evidence: str
    wrote: str = ""
    we_said: str = ""


def wrote_to_us(text: str, days_ago: int, *, we_said: str = "") -> Consent:
    """They wrote first; the sandbox holds that message, and our answer where there was one."""
    return Consent(Basis.WROTE_TO_US, days_ago, "DM", f"“{text}”", text, we_said)


def at_the_form(days_ago: int, order: int) -> Consent:
    """They ticked the box when they ordered."""
    evidence = f"Ticked ‘Write to me about how things are made’ at order {order}."
    return Consent(Basis.OPTED_IN, days_ago, "shop form", evidence)


def at_the_fair(days_ago: int, place: str) -> Consent:
    """They put their handle on the list at the stall."""
    return Consent(
        Basis.OPTED_IN, days_ago, place, "Wrote their own handle on the list at the stall."
    )


@dataclass(frozen=True, slots=True)
class Person:
    """One customer and the user they are in the sandbox.

    `dms_open`: takes messages at all. `stopped_days_ago`: 0 for who never said stop.
    """

    x_user_id: int
    handle: str
    name: str
    first_name: str = ""
    time_zone: str = ""
    tie: Tie = Tie.MUTUAL
    consent: Consent | None = None
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    dms_open: bool = True
    stopped_days_ago: int = 0
