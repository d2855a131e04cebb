"""The listener on the real sandbox, whose events come late, twice and never."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache

from outreach.customers.models import Customer, Relationship
from outreach.services.locks import wait_until
from outreach.x import queries, subscribing
from outreach.x.listening import Listener
from outreach.x.models import ActivityEvent, Expense, Gap, Stream
from outreach.x.pace import Pace
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

BRAND = 2244994945
PEOPLE = range(5000, 5030)
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
        sandbox.add_user(person, f"person{person}")
        sandbox.befriend(BRAND, person)
        made.customer(x_user_id=person)
    subscribing.subscribe(made.account.pk)
    return made


@pytest.fixture
def listening(house) -> Iterator[None]:
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


def followers() -> set[int | None]:
    rows = Relationship.everywhere.filter(followed_by=True)
    return set(rows.values_list("customer__x_user_id", flat=True))


def told(kind: str) -> int:
    return ActivityEvent.objects.filter(kind=kind).count()


@pytest.mark.usefixtures("listening")
def test_both_ways_of_a_follow_are_heard(sandbox, house):
    person = PEOPLE[0]
    sandbox.unfollow(person, BRAND)
    until(lambda: person not in followers())
    sandbox.follow(person, BRAND)
    until(lambda: person in followers())
    sandbox.unfollow(BRAND, person)
    customer = Customer.everywhere.get(x_user_id=person)
    until(lambda: not Relationship.everywhere.get(customer=customer).following)
    assert told("follow.unfollow") == 2
    assert sum(row.cost for row in Expense.objects.all()) * 100 == 3


@pytest.mark.usefixtures("listening")
def test_streams_that_drop_again_and_again_lose_and_double_nothing(sandbox, house):
    sandbox.set_faults(
        {"endpoint": "activity_stream", "fault": "stream_drop", "probability": 0.3, "times": 8},
        seed="drops",
    )
    for person in PEOPLE:
        sandbox.unfollow(person, BRAND)
    until(lambda: followers() == set())
    for person in PEOPLE[::2]:
        sandbox.follow(person, BRAND)
    until(lambda: followers() == set(PEOPLE[::2]))
    assert len(sandbox.injected()) > 2
    assert (told("follow.unfollow"), told("follow.follow")) == (len(PEOPLE), len(PEOPLE[::2]))
    assert Gap.objects.count() == 0
    assert ActivityEvent.objects.exclude(failure="").count() == 0


@pytest.mark.usefixtures("listening")
def test_events_that_come_late_or_twice_take_effect_once(sandbox, house):
    late, twice, plain = PEOPLE[:3]
    sandbox.set_faults(
        {
            "endpoint": "follow.unfollow",
            "fault": "event_late",
            "seconds": 2,
            "script": [True, False, False],
        },
        {"endpoint": "follow.unfollow", "fault": "event_twice", "script": [False, True, False]},
    )
    for person in (late, twice, plain):
        sandbox.unfollow(person, BRAND)
    until(lambda: followers() == set(PEOPLE[3:]) | {late})
    until(lambda: followers() == set(PEOPLE[3:]))
    assert told("follow.unfollow") == 3


@pytest.mark.usefixtures("listening")
def test_an_event_that_never_comes_leaves_the_next_look_up_to_find_out(sandbox, house):
    sandbox.set_faults({"endpoint": "follow.unfollow", "fault": "event_never", "script": [True]})
    never, heard = PEOPLE[:2]
    sandbox.unfollow(never, BRAND)
    sandbox.unfollow(heard, BRAND)
    until(lambda: heard not in followers())
    assert never in followers()
    (user,) = queries.client_for(house.account).users([never]).found
    assert user.followed_by is False


@pytest.mark.usefixtures("listening")
def test_dms_both_ways_are_kept(sandbox, house):
    sent = queries.client_for(house.account).send_dm(
        PEOPLE[0], "Hi & welcome: https://example.com/a"
    )
    sandbox.write(PEOPLE[0], BRAND, "thank you")
    until(lambda: (told("dm.sent"), told("dm.received")) == (1, 1))
    (event,) = queries.sent_dms(house.account, house.account.connected_at)
    assert (event.dm_event_id, event.recipient_id) == (sent.dm_event_id, PEOPLE[0])
    assert event.text == "Hi & welcome: https://example.com/a"
    assert queries.last_heard(house.account).words == ""


def test_what_happened_while_nobody_listened_is_told_when_somebody_does(sandbox, house, request):
    for person in PEOPLE[:5]:
        sandbox.unfollow(person, BRAND)
    request.getfixturevalue("listening")
    until(lambda: followers() == set(PEOPLE[5:]))
    assert Gap.objects.count() == 0


def test_disconnecting_has_x_tell_nothing_more(sandbox, house):
    subscribing.unsubscribe(house.account.pk)
    left = sandbox.api("GET", "/2/activity/subscriptions", "sandbox-bearer").json()["data"]
    assert [each["event_type"] for each in left] == ["oauth.revoke"]
