"""When a letter leaves, as composer and review show it: by both clocks, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.access import Member
from outreach.drafts.forms import WhenForm
from outreach.drafts.hooks import WouldLeave, would_leave
from outreach.drafts.models import Clock, Draft, Revision
from outreach.ground.zones import place

ODD = {
    "skipped": "The clocks there go forward past that time, so it is the first moment after.",
    "twice": "The clocks there go back over that time, so it comes twice. The first one counts.",
}


@dataclass(frozen=True, slots=True)
class Leaving:
    """`wanted`: by both clocks, in words; empty: once approved. `odd`: what daylight saving does.

    `then`: nothing keeps it from leaving when it is wanted.
    """

    wanted: str
    odd: str
    then: bool
    would: WouldLeave
    would_words: str  # the forecast by the customer's clock; empty where that is the reader's


def their_zone(member: Member, letter: Draft | Revision) -> ZoneInfo:
    """The customer's time zone, or the workspace's where theirs is not known."""
    return letter.customer.zone(member.workspace.zone)


def of_draft(member: Member, draft: Draft, form: WhenForm) -> Leaving | None:
    """With the time that the form holds, posted or as it was saved; None where it is none."""
    send_at, clock, odd = draft.send_at, Clock(draft.send_at_clock), ""
    if form.is_bound:
        if "send_at" in form.errors or "send_at_clock" in form.errors:
            return None
        data = form.cleaned_data
        send_at, clock, odd = data["send_at"], data["send_at_clock"], data["oddity"]
    return _of(member, draft, send_at, clock, odd)


def of_revision(member: Member, revision: Revision) -> Leaving:
    """As its author wanted it."""
    return _of(member, revision, revision.send_at, Clock(revision.send_at_clock), "")


def _of(
    member: Member, letter: Draft | Revision, send_at: datetime | None, clock: Clock, odd: str
) -> Leaving:
    ours = ZoneInfo(str(timezone.get_current_timezone()))
    theirs = their_zone(member, letter)
    zones = [theirs, ours] if clock == Clock.THEIRS else [ours, theirs]
    would = would_leave(
        member, letter.x_account_id, letter.customer_id, send_at, letter.campaign_id
    )
    return Leaving(
        wanted=_by_both(send_at, zones) if send_at else "",
        odd=ODD.get(odd, ""),
        then=would.at is not None and would.at == send_at and would.exact,
        would=would,
        would_words=_clock(would.at, theirs) if would.at and theirs.key != ours.key else "",
    )


def _by_both(moment: datetime, zones: list[ZoneInfo]) -> str:
    """Such as 'Thursday 3 December, 09:30 in Oslo, which is 17:30 in Tokyo'."""
    first, second = (moment.astimezone(zone) for zone in zones)
    said = f"{first:%A} {first.day} {first:%B}, {first:%H:%M} in {place(zones[0])}"
    if zones[0].key == zones[1].key:
        return said
    day = "" if first.date() == second.date() else f"{second:%A} "
    return f"{said}, which is {day}{second:%H:%M} in {place(zones[1])}"


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%A %H:%M} in {place(zone)}"
