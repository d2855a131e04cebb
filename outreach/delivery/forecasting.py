"""When letters will leave and what they cost, for pages and commands: reads, then forecast.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import QuerySet

from accounts.access import Member
from outreach.customers.models import Customer
from outreach.delivery import queueing
from outreach.delivery.actions import LEAVE_BY
from outreach.delivery.forecast import LIMITS, Forecast
from outreach.delivery.models import Delivery, DeliveryState
from outreach.delivery.queueing import Wanted
from outreach.drafts.hooks import WouldLeave
from outreach.drafts.models import Campaign
from outreach.ground.clock import now
from outreach.ground.scope import Scope
from outreach.x.caps import Purpose, level
from outreach.x.models import XAccount
from outreach.x.prices import price
from outreach.x.queries import price_words

# So many letters are read at most: for a page, which answers at once, and for a command.
FOR_A_PAGE, FOR_A_COMMAND = 2_000, 50_000
# Above all rows' ids: letters and a campaign that are not there yet come last.
NOT_YET = 1 << 62


@dataclass(frozen=True, slots=True)
class Group:
    """When several letters leave, and what they cost. `price` is in US dollars.

    `stay` of them do not leave, the first of them because of `why`. Not `exact`: then or later.
    """

    leave: int
    stay: int
    first: datetime | None
    last: datetime | None
    exact: bool
    why: str
    price: Decimal
    each: Mapping[int, Forecast] = field(repr=False)

    @classmethod
    def of(cls, forecasts: Mapping[int, Forecast], unread: int = 0) -> Group:
        """`unread` more leave after all of these."""
        every = list(forecasts.values())
        leaving = sorted(each.leaves_at for each in every if each.leaves_at is not None)
        telling = [each for each in every if each.leaves_at in (None, *leaving[-1:])]
        days = Counter(moment.date() for moment in leaving)
        if leaving:
            days[leaving[-1].date()] += unread
        return cls(
            leave=days.total(),
            stay=len(every) - len(leaving),
            first=leaving[0] if leaving else None,
            last=leaving[-1] if leaving else None,
            exact=not unread and all(each.exact for each in every),
            why=next((each.why for each in sorted(telling, key=_leaves)), ""),
            price=sum((price_of(day) * count for day, count in days.items()), Decimal(0)),
            each=forecasts,
        )


def _leaves(forecast: Forecast) -> bool:
    return forecast.leaves_at is not None


def for_page(member: Member, deliveries: Iterable[Delivery]) -> dict[int, Forecast]:
    """When each of these letters leaves that is queued, by its id. Five queries, or none."""
    return _of(
        [
            (each.pk, each.x_account_id)
            for each in deliveries
            if each.state == DeliveryState.QUEUED and each.workspace_id == member.workspace_id
        ],
        FOR_A_PAGE,
    )


def forecast_of(member: Member, delivery_ids: Sequence[int]) -> dict[int, Forecast]:
    """The same for ids; those of other workspaces, or not queued, are left out. Six queries."""
    rows = _queued(member).filter(pk__in=delivery_ids)
    return _of(_pairs(rows, len(delivery_ids)), FOR_A_PAGE)


def forecast_campaign(member: Member, campaign_id: int) -> Group:
    """When a campaign's queued letters leave. Eight queries. Raises Campaign.DoesNotExist."""
    return forecast_queued(member, campaign_id=campaign_id, most=FOR_A_PAGE)


def forecast_queued(
    scope: Scope, *, campaign_id: int | None = None, most: int = FOR_A_COMMAND
) -> Group:
    """When all that a workspace has queued leaves, or what a campaign has of it. Seven queries.

    Raises Campaign.DoesNotExist.
    """
    rows = _queued(scope)
    if campaign_id is not None:
        rows = rows.filter(campaign=Campaign.objects.of(scope).get(pk=campaign_id))
    found = _of(_pairs(rows, most), most)
    return Group.of(found, unread=max(0, rows.count() - most))


def if_sent(
    member: Member,
    x_account_id: int,
    send_at: datetime | None,
    customer_ids: Sequence[int],
    *,
    campaign_id: int | None = None,
    most: int = FOR_A_PAGE,
) -> Group:
    """When letters to these customers would leave, were they approved now, and what they cost.

    Several at once are a campaign of their own, unless it is given. Ten queries, two more near the
    app's monthly cap. Raises XAccount.DoesNotExist.
    """
    account = XAccount.objects.of(member).select_related("app").get(pk=x_account_id)
    moment = now()
    earliest = moment + timedelta(seconds=settings.UNDO_SECONDS)
    due_at = max(earliest, send_at) if send_at else earliest
    lane = campaign_id or (0 if len(customer_ids) == 1 else NOT_YET)
    customers = Customer.objects.of(member).filter(pk__in=customer_ids).order_by("pk")
    wanted = {
        NOT_YET + number: Wanted(
            account=x_account_id,
            lane=lane,
            recipient_x_user_id=customer.x_user_id,
            time_zone=customer.time_zone,
            last_answered_at=customer.last_answered_at,
            look_at=due_at,
            leave_by=due_at + LEAVE_BY,
        )
        for number, customer in enumerate(customers)
    }
    cap = level(account.app, Purpose.LETTER, moment)
    capped = cap.words if cap.reached else ""
    read = queueing.read([x_account_id], most=most, wanted=wanted, also_held=capped)
    found = read.forecast()
    return Group.of({pk: found[pk] for pk in wanted})


def would_leave(
    member: Member,
    x_account_id: int,
    customer_id: int,
    send_at: datetime | None,
    campaign_id: int | None,
) -> WouldLeave:
    """The same for one letter, in words, as composer and review show it."""
    found = if_sent(member, x_account_id, send_at, [customer_id], campaign_id=campaign_id)
    held = any(each.held for each in found.each.values())
    return WouldLeave(found.last, held, found.exact, found.why, price_words(found.price))


def _queued(scope: Scope) -> QuerySet[Delivery]:
    return Delivery.objects.of(scope).filter(state=DeliveryState.QUEUED)


def _pairs(rows: QuerySet[Delivery], most: int) -> list[tuple[int, int]]:
    return list(rows.order_by("look_at", "pk").values_list("pk", "x_account_id")[:most])


def _of(asked: Sequence[tuple[int, int]], most: int) -> dict[int, Forecast]:
    """The forecasts of letters that are queued: (id, account's id)."""
    if not asked:
        return {}
    read = queueing.read({account for _, account in asked}, most=most)
    return _with_unread(read.forecast(), asked, read)


def _with_unread(
    found: dict[int, Forecast], asked: Sequence[tuple[int, int]], read: queueing.Queued
) -> dict[int, Forecast]:
    """What was not read leaves after all of its account that was."""
    last: dict[int, datetime] = {}
    for letters in read.letters.values():
        for letter in letters:
            leaves_at = found[letter.id].leaves_at
            if leaves_at is not None:
                last[letter.account] = max(leaves_at, last.get(letter.account, leaves_at))
    return {
        pk: found.get(pk)
        or Forecast(
            None if read.held.get(account) else last.get(account, read.now),
            LIMITS,
            read.held.get(account, ""),
            exact=False,
        )
        for pk, account in asked
    }


def price_of(day: date) -> Decimal:
    """What a letter that leaves on that UTC day costs in US dollars, with the look-up before it."""
    return price("send_dm", day) + price("user", day)
