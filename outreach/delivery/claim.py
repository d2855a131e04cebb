"""The claim: one short transaction that decides whether a letter leaves now.

No call to X inside. Locks in one order everywhere: the account's pace row, the customer, the
delivery, then the app's pace row, then the app itself where its monthly cap is near. The time is
read after the last lock. A stop locks the customer first, so it comes before a claim or after it,
never between.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from outreach.audit.actions import record
from outreach.customers.models import Customer, Permission, Relationship, Suppression
from outreach.customers.queries import requires_permission
from outreach.delivery import budget
from outreach.delivery.gates import Block, Facts, Go, Verdict, Wait, judge
from outreach.delivery.models import (
    IN_THE_AIR,
    AccountPace,
    AppPace,
    Attempt,
    Delivery,
    DeliveryState,
    SendingPolicy,
)
from outreach.drafts.policy_queries import newest_version, read_again, terms_of
from outreach.ground.clock import now as clock_now
from outreach.ground.writes import engine_action
from outreach.x.caps import Level, level_for_letters
from outreach.x.models import AccountState, XAccount
from outreach.x.prices import price


@dataclass(frozen=True, slots=True)
class Claimed:
    """Nobody but this process now calls X once with these words."""

    delivery_id: int
    attempt_id: int
    token: uuid.UUID
    account: XAccount
    customer_id: int
    recipient_x_user_id: int
    text: str = field(repr=False)  # a traceback may show the rest


@dataclass(frozen=True, slots=True)
class NothingDue:
    """No letter of this account is due; `look_at` is when the next one is to be looked at."""

    look_at: datetime | None


@dataclass(frozen=True, slots=True)
class Closed:
    """A limit is reached: the next attempt fits at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A gate is closed for one letter; others may still leave."""

    delivery_id: int
    verdict: Wait | Block


@dataclass(frozen=True, slots=True)
class Busy:
    """Another worker claims for this account at this moment."""


Answer = Claimed | NothingDue | Closed | Held | Busy


@engine_action
def claim(x_account_id: int) -> Answer:
    """Decide about the account's next due letter, and take it if it may leave.

    The answer holds once this function has returned, for then the transaction is committed.
    """
    if not _lock_pace(x_account_id):
        return Busy()
    began = clock_now()
    candidate = _next_due(x_account_id, began)
    if candidate is None:
        return NothingDue(_next_look(x_account_id))
    customer = Customer.everywhere.select_for_update(no_key=True).get(pk=candidate.customer_id)
    delivery = Delivery.everywhere.select_for_update(no_key=True).get(pk=candidate.pk)
    if delivery.state != DeliveryState.QUEUED:
        # Cancelled between the look and the lock; the caller looks again.
        return NothingDue(clock_now())
    if settings.X_APP_WINDOWS:
        app_pace = AppPace.objects.select_for_update(no_key=True, of=("self",))
        app_pace.get(app__accounts=x_account_id)
    money = level_for_letters(x_account_id, began)
    now = clock_now()
    if delivery.look_at > now:
        return NothingDue(now)
    # Read after the last lock, like all that decides: a pause takes effect before the next claim.
    account = XAccount.everywhere.select_related("workspace").get(pk=x_account_id)
    verdict = judge(_facts(delivery, account, customer, money, now))
    if not isinstance(verdict, Go):
        _hold(delivery, verdict, now)
        return Held(delivery.pk, verdict)
    until = allowed_at(account, now)
    if until > now:
        return Closed(until)
    return _take(delivery, account, now)


def _lock_pace(x_account_id: int) -> bool:
    """True with the account's pace row locked; False where another claim holds it."""
    rows = AccountPace.objects.select_for_update(no_key=True, skip_locked=True)
    return bool(list(rows.filter(pk=x_account_id)))


def _next_due(x_account_id: int, now: datetime) -> Delivery | None:
    return (
        Delivery.everywhere.filter(
            x_account_id=x_account_id, state=DeliveryState.QUEUED, look_at__lte=now
        )
        .order_by("look_at", "pk")
        .only("pk", "customer_id")
        .first()
    )


def _next_look(x_account_id: int) -> datetime | None:
    return (
        Delivery.everywhere.filter(x_account_id=x_account_id, state=DeliveryState.QUEUED)
        .order_by("look_at", "pk")
        .values_list("look_at", flat=True)
        .first()
    )


def _facts(
    delivery: Delivery, account: XAccount, customer: Customer, money: Level, now: datetime
) -> Facts:
    """Everything the gates ask, read after the locks."""
    policy = SendingPolicy.everywhere.annotate(guidance_version=newest_version("pk")).get(
        pk=delivery.workspace_id
    )
    relationship = Relationship.everywhere.filter(x_account=account, customer=customer).first()
    suppression = Suppression.everywhere.filter(
        workspace_id=delivery.workspace_id, x_user_id=delivery.recipient_x_user_id
    ).first()
    others = Delivery.everywhere.filter(
        workspace_id=delivery.workspace_id, recipient_x_user_id=delivery.recipient_x_user_id
    ).exclude(pk=delivery.pk)
    # What is sending or uncertain counts as written.
    air = list(others.filter(state__in=IN_THE_AIR).values_list("x_account_id", flat=True))
    cap_for = timedelta(days=policy.cap_days)
    sent = list(
        others.filter(state=DeliveryState.SENT, sent_at__gt=now - cap_for).values_list(
            "sent_at", flat=True
        )
    )
    return Facts(
        now=now,
        leave_by=delivery.leave_by,
        customer=customer.first_name or customer.name,
        merged=customer.merged_into_id is not None,
        approved=not delivery.approval.undone_at,
        guidance_stops=_stopped_by_guidance(delivery, customer, account, policy.guidance_version),
        account_paused=_why_not_now(account),
        suppressed=suppression.reason if suppression else "",
        has_permission=Permission.everywhere.filter(
            customer=customer, withdrawn_at__isnull=True
        ).exists(),
        require_permission=requires_permission(delivery),
        relationship_known=relationship is not None,
        following=bool(relationship and relationship.following),
        followed_by=bool(relationship and relationship.followed_by),
        accepts_dms=bool(relationship and relationship.accepts_dms),
        reachable=bool(relationship and relationship.reachable),
        checked_at=relationship.checked_at if relationship else None,
        fresh_for=timedelta(hours=policy.relationship_hours),
        recent=tuple(moment for moment in sent if moment),
        unsettled=len(air),
        cap_letters=policy.cap_letters,
        cap_for=cap_for,
        in_the_air=account.pk in air,
        opens=policy.window_opens,
        closes=policy.window_closes,
        zone=customer.zone(account.workspace.zone),
        cap_reached=money.words if money.reached else "",
        month_ends=money.month.until,
    )


def _stopped_by_guidance(
    delivery: Delivery, customer: Customer, account: XAccount, version: int
) -> str:
    """Why guidance would not let the frozen words pass now; it is asked only of a newer policy."""
    if delivery.approval.policy_version >= version:
        return ""
    terms = terms_of(delivery, customer)
    _, why = read_again(terms, delivery.revision, customer, account.workspace)
    return why


def _why_not_now(account: XAccount) -> str:
    """Why nothing leaves from this account now; empty where letters may."""
    if account.state == AccountState.DISCONNECTED:
        return f"@{account.handle} is not connected to X. An administrator can connect it again."
    return account.paused_reason


def allowed_at(account: XAccount, now: datetime) -> datetime:
    """When the limits of account and app, and what X itself closed, allow the next attempt.

    The claim asks this under its locks; a page asks it without, for what it says of a letter.
    """
    paces = [
        *AccountPace.objects.filter(pk=account.pk).values_list("closed_until", flat=True),
        *AppPace.objects.filter(pk=account.app_id).values_list("closed_until", flat=True),
    ]
    moments = [
        budget.next_allowed("x_account_id", account.pk, settings.X_ACCOUNT_WINDOWS, now),
        budget.next_allowed("app_id", account.app_id, settings.X_APP_WINDOWS, now),
    ]
    return max([*moments, *(until for until in paces if until is not None)])


def _hold(delivery: Delivery, verdict: Verdict, now: datetime) -> None:
    """Write down why it does not leave; a block is a change of state, a wait is not."""
    assert not isinstance(verdict, Go)
    # A reason may quote names and other reasons; one too long for its column must not hold up
    # everything else the account has to send.
    longest = Delivery._meta.get_field("reason").max_length
    delivery.reason_code, delivery.reason = verdict.code, verdict.reason[:longest]
    if isinstance(verdict, Wait):
        # Looked at no later than *leave by*: that is when it asks for a new time.
        delivery.look_at = min(verdict.look_at, delivery.leave_by)
    else:
        delivery.state, delivery.changed_at = DeliveryState.BLOCKED, now
        record(
            "delivery.blocked",
            target_kind="delivery",
            target_id=delivery.pk,
            workspace_id=delivery.workspace_id,
            details={"code": verdict.code, "reason": verdict.reason},
        )
    delivery.save(update_fields=["reason_code", "reason", "look_at", "state", "changed_at"])


def longest_call() -> timedelta:
    """How long after its claim a call can still arrive at X: deadline, then the whole answer."""
    return timedelta(seconds=settings.CALL_DEADLINE + settings.CALL_ANSWER_TIMEOUT)


def _take(delivery: Delivery, account: XAccount, now: datetime) -> Claimed:
    """The attempt, written before the call; the delivery is sending from here on."""
    assert delivery.recipient_x_user_id is not None  # only what was erased has none
    token = uuid.uuid4()
    attempt = Attempt.objects.create(
        delivery=delivery,
        x_account=account,
        app_id=account.app_id,
        claim_token=token,
        started_at=now,
        counts_until=now + longest_call(),
        price=price("send_dm", now.date()),
    )
    delivery.state, delivery.claim_token = DeliveryState.SENDING, token
    delivery.reason_code = delivery.reason = ""
    delivery.changed_at = now
    delivery.save(update_fields=["state", "claim_token", "reason_code", "reason", "changed_at"])
    record(
        "delivery.sending",
        target_kind="delivery",
        target_id=delivery.pk,
        workspace_id=delivery.workspace_id,
        details={"attempt": attempt.pk},
    )
    return Claimed(
        delivery_id=delivery.pk,
        attempt_id=attempt.pk,
        token=token,
        account=account,
        customer_id=delivery.customer_id,
        recipient_x_user_id=delivery.recipient_x_user_id,
        text=delivery.text,
    )
