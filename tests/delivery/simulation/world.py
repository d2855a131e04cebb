"""A brand's house, its people and its letters, made as the product makes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from unittest import mock

from django.db import connection, transaction

from outreach.delivery import tasks
from outreach.delivery.models import Delivery, SendingPolicy
from outreach.x.actions import Pair, add_account
from outreach.x.models import Stream, Subscription, XAccount, XApp
from tests import factories
from tests.delivery.simulation.clock import EPOCH
from tests.delivery.simulation.snapshot import Snapshot, wipe

BRANDS = 9_000_000
PEOPLE = 5_000_000
# What X escapes and shortens is in them, so that a match by text has something to undo.
LETTER = (
    "Hi Maria, you asked which ink & paper no. {number} we use: https://inkandloom.example/n/{number}"
    " has the recipe, free. Would you tell me how it prints? Have a great day, Jo"
)


@dataclass
class World:
    """The rows that every run begins with. `restore` puts them back."""

    house: factories.House
    accounts: list[XAccount]
    deliveries: list[Delivery]
    people: dict[int, int]  # customer → X user id
    snapshot: Snapshot

    @property
    def app_id(self) -> int:
        return int(self.accounts[0].app_id)

    def account_of(self, account_id: int) -> XAccount:
        return next(account for account in self.accounts if account.pk == account_id)


def build(
    name: str, *, accounts: int, people: int, letters: int, twins: int = 0, alike: int = 2
) -> World:
    """So many accounts through one app, people who know each of them, and letters to them.

    The last `twins` people get `alike` letters each that say the same.
    """
    # Nobody is woken while the world is made.
    with mock.patch.object(tasks, "_ask"):
        return _build(name, accounts, people, letters, twins, alike)


def _build(name: str, accounts: int, people: int, letters: int, twins: int, alike: int) -> World:
    wipe()
    _set_clock("0 seconds")
    house = factories.house()
    of_house = [house.account]
    for number in range(1, accounts):
        with transaction.atomic():
            made = add_account(
                house.workspace,
                x_user_id=BRANDS + number,
                handle=f"brand{BRANDS + number}",
                name=house.workspace.name,
                pair=Pair("token", scopes=("dm.write",)),
                actor_id=None,
            )
        of_house.append(made)
    XApp.objects.update(monthly_cap=10_000)
    SendingPolicy.everywhere.update(cap_letters=0)
    _let_hear(of_house)
    customers = [house.customer(x_user_id=PEOPLE + number) for number in range(people)]
    deliveries = []
    for number in range(letters):
        house.account = of_house[number % accounts]
        customer = customers[number % people]
        revision = factories.submitted(house, customer, words=LETTER.format(number=number))
        deliveries.append(factories.on_its_way(factories.decided(house, revision)))
    for customer in customers[people - twins :] if twins else ():
        house.account = of_house[customer.pk % accounts]
        words = LETTER.format(number=f"{customer.pk}-twin")
        for _ in range(alike):
            revision = factories.submitted(house, customer, words=words)
            deliveries.append(factories.on_its_way(factories.decided(house, revision)))
    _know_all(house, of_house)
    deliveries = list(Delivery.everywhere.select_related("revision", "x_account").order_by("pk"))
    known = {customer.pk: int(customer.x_user_id or 0) for customer in customers}
    return World(house, of_house, deliveries, known, Snapshot(name))


def _set_clock(interval: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('outreach.clock_offset', %s, false)", [interval])


def _let_hear(accounts: list[XAccount]) -> None:
    """A stream that stands, to which each account's messages are told."""
    app_id = accounts[0].app_id
    Stream.objects.update_or_create(
        app_id=app_id, defaults={"connected_at": EPOCH, "heard_at": EPOCH}
    )
    for number, account in enumerate(accounts):
        Subscription.objects.get_or_create(
            account=account, kind="dm.received", defaults={"x_subscription_id": str(number + 1)}
        )


def _know_all(house: factories.House, accounts: list[XAccount]) -> None:
    """Everybody is mutual with every account, as far as our record goes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_relationship (workspace_id, x_account_id, customer_id, following,"
            " followed_by, accepts_dms, reachable, checked_at) "
            "SELECT customer.workspace_id, account.id, customer.id, true, true, true, true, %s "
            "FROM customers_customer customer JOIN x_xaccount account USING (workspace_id) "
            "ON CONFLICT DO NOTHING",
            [EPOCH - timedelta(minutes=1)],
        )
