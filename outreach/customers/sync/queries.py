"""Reads about syncs: what one would take, how fresh what we know is, what the last ones brought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Max, Min, Q

from outreach.customers.hooks import about_to_be_written_to, fresh_for
from outreach.customers.models import (
    Customer,
    FollowChange,
    Relationship,
    SeenMutual,
    Suppression,
    SyncChoice,
    SyncKind,
    SyncRun,
)
from outreach.customers.sync import estimates, handles
from outreach.customers.sync.estimates import Estimate
from outreach.ground.clock import now
from outreach.ground.paging import Page, keyset
from outreach.ground.runs import OPEN
from outreach.ground.scope import Scope
from outreach.x.caps import CapState, cents
from outreach.x.expenses import Purpose, cap_of
from outreach.x.hearing import Hearing
from outreach.x.models import AccountState, XAccount
from outreach.x.prices import price
from outreach.x.queries import last_heard

# How long a mutual who is no customer is kept, for somebody to decide.
CHOICE_OPEN = timedelta(days=14)
HISTORY = 20


@dataclass(frozen=True, slots=True)
class Freshness:
    """How many customers X was asked about: lately enough for a letter, longer ago, never."""

    fresh: int
    stale: int
    never: int
    oldest: datetime | None
    newest: datetime | None
    hours: int


@dataclass(frozen=True, slots=True)
class Way:
    """One way to learn more, with what it takes. `why_not`: why it cannot be begun; empty: it can."""

    kind: SyncKind
    estimate: Estimate | None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class SyncPage:
    """All that the page of one account's syncs shows."""

    account: XAccount
    choice: SyncChoice
    run: SyncRun | None  # the one that is open
    last: SyncRun | None  # the last that read both lists to their end
    history: list[SyncRun]
    freshness: Freshness
    lists: Way
    recipients: Way
    handles: Way
    strangers: int
    suppressed_strangers: int
    cap: CapState
    room: Decimal
    hearing: Hearing
    connected: bool

    @property
    def room_words(self) -> str:
        return cents(self.room)

    @property
    def mutuals_kept_until(self) -> datetime | None:
        """When those who may be adopted are forgotten; None where there is nobody."""
        ended = self.last.ended_at if self.last is not None else None
        return ended + CHOICE_OPEN if ended is not None and self.strangers else None


def choice_of(account: XAccount) -> SyncChoice:
    """What was chosen for an account; a row that is not stored where nothing was. One query."""
    found = SyncChoice.objects.of(account).filter(x_account=account).first()
    return found or SyncChoice(workspace_id=account.workspace_id, x_account=account)


def estimate_of_lists(choice: SyncChoice, moment: datetime) -> Estimate | None:
    """What reading both lists takes; None where nobody knows yet how long they are."""
    if choice.followers is None or choice.following is None:
        return None
    day = moment.astimezone(UTC).date()
    return estimates.of_lists(
        choice.followers, choice.following, day, owns_app=choice.owns_app
    )  # fmt: skip


def price_of(kind: str) -> str:
    """What X takes for one of a kind today, such as '$0.01'. One query."""
    return cents(price(kind, now().astimezone(UTC).date()))


def room(account: XAccount, cap: CapState | None = None) -> Decimal:
    """US dollars that the X app's cap leaves for syncs this month. Four queries, or none."""
    cap = cap or cap_of(account.app_id)
    return max(Decimal(0), cap.levels[Purpose.SYNC] - cap.spent)


def beyond_cap(estimate: Estimate, left: Decimal) -> str:
    """Why a sync that costs more than is left is not begun, and what helps."""
    return (
        f"It costs up to {estimate.price}, and this month's cap leaves {cents(left)} for syncs. "
        "Raise the cap (Settings, X accounts), or ask only about those about to be written to."
    )


def stale_recipients(account: XAccount) -> list[int]:
    """X user ids of those about to be written to, asked about too long ago. Three queries."""
    ids = about_to_be_written_to(account.pk)
    fresh = Relationship.everywhere.filter(
        x_account=account,
        customer__x_user_id__in=ids,
        checked_at__gt=now() - fresh_for(account.workspace_id),
    )
    known = set(fresh.values_list("customer__x_user_id", flat=True)) if ids else set()
    return [x_user_id for x_user_id in ids if x_user_id not in known]


def way(account: XAccount, choice: SyncChoice, kind: SyncKind, left: Decimal) -> Way:
    """What one kind of sync would take now, and whether it can be begun."""
    moment = now()
    day = moment.astimezone(UTC).date()
    if kind == SyncKind.LISTS:
        estimate = estimate_of_lists(choice, moment)
        if estimate is None:
            return Way(kind, None, "X was not asked yet how many they are.")
    elif kind == SyncKind.RECIPIENTS:
        estimate = estimates.of_look_ups(len(stale_recipients(account)), day)
    elif kind == SyncKind.HANDLES:
        estimate = estimates.of_look_ups(handles.count_due(account.workspace_id, moment), day)
    else:
        count = SeenMutual.objects.of(account).filter(x_account=account).count()
        estimate = Estimate(count, 0, 0, Decimal(0))
    if not estimate.people and kind != SyncKind.LISTS:
        return Way(kind, estimate, "There is nobody to ask about.")
    if estimate.dollars > left:
        return Way(kind, estimate, beyond_cap(estimate, left))
    return Way(kind, estimate)


def sync_page(scope: Scope, account_id: int) -> SyncPage:
    """All that the page shows. A fixed number of queries. Raises XAccount.DoesNotExist."""
    account = XAccount.objects.of(scope).select_related("app").get(pk=account_id)
    choice = choice_of(account)
    cap = cap_of(account.app_id)
    left = room(account, cap)
    runs = SyncRun.objects.of(scope).filter(x_account=account)
    aside = SeenMutual.objects.of(scope).filter(x_account=account)
    stopped = Suppression.objects.of(scope).filter(x_user_id__in=aside.values("x_user_id"))
    return SyncPage(
        account=account,
        choice=choice,
        run=runs.filter(state__in=OPEN).first(),
        last=runs.filter(kind=SyncKind.LISTS, state="done").order_by("-pk").first(),
        history=list(
            runs.exclude(state__in=OPEN).select_related("started_by").order_by("-pk")[:HISTORY]
        ),
        freshness=freshness(account),
        lists=way(account, choice, SyncKind.LISTS, left),
        recipients=way(account, choice, SyncKind.RECIPIENTS, left),
        handles=way(account, choice, SyncKind.HANDLES, left),
        strangers=aside.count(),
        suppressed_strangers=stopped.count(),
        cap=cap,
        room=left,
        hearing=last_heard(account),
        connected=account.state != AccountState.DISCONNECTED,
    )


def freshness(account: XAccount) -> Freshness:
    """How fresh what we know of the workspace's customers is, for one account. Four queries."""
    holds = fresh_for(account.workspace_id)
    # Those of merged rows are few, and found by an index of their own.
    merged = Customer.objects.of(account).filter(merged_into__isnull=False)
    rows = Relationship.objects.of(account).filter(x_account=account)
    rows = rows.exclude(customer__in=merged.values("pk"))
    known = rows.aggregate(
        all=Count("pk"),
        fresh=Count("pk", filter=Q(checked_at__gt=now() - holds)),
        oldest=Min("checked_at"),
        newest=Max("checked_at"),
    )
    # Counted apart: a join of a million with a million would be waited for.
    people = Customer.objects.speaking(account).filter(x_user_id__isnull=False).count()
    return Freshness(
        fresh=known["fresh"],
        stale=known["all"] - known["fresh"],
        never=people - known["all"],
        oldest=known["oldest"],
        newest=known["newest"],
        hours=int(holds.total_seconds() // 3600),
    )


def open_run(scope: Scope, account_id: int) -> SyncRun | None:
    """The account's sync that is under way. One query."""
    return SyncRun.objects.of(scope).filter(x_account_id=account_id, state__in=OPEN).first()


def accounts_with_syncs(scope: Scope) -> list[tuple[XAccount, SyncRun | None]]:
    """The workspace's X accounts, each with its newest sync. Two queries."""
    accounts = list(XAccount.objects.of(scope).order_by("handle"))
    newest = SyncRun.objects.of(scope).order_by("x_account_id", "-pk").distinct("x_account_id")
    runs = {run.x_account_id: run for run in newest}
    return [(account, runs.get(account.pk)) for account in accounts]


def changes(
    scope: Scope, account_id: int, *, which: str = "", older: str = "", newer: str = ""
) -> Page[FollowChange]:
    """Who began or ceased to follow, newest first. One query."""
    rows = FollowChange.objects.of(scope).filter(x_account_id=account_id)
    if which in ("began", "ceased"):
        rows = rows.filter(by_brand=False, holds=which == "began")
    elif which == "brand":
        rows = rows.filter(by_brand=True)
    return keyset(
        rows.select_related("customer", "run"), by="by", older=older, newer=newer, size=50
    )


def counts_of_changes(scope: Scope, account_id: int) -> dict[str, int]:
    """How many of each there are, for the filters. One query."""
    counted: dict[str, int] = (
        FollowChange.objects.of(scope)
        .filter(x_account_id=account_id)
        .aggregate(
            all=Count("pk"),
            began=Count("pk", filter=Q(by_brand=False, holds=True)),
            ceased=Count("pk", filter=Q(by_brand=False, holds=False)),
            brand=Count("pk", filter=Q(by_brand=True)),
        )
    )
    return counted
