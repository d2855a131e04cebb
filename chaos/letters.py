"""Approved letters in bulk: real customers, revisions and reviews, so that every constraint holds."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar

from django.db import models, transaction

from accounts import actions as people
from accounts.models import Membership, Role, User, Workspace
from chaos.house import ChaosSandbox
from chaos.scale import Scale
from outreach.customers.models import Basis, Customer, Permission, Relationship
from outreach.delivery.actions import LEAVE_BY
from outreach.delivery.models import AccountPace, Delivery, SendingPolicy
from outreach.drafts.models import Decision, Draft, DraftState, Review, Revision, sha256_of
from outreach.ground.clock import now
from outreach.x.actions import Pair, add_account
from outreach.x.models import XAccount, XApp

T = TypeVar("T")

FIRST_BRAND, FIRST_PERSON = 1_000_000_001, 5_000_000_001
AT_ONCE = 2_000
# One in so many people is known by two accounts; one in so many relationships is too old to be
# believed, so that X is asked first; one in so many letters repeats the words of an earlier one.
TWO_ACCOUNTS, TOO_OLD, SAME_WORDS = 10, 20, 25
# What X changes in a message before it tells of it: addresses, ampersands, letters with marks.
WORDS = (
    "Hi {name}, your print no. {n} is dry & framed. Shall we keep it for you? Jo",
    "Hi {name}, you asked for the ink of no. {n}: https://ink.example/n/{n}?a=1&b=2 . Jo",
    "Olá {name}, a tua gravura n.º {n} está pronta <3 Queres vê-la? Jo",
    "{name}, number {n} is yours 🦊 if you'd like it.\nTell me, Jo",
    "Cafe\u0301 at four on the {n}th floor, {name}? Bring the cut & the block. Jo",
)


@dataclass(frozen=True, slots=True)
class Letter:
    """An approved letter as X may come to know it."""

    n: int
    sender: int  # X user ids
    recipient: int
    text: str


def plan(scale: Scale) -> list[Letter]:
    """Every letter of a run: who writes to whom, and the words; the seed alone decides."""
    draw = random.Random(f"{scale.seed}/letters")
    count = max(1, scale.letters * 4 // 5)
    letters: list[Letter] = []
    for n in range(scale.letters):
        person = n if n < count else draw.randrange(count)
        at = draw.choice(_accounts_of(person, scale.accounts))
        words = draw.choice(WORDS).format(name=f"Maria {person}", n=n)
        sender, recipient = FIRST_BRAND + at, FIRST_PERSON + person
        if n >= count and draw.randrange(SAME_WORDS) == 0 and letters[person].sender == sender:
            words = letters[person].text
        letters.append(Letter(n, sender, recipient, words))
    return letters


def _accounts_of(person: int, accounts: int) -> list[int]:
    """The accounts that know a person, by number."""
    home = person % accounts
    return [home, (home + 1) % accounts] if person % TWO_ACCOUNTS == 0 else [home]


def pairs(scale: Scale) -> Iterator[tuple[int, int]]:
    """Who is mutual with whom at the beginning: (account's, person's) X user ids."""
    for person in range(max(1, scale.letters * 4 // 5)):
        for at in _accounts_of(person, scale.accounts):
            yield FIRST_BRAND + at, FIRST_PERSON + person


def people_the_sandbox(sandbox: ChaosSandbox, scale: Scale) -> dict[int, str]:
    """Everybody lives in the sandbox and is mutual as planned; return the brands' tokens."""
    brands = [FIRST_BRAND + at for at in range(scale.accounts)]
    everybody = brands + sorted({person for _, person in pairs(scale)})
    for ids in _batches(everybody):
        users = [{"id": str(one), "handle": f"u{one}", "name": f"U {one}"} for one in ids]
        sandbox.control("users", users=users)
    both = ((str(a), str(b)) for one, two in pairs(scale) for a, b in ((one, two), (two, one)))
    for some in _batches(both):
        sandbox.control("follows", follows=some)
    return {brand: sandbox.issue_token(brand) for brand in brands}


def found(tokens: dict[int, str], scale: Scale) -> None:
    """Found the workspace with its members, its accounts and its customers."""
    workspace, _ = people.create_workspace("Chaos", admin_email="sam@example.com")
    with transaction.atomic():
        writer, reader = (
            User.objects.create_user(f"{role}@example.com", name=role.label)
            for role in (Role.MARKETER, Role.MANAGER)
        )
        people.enrol(workspace, writer, Role.MARKETER)
        people.enrol(workspace, reader, Role.MANAGER)
        accounts = {brand: _account(workspace, brand, token) for brand, token in tokens.items()}
        XApp.objects.update(monthly_cap=Decimal(9_999_999))
        SendingPolicy.everywhere.filter(pk=workspace.pk).update(
            window_opens="00:00", window_closes="00:00", cap_letters=1_000, cap_days=1
        )
        _customers(workspace, accounts, scale)


@transaction.atomic
def approve(letters: Sequence[Letter]) -> None:
    """Put every letter on its way: submitted, approved by another, due now."""
    rows = XAccount.everywhere.select_related("workspace")
    accounts = {account.x_user_id: account for account in rows}
    customers = {customer.x_user_id or 0: customer for customer in Customer.everywhere.all()}
    writer, reader = (
        Membership.objects.select_related("user").get(role=role).user
        for role in (Role.MARKETER, Role.MANAGER)
    )
    _letters(letters, accounts, customers, writer, reader)


def _account(workspace: Workspace, brand: int, token: str) -> XAccount:
    account = add_account(
        workspace,
        x_user_id=brand,
        handle=f"u{brand}",
        name=f"U {brand}",
        pair=Pair(token, scopes=("dm.write", "dm.read")),
        actor_id=None,
    )
    AccountPace.objects.get_or_create(x_account=account)
    return account


def _customers(workspace: Workspace, accounts: dict[int, XAccount], scale: Scale) -> None:
    moment = now()
    customers = {
        person: Customer(
            workspace=workspace, x_user_id=person, handle=f"u{person}", name=f"U {person}"
        )
        for person in sorted({person for _, person in pairs(scale)})
    }
    _store(Customer, customers.values())
    _store(
        Permission,
        (
            Permission(
                workspace=workspace, customer=customer, basis=Basis.OPTED_IN, given_at=moment
            )
            for customer in customers.values()
        ),
    )
    old = moment - timedelta(days=2)
    _store(
        Relationship,
        (
            Relationship(
                workspace=workspace,
                x_account=accounts[brand],
                customer=customers[person],
                following=True,
                followed_by=True,
                accepts_dms=True,
                checked_at=moment if place % TOO_OLD else old,
            )
            for place, (brand, person) in enumerate(pairs(scale))
        ),
    )


def _letters(
    letters: Sequence[Letter],
    accounts: dict[int, XAccount],
    customers: dict[int, Customer],
    writer: User,
    reader: User,
) -> None:
    moment = now()
    common = [
        {
            "workspace": accounts[letter.sender].workspace,
            "x_account": accounts[letter.sender],
            "customer": customers[letter.recipient],
        }
        for letter in letters
    ]
    drafts = [
        Draft(**row, author=writer, state=DraftState.APPROVED, words=letter.text)
        for row, letter in zip(common, letters, strict=True)
    ]
    _store(Draft, drafts)
    revisions = [
        Revision(
            **row,
            draft=draft,
            number=1,
            author=writer,
            words=letter.text,
            text=letter.text,
            text_sha256=sha256_of(letter.text),
            report={"verdict": "good"},
        )
        for row, draft, letter in zip(common, drafts, letters, strict=True)
    ]
    _store(Revision, revisions)
    reviews = [
        Review(
            workspace=revision.workspace,
            revision=revision,
            reviewer=reader,
            words_by=writer,
            decision=Decision.APPROVE,
        )
        for revision in revisions
    ]
    _store(Review, reviews)
    _store(
        Delivery,
        (
            Delivery(
                **row,
                revision=revision,
                approval=review,
                recipient_x_user_id=letter.recipient,
                text=letter.text,
                text_sha256=revision.text_sha256,
                due_at=moment,
                leave_by=moment + LEAVE_BY,
                look_at=moment,
            )
            for row, revision, review, letter in zip(
                common, revisions, reviews, letters, strict=True
            )
        ),
    )


def _store(model: type[models.Model], rows: Iterable[models.Model]) -> None:
    manager: Any = model._default_manager
    manager.bulk_create(rows, batch_size=AT_ONCE)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, AT_ONCE)):
        yield some
