"""Rows for tests: real ones, made as the product makes them, with as little said as possible."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.test import Client

from accounts import actions as people
from accounts.access import Member, member_of
from accounts.models import Role, User, Workspace
from outreach.customers.models import Basis, Customer, Permission, Relationship
from outreach.delivery.models import AccountPace, Delivery, SendingPolicy
from outreach.drafts import actions as drafts
from outreach.drafts import policy_actions
from outreach.drafts.models import Campaign, Decision, Draft, GuidancePolicy, Review, Revision
from outreach.drafts.policy_queries import policy_of
from outreach.ground.clock import now
from outreach.x.actions import Pair, add_account
from outreach.x.models import XAccount

PASSWORD = "a practice password"
# A letter that guidance calls good.
WORDS = (
    "Hi {first_name|there}, you asked which ink we use, so here is the recipe, free. "
    "Would you tell me how it prints? Have a great day, Jo"
)
_numbers = itertools.count(1)


def unique() -> int:
    return next(_numbers)


@dataclass
class House:
    """A workspace with its people, one X account, and policies that let a letter leave at once."""

    workspace: Workspace
    marketer: Member
    manager: Member
    administrator: Member
    account: XAccount
    customers: list[Customer] = field(default_factory=list)

    @property
    def slug(self) -> str:
        return self.workspace.slug

    def customer(self, **options: Any) -> Customer:
        made = customer(self, **options)
        self.customers.append(made)
        return made


def workspace(name: str = "") -> Workspace:
    name = name or f"Brand {unique()}"
    made, _ = people.create_workspace(name, admin_email=f"first{unique()}@example.com")
    return made


def member(of: Workspace, role: Role, name: str = "") -> Member:
    """A new person in a workspace."""
    number = unique()
    user = User.objects.create_user(
        f"{role}{number}@example.com", PASSWORD, name=name or f"{role.label} {number}"
    )
    with transaction.atomic():
        people.enrol(of, user, role)
    found = member_of(user, of.slug)
    assert found is not None
    return found


def account(of: Workspace, *, token: str = "token", x_user_id: int | None = None) -> XAccount:
    """A connected account that is heard, as far as a test may move the clock."""
    number = x_user_id or 1_000_000 + unique()
    with transaction.atomic():
        made = add_account(
            of,
            x_user_id=number,
            handle=f"brand{number}",
            name=of.name,
            pair=Pair(token, scopes=("dm.write",)),
            actor_id=None,
        )
        AccountPace.objects.update_or_create(
            x_account=made, defaults={"heard_dms_at": now() + timedelta(days=36_500)}
        )
        return made


def without_account(of: House) -> None:
    """Take the house's account away, as if none had been connected."""
    AccountPace.objects.filter(x_account=of.account).delete()
    XAccount.everywhere.filter(pk=of.account.pk).delete()


def house(*, token: str = "token", x_user_id: int | None = None, any_hour: bool = True) -> House:
    of = workspace()
    made = House(
        workspace=of,
        marketer=member(of, Role.MARKETER, "Jo Writer"),
        manager=member(of, Role.MANAGER, "Ruth Reader"),
        administrator=member(of, Role.ADMINISTRATOR, "Sam Keeper"),
        account=account(of, token=token, x_user_id=x_user_id),
    )
    if any_hour:
        SendingPolicy.everywhere.filter(pk=of.pk).update(
            window_opens="00:00", window_closes="00:00"
        )
    return made


def not_looked_up(of: House, handle: str, **values: Any) -> Customer:
    """Somebody known by handle alone: X was not asked who that is."""
    made: Customer = Customer.everywhere.create(
        workspace=of.workspace, handle=handle, name=values.pop("name", handle), **values
    )
    return made


def customer(
    of: House,
    *,
    x_user_id: int | None = None,
    following: bool = True,
    followed_by: bool = True,
    accepts_dms: bool = True,
    permission: bool = True,
    known: bool = True,
    checked_ago: timedelta = timedelta(),
    **values: Any,
) -> Customer:
    """A customer, mutual and with a permission unless said otherwise; `known`: X was asked."""
    number = x_user_id or 5_000_000 + unique()
    row: dict[str, Any] = {
        "workspace": of.workspace,
        "x_user_id": number,
        "name": f"Maria {number}",
        "first_name": "Maria",
        "handle": f"maria{number}",
        **values,
    }
    made: Customer = Customer.everywhere.create(**row)
    if known:
        Relationship.objects.create(
            workspace=of.workspace,
            x_account=of.account,
            customer=made,
            following=following,
            followed_by=followed_by,
            accepts_dms=accepts_dms,
            checked_at=now() - checked_ago,
        )
    if permission:
        Permission.objects.create(
            workspace=of.workspace,
            customer=made,
            basis=Basis.WROTE_TO_US,
            given_at=now(),
            evidence="which ink is that?",
        )
    return made


def draft(of: House, to: Customer | None = None, *, by: Member | None = None) -> Draft:
    to = to or of.customer()
    return drafts.start(by or of.marketer, customer_id=to.pk, x_account_id=of.account.pk)


def submitted(
    of: House,
    to: Customer | None = None,
    *,
    by: Member | None = None,
    words: str = WORDS,
    disagreement: str = "",
    campaign: Campaign | None = None,
) -> Revision:
    made = draft(of, to, by=by)
    if campaign is not None:
        Draft.everywhere.filter(pk=made.pk).update(campaign=campaign)
    return drafts.submit(
        by or of.marketer,
        made.pk,
        version=made.version,
        words=drafts.Words(words),
        disagreement=disagreement,
    ).revision


def decided(
    of: House,
    revision: Revision,
    decision: Decision = Decision.APPROVE,
    comment: str = "so",
    *,
    sided_with: str = "",
) -> Review:
    return drafts.decide(
        of.manager,
        revision.pk,
        decision=decision,
        text_sha256=revision.text_sha256,
        comment=comment,
        sided_with=sided_with,
    )


def policy(of: House, **changes: Any) -> GuidancePolicy:
    """A new version of the guidance policy, different in `changes` from what holds."""
    now_set = policy_of(of.manager)
    made = policy_actions.change_policy(
        of.manager, version=now_set.version, to=replace(now_set, **changes)
    )
    assert made is not None
    return made


def campaign(of: House, name: str = "Ink week") -> Campaign:
    made: Campaign = Campaign.everywhere.create(
        workspace=of.workspace, name=name, author=of.marketer.user
    )
    return made


def delivery(
    of: House,
    to: Customer | None = None,
    *,
    due: bool = True,
    campaign: Campaign | None = None,
) -> Delivery:
    """An approved letter on its way; `due`: the seconds to undo are over."""
    return on_its_way(decided(of, submitted(of, to, campaign=campaign)), due=due)


def on_its_way(review: Review, *, due: bool = True) -> Delivery:
    """The delivery that an approval made; `due`: the seconds to undo are over."""
    made = Delivery.everywhere.get(approval=review)
    if due:
        past = now() - timedelta(seconds=1)
        Delivery.everywhere.filter(pk=made.pk).update(due_at=past, look_at=past)
        made.refresh_from_db()
    return made


def browser(member: Member | None, *, htmx: bool = False) -> Client:
    """A browser in which `member` is signed in; `htmx`: it asks for parts of pages."""
    headers = {"HX-Request": "true"} if htmx else {}
    client = Client(headers=headers)
    if member is not None:
        client.force_login(member.user)
    return client
