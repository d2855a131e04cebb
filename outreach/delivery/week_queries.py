"""Reads of the week calendar: what left and what is to leave, hour by hour.

An hour that holds many letters costs no more than SLOT_COUNTED of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.urls import reverse

from accounts.access import Member
from outreach.delivery.filters import Filters
from outreach.delivery.holds import Holds
from outreach.delivery.models import Delivery, SendingPolicy
from outreach.delivery.windows import next_open
from outreach.ground.zones import at_local

DAYS = 7
NAMED = 3  # letters of an hour that are named; more are a count with a link
SLOT_COUNTED = 1000
# What is counted in an hour, and by which time: each has an index that begins so.
KINDS = (("sent", "sent_at"), ("queued", "look_at"), ("uncertain", "changed_at"))
_TAB = {"sent": "sent", "leaving": "", "waiting": "waiting", "unsure": "unsure"}
# The hours that are always shown; others where something leaves.
FIRST_HOUR, LAST_HOUR = 8, 18


@dataclass(frozen=True, slots=True)
class Entry:
    """One letter of an hour, or a count of them. `kind`: sent, leaving, waiting or unsure."""

    kind: str
    words: str
    url: str
    at: datetime | None = None  # of one letter

    @property
    def icon(self) -> str:
        return {"sent": "check", "leaving": "go", "waiting": "clock"}.get(self.kind, "question")

    @property
    def kind_words(self) -> str:
        return {"leaving": "on its way"}.get(self.kind, self.kind)


@dataclass(frozen=True, slots=True)
class Slot:
    """An hour of a day."""

    start: datetime
    end: datetime
    quiet: str  # why nothing leaves then, in words; empty where it may
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    today: bool
    quiet: str
    slots: list[Slot]

    @property
    def busy(self) -> list[Slot]:
        """The hours in which something leaves."""
        return [slot for slot in self.slots if slot.entries]


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days from a Monday, in `zone`."""

    first: date
    zone: ZoneInfo
    days: list[Day]
    hours: list[int]
    is_empty: bool
    rules: str  # when letters may leave, in words

    def __iter__(self) -> Iterator[tuple[time, list[tuple[Day, Slot]]]]:
        """The table's rows: an hour, and that hour of each day."""
        for place, hour in enumerate(self.hours):
            yield time(hour), [(day, day.slots[place]) for day in self.days]


def week_of(said: str, today: date) -> date:
    """The Monday of a week as an address says it, such as 2026-W48; else that of today."""
    year, _, number = said.partition("-W")
    if year.isdecimal() and number.isdecimal() and len(year) == 4 and len(number) == 2:
        try:
            first = date.fromisocalendar(int(year), int(number), 1)
        except ValueError:
            first = today
        # Beyond these years a time overflows once it is turned into another zone.
        if 1900 < first.year < 2200:
            today = first
    return today - timedelta(days=today.weekday())


def week_words(first: date) -> str:
    """A week as an address says it."""
    year, number, _ = first.isocalendar()
    return f"{year:04}-W{number:02}"


def week(member: Member, first: date, zone: ZoneInfo, filters: Filters, holds: Holds) -> Week:
    """What left and is to leave in the week from `first`, in the hours of `zone`. Five queries."""
    policy = SendingPolicy.objects.of(member).get(pk=member.workspace_id)
    days = [first + timedelta(days=number) for number in range(DAYS)]
    bounds = [
        (at_local(day, time(hour), zone), _next_hour(day, hour, zone))
        for day in days
        for hour in range(24)
    ]
    entries = _entries(member, bounds, filters, holds)
    hours = _hours_shown(entries)
    today = holds.moment.astimezone(zone).date()
    return Week(
        first=first,
        zone=zone,
        days=[
            Day(
                day=day,
                today=day == today,
                quiet="quiet day" if _is_quiet(policy, day) else "",
                slots=[
                    Slot(
                        *bounds[number * 24 + hour],
                        quiet=_quiet(policy, member, *bounds[number * 24 + hour]),
                        entries=entries[number * 24 + hour],
                    )
                    for hour in hours
                ],
            )
            for number, day in enumerate(days)
        ],
        hours=hours,
        is_empty=not any(entries),
        rules=_rules(policy),
    )


def _next_hour(day: date, hour: int, zone: ZoneInfo) -> datetime:
    later = day + timedelta(days=1) if hour == 23 else day
    return at_local(later, time((hour + 1) % 24), zone)


def _hours_shown(entries: list[list[Entry]]) -> list[int]:
    used = [place % 24 for place, found in enumerate(entries) if found]
    return list(range(min([FIRST_HOUR, *used]), max([LAST_HOUR, *used]) + 1))


def _is_quiet(policy: SendingPolicy, day: date) -> bool:
    return day.weekday() in policy.quiet_weekdays or day in policy.quiet_dates


def _quiet(policy: SendingPolicy, member: Member, start: datetime, end: datetime) -> str:
    """Why nothing leaves in that hour to who lives in the workspace's zone; empty where it may."""
    zone = member.workspace.zone
    if _is_quiet(policy, start.astimezone(zone).date()):
        return "quiet day"
    closed = next_open(start, policy.window_opens, policy.window_closes, zone) >= end > start
    return "outside your hours" if closed else ""


def _rules(policy: SendingPolicy) -> str:
    opens, closes = policy.window_opens, policy.window_closes
    said = []
    if opens != closes:
        said.append(
            f"Letters leave between {opens:%H:%M} and {closes:%H:%M}, by the customer’s clock."
        )
    if policy.quiet_weekdays:
        # Any Monday will do to name a weekday.
        names = [f"{date(2024, 1, 1 + number):%A}" for number in sorted(policy.quiet_weekdays)]
        said.append(f"Nothing leaves on {_listed(names)}.")
    return " ".join(said)


def _listed(names: list[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


# What is held is named here as Holds.of says it: a pause holds all, what passes what is due.
IN_HOURS = """
    SELECT slot.place - 1, found.waits, found.number, found.ids, found.campaign
    FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[])
        WITH ORDINALITY AS slot(starts, ends, place)
    CROSS JOIN LATERAL (
        SELECT waits, count(*) AS number,
            (array_agg(id ORDER BY at, id))[1:%(named)s] AS ids,
            CASE WHEN count(campaign_id) = count(*) AND min(campaign_id) = max(campaign_id)
                THEN min(campaign_id) END AS campaign
        FROM (
            SELECT id, {by} AS at, campaign_id,
                state = 'queued' AND (
                    reason_code <> '' OR %(whole)s OR x_account_id = ANY(%(lasting)s)
                    OR coalesce(campaign_id = ANY(%(campaigns)s), false)
                    OR x_account_id = ANY(%(passing)s) AND look_at <= %(now)s
                ) AS waits
            FROM delivery_delivery
            WHERE workspace_id = %(workspace)s AND state = '{state}'
                AND {by} >= slot.starts AND {by} < slot.ends
                AND (%(account)s::bigint IS NULL OR x_account_id = %(account)s)
                AND (%(campaign)s::bigint IS NULL OR campaign_id = %(campaign)s)
            ORDER BY {by}, id LIMIT %(most)s
        ) AS first
        GROUP BY waits
    ) AS found
    ORDER BY slot.place, found.waits
"""


@dataclass(frozen=True, slots=True)
class _Found:
    """What is of one kind in one hour; `ids` are the first of them."""

    kind: str
    number: int
    ids: list[int]
    campaign: int | None


def _entries(
    member: Member, bounds: list[tuple[datetime, datetime]], filters: Filters, holds: Holds
) -> list[list[Entry]]:
    """What to show in each hour. Four queries."""
    found: list[list[_Found]] = [[] for _ in bounds]
    wanted: dict[str, Any] = {
        "starts": [start for start, _ in bounds],
        "ends": [end for _, end in bounds],
        "named": NAMED,
        "most": SLOT_COUNTED + 1,
        "workspace": member.workspace_id,
        "account": filters.account,
        "campaign": filters.campaign,
        "whole": bool(holds.whole),
        "lasting": holds.lasting,
        "passing": holds.passing,
        "campaigns": list(holds.campaigns),
        "now": holds.moment,
    }
    with connection.cursor() as cursor:
        for state, by in KINDS:
            cursor.execute(IN_HOURS.format(state=state, by=by), wanted)
            for place, waits, number, ids, campaign in cursor.fetchall():
                kind = {"sent": "sent", "uncertain": "unsure"}.get(
                    state, "waiting" if waits else "leaving"
                )
                found[place].append(_Found(kind, number, ids, campaign))
    ids = [pk for slot in found for each in slot for pk in each.ids]
    rows = Delivery.objects.of(member).filter(pk__in=ids)
    named = rows.select_related("customer", "revision", "campaign").in_bulk()
    return [
        [entry for each in slot for entry in _shown(member, each, named, filters, start, end)]
        for slot, (start, end) in zip(found, bounds, strict=True)
    ]


def _shown(
    member: Member,
    found: _Found,
    named: dict[int, Delivery],
    filters: Filters,
    start: datetime,
    end: datetime,
) -> Iterator[Entry]:
    """The letters of one kind in an hour by name, or a count of them that leads to their list."""
    slug = member.workspace.slug
    letters = [named[pk] for pk in found.ids if pk in named]
    if found.number <= NAMED:
        for letter in letters:
            at = letter.sent_at if found.kind == "sent" else letter.look_at
            yield Entry(
                found.kind,
                letter.customer.name,
                reverse("delivery:letter", args=[slug, letter.revision.draft_id]),
                letter.changed_at if found.kind == "unsure" else at,
            )
        return
    number = f"{found.number:,}" if found.number <= SLOT_COUNTED else f"over {SLOT_COUNTED:,}"
    campaign = letters[0].campaign if letters and found.campaign else None
    words = f"{campaign.name}, {number}" if campaign else f"{number} letters"
    there = filters.but(state=_TAB[found.kind], since=start, until=end)
    yield Entry(found.kind, words, there.address(reverse("delivery:schedule", args=[slug])))
