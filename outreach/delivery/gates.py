"""The gates that a letter passes at the moment of its claim, as one pure function over facts.

What time or we ourselves lift keeps a letter waiting, or holds its whole account; what a person
must lift blocks it. Reasons are in plain words, for a marketer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from outreach.delivery.windows import next_open
from outreach.ground.zones import place

# How soon to look again at a letter whose relationship has to be looked up first.
LOOK_UP_SOON = timedelta(seconds=30)
PAUSED_FOR_NOW = timedelta(minutes=1)
NOT_HEARD_FOR_NOW = timedelta(seconds=30)
# How soon to look whether the monthly cap was raised meanwhile.
CAPPED_FOR_NOW = timedelta(minutes=10)
NOT_HEARD = (
    "We cannot hear replies just now. Letters wait until we can: somebody might be saying stop."
)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a gate may know, read in the claim's own transaction after its locks."""

    now: datetime
    leave_by: datetime
    customer: str
    approved: bool
    guidance_stops: str  # why, where the policy changed since the approval; else empty
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
    zone_known: bool = True
    quiet_weekdays: Collection[int] = ()
    quiet_dates: Collection[date] = ()
    merged: bool = False  # the row was merged into another one of the same person
    answer: bool = False  # they wrote to us lately: no mutual follow, no cap, no send window
    # What holds the whole account, each in words; empty where nothing does.
    paused: str = ""
    campaign_paused: str = ""
    heard: bool = True
    cap_reached: str = ""
    month_ends: datetime | None = None


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
class Hold:
    """Nothing leaves from the whole account yet."""

    code: str
    reason: str
    look_at: datetime


@dataclass(frozen=True, slots=True)
class Block:
    """Not until a person does something about `reason`."""

    code: str
    reason: str


Verdict = Go | Wait | Hold | Block


def not_connected(handle: str) -> str:
    """Why nothing leaves from an account that is not connected."""
    return f"@{handle} is not connected to X. An administrator can connect it again."


def judge(facts: Facts) -> Verdict:
    """Ask every gate, blocking ones first; the first that is closed answers."""
    for gate in (_must_never, _too_late, _must_be_mended, _on_hold, _unknown, _not_yet):
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


def _on_hold(facts: Facts) -> Verdict | None:
    """What keeps everything of the account here."""
    if facts.paused:
        return Hold("paused", facts.paused, facts.now + PAUSED_FOR_NOW)
    if facts.cap_reached:
        again = facts.now + CAPPED_FOR_NOW
        return Hold("monthly_cap", facts.cap_reached, min(again, facts.month_ends or again))
    if not facts.heard:
        return Hold("not_heard", NOT_HEARD, facts.now + NOT_HEARD_FOR_NOW)
    if facts.campaign_paused:
        return Wait("campaign_paused", facts.campaign_paused, facts.now + PAUSED_FOR_NOW)
    return None


def _must_be_mended(facts: Facts) -> Verdict | None:
    """What X says about the two of them, as far as that is known freshly enough."""
    who = facts.customer
    if _stale(facts):
        return None
    if not facts.reachable:
        return Block("gone", f"X knows no such account as {who}'s any more.")
    if not facts.followed_by and not facts.answer:
        return Block("not_followed", f"{who} does not follow you.")
    if not facts.following and not facts.answer:
        return Block("not_following", f"You do not follow {who}. Follow back at X first.")
    if not facts.accepts_dms:
        return Block("no_dms", f"{who} does not take messages from you.")
    return None


def _unknown(facts: Facts) -> Verdict | None:
    if not _stale(facts) or facts.answer:
        return None  # to answer somebody, whether they follow does not matter
    reason = f"We are asking X whether {facts.customer} still follows you."
    return Wait("relationship_unknown", reason, facts.now + LOOK_UP_SOON)


def _stale(facts: Facts) -> bool:
    return (
        not facts.relationship_known
        or facts.checked_at is None
        or facts.checked_at + facts.fresh_for <= facts.now
    )


def _not_yet(facts: Facts) -> Verdict | None:
    """What time lifts; the longest wait is the one to name."""
    waits = [_one_at_a_time(facts)]
    if not facts.answer:
        waits += [_frequency_cap(facts), _send_window(facts)]
    return max((wait for wait in waits if wait), key=lambda wait: wait.look_at, default=None)


def _one_at_a_time(facts: Facts) -> Wait | None:
    if not facts.in_the_air:
        return None
    reason = f"Another letter to {facts.customer} is being sent."
    return Wait("one_at_a_time", reason, facts.now + LOOK_UP_SOON)


def _frequency_cap(facts: Facts) -> Wait | None:
    if not facts.cap_letters or len(facts.recent) + facts.unsettled < facts.cap_letters:
        return None
    # What is in the air may turn out not to have left, so it is looked at again soon.
    free_at = facts.now + LOOK_UP_SOON
    if len(facts.recent) >= facts.cap_letters:
        free_at = sorted(facts.recent)[-facts.cap_letters] + facts.cap_for
    if free_at <= facts.now:
        return None
    letters = "letter" if facts.cap_letters == 1 else "letters"
    rule = f"{facts.cap_letters} {letters} in {facts.cap_for.days} days"
    reason = f"You wrote to {facts.customer} lately. The house rule is {rule}."
    return Wait("frequency_cap", reason, free_at)


def _send_window(facts: Facts) -> Wait | None:
    window = (facts.opens, facts.closes, facts.zone)
    opens_at = next_open(facts.now, *window, facts.quiet_weekdays, facts.quiet_dates)
    if opens_at <= facts.now:
        return None
    if next_open(facts.now, *window) <= facts.now:
        reason = f"It is a quiet day of yours. The letter to {facts.customer} leaves after it."
        return Wait("quiet_day", reason, opens_at)
    local = facts.now.astimezone(facts.zone)
    where = place(facts.zone)
    if not facts.zone_known:
        where += " (your time zone: theirs is not known)"
    reason = (
        f"It is {local:%H:%M} in {where}. Your hours for {facts.customer} are "
        f"{facts.opens:%H:%M} to {facts.closes:%H:%M}."
    )
    return Wait("send_window", reason, opens_at)
