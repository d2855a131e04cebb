"""Writes about syncs: begin one, cancel one, choose when they happen by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.access import Act, Member, action
from outreach.audit.actions import record
from outreach.customers.models import (
    SeenMutual,
    SyncChoice,
    SyncedUser,
    SyncKind,
    SyncRun,
    SyncToAsk,
)
from outreach.customers.sync import queries
from outreach.customers.sync.errors import PriceChanged, SyncRefused, SyncUnderWay
from outreach.customers.sync.estimates import Estimate
from outreach.customers.sync.steps import forget_pages
from outreach.customers.sync.tasks import wake
from outreach.ground.clock import now
from outreach.ground.runs import OPEN, RunState, ask_to_cancel
from outreach.ground.writes import engine_action, step
from outreach.x.models import AccountState, XAccount

DAY = timedelta(days=1)
# A daily sync whose account had another one under way, or could not begin, is tried again.
TRY_AGAIN = timedelta(minutes=30)


@action(Act.REVIEW)
def start(
    member: Member, account_id: int, *, kind: str, price: str = "", adopt: bool = False
) -> SyncRun:
    """Begin a sync of an X account, at the price that was shown.

    `price` is the sum as it was on the page; where it is higher by now, nothing is begun, so that
    nobody is surprised. Raises XAccount.DoesNotExist, SyncRefused.
    """
    account = XAccount.objects.of(member).select_related("app").get(pk=account_id)
    if kind not in SyncKind.values:
        raise SyncRefused("Choose what to ask X.")
    asks = kind != SyncKind.ADOPT
    if asks and account.state == AccountState.DISCONNECTED:
        raise SyncRefused(f"@{account.handle} is not connected. Connect it first.")
    if asks and account.mended_by_connecting:
        raise SyncRefused(f"@{account.handle} is paused: {account.paused_reason}")
    way = queries.way(account, queries.choice_of(account), SyncKind(kind), queries.room(account))
    if way.why_not or way.estimate is None:
        raise SyncRefused(way.why_not)
    if asks and _dearer(way.estimate, price):
        raise PriceChanged(
            f"It costs up to {way.estimate.price} by now. Look at the price, then start it again."
        )
    run = _begin(account, kind, way.estimate.dollars, adopt=adopt, by=member.user_id)
    record(
        "sync.started",
        target_kind="x_account",
        target_id=account.pk,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details={"run": run.pk, "kind": kind, "price": way.estimate.price, "adopt": adopt},
    )
    return run


@action(Act.REVIEW)
def cancel(member: Member, account_id: int) -> bool:
    """End the account's sync: now, or after the step that a worker is at. Whether one was open.

    What was read is dropped; nothing was changed by it. Raises XAccount.DoesNotExist.
    """
    account = XAccount.objects.of(member).get(pk=account_id)
    rows = SyncRun.objects.of(member).filter(x_account=account)
    found = rows.filter(state__in=OPEN).values_list("pk", flat=True).first()
    if found is None or not ask_to_cancel(rows):
        return False
    if not rows.filter(pk=found, state__in=OPEN).exists():
        forget_pages(found)
    record(
        "sync.cancelled",
        target_kind="x_account",
        target_id=account.pk,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details={"run": found},
    )
    return True


@action(Act.ADMINISTER)
def choose(
    member: Member, account_id: int, *, daily: str, adopt: bool, owns_app: bool
) -> SyncChoice:
    """What happens by itself each day, and what X takes for it. Raises XAccount.DoesNotExist."""
    account = XAccount.objects.of(member).get(pk=account_id)
    moment = now()
    before = queries.choice_of(account)
    # A day that was chosen before stays where it is.
    next_at = (before.next_at if daily == before.daily else None) or _a_day_after(account, daily)
    choice, _ = SyncChoice.everywhere.update_or_create(
        x_account=account,
        defaults={
            "workspace_id": member.workspace_id,
            "daily": daily,
            "adopt": adopt,
            "owns_app": owns_app,
            "next_at": next_at if daily else None,
            "changed_at": moment,
        },
    )
    record(
        "sync.chosen",
        target_kind="x_account",
        target_id=account.pk,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details={"daily": daily, "adopt": adopt, "owns_app": owns_app},
    )
    return choice


def _a_day_after(account: XAccount, kind: str) -> datetime:
    """A day after the last one of this kind: nobody pays twice for choosing it. Now, without one."""
    done = SyncRun.everywhere.filter(x_account=account, kind=kind, state=RunState.DONE)
    ended_at = done.order_by("-ended_at").values_list("ended_at", flat=True).first()
    return max(now(), ended_at + DAY) if ended_at is not None else now()


@engine_action
def start_daily(x_account_id: int) -> SyncRun | None:
    """Begin the daily sync of an account where its time has come; None where it is not begun."""
    moment = now()
    due = SyncChoice.everywhere.select_for_update(skip_locked=True, no_key=True)
    choice = due.exclude(daily="").filter(pk=x_account_id, next_at__lte=moment).first()
    if choice is None:
        return None
    account = XAccount.everywhere.select_related("app").get(pk=x_account_id)
    choice.next_at = moment + TRY_AGAIN
    run = None
    if account.state != AccountState.DISCONNECTED and not account.mended_by_connecting:
        way = queries.way(account, choice, SyncKind(choice.daily), queries.room(account))
        nobody = way.estimate is not None and not way.estimate.people
        dollars = way.estimate.dollars if way.estimate is not None else Decimal(0)
        try:
            # What the cap does not pay for is begun all the same, and ends by saying so.
            run = None if nobody else _begin(account, choice.daily, dollars, adopt=choice.adopt)
            choice.next_at = moment + DAY
        except SyncUnderWay:
            pass
    choice.save(update_fields=["next_at"])
    if run is not None:
        record(
            "sync.started",
            target_kind="x_account",
            target_id=account.pk,
            workspace_id=account.workspace_id,
            details={"run": run.pk, "kind": run.kind, "daily": True},
        )
    return run


@engine_action
def start_from_outside(x_account_id: int, *, kind: SyncKind, adopt: bool) -> SyncRun:
    """An operator begins one on the command line, having seen its price. Raises SyncUnderWay."""
    account = XAccount.everywhere.select_related("app").get(pk=x_account_id)
    way = queries.way(account, queries.choice_of(account), kind, queries.room(account))
    dollars = way.estimate.dollars if way.estimate is not None else Decimal(0)
    run = _begin(account, kind, dollars, adopt=adopt)
    record(
        "sync.started",
        target_kind="x_account",
        target_id=account.pk,
        workspace_id=account.workspace_id,
        details={"run": run.pk, "kind": kind.value, "command": True},
    )
    return run


@engine_action
def forget_old() -> int:
    """Drop mutuals whom nobody adopted in time. Returns how many."""
    old, _ = SeenMutual.everywhere.filter(seen_at__lt=now() - queries.CHOICE_OPEN).delete()
    return old


@step
def forget_person(workspace_id: int, x_user_id: int | None, handle: str) -> None:
    """Nothing that a sync holds names this person any more: for their erasure."""
    runs = SyncRun.everywhere.filter(workspace_id=workspace_id, state__in=OPEN)
    who = Q(handle__iexact=handle) & ~Q(handle="")
    if x_user_id is not None:
        who |= Q(x_user_id=x_user_id)
    for held in (SyncedUser, SyncToAsk):
        held.everywhere.filter(who, run__in=runs).delete()
    SeenMutual.everywhere.filter(who, workspace_id=workspace_id).delete()


def _dearer(estimate: Estimate, shown: str) -> bool:
    """Whether it costs more than what was shown, such as '$1,900.00'; what is no sum is none."""
    try:
        return Decimal(estimate.price[1:].replace(",", "")) > Decimal(
            shown.strip().removeprefix("$").replace(",", "")
        )
    except InvalidOperation:
        return True


@step
def _begin(
    account: XAccount, kind: str, price: Decimal, *, adopt: bool, by: int | None = None
) -> SyncRun:
    """A run that waits for a worker. Raises SyncUnderWay."""
    try:
        with transaction.atomic():
            run: SyncRun = SyncRun.objects.create(
                workspace_id=account.workspace_id,
                x_account=account,
                started_by_id=by,
                kind=kind,
                adopt=adopt and kind == SyncKind.LISTS,
                price=price,
            )
    except IntegrityError:
        raise SyncUnderWay(
            f"A sync of @{account.handle} is under way. Wait for it, or cancel it first."
        ) from None
    transaction.on_commit(lambda: wake(run.pk))
    return run
