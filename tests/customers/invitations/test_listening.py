"""From the phone to the permission: the real listener on the real sandbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache

from outreach.customers.models import Customer, OptIn, Permission, Suppression
from outreach.delivery.models import DeliveryState
from outreach.drafts.models import Draft
from outreach.services.locks import wait_until
from outreach.x import subscribing
from outreach.x.listening import Listener
from outreach.x.models import ActivityEvent, Stream
from outreach.x.pace import Pace
from tests import factories
from tests.customers.invitations.conftest import invited

pytestmark = pytest.mark.django_db(transaction=True)

BRAND = 2244994945
PEOPLE = range(5000, 5012)
SECONDS = 30.0
QUICK = Pace(look=0.1, lease=5.0, quiet=0.5, stall=5.0, network=0.02, refused=0.1, refused_most=0.5)


@pytest.fixture
def house(sandbox, settings) -> factories.House:
    settings.X_API_URL = sandbox.base_url
    settings.X_BEARER_TOKEN = "sandbox-bearer"
    cache.clear()
    sandbox.control("activity", keep_alive_seconds=0.5)
    sandbox.add_user(BRAND, "inkandloom")
    made = factories.house(token=sandbox.issue_token(BRAND), x_user_id=BRAND)
    for person in PEOPLE:
        sandbox.add_user(person, f"person{person}", f"Person {person}")
    subscribing.subscribe(made.account.pk)
    return made


@pytest.fixture(autouse=True)
def _listening(house) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=Listener(QUICK).run, args=(stop,))
    thread.start()
    until(lambda: Stream.objects.filter(heard_at__isnull=False).exists())
    yield
    stop.set()
    thread.join(SECONDS)
    assert not thread.is_alive()


def until(holds: Callable[[], object]) -> None:
    assert wait_until(lambda: bool(holds()), SECONDS)


def test_a_word_sent_on_the_phone_is_a_permission_and_a_draft(sandbox, house):
    invited(house, word="raposa", starting_words="Hi {first_name|there}, the recipe.")
    sandbox.write(PEOPLE[0], BRAND, "Raposa & more: https://example.com/a")
    until(lambda: Draft.everywhere.exists())
    customer = Customer.everywhere.get()
    assert (customer.handle, customer.name) == ("person5000", "Person 5000")
    given = Permission.everywhere.get()
    assert (given.basis, given.place) == ("opted_in", "poster at the fair")
    # As it was written, not as X pushes it.
    assert given.evidence == "Raposa & more: https://example.com/a"
    assert str(given.message.dm_event_id) == sandbox.dms()[0]["id"]
    assert Draft.everywhere.get().words == "Hi {first_name|there}, the recipe."


def test_a_stop_sent_on_the_phone_cancels_what_is_queued(sandbox, house):
    delivery = factories.delivery(house, house.customer(x_user_id=PEOPLE[0]))
    sandbox.write(PEOPLE[0], BRAND, "Stop!")
    until(lambda: Suppression.everywhere.exists())
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.CANCELLED


def test_events_late_twice_and_out_of_order_come_to_the_same(sandbox, house):
    invited(house)
    sandbox.set_faults(
        {"endpoint": "dm.received", "fault": "event_late", "seconds": 1, "probability": 0.4},
        {"endpoint": "dm.received", "fault": "event_twice", "probability": 0.4},
        seed="words",
    )
    texts = ("hello", "fox", "Fox, please", "STOP")
    for number, person in enumerate(PEOPLE):
        for text in texts[: 2 + number % 3]:
            sandbox.write(person, BRAND, text)
    sent = sum(2 + number % 3 for number in range(len(PEOPLE)))
    until(
        lambda: (
            ActivityEvent.objects.filter(kind="dm.received", handled_at__isnull=False).count()
            == sent
        )
    )
    assert ActivityEvent.objects.exclude(failure="").count() == 0
    assert len(sandbox.injected()) > 5
    stopped = {person for number, person in enumerate(PEOPLE) if number % 3 == 2}
    assert set(Suppression.everywhere.values_list("x_user_id", flat=True)) == stopped
    # Where the stop came first, the word after it opted nobody in.
    opted = set(OptIn.everywhere.values_list("customer__x_user_id", flat=True))
    assert opted >= set(PEOPLE) - stopped
    assert OptIn.everywhere.count() == len(opted) == Draft.everywhere.count()
    keys = list(Permission.everywhere.values_list("customer_id", "basis"))
    assert len(keys) == len(set(keys))
