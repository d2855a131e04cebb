"""The gates: whether a letter may leave at this moment. Pure: facts in, verdict out.

Promise 5 is this module. What time or we ourselves lift makes a letter wait, with a time to look
again; what a person must lift blocks it. Every reason is a sentence for a marketer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from outreach.delivery.windows import next_open

# How soon to look again at a letter whose relationship has to be looked up first.
LOOK_UP_SOON = timedelta(seconds=30)
PAUSED_FOR_NOW = timedelta(minutes=1)
# How soon to look whether the monthly cap was raised meanwhile.
CAPPED_FOR_NOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a gate may know, read in the claim's own transaction after its locks."""

    now: datetime
    leave_by: datetime
    customer: str
    approved: bool
    guidance_stops: str  # why, where the policy changed since the approval; else empty
    account_paused: str
    suppressed: str
    has_permission: bool
    require_permission: bool
    relationship_known: bool
    following: bool
    followed_by: bool
    accepts_dms: bool
    reachable: bool
    checked_at: datetime | None
    fresh_for: timedelta
    recent: tuple[datetime, ...]  # when letters to them were sent, within the cap's days
    unsettled: int  # letters to them that are sending or unsure: they count as written
    cap_letters: int
    cap_for: timedelta
    in_the_air: bool
    opens: time
    closes: time
    zone: ZoneInfo
    merged: bool = False  # the row was merged into another one of the same person
    cap_reached: str = ""  # the X app's monthly cap, in words
    month_ends: datetime | None = None  # and until when it counts


@dataclass(frozen=True, slots=True)
class Go:
    """It may leave."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet; `look_at` is when to look again."""

    code: str
    reason: str
    look_at: datetime


@dataclass(frozen=True, slots=True)
class Block:
    """Not until a person does something about `reason`."""

    code: str
    reason: str


Verdict = Go | Wait | Block


def judge(facts: Facts) -> Verdict:
    """Ask every gate, blocking ones first; the first that is closed answers."""
    for gate in (_must_never, _too_late, _must_be_mended, _not_yet):
        verdict = gate(facts)
        if verdict is not None:
            return verdict
    return Go()


def _must_never(facts: Facts) -> Verdict | None:
    who = facts.customer
    if not facts.approved:
        return Block("not_approved", "The approval was taken back.")
    if facts.merged:
        return Block("merged", f"{who} was merged with another customer. Write to that one.")
    if facts.suppressed:
        return Block("suppressed", f"{who} must not be written to: {facts.suppressed}")
    if facts.require_permission and not facts.has_permission:
        return Block(
            "no_permission",
            f"No permission of {who} is recorded. Record how they asked for letters.",
        )
    if facts.guidance_stops:
        return Block(
            "guidance",
            "Your guidance policy changed after the approval, so this letter needs mending and a "
            f"new review. {facts.guidance_stops}",
        )
    return None


def _too_late(facts: Facts) -> Verdict | None:
    if facts.now >= facts.leave_by:
        return Block("too_late", "It should have left by now and could not. Give it a new time.")
    return None


def _must_be_mended(facts: Facts) -> Verdict | None:
    """What X says about the two of them, as far as that is known freshly enough."""
    who = facts.customer
    known = facts.relationship_known and facts.checked_at is not None
    stale = not known or facts.checked_at is None or facts.checked_at + facts.fresh_for <= facts.now
    if stale and (facts.account_paused or facts.cap_reached):
        return None  # X is not asked meanwhile: the pause or the cap is what to name
    if stale:
        return Wait(
            "relationship_unknown",
            f"We are asking X whether {who} still follows you.",
            facts.now + LOOK_UP_SOON,
        )
    if not facts.reachable:
        return Block("gone", f"X knows no such account as {who}'s any more.")
    if not facts.followed_by:
        return Block("not_followed", f"{who} does not follow you.")
    if not facts.following:
        return Block("not_following", f"You do not follow {who}. Follow back at X first.")
    if not facts.accepts_dms:
        return Block("no_dms", f"{who} does not take messages from you.")
    return None


def _not_yet(facts: Facts) -> Verdict | None:
    """What time or we ourselves lift; the longest wait is the one to name."""
    waits: list[Wait] = []
    who = facts.customer
    if facts.account_paused:
        waits.append(Wait("paused", facts.account_paused, facts.now + PAUSED_FOR_NOW))
    if facts.cap_reached:
        again = facts.now + CAPPED_FOR_NOW
        look_at = min(again, facts.month_ends or again)
        waits.append(Wait("monthly_cap", facts.cap_reached, look_at))
    if facts.in_the_air:
        waits.append(
            Wait(
                "one_at_a_time",
                f"Another letter to {who} is being sent.",
                facts.now + LOOK_UP_SOON,
            )
        )
    if facts.cap_letters and len(facts.recent) + facts.unsettled >= facts.cap_letters:
        # What is in the air may turn out not to have left, so it is looked at again soon.
        free_at = facts.now + LOOK_UP_SOON
        if len(facts.recent) >= facts.cap_letters:
            free_at = sorted(facts.recent)[-facts.cap_letters] + facts.cap_for
        if free_at > facts.now:
            letters = "letter" if facts.cap_letters == 1 else "letters"
            rule = f"{facts.cap_letters} {letters} in {facts.cap_for.days} days"
            waits.append(
                Wait(
                    "frequency_cap",
                    f"You wrote to {who} lately. The house rule is {rule}.",
                    free_at,
                )
            )
    opens_at = next_open(facts.now, facts.opens, facts.closes, facts.zone)
    if opens_at > facts.now:
        local = facts.now.astimezone(facts.zone)
        place = facts.zone.key.rpartition("/")[2].replace("_", " ")
        waits.append(
            Wait(
                "send_window",
                f"It is {local:%H:%M} in {place}. Your hours for {who} are "
                f"{facts.opens:%H:%M} to {facts.closes:%H:%M}.",
                opens_at,
            )
        )
    return max(waits, key=lambda wait: wait.look_at, default=None)
