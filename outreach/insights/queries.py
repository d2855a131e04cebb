"""What Today, the rail and the audit log show. Reads all rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts.access import Act, Member
from outreach.audit import queries as audit
from outreach.audit.models import AuditEvent
from outreach.delivery import budget, schedule_queries
from outreach.delivery import queries as deliveries
from outreach.delivery.filters import Filters
from outreach.delivery.holds import Hold, Holds, holds_in
from outreach.delivery.models import AccountPace, AppPace, Delivery, DeliveryState
from outreach.drafts import queries as drafts
from outreach.drafts.models import Revision
from outreach.ground.clock import now
from outreach.x.models import MENDED_BY_CONNECTING, AccountState, PausedBy, XAccount
from outreach.x.queries import accounts_of

# How many of each kind Today lists before it points to the page that has them all.
MOST = 5
# Nothing of X's is closed.
OPEN = (datetime.min.replace(tzinfo=UTC), "")
# Pauses that end at X, or by connecting the account again.
NEEDS_ADMINISTRATOR = MENDED_BY_CONNECTING | {PausedBy.LOCKED}


@dataclass(frozen=True, slots=True)
class StripAccount:
    """An X account with its health and remaining budget, as every page shows it."""

    handle: str
    health: str
    reason: str
    used_15: int
    limit_15: int
    used_24h: int
    limit_24h: int
    next_send: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    title: str
    detail: str
    url: str
    action: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class LineOfToday:
    label: str
    detail: str
    url: str


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    value: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class LogLine:
    at: datetime
    who: str
    words: str
    object_url: str


def account_strip(member: Member) -> list[StripAccount]:
    """Every X account of the workspace with its budget, and what closes or holds it. Seven queries."""
    accounts = accounts_of(member)
    if not accounts:
        return []
    moment = now()
    windows = sorted(settings.X_ACCOUNT_WINDOWS, key=lambda window: window[1])
    uses = budget.use_of_accounts([account.pk for account in accounts], windows, moment)
    closed_accounts = _closed(AccountPace.objects.filter(x_account__in=accounts), moment)
    holds = holds_in(member, accounts, moment)
    closed_apps = _closed(AppPace.objects.filter(app__accounts__in=accounts).distinct(), moment)
    return [
        _strip(
            account,
            uses[account.pk],
            max(closed_accounts.get(account.pk, OPEN), closed_apps.get(account.app_id, OPEN)),
            holds.whole[0] if holds.whole else holds.accounts.get(account.pk),
            moment,
        )
        for account in accounts
    ]


def _closed(
    paces: QuerySet[AccountPace] | QuerySet[AppPace], moment: datetime
) -> dict[int, tuple[datetime, str]]:
    """Until when X closed each of them, and why. One query."""
    rows = paces.filter(closed_until__gt=moment).values_list("pk", "closed_until", "closed_reason")
    return {pk: (until, reason) for pk, until, reason in rows if until}


def _strip(
    account: XAccount,
    uses: Sequence[budget.WindowUse],
    closed: tuple[datetime, str],
    hold: Hold | None,
    moment: datetime,
) -> StripAccount:
    short, day = uses[0], uses[-1]
    next_send = max(closed[0], *(use.free_at for use in uses))
    health, reason = AccountState(account.state).label, account.paused_reason
    if account.state != AccountState.CONNECTED:
        next_send = moment
    elif hold:
        health, reason = ("waiting" if hold.passes else "paused"), hold.reason
        next_send = max(next_send, hold.look_at) if hold.look_at else moment
    elif closed[1]:
        health, reason = "waiting", closed[1]
    return StripAccount(
        handle=account.handle,
        health=health,
        reason=reason,
        used_15=short.used,
        limit_15=short.limit,
        used_24h=day.used,
        limit_24h=day.limit,
        next_send=next_send if next_send > moment else None,
    )


def waiting_for(member: Member, holds: Holds) -> list[Waiting]:
    """What waits for this member: changes requested, letters to decide on, unsure ones."""
    slug = member.workspace.slug
    # First what keeps every letter waiting.
    found = _to_administer(member) if member.may(Act.ADMINISTER) else []
    found += [
        Waiting(
            f"A change is asked for in the letter to {draft.customer.name}",
            drafts.opening(draft.words),
            reverse("drafts:compose", args=[slug, draft.pk]),
            "Open",
            "mend",
        )
        for draft in drafts.open_for(member)[:MOST]
    ]
    if member.may(Act.REVIEW):
        found += _paused(member, holds, but={waiting.title for waiting in found})
        to_read = drafts.in_review(member).exclude(author_id=member.user_id)[:MOST]
        found += [_to_read(slug, revision) for revision in to_read]
    for state in (DeliveryState.UNCERTAIN, DeliveryState.BLOCKED):
        found += _to_look_into(member, state)
    return found


def _paused(member: Member, holds: Holds, but: set[str]) -> list[Waiting]:
    """What a manager can resume."""
    url = Filters(state="waiting").address(_schedule(member))
    return [
        Waiting(hold.title, hold.reason, url, "Look", "mend")
        for hold in holds
        if hold.liftable and hold.title not in but
    ][:MOST]


def _to_look_into(member: Member, state: DeliveryState) -> list[Waiting]:
    """Letters that are unsure, or held back, the oldest first; many are one line. Two queries."""
    is_unsure = state == DeliveryState.UNCERTAIN
    what = "may or may not have arrived" if is_unsure else "is held back"
    action = "Decide" if is_unsure and member.may(Act.REVIEW) else "Look"
    rows = Delivery.objects.of(member).filter(state=state)
    number = schedule_queries.counted(rows, [Q(state=state)])
    oldest = list(rows.select_related("customer", "revision").order_by("changed_at", "pk")[:MOST])
    if isinstance(number, str) or number > MOST:
        many = f"{number:,}" if isinstance(number, int) else number.capitalize()
        url = Filters(state="unsure" if is_unsure else "not-sent").address(_schedule(member))
        what = what.replace("is ", "are ")
        return [Waiting(f"{many} letters {what}", "", url, action, "mend")]
    return [
        Waiting(
            f"The letter to {delivery.customer.name} {what}",
            delivery.reason,
            reverse("delivery:letter", args=[member.workspace.slug, delivery.revision.draft_id]),
            action,
            "mend",
        )
        for delivery in oldest
    ]


def _schedule(member: Member) -> str:
    return reverse("delivery:schedule", args=[member.workspace.slug])


def _to_administer(member: Member) -> list[Waiting]:
    """Accounts that only an administrator can mend, and a month that nears its cap. One query."""
    slug, month = member.workspace.slug, now().astimezone(UTC).date().replace(day=1)
    rows: list[Waiting] = []
    warned: set[int] = set()
    for account in accounts_of(member):
        url = reverse("x:account", args=[slug, account.pk])
        if account.paused_by in NEEDS_ADMINISTRATOR:
            title = f"Letters from @{account.handle} wait"
            rows.append(Waiting(title, account.paused_reason, url, "Look", "mend"))
        if account.app.warned_for == month and account.app_id not in warned:
            warned.add(account.app_id)
            title = "This month’s cost at X nears its cap"
            detail = "The account’s page says what stops when, and where the cap is raised."
            rows.append(Waiting(title, detail, url, "Look", "mend"))
    return rows[:MOST]


def _to_read(slug: str, revision: Revision) -> Waiting:
    return Waiting(
        f"{revision.author.name} wrote to {revision.customer.name}",
        drafts.opening(revision.text),
        reverse("drafts:review", args=[slug, revision.pk]),
        "Review",
    )


def letters_of_today(member: Member, holds: Holds) -> list[LineOfToday]:
    """How many letters left today, how many still will, or wait, in the reader's day. Five queries."""
    start = timezone.localtime(now()).replace(hour=0, minute=0, second=0, microsecond=0)
    end = start + timedelta(days=1)
    wanted = [
        ("Sent", Filters(state="sent", since=start, until=end)),
        ("Still to leave", Filters(until=end)),
        ("Waiting", Filters(state="waiting", until=end)),
        ("Unsure", Filters(state="unsure")),
    ]
    lines = []
    for label, filters in wanted:
        number = schedule_queries.how_many(member, filters, holds)
        if number:
            detail = number if isinstance(number, str) else f"{number:,}"
            lines.append(LineOfToday(label, detail, filters.address(_schedule(member))))
    return lines


def last_14_days(member: Member) -> list[Figure]:
    return [Figure("Sent", deliveries.letters_since(member, 14))]


def audit_lines(member: Member, *, before: int | None) -> tuple[list[LogLine], int | None]:
    """A page of the audit log, and the id to go on from (None at the end). Two queries."""
    size = 50
    events = audit.events_of(member, before=before, limit=size + 1)
    more = events[size - 1].pk if len(events) > size else None
    return [_line(member, event) for event in events[:size]], more


def _line(member: Member, event: AuditEvent) -> LogLine:
    return LogLine(
        at=event.at,
        who=event.actor.name if event.actor else "Outreach",
        words=_words(event),
        object_url=_url(member, event),
    )


def _words(event: AuditEvent) -> str:
    detail = getattr(event, "detail", None)
    if event.verb == "contact_policy.changed" and detail is not None:
        needed = detail.details.get("require_permission")
        return f"contact policy changed: a recorded permission is {'needed' if needed else 'not needed'}"
    if event.verb == "sending_policy.changed" and detail is not None:
        return f"sending policy changed. {' '.join(detail.details.get('changes', []))}"
    said = event.verb.replace(".", " ").replace("_", " ")
    return f"{said}: {event.target_kind.replace('_', ' ')} {event.target_id}"


def _url(member: Member, event: AuditEvent) -> str:
    if event.target_kind == "guidance_policy":
        return reverse("drafts:policy", args=[member.workspace.slug])
    if event.target_kind == "contact_policy":
        return reverse("customers:policy", args=[member.workspace.slug])
    if event.target_kind == "sending_policy":
        return reverse("delivery:policy", args=[member.workspace.slug])
    names = {
        "draft": "delivery:letter",
        "customer": "customers:show",
        "invitation": "customers:invitation",
        "import": "customers:import",
        "sweep": "customers:sweep",
        "x_account": "x:account",
    }
    name = names.get(event.target_kind)
    if name is None or not event.target_id:
        return ""
    return reverse(name, args=[member.workspace.slug, event.target_id])
