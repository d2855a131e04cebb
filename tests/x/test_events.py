"""What X tells takes effect once and in order, however often and from wherever it is told."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from outreach.audit.models import AuditEvent
from outreach.customers import actions as customers
from outreach.customers.models import Relationship
from outreach.ground.clock import now
from outreach.x import events, hooks, queries
from outreach.x.client import XUser
from outreach.x.models import (
    AccountState,
    ActivityEvent,
    Expense,
    PausedBy,
    Via,
    XAccount,
    XApp,
    XToken,
)
from outreach.x.payloads import Told, read
from tests import factories
from tests.x.telling import dm, follow

FOLLOW, UNFOLLOW = "follow.follow", "follow.unfollow"
MANY = [str(number) for number in range(30)]


def told(kind: str, user_id: int | None, payload: dict, name: str = "") -> Told:
    return Told(name or f"n{factories.unique()}", kind, user_id, payload)


def tell(house: factories.House, *news: Told, via: Via = Via.STREAM) -> events.Stored:
    """Store and hand on."""
    stored = events.store(house.account.app_id, news, via)
    for account_id in stored.waiting:
        events.handle(account_id)
    return stored


@pytest.fixture
def heard(monkeypatch):
    """Who asks for 'test.happened', and what reached them."""
    reached: list[str] = []
    monkeypatch.setitem(
        hooks.handlers, "test.happened", [lambda event: reached.append(event.payload["n"])]
    )
    return reached


def happened(house: factories.House, n: str, name: str = "") -> Told:
    return told("test.happened", house.account.x_user_id, {"n": n}, name)


# --- once, in order --------------------------------------------------------------------------------


def test_an_event_that_is_told_twice_takes_effect_once(house, heard):
    news = [happened(house, "a", "one"), happened(house, "a", "one")]
    assert tell(house, *news).new == 1
    assert tell(house, news[0], via=Via.WEBHOOK).new == 0
    assert (heard, ActivityEvent.objects.count()) == (["a"], 1)


def test_one_event_may_be_told_about_two_accounts_and_through_two_apps(house, heard):
    """A follow between two brands of ours may have one name, and is told about each."""
    other = factories.account(house.workspace)
    app = XApp.objects.create(workspace=house.workspace, name="Ours", client_id="ours")
    about_other = told("test.happened", other.x_user_id, {"n": "b"}, "one")
    events.store(app.pk, [happened(house, "", "one"), about_other], Via.STREAM)
    # The order is an account's own: which of two comes first is nobody's matter.
    for _ in range(2):
        tell(house, happened(house, "a", "one"), about_other)
        assert sorted(heard) == ["a", "b"]


def test_events_of_an_account_are_handed_on_in_the_order_in_which_they_were_told(house, heard):
    tell(house, *(happened(house, n) for n in MANY))
    assert heard == MANY


@pytest.mark.django_db(transaction=True)
def test_two_processes_never_hand_on_one_accounts_events_out_of_order(monkeypatch):
    house = factories.house()
    reached: list[str] = []
    monkeypatch.setitem(
        hooks.handlers,
        "test.happened",
        [lambda event: reached.append(event.payload["n"])],
    )
    tell_only = [happened(house, n) for n in MANY]
    events.store(house.account.app_id, tell_only, Via.STREAM)

    def hand_on() -> None:
        events.handle(house.account.pk)
        connection.close()

    threads = [threading.Thread(target=hand_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events.handle(house.account.pk)
    assert reached == MANY


@pytest.mark.django_db(transaction=True)
def test_while_one_process_is_at_an_event_no_other_takes_a_later_one(monkeypatch):
    house = factories.house()
    reached, at_it, go_on = [], threading.Event(), threading.Event()

    def slow(event: ActivityEvent) -> None:
        if event.payload["n"] == "first":
            at_it.set()
            assert go_on.wait(20)
        reached.append(event.payload["n"])

    monkeypatch.setitem(hooks.handlers, "test.happened", [slow])
    events.store(house.account.app_id, [happened(house, "first")], Via.STREAM)

    def hand_on() -> None:
        events.handle(house.account.pk)
        connection.close()

    other = threading.Thread(target=hand_on)
    other.start()
    assert at_it.wait(20)
    events.store(house.account.app_id, [happened(house, "second")], Via.WEBHOOK)
    assert events.handle(house.account.pk) == 0
    assert reached == []
    go_on.set()
    other.join()
    # Who was at it goes on with what came meanwhile.
    assert reached == ["first", "second"]


def test_another_accounts_events_do_not_wait(house, monkeypatch):
    other = factories.account(house.workspace)
    assert other.app_id == house.account.app_id
    reached = []

    def choosy(event: ActivityEvent) -> None:
        if event.account_id == house.account.pk:
            raise ValueError("secret words")
        reached.append(event.account_id)

    monkeypatch.setitem(hooks.handlers, "test.happened", [choosy])
    tell(house, happened(house, "a"), told("test.happened", other.x_user_id, {"n": "b"}))
    assert reached == [other.pk]


# --- handlers that fail ----------------------------------------------------------------------------


def test_what_fails_is_tried_again_later_and_holds_up_what_follows(
    house, monkeypatch, clock, caplog
):
    reached, broken = [], [True]

    def handler(event: ActivityEvent) -> None:
        Relationship.everywhere.all().delete()
        if broken[0]:
            raise ValueError("secret words")
        reached.append(event.payload["n"])

    house.customer()
    monkeypatch.setitem(hooks.handlers, "test.happened", [handler])
    tell(house, happened(house, "a"), happened(house, "b"))
    first, second = ActivityEvent.objects.order_by("id")
    assert (first.tries, first.failure, first.handled_at) == (1, "ValueError", None)
    assert second.tries == 0
    # What it did before it failed is undone.
    assert Relationship.everywhere.count() == 1
    assert "secret words" not in caplog.text
    broken[0] = False
    assert events.handle(house.account.pk) == 0
    assert events.with_waiting_events() == []
    clock(3)
    assert events.with_waiting_events() == [house.account.pk]
    assert events.handle(house.account.pk) == 2
    assert reached == ["a", "b"]
    assert queries.given_up().count == 0


def test_what_fails_every_time_is_given_up_and_shown_and_the_rest_goes_on(
    house, monkeypatch, clock
):
    reached = []

    def handler(event: ActivityEvent) -> None:
        if event.payload["n"] == "poison":
            raise ValueError
        reached.append(event.payload["n"])

    monkeypatch.setitem(hooks.handlers, "test.happened", [handler])
    tell(house, happened(house, "poison"), happened(house, "b"))
    for tries in range(1, events.MOST_TRIES):
        assert reached == []
        clock(100 * tries)
        events.handle(house.account.pk)
    assert reached == ["b"]
    found = queries.given_up(house.account)
    assert (found.count, found.last_kind) == (1, "test.happened")
    poison = ActivityEvent.objects.order_by("id")[0]
    assert (poison.tries, poison.failure) == (events.MOST_TRIES, "ValueError")


# --- whose they are --------------------------------------------------------------------------------


def test_what_nobody_asked_for_is_kept_and_counts_as_handled(house):
    stored = tell(house, told("profile.update", house.account.x_user_id, {"bio": "ink"}))
    assert (stored.new, stored.waiting) == (1, frozenset())
    event = ActivityEvent.objects.get()
    assert (event.account_id, event.via) == (house.account.pk, "stream")
    assert event.handled_at is not None


def test_an_app_speaks_about_its_own_accounts_only(house, heard):
    """A workspace that brings an app holds the secret that its events are signed with."""
    theirs = XApp.objects.create(workspace=house.workspace, name="Theirs", client_id="theirs")
    events.store(theirs.pk, [happened(house, "forged")], Via.WEBHOOK)
    event = ActivityEvent.objects.get()
    assert (event.account_id, event.handled_at is None) == (None, False)
    events.handle(house.account.pk)
    assert heard == []


def test_what_postgresql_cannot_hold_does_not_take_the_rest_with_it(house, heard, caplog):
    line = b'{"data": {"event_uuid": "b", "event_type": "test.happened", "payload": {"n": 1e999}}}'
    odd = read(line)
    assert odd is not None
    assert tell(house, happened(house, "a"), *odd, happened(house, "c")).new == 2
    assert heard == ["a", "c"]
    assert "an event of kind test.happened cannot be stored" in caplog.text


def test_text_that_postgresql_cannot_hold_is_made_storable(house):
    brand = str(house.account.x_user_id)
    data = {"event_uuid": "x", "event_type": "dm.sent", "filter": {"user_id": brand}}
    line = json.dumps({"data": data | {"payload": {"text": "a\0b\ud800c"}}})
    found = read(line.encode())
    assert found is not None
    tell(house, *found)
    assert ActivityEvent.objects.get().payload == {"text": "a�b�c"}


# --- what it costs ---------------------------------------------------------------------------------


def test_what_is_told_has_its_price_once(house):
    brand = house.account.x_user_id
    news = [told(FOLLOW, brand, follow(n, brand)) for n in range(7, 10)]
    tell(house, *news, told("dm.sent", brand, {}))
    tell(house, news[0], news[1])
    rows = list(Expense.objects.order_by("pk").values_list("account_id", "kind", "used", "cost"))
    assert sum(used or 0 for _, _, used, _ in rows) == 3
    assert {(account, kind) for account, kind, _, _ in rows} == {(house.account.pk, FOLLOW)}
    assert sum(float(cost) for *_, cost in rows) == pytest.approx(0.03)


# --- follows ---------------------------------------------------------------------------------------


@pytest.fixture
def maria(house):
    return house.customer()


def flags(customer) -> tuple[bool, bool]:
    row = Relationship.everywhere.get(customer=customer)
    return row.following, row.followed_by


def test_an_unfollow_changes_the_one_flag_that_it_is_about(house, maria):
    brand, person = house.account.x_user_id, maria.x_user_id
    before = Relationship.everywhere.get(customer=maria)
    tell(house, told(UNFOLLOW, brand, follow(person, brand)))
    assert flags(maria) == (True, False)
    tell(house, told(UNFOLLOW, brand, follow(brand, person)))
    assert flags(maria) == (False, False)
    tell(house, told(FOLLOW, brand, follow(person, brand)))
    assert flags(maria) == (False, True)
    after = Relationship.everywhere.get(customer=maria)
    assert (after.accepts_dms, after.checked_at) == (before.accepts_dms, before.checked_at)


def test_both_shapes_of_a_user_are_read(house, maria):
    """X's reference shows the users bare, its examples within `data`."""
    brand = house.account.x_user_id
    bare = {"source": {"id": str(maria.x_user_id)}, "target": {"id": str(brand)}}
    tell(house, told(UNFOLLOW, brand, bare))
    assert flags(maria) == (True, False)


def test_an_event_does_not_overwrite_a_look_up_that_began_after_it(house, maria):
    news = told(UNFOLLOW, house.account.x_user_id, follow(maria.x_user_id, house.account.x_user_id))
    events.store(house.account.app_id, [news], Via.STREAM)
    Relationship.everywhere.update(checked_at=now() + timedelta(seconds=1))
    events.handle(house.account.pk)
    assert flags(maria) == (True, True)


def test_a_look_up_that_began_before_an_event_does_not_overwrite_it(house, maria):
    """It may have asked before the unfollow and answered after it."""
    began = now()
    brand, person = house.account.x_user_id, maria.x_user_id
    tell(house, told(UNFOLLOW, brand, follow(person, brand)))
    saw = XUser(person, "maria", "Maria", "", True, True, False)
    customers.store_relationships(house.account.pk, [person], [saw], looked_at=began)
    row = Relationship.everywhere.get(customer=maria)
    assert (row.following, row.followed_by, row.accepts_dms) == (True, False, False)
    # A later one does.
    customers.store_relationships(house.account.pk, [person], [saw], looked_at=now())
    assert flags(maria) == (True, True)


def test_who_is_no_customer_of_the_workspace_changes_nothing(house, maria):
    other = factories.house()
    same = other.customer(x_user_id=maria.x_user_id)
    brand = house.account.x_user_id
    tell(house, told(UNFOLLOW, brand, follow(maria.x_user_id, brand)))
    tell(house, told(UNFOLLOW, brand, follow(4_000_000, brand)))
    tell(house, told(UNFOLLOW, brand, follow(maria.x_user_id, 4_000_001)))
    tell(house, told(UNFOLLOW, brand, {"source": [], "target": {"id": "x"}}))
    assert flags(same) == (True, True)
    assert flags(maria) == (True, False)
    assert ActivityEvent.objects.filter(handled_at=None).count() == 0


# --- a consent that is revoked ---------------------------------------------------------------------


def revoke(house: factories.House, at: datetime) -> Told:
    payload = {"user_id": str(house.account.x_user_id), "date_time": at.isoformat(), "app_id": "1"}
    line = {"event_uuid": f"r{factories.unique()}", "filter": {}, "event_type": "oauth.revoke"}
    found = read(json.dumps({"data": line | {"payload": payload}}).encode())
    assert found is not None
    return found[0]


def test_a_revoked_consent_pauses_the_account_with_a_reason(house):
    tell(house, revoke(house, now() + timedelta(seconds=1)))
    account = XAccount.everywhere.get(pk=house.account.pk)
    assert (account.state, account.paused_by) == (AccountState.PAUSED, PausedBy.REVOKED)
    assert account.paused_reason == (
        "On X, somebody withdrew Outreach's access to this account. "
        "An administrator must connect it again."
    )
    assert AuditEvent.objects.filter(verb="x_account.paused").count() == 1


def test_a_consent_given_anew_is_not_undone_by_an_event_that_comes_late(house):
    XToken.objects.update(stored_at=now())
    tell(house, revoke(house, now() - timedelta(minutes=5)))
    account = XAccount.everywhere.get(pk=house.account.pk)
    assert account.state == AccountState.CONNECTED


def test_a_disconnected_account_is_not_paused(house):
    XToken.objects.all().delete()
    XAccount.everywhere.update(state=AccountState.DISCONNECTED, disconnected_at=now())
    tell(house, revoke(house, now()))
    assert XAccount.everywhere.get(pk=house.account.pk).state == AccountState.DISCONNECTED
    assert ActivityEvent.objects.filter(handled_at=None).count() == 0


# --- DMs that were sent ----------------------------------------------------------------------------


def test_dms_that_were_sent_are_kept_as_they_were_written(house):
    brand = house.account.x_user_id
    since = now()
    at = 1_784_927_750.704
    text = "Hi &amp; welcome: https://t.co/abc"
    payload = dm(2080763914820927863, brand, 783214, text, at=at, abc="https://example.com/ink")
    tell(house, told("dm.sent", brand, payload), told("dm.sent", brand, payload))
    (sent,) = queries.sent_dms(house.account, since)
    assert (sent.dm_event_id, sent.recipient_id) == (2080763914820927863, 783214)
    assert sent.text == "Hi & welcome: https://example.com/ink"
    assert sent.created_at == datetime.fromtimestamp(at, UTC)
    assert queries.sent_dms(house.account, now()) == []


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"direct_message_events": "no list"},
        {"direct_message_events": [7, {}, {"id": "1", "message_create": {"target": 4}}]},
        {"direct_message_events": [{"id": "-1", "message_create": {"message_data": {}}}]},
    ],
)
def test_dms_that_cannot_be_read_are_left_out(house, payload):
    tell(house, told("dm.sent", house.account.x_user_id, payload))
    assert queries.sent_dms(house.account, now() - timedelta(hours=1)) == []


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense",
        b"[1]",
        b'{"data": 7}',
        b'{"data": {"event_type": "x", "payload": NaN}}',
        b'{"data": {"event_type": 7, "payload": {}}}',
        b'{"data": {"event_type": "", "payload": {}}}',
        b'{"errors": []}',
        b"[" * 100_000,
        b'{"data": {"event_type": "x", "payload": {"n": ' + b"9" * 5000 + b"}}}",
    ],
)
def test_a_line_that_is_no_event_is_none(line):
    assert read(line) is None


def test_an_event_without_a_name_gets_one_of_ours():
    """X's quick start shows such events; twice does less harm than never."""
    line = b'{"data": {"event_type": "x", "payload": {}, "filter": {}}}'
    one, other = read(line), read(line)
    assert one is not None
    assert other is not None
    assert one[0].event_uuid != other[0].event_uuid
    assert read(line, named_only=True) is None
