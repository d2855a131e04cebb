"""The listener hears what X tells, through drops, refusals and outages, and knows what it missed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from outreach.audit.actions import record
from outreach.audit.models import AuditEvent
from outreach.customers.models import Relationship
from outreach.ground.clock import now
from outreach.services.locks import wait_until
from outreach.x import hooks, listening, queries
from outreach.x.errors import LimitedUntil, NotCalled, TokenRefused, TryLater
from outreach.x.listening import Listener
from outreach.x.models import (
    AccountState,
    ActivityEvent,
    Gap,
    PausedBy,
    Stream,
    Subscription,
    XAccount,
    XApp,
)
from outreach.x.pace import Backoff, Pace
from outreach.x.streaming import StreamEnded
from outreach.x.tokens import encrypt
from tests import factories
from tests.x.telling import TellingX, follow

pytestmark = pytest.mark.django_db(transaction=True)

QUICK = Pace(
    look=0.05,
    lease=3.0,
    quiet=0.5,
    stall=2.0,
    network=0.02,
    network_most=0.2,
    refused=0.05,
    refused_most=0.3,
    limited=0.3,
)
SECONDS = 20.0
REFUSED = (403, {"title": "Forbidden", "type": "about:blank", "status": 403})


@pytest.fixture
def x(settings) -> Iterator[TellingX]:
    world = TellingX()
    settings.X_API_URL = world.base_url
    settings.X_BEARER_TOKEN = "bearer"
    yield world
    world.close()


@pytest.fixture
def house(x) -> factories.House:
    return factories.house()


@pytest.fixture
def happened(monkeypatch) -> list[str]:
    """What reached who asked for 'test.happened', in order."""
    reached: list[str] = []
    monkeypatch.setitem(
        hooks.handlers, "test.happened", [lambda event: reached.append(event.payload["n"])]
    )
    return reached


@pytest.fixture
def listen() -> Iterator[Callable[..., threading.Thread]]:
    """Start a listener in a thread of its own; all end with the test."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def start(pace: Pace = QUICK) -> threading.Thread:
        thread = threading.Thread(target=Listener(pace).run, args=(stop,))
        thread.start()
        threads.append(thread)
        return thread

    yield start
    stop.set()
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()


def until(holds: Callable[[], object]) -> None:
    assert wait_until(lambda: bool(holds()), SECONDS)


def stream() -> Stream:
    return Stream.objects.get()


def failure() -> str:
    return Stream.objects.values_list("failure", flat=True).first() or ""


def heard_ago(house: factories.House, minutes: float) -> None:
    moment = now() - timedelta(minutes=minutes)
    Stream.objects.update_or_create(app_id=house.account.app_id, defaults={"heard_at": moment})


def tell(x: TellingX, house: factories.House, n: str, **options) -> str:
    return x.tell("test.happened", house.account.x_user_id, {"n": n}, **options)


# --- what is heard ---------------------------------------------------------------------------------


def test_an_unfollow_changes_the_relationship_as_it_is_told(x, house, listen):
    maria = house.customer()
    listen()
    until(lambda: x.present)
    brand = house.account.x_user_id
    x.tell("follow.unfollow", brand, follow(maria.x_user_id, brand))
    until(lambda: not Relationship.everywhere.get(customer=maria).followed_by)
    event = ActivityEvent.objects.get()
    assert (event.via, event.tries, event.failure) == ("stream", 1, "")
    assert Relationship.everywhere.get(customer=maria).following


def test_a_withdrawn_consent_is_heard_though_its_filter_is_empty(x, house, listen):
    listen()
    until(lambda: x.present)
    payload = {"user_id": str(house.account.x_user_id), "date_time": now().isoformat()}
    data = {"event_uuid": "1", "event_type": "oauth.revoke", "filter": {}, "payload": payload}
    x.say(json.dumps({"data": data}).encode())
    until(lambda: XAccount.everywhere.get().paused_by == PausedBy.REVOKED)


def test_keep_alives_count_as_hearing(x, house, listen):
    listen()
    until(lambda: Stream.objects.filter(heard_at__isnull=False).exists())
    first = stream().heard_at
    until(lambda: stream().heard_at > first + timedelta(seconds=0.3))
    found = queries.last_heard(house.account)
    assert (found.gap_since, found.unfilled_since, found.failure) == (None, None, "")
    assert stream().connected_at is not None
    assert Gap.objects.count() == 0


def test_lines_that_are_no_events_end_nothing(x, house, listen, happened, caplog):
    listen()
    until(lambda: x.present)
    for line in (
        b"private nonsense",
        b'{"errors": [{"type": "https://x/operational-disconnect"}]}',
    ):
        x.say(line)
    tell(x, house, "a")
    until(lambda: happened == ["a"])
    assert "X ends the stream: operational-disconnect" in caplog.text
    assert "nonsense" not in caplog.text


# --- drops -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rudely", [False, True])
def test_a_dropped_stream_is_opened_again_and_nothing_is_lost_or_doubled(
    x, house, listen, happened, rudely
):
    listen()
    until(lambda: x.present)
    tell(x, house, "a")
    until(lambda: happened == ["a"])
    until(lambda: Stream.objects.filter(heard_at__isnull=False).exists())
    x.drop(rudely=rudely)
    tell(x, house, "missed", live=False)
    until(lambda: happened == ["a", "missed"])
    tell(x, house, "b")
    until(lambda: happened == ["a", "missed", "b"])
    # What was missed was asked for again, and what was told twice took effect once.
    assert [visitor.backfill_minutes for visitor in x.visitors] == [1, 1]
    assert ActivityEvent.objects.count() == 3
    assert Gap.objects.count() == 0


def test_a_stream_that_falls_silent_is_opened_again(x, house, listen, happened):
    listen()
    until(lambda: x.present)
    x.keep_alive = None
    tell(x, house, "a")
    until(lambda: happened == ["a"])
    until(lambda: len(x.visitors) >= 2)
    x.keep_alive = 0.2
    tell(x, house, "b", live=False)
    x.drop()
    until(lambda: happened == ["a", "b"])


def test_events_that_come_late_and_twice_take_effect_once(x, house, listen, happened):
    listen()
    until(lambda: x.present)
    name = tell(x, house, "a", live=False)
    tell(x, house, "b")
    until(lambda: happened == ["b"])
    for _ in range(3):
        tell(x, house, "a", event_uuid=name)
    tell(x, house, "c")
    until(lambda: happened == ["b", "a", "c"])


def test_what_was_told_before_the_reader_died_is_not_counted_as_heard(x, house, listen, happened):
    """A drop in the midst of what X tells again: all of it is asked for once more."""
    heard_ago(house, 3)
    x.keep_alive = None
    tell(x, house, "a", ago=120, live=False)
    listen(replace(QUICK, quiet=30.0, stall=30.0))
    until(lambda: happened == ["a"])
    assert now() - stream().heard_at > timedelta(minutes=2)
    tell(x, house, "b", ago=110, live=False)
    x.drop()
    until(lambda: happened == ["a", "b"])
    assert [visitor.backfill_minutes for visitor in x.visitors] == [4, 4]


# --- gaps ------------------------------------------------------------------------------------------


def test_beyond_what_x_tells_again_a_gap_is_recorded(x, house, listen):
    heard_ago(house, 20)
    since = stream().heard_at
    listen()
    until(lambda: Gap.objects.filter(ended_at__isnull=False).exists())
    gap = Gap.objects.get()
    assert (gap.began_at, gap.filled_at) == (since, None)
    assert abs(now() - timedelta(minutes=5) - gap.ended_at) < timedelta(seconds=20)
    until(lambda: now() - stream().heard_at < timedelta(seconds=10))
    found = queries.last_heard(house.account)
    assert (found.gap_since, found.unfilled_since) == (None, since)


def test_while_nothing_is_heard_the_gap_is_open(x, house, listen):
    heard_ago(house, 20)
    since = stream().heard_at
    x.refusals = [REFUSED] * 10_000
    listen()
    until(lambda: Gap.objects.exists())
    assert queries.last_heard(house.account).gap_since == since
    x.refusals = []
    until(lambda: Gap.objects.filter(ended_at__isnull=False).exists())
    assert Gap.objects.count() == 1
    assert queries.last_heard(house.account).words != ""  # not subscribed, but heard
    assert failure() == ""


def test_a_short_silence_is_no_gap(x, house, listen):
    heard_ago(house, 4)
    before = stream().heard_at
    listen()
    until(lambda: stream().heard_at > before)
    assert x.visitors[0].backfill_minutes == 5
    assert Gap.objects.count() == 0


def test_what_x_told_before_anybody_ever_listened_is_a_gap(x, house, listen):
    since = now() - timedelta(minutes=20)
    Subscription.objects.create(
        account=house.account, kind="dm.received", x_subscription_id="1", made_at=since
    )
    listen()
    until(lambda: Gap.objects.filter(ended_at__isnull=False).exists())
    assert Gap.objects.get().began_at == since


def test_where_x_does_not_tell_again_all_that_was_missed_is_a_gap(x, house, listen):
    heard_ago(house, 2)
    since = stream().heard_at
    x.grants_backfill = False
    listen()
    until(lambda: Gap.objects.filter(ended_at__isnull=False).exists())
    gap = Gap.objects.get()
    assert gap.began_at == since
    assert abs(now() - gap.ended_at) < timedelta(seconds=20)


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "type_", "words"),
    [
        (401, "about:blank", "X refuses the app's bearer token"),
        (403, "about:blank", "X does not let this app listen"),
        (429, "about:blank", "X asks to wait"),
        (429, "https://api.x.com/2/problems/streaming-connection", "two streams are taken"),
        (503, "about:blank", "X did not answer as it should"),
    ],
)
def test_a_refusal_is_said_and_outlived(x, house, listen, happened, status, type_, words):
    x.refusals = [(status, {"title": "No", "type": type_, "status": status})] * 3
    listen()
    until(lambda: words in failure())
    tell(x, house, "a", live=False)
    until(lambda: x.present)
    tell(x, house, "b")
    until(lambda: happened[-1:] == ["b"])
    assert (failure(), stream().connected_at is None) == ("", False)


def test_another_bearer_token_is_tried_at_once(x, house, listen, settings):
    settings.X_BEARER_TOKEN = "old"
    listen(replace(QUICK, refused_most=300.0))
    until(lambda: "bearer token" in failure())
    settings.X_BEARER_TOKEN = "bearer"
    until(lambda: x.present)


def test_waits_are_those_that_x_asks_for(monkeypatch):
    monkeypatch.setattr("outreach.x.pace.random.uniform", lambda least, most: least)

    def waits(*errors: Exception) -> list[float]:
        backoff = Backoff(Pace())
        return [backoff.after(error) for error in errors]

    dropped, absent = StreamEnded("closed"), NotCalled("no_connection")
    failed = TryLater("server_error", status=503)
    # An established stream is opened again at once, then 0.25 s later each time, up to 16 s.
    assert waits(dropped, absent, dropped, dropped) == [0, 0.25, 0.5, 0.75]
    assert waits(*[absent] * 70)[-1] == 16
    assert waits(*[failed] * 8) == [5, 10, 20, 40, 80, 160, 320, 320]
    limited = LimitedUntil("rate_limited", status=429)
    assert waits(*[limited] * 6) == [60, 120, 240, 480, 900, 900]
    limited.until = now() + timedelta(seconds=700)
    assert 690 < waits(limited)[0] <= 700
    assert waits(*[TokenRefused("token_refused", status=401)] * 2) == [320, 320]
    # Another kind of trouble begins anew.
    assert waits(failed, failed, dropped, failed) == [5, 10, 0, 5]


# --- whom to listen for ----------------------------------------------------------------------------


def test_with_nothing_to_listen_to_it_says_so_once_and_keeps_looking(x, listen, caplog):
    caplog.set_level("INFO")
    listen()
    until(lambda: "nothing to listen to" in caplog.text)
    house = factories.house()
    until(lambda: x.present)
    XAccount.everywhere.filter(pk=house.account.pk).update(
        state=AccountState.DISCONNECTED, disconnected_at=now()
    )
    until(lambda: not x.present)
    until(lambda: stream().holder is None)
    until(lambda: caplog.text.count("nothing to listen to") == 2)


def test_each_app_has_its_own_stream_and_its_own_trouble(x, house, listen, happened, settings):
    brought = XApp.objects.create(
        workspace=house.workspace, name="Ours", client_id="ours", bearer_token=encrypt("bearer")
    )
    locked = XApp.objects.create(
        workspace=house.workspace,
        name="Locked",
        client_id="locked",
        bearer_token=b"no key opens it",
    )
    for app in (brought, locked):
        account = factories.account(house.workspace)
        XAccount.everywhere.filter(pk=account.pk).update(app=app)
    listen()
    until(lambda: len(x.present) == 2)
    until(lambda: Stream.objects.filter(pk=locked.pk, failure=listening.NO_KEY).exists())
    tell(x, house, "a")
    until(lambda: happened == ["a"])


def test_at_the_apps_cap_hearing_stops_and_says_so(x, house, listen, monkeypatch):
    monkeypatch.setattr("outreach.x.caps.spent_on_letters", lambda *_: {1: Decimal(26)})
    listen()
    until(lambda: "monthly cap is used up" in failure())
    assert x.visitors == []
    monkeypatch.setattr("outreach.x.caps.spent_on_letters", lambda *_: {})
    until(lambda: x.present)


# --- the database ----------------------------------------------------------------------------------


def test_connections_that_the_database_cuts_lose_and_double_nothing(x, house, listen, monkeypatch):
    def write_down(event: ActivityEvent) -> None:
        record("test.happened", target_kind="test", target_id=event.payload["n"], workspace_id=None)

    def written() -> list[int]:
        found = AuditEvent.objects.filter(verb="test.happened").order_by("id")
        return list(found.values_list("target_id", flat=True))

    monkeypatch.setitem(hooks.handlers, "test.happened", [write_down])
    listen()
    until(lambda: x.present)
    for n in range(5):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        x.tell("test.happened", house.account.x_user_id, {"n": n})
        until(lambda n=n: written()[-1:] == [n])
    assert written() == [0, 1, 2, 3, 4]


def test_an_event_that_could_not_be_stored_is_asked_for_again(
    x, house, listen, happened, monkeypatch
):
    from django.db import OperationalError

    real, fails = listening.events.store, [2]

    def store(*args):
        if args[1] and fails[0]:
            fails[0] -= 1
            raise OperationalError("the server closed the connection")
        return real(*args)

    monkeypatch.setattr(listening.events, "store", store)
    listen()
    until(lambda: Stream.objects.filter(heard_at__isnull=False).exists())
    tell(x, house, "a")
    until(lambda: happened == ["a"])
    assert len(x.visitors) == 3


def test_it_ends_within_seconds(x, house):
    stop = threading.Event()
    thread = threading.Thread(target=Listener(Pace()).run, args=(stop,))
    thread.start()
    until(lambda: x.present)
    began = time.monotonic()
    stop.set()
    thread.join(SECONDS)
    assert time.monotonic() - began < 5
    assert stream().holder is None
    until(lambda: not x.present)
