"""What holds back letters besides themselves: a pause, or something that passes by itself.

The rows are the truth at this moment: a pause counts for a letter although no claim met it yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from accounts.access import Member
from outreach.delivery.gates import not_connected
from outreach.delivery.models import AccountPace, Delivery, DeliveryState, Pause
from outreach.ground.scope import Scope
from outreach.x.models import AccountState, XAccount
from outreach.x.queries import accounts_of


@dataclass(frozen=True, slots=True)
class Hold:
    """Why letters of something do not leave. `id`: of the account or campaign that it holds.

    `look_at` is when it is looked at again; None where it lasts until somebody lifts it.
    """

    kind: str  # everything, workspace, account, campaign
    id: int
    name: str
    reason: str
    since: datetime | None
    look_at: datetime | None = None
    liftable: bool = False  # a manager of the workspace may resume it

    @property
    def title(self) -> str:
        """What does not leave, as a heading."""
        if self.kind in ("everything", "workspace"):
            return f"{self.name} {'is' if self.kind == 'everything' else 'are'} paused"
        if self.kind == "campaign":
            return f"The campaign {self.name} is paused"
        return f"Letters from {self.name} wait"

    @property
    def passes(self) -> bool:
        """Whether it ends by itself: it holds what is due, not what is to come."""
        return self.look_at is not None


@dataclass(frozen=True, slots=True)
class Holds:
    """All that holds letters of a workspace at `moment`."""

    moment: datetime
    whole: tuple[Hold, ...] = ()
    accounts: dict[int, Hold] = field(default_factory=dict)
    campaigns: dict[int, Hold] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Hold]:
        yield from self.whole
        yield from self.accounts.values()
        yield from self.campaigns.values()

    @property
    def lasting(self) -> list[int]:
        """The accounts of which no letter leaves until somebody does something."""
        return [pk for pk, hold in self.accounts.items() if not hold.passes]

    @property
    def passing(self) -> list[int]:
        """The accounts of which no letter leaves now."""
        return [pk for pk, hold in self.accounts.items() if hold.passes]

    def of(self, delivery: Delivery) -> Hold | None:
        """What holds this letter, the widest first; None for one that is not queued."""
        if delivery.state != DeliveryState.QUEUED:
            return None
        if self.whole:
            return self.whole[0]
        account = self.accounts.get(delivery.x_account_id)
        if account and (not account.passes or delivery.look_at <= self.moment):
            return account
        return self.campaigns.get(delivery.campaign_id or 0)

    def holding(self) -> Q | None:
        """Which queued letters are held, as a filter; None where none is."""
        if self.whole:
            return Q()
        held = [
            Q(x_account__in=self.lasting) if self.lasting else None,
            Q(x_account__in=self.passing, look_at__lte=self.moment) if self.passing else None,
            Q(campaign__in=list(self.campaigns)) if self.campaigns else None,
        ]
        found: Q | None = None
        for each in held:
            if each is not None:
                found = each if found is None else found | each
        return found


def holds_of(member: Member, moment: datetime) -> Holds:
    """What holds letters of the member's workspace. Three queries."""
    return holds_in(member, accounts_of(member), moment)


def holds_in(scope: Scope, accounts: list[XAccount], moment: datetime) -> Holds:
    """The same, for who has read the workspace's accounts. Two queries."""
    pauses = list(
        Pause.objects.filter(Q(workspace=None) | Q(workspace=scope.workspace_id))
        .select_related("campaign", "paused_by")
        .order_by("since", "pk")
    )
    whole = [_of_all(pause) for pause in pauses if pause.campaign_id is None]
    paces = AccountPace.objects.filter(x_account__in=accounts).in_bulk()
    return Holds(
        moment=moment,
        # The operator's comes first: nobody in the workspace can lift it.
        whole=tuple(sorted(whole, key=lambda hold: hold.liftable)),
        accounts={
            account.pk: hold
            for account in accounts
            if (hold := _of_account(account, paces.get(account.pk)))
        },
        campaigns={
            pause.campaign_id: Hold(
                "campaign",
                pause.campaign_id,
                pause.campaign.name if pause.campaign else "",
                pause.reason,
                pause.since,
                liftable=True,
            )
            for pause in pauses
            if pause.campaign_id is not None
        },
    )


def _of_all(pause: Pause) -> Hold:
    if pause.workspace_id is None:
        return Hold("everything", 0, "Everything", pause.reason, pause.since)
    return Hold("workspace", 0, "All letters", pause.reason, pause.since, liftable=True)


def _of_account(account: XAccount, pace: AccountPace | None) -> Hold | None:
    name = f"@{account.handle}"
    if account.state == AccountState.DISCONNECTED:
        reason = not_connected(account.handle)
        return Hold("account", account.pk, name, reason, account.disconnected_at)
    since = pace.held_since if pace and pace.held_code else None
    if account.state == AccountState.PAUSED:
        liftable = not account.mended_by_connecting
        return Hold("account", account.pk, name, account.paused_reason, since, liftable=liftable)
    # What the last claim met; a pause that is over is not met any more.
    if pace and pace.held_code and "paused" not in pace.held_code and pace.held_until is not None:
        return Hold("account", account.pk, name, pace.held_reason, since, pace.held_until)
    return None
