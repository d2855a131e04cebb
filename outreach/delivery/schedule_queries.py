"""Reads of the schedule: one page of letters by state, and how many there are.

A page costs the same with a million letters waiting: rows come in an index's order, and nothing is
counted beyond MOST_COUNTED.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, QuerySet
from django.urls import reverse

from accounts.access import Member
from outreach.customers.finding.criteria import Criteria
from outreach.customers.finding.queries import list_of
from outreach.delivery.filters import Filters
from outreach.delivery.forecast import Forecast
from outreach.delivery.holds import Hold, Holds
from outreach.delivery.models import COMES_BACK, OPEN, Delivery, DeliveryState
from outreach.delivery.queries import TONE, words_of
from outreach.drafts.models import Campaign
from outreach.drafts.queries import ERASED_WORDS, Tab, opening
from outreach.ground.paging import Page, keyset

_S = DeliveryState
PAGE_SIZE = 30
MOST_COUNTED = 10_000
# A search in the schedule looks at the letters of so many people.
MOST_PEOPLE = 100
CAMPAIGNS_OFFERED = 50

# The schedule's tabs, and what each says where it is empty.
TABS = {
    "": "On their way",
    "waiting": "Waiting",
    "unsure": "Unsure",
    "sent": "Sent",
    "not-sent": "Not sent",
}
EMPTY = {
    "": (
        "Nothing is on its way",
        "A letter gets its place in the schedule the moment a manager approves it.",
    ),
    "waiting": (
        "Nothing waits",
        (
            "A letter that may not leave yet waits here and says why: the hour where its reader "
            "lives, the house rule on how often, a pause."
        ),
    ),
    "unsure": (
        "Nobody has to decide anything",
        (
            "When X does not say whether it took a letter, the letter stays here until that is "
            "known. It is never sent twice by itself."
        ),
    ),
    "sent": ("Nothing was sent yet", "What X accepted is listed here, the newest first."),
    "not-sent": (
        "Everything left that was to leave",
        "A letter that could not leave, or that somebody cancelled, is listed here with the reason.",
    ),
}
_STATES = {
    "unsure": (_S.UNCERTAIN,),
    "sent": (_S.SENT,),
    "not-sent": (_S.BLOCKED, _S.FAILED, _S.CANCELLED),
}


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One letter as lists show it; `at` is the time that `at_words` names."""

    id: int
    url: str
    person: str
    handle: str
    opening: str
    campaign: str
    account: str
    state: str
    state_words: str
    tone: str
    reasons: list[str]
    contradiction: str
    at_words: str
    at: datetime | None
    may_cancel: bool
    may_try_again: bool
    may_reschedule: bool
    changes: bool  # it may still change by itself
    version: str = field(default="", compare=False)

    @property
    def reason(self) -> str:
        return " ".join(self.reasons)


@dataclass(frozen=True, slots=True)
class Sought:
    """Whose letters a search looks at; `more`: it fits more people than are looked at."""

    ids: tuple[int, ...]
    more: bool


def people_like(member: Member, who: str) -> Sought | None:
    """The people whom a search finds; None where nobody is sought. At most eight queries."""
    if not who:
        return None
    found = list_of(member, Criteria(q=who), size=MOST_PEOPLE).found
    return Sought(tuple(person.pk for person in found.page.rows), more=bool(found.page.older))


def page_of(
    member: Member,
    filters: Filters,
    holds: Holds,
    sought: Sought | None,
    *,
    older: str,
    newer: str,
) -> Page[Delivery]:
    """One tab of the schedule. What is to come: the soonest first; else the newest change first.

    One query.
    """
    rows = _narrowed(member, filters, sought).select_related(
        "customer", "revision", "x_account", "campaign"
    )
    tab = filters.state if filters.state in TABS else ""
    to_come = tab in ("", "waiting")
    return keyset(
        *(rows.filter(part) for part in _parts(tab, holds)),
        by="look_at" if to_come else "changed_at",
        descending=not to_come,
        older=older,
        newer=newer,
        size=PAGE_SIZE,
    )


def tabs_of(member: Member, filters: Filters, holds: Holds, sought: Sought | None) -> list[Tab]:
    """The schedule's tabs, each with how many letters it has. One query a tab."""
    here = reverse("delivery:schedule", args=[member.workspace.slug])
    current = filters.state if filters.state in TABS else ""
    return [
        Tab(
            label,
            how_many(member, filters.but(state=name), holds, sought),
            filters.but(state=name).address(here),
            name == current,
        )
        for name, label in TABS.items()
    ]


def how_many(
    member: Member, filters: Filters, holds: Holds, sought: Sought | None = None
) -> int | str:
    """How many letters of one tab fit, or that they are more than anybody counts. One query."""
    return counted(_narrowed(member, filters, sought), _parts(filters.state, holds))


def counted(rows: QuerySet[Delivery], parts: list[Q]) -> int | str:
    """How many rows the parts have together, or that they are more than anybody counts. One query."""
    fits = parts[0]
    for part in parts[1:]:
        fits |= part
    number = rows.filter(fits).order_by()[: MOST_COUNTED + 1].count()
    return number if number <= MOST_COUNTED else f"over {MOST_COUNTED:,}"


def waiting_of_campaign(member: Member, campaign_id: int) -> int | str:
    """How many letters of a campaign have not left and still may. One query."""
    rows = Delivery.objects.of(member).filter(campaign_id=campaign_id)
    return counted(rows, [Q(state__in=OPEN)])


def campaign(member: Member, campaign_id: int) -> Campaign:
    """One campaign. Raises Campaign.DoesNotExist."""
    return Campaign.objects.of(member).get(pk=campaign_id)


def campaigns_of(member: Member) -> list[Campaign]:
    """The newest campaigns, as a filter offers them. One query."""
    return list(Campaign.objects.of(member).order_by("-created_at", "-pk")[:CAMPAIGNS_OFFERED])


def deliveries(member: Member, ids: Iterable[int]) -> list[Delivery]:
    """These letters, those of other workspaces left out. One query."""
    rows = Delivery.objects.of(member).filter(pk__in=list(ids))
    return list(rows.select_related("customer", "revision", "x_account", "campaign"))


def rows_of(
    member: Member,
    found: Iterable[Delivery],
    holds: Holds,
    forecasts: Mapping[int, Forecast] | None = None,
) -> list[DeliveryRow]:
    """Letters as lists show them. `forecasts`: when each that is queued will leave. No query."""
    foreseen = forecasts or {}
    return [
        _row(member, delivery, holds.of(delivery), foreseen.get(delivery.pk)) for delivery in found
    ]


def _row(
    member: Member, delivery: Delivery, hold: Hold | None, forecast: Forecast | None
) -> DeliveryRow:
    waits = hold is not None or (delivery.state == _S.QUEUED and bool(delivery.reason_code))
    reasons = [hold.reason] if hold else []
    if delivery.reason and delivery.reason not in reasons:
        reasons.append(delivery.reason)
    if forecast and forecast.why and not waits:
        reasons.append(forecast.why)
    at_words, at = _time_of(delivery, hold, forecast)
    is_open = delivery.state in OPEN
    # A forecast moves by seconds from look to look, which is no news.
    minute = at.replace(second=0, microsecond=0) if at else None
    said = "|".join(
        map(str, (delivery.state, *reasons, at_words, minute, delivery.contradiction, waits))
    )
    return DeliveryRow(
        id=delivery.pk,
        url=reverse("delivery:letter", args=[member.workspace.slug, delivery.revision.draft_id]),
        person=delivery.customer.name,
        handle=delivery.customer.handle,
        opening=opening(delivery.text or ERASED_WORDS),
        campaign=delivery.campaign.name if delivery.campaign else "",
        account=delivery.x_account.handle,
        state=delivery.state,
        state_words="Waiting" if waits else words_of(delivery),
        tone="mend" if waits else TONE[DeliveryState(delivery.state)],
        reasons=reasons,
        contradiction=delivery.contradiction,
        at_words=at_words,
        at=at,
        may_cancel=is_open,
        may_try_again=delivery.state == _S.BLOCKED,
        may_reschedule=is_open,
        changes=delivery.state in (_S.QUEUED, _S.SENDING, _S.UNCERTAIN),
        version=hashlib.sha256(said.encode()).hexdigest()[:12],
    )


def _time_of(
    delivery: Delivery, hold: Hold | None, forecast: Forecast | None
) -> tuple[str, datetime | None]:
    """Which time a list shows of a letter, and the words for it."""
    if delivery.state == _S.SENT:
        return "Sent", delivery.sent_at
    if delivery.state == _S.QUEUED:
        if hold is not None and hold.look_at is None:
            return "Not before", delivery.due_at
        if forecast and forecast.leaves_at is None and not forecast.held:
            return "Would be too late", delivery.leave_by
        if hold is not None:
            return "Looked at again", hold.look_at
        if delivery.reason_code:
            return "Looked at again", delivery.look_at
        if forecast and forecast.leaves_at:
            return ("Leaves about" if forecast.exact else "Leaves after"), forecast.leaves_at
        return "Leaves", delivery.look_at
    if delivery.state == _S.BLOCKED and delivery.reason_code in COMES_BACK:
        return "Leaves by itself if that changes before", delivery.leave_by
    if delivery.state == _S.SENDING:
        return "Being sent since", delivery.changed_at
    return ("Unsure since" if delivery.state == _S.UNCERTAIN else "Since"), delivery.changed_at


def _narrowed(member: Member, filters: Filters, sought: Sought | None) -> QuerySet[Delivery]:
    rows = Delivery.objects.of(member)
    if filters.account:
        rows = rows.filter(x_account_id=filters.account)
    if filters.campaign:
        rows = rows.filter(campaign_id=filters.campaign)
    if sought is not None:
        rows = rows.filter(customer_id__in=sought.ids)
    by = {"": "look_at", "waiting": "look_at", "sent": "sent_at"}.get(filters.state, "changed_at")
    if filters.since:
        rows = rows.filter(**{f"{by}__gte": filters.since})
    if filters.until:
        rows = rows.filter(**{f"{by}__lt": filters.until})
    return rows


def _parts(tab: str, holds: Holds) -> list[Q]:
    """The disjoint parts of a tab, each of which an index has in the tab's order."""
    if tab in _STATES:
        return [Q(state=state) for state in _STATES[tab]]
    held = holds.holding()
    free = Q(state=_S.QUEUED, reason_code="")
    has_reason = Q(state=_S.QUEUED) & ~Q(reason_code="")
    if tab == "waiting":
        return [has_reason] if held is None else [has_reason, free & held]
    leaving = [Q(state=_S.SENDING)]
    if held is None:
        return [*leaving, free]
    return leaving if holds.whole else [*leaving, free & ~held]
