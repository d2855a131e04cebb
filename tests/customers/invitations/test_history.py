"""Reading an account's last 30 days of messages, on the real sandbox."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models import Sum

from outreach.audit.models import AuditEvent
from outreach.customers import actions as customers
from outreach.customers.erasing import actions as erasing
from outreach.customers.finding import actions as finding
from outreach.customers.history import actions, reading, tasks
from outreach.customers.history.actions import CannotRead
from outreach.customers.models import (
    Customer,
    HeardMessage,
    HistoryPerson,
    HistoryRun,
    Permission,
    Suppression,
)
from outreach.delivery.models import DeliveryState
from outreach.ground.clock import now
from outreach.ground.runs import RunState, take
from outreach.x.models import AccountState, Expense, XAccount
from tests import factories
from tests.customers.erasing.dump import dump, where
from tests.customers.invitations.dying import STEPS
from tests.sandbox_server import CHECKOUT

pytestmark = pytest.mark.django_db(transaction=True)

BRAND = 2244994945
FIRST = 5000


@pytest.fixture
def house(sandbox, settings) -> factories.House:
    settings.X_API_URL = sandbox.base_url
    cache.clear()
    sandbox.add_user(BRAND, "inkandloom")
    return factories.house(token=sandbox.issue_token(BRAND), x_user_id=BRAND)


def written(sandbox, *texts: str, first: int = FIRST) -> None:
    """Somebody else writes each of these to the brand, in this order."""
    for number, text in enumerate(texts, start=first):
        sandbox.add_user(number, f"person{number}", f"Person {number}")
        sandbox.write(number, BRAND, text)


def begun(house, most: int = 500) -> HistoryRun:
    return actions.start(house.administrator, house.account.pk, most=most)


def read(house, most: int = 500) -> HistoryRun:
    run = begun(house, most)
    reading.work(run.pk)
    run.refresh_from_db()
    return run


def spent() -> dict[str, int]:
    rows = Expense.objects.exclude(used=0).values_list("kind").annotate(Sum("used"))
    return dict(rows.values_list("kind", "used__sum"))


def given() -> dict[int | None, str]:
    rows = Permission.everywhere.filter(message__isnull=False)
    return dict(rows.values_list("customer__x_user_id", "evidence"))


def test_whoever_wrote_has_a_permission_with_the_newest_message(sandbox, house):
    written(sandbox, "which ink is that?", "where are you?")
    sandbox.write(FIRST, BRAND, "and which paper?")
    sandbox.write(BRAND, FIRST, "Oak gall, and cotton.")
    run = read(house)
    assert given() == {FIRST: "and which paper?", FIRST + 1: "where are you?"}
    assert (run.state, run.done, run.problem) == (RunState.DONE, 4, "")
    assert (run.wrote, run.permitted, run.added, run.looked_up) == (2, 2, 2, 2)
    people = Customer.everywhere.order_by("x_user_id").values_list("handle", "name")
    assert list(people) == [("person5000", "Person 5000"), ("person5001", "Person 5001")]
    permission = Permission.everywhere.get(customer__x_user_id=FIRST)
    assert (permission.basis, permission.recorded_by) == ("wrote_to_us", None)
    assert permission.place == f"a message to @{house.account.handle}"
    newest = [dm for dm in sandbox.dms() if dm["text"] == "and which paper?"]
    assert permission.message.dm_event_id == int(newest[0]["id"])
    assert HistoryPerson.everywhere.count() == 0
    # Four messages and two people, at a cent each.
    assert spent() == {"dm_event": 4, "user": 2}
    assert sum((row.cost for row in Expense.objects.all()), Decimal(0)) * 100 == 6


def test_reading_again_adds_nothing_and_asks_about_nobody(sandbox, house):
    written(sandbox, "one", "two")
    read(house)
    again = read(house)
    assert (again.permitted, again.added, again.looked_up, again.wrote) == (0, 0, 0, 2)
    assert (Permission.everywhere.count(), HeardMessage.everywhere.count()) == (2, 2)
    assert spent() == {"dm_event": 4, "user": 2}


def test_a_stop_is_no_permission_but_a_suppression(sandbox, house):
    customer = house.customer(x_user_id=FIRST)
    delivery = factories.delivery(house, customer)
    written(sandbox, "stop", "STOP please", "hello")
    sandbox.write(FIRST, BRAND, "thank you anyway")
    run = read(house)
    assert (run.stopped, run.permitted, run.added) == (2, 1, 1)
    assert given() == {FIRST + 2: "hello"}
    suppressed = Suppression.everywhere.order_by("x_user_id")
    assert [row.x_user_id for row in suppressed] == [FIRST, FIRST + 1]
    assert all(row.reason.startswith("Said stop in a message to @") for row in suppressed)
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.CANCELLED
    # A stranger who said stop is not even asked about.
    assert spent() == {"dm_event": 4, "user": 1}


def test_what_may_be_a_stop_is_no_permission(sandbox, house):
    written(sandbox, "how do I unsubscribe from the paper one?")
    run = read(house)
    assert (run.permitted, run.wrote, Suppression.everywhere.count()) == (0, 0, 0)


def test_a_suppressed_person_stays_one(sandbox, house):
    known = house.customer(x_user_id=FIRST, permission=False)
    customers.suppress(house.marketer, known.pk, reason="asked at the fair")
    by_handle = factories.not_looked_up(house, "Person5001")
    customers.suppress(house.marketer, by_handle.pk, reason="asked by letter")
    written(sandbox, "hello", "hello", "hello")
    run = read(house)
    assert given() == {FIRST + 2: "hello"}
    assert (run.added, Customer.everywhere.count()) == (1, 3)
    by_handle.refresh_from_db()
    assert by_handle.x_user_id is None


def test_only_so_much_is_read_as_was_agreed(sandbox, house):
    written(sandbox, *["hello"] * 3)
    for number in range(150):
        sandbox.write(FIRST, BRAND, f"number {number}")
    run = read(house, most=120)
    assert (run.state, run.done, run.wrote) == (RunState.DONE, 120, 1)
    assert spent()["dm_event"] == 120


def test_pages_of_a_hundred_and_look_ups_of_a_hundred(sandbox, house):
    written(sandbox, *[f"hello {number}" for number in range(230)])
    run = read(house)
    assert (run.done, run.permitted, run.added, run.looked_up) == (230, 230, 230, 230)
    assert Expense.objects.filter(kind="dm_event").count() == 3
    assert Expense.objects.filter(kind="user").count() == 3


def test_a_limit_puts_it_off_until_it_opens(sandbox, house):
    sandbox.set_limits({"dm_events": [{"limit": 1, "seconds": 900, "per": "user"}]})
    written(sandbox, *[f"hello {number}" for number in range(130)])
    run = read(house)
    assert (run.state, run.done, run.all_read) == (RunState.WAITING, 100, False)
    assert timedelta(minutes=14) < run.look_at - now() < timedelta(minutes=16)
    assert run.waits_for == "X’s limit for these calls is used up."
    assert given() == {}
    tasks.tick()  # not before then
    run.refresh_from_db()
    assert run.done == 100
    sandbox.set_limits(None)
    HistoryRun.everywhere.update(look_at=now())
    tasks.tick()
    run.refresh_from_db()
    assert (run.state, run.done, run.waits_for) == (RunState.DONE, 130, "")
    assert len(given()) == 130


def test_x_not_answering_puts_it_off_and_is_given_up_in_the_end(sandbox, house):
    written(sandbox, "hello")
    sandbox.set_faults({"endpoint": "dm_events", "fault": "error_before"})
    run = read(house)
    assert (run.state, run.tries, run.waits_for) == (RunState.WAITING, 1, "X did not answer.")
    assert run.look_at > now()
    HistoryRun.everywhere.update(look_at=now(), tries=reading.MOST_TRIES)
    tasks.tick()
    run.refresh_from_db()
    assert (run.state, run.problem[:16]) == (RunState.FAILED, "X did not answer")


def test_the_cap_stops_it_and_what_was_read_counts(sandbox, house):
    written(sandbox, *[f"hello {number}" for number in range(130)])
    house.customer(x_user_id=FIRST + 129, permission=False)
    house.account.app.monthly_cap = Decimal("1.25")  # syncs stop at a dollar
    house.account.app.save()
    run = read(house)
    assert (run.state, run.done) == (RunState.DONE, 100)
    assert run.problem.startswith("This month’s cap stopped the looking up.")
    assert (given(), run.left_out) == ({FIRST + 129: "hello 129"}, 99)


def test_an_account_that_may_not_read_messages_says_so(sandbox, house, settings):
    from outreach.x.tokens import encrypt

    token = sandbox.issue_token(BRAND, scopes=["tweet.read", "users.read"])
    house.account.token.access_token = encrypt(token)
    house.account.token.save()
    written(sandbox, "hello")
    run = read(house)
    assert (run.state, run.problem) == (
        RunState.FAILED,
        "The account may not read messages. Connect it again and leave everything ticked.",
    )


def test_a_page_that_x_forgot_is_begun_anew(sandbox, house):
    written(sandbox, "hello")
    run = begun(house)
    HistoryRun.everywhere.update(page_token="no such page")
    reading.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.page_token) == (RunState.WAITING, "")
    tasks.tick()
    run.refresh_from_db()
    assert (run.state, run.permitted) == (RunState.DONE, 1)


def test_a_group_is_not_the_brand(house):
    from outreach.x.client import DMEvent

    def event(conversation):
        return DMEvent(1, FIRST, conversation, "stop", "stop", now())

    is_to_us = reading._is_to_the_brand
    assert is_to_us(house.account, event(f"{FIRST}-{BRAND}"))
    assert is_to_us(house.account, event(f"{BRAND}-{FIRST}"))
    for other in ("1234567890", None, f"{FIRST}-4711", f"{FIRST}"):
        assert not is_to_us(house.account, event(other))


# --- one worker, and its end ------------------------------------------------------------------


def test_what_another_worker_has_is_left_alone(sandbox, house):
    written(sandbox, "hello")
    run = begun(house)
    assert take(HistoryRun, run.pk) is not None
    reading.work(run.pk)
    tasks.tick()
    assert spent() == {}
    HistoryRun.everywhere.update(leased_until=now() - timedelta(seconds=1))
    tasks.tick()
    run.refresh_from_db()
    assert (run.state, len(given())) == (RunState.DONE, 1)


def test_who_lost_the_run_meanwhile_keeps_nothing(sandbox, house, monkeypatch):
    written(sandbox, "hello")
    run = begun(house)
    real = reading.reading

    def slow(account, call):
        answer = real(account, call)
        HistoryRun.everywhere.update(leased_until=now() - timedelta(seconds=1))
        assert take(HistoryRun, run.pk) is not None
        return answer

    monkeypatch.setattr(reading, "reading", slow)
    reading.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.done, HistoryPerson.everywhere.count()) == (RunState.RUNNING, 0, 0)


def test_one_that_nobody_works_on_is_cancelled_at_once_and_forgotten(sandbox, house):
    sandbox.set_limits({"dm_events": [{"limit": 1, "seconds": 900, "per": "user"}]})
    written(sandbox, *["hello"] * 120)
    run = read(house)
    assert HistoryPerson.everywhere.count() == 100
    actions.cancel(house.administrator, run.pk)
    run.refresh_from_db()
    assert (run.state, HistoryPerson.everywhere.count()) == (RunState.CANCELLED, 0)
    assert given() == {}


def test_one_that_is_worked_on_ends_after_the_page(sandbox, house, monkeypatch):
    written(sandbox, *["hello"] * 120)
    run = begun(house)
    real = reading.reading

    def meanwhile(account, call):
        answer = real(account, call)
        actions.cancel(house.administrator, run.pk)
        return answer

    monkeypatch.setattr(reading, "reading", meanwhile)
    reading.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.done) == (RunState.CANCELLED, 100)
    assert (HistoryPerson.everywhere.count(), given()) == (0, {})


def test_one_cancelled_while_x_kept_it_waiting_asks_x_nothing_more(sandbox, house, monkeypatch):
    written(sandbox, "hello")
    sandbox.set_faults({"endpoint": "dm_events", "fault": "error_before"})
    run = begun(house)
    real = reading.reading

    def meanwhile(account, call):
        actions.cancel(house.administrator, run.pk)
        return real(account, call)

    monkeypatch.setattr(reading, "reading", meanwhile)
    reading.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.cancel_asked) == (RunState.WAITING, True)
    sandbox.set_faults()
    HistoryRun.everywhere.update(look_at=now())
    tasks.tick()
    run.refresh_from_db()
    assert (run.state, spent()) == (RunState.CANCELLED, {})


def test_another_is_not_begun_beside_one(sandbox, house):
    assert begun(house, 100).pk == begun(house, 200).pk
    assert HistoryRun.everywhere.get().most == 100
    verbs = AuditEvent.objects.filter(verb__startswith="history.").values_list("verb", flat=True)
    assert list(verbs) == ["history.started"]


def test_an_account_that_is_not_connected_is_not_read(sandbox, house):
    run = begun(house)
    XAccount.everywhere.update(state=AccountState.DISCONNECTED, disconnected_at=now())
    reading.work(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert run.problem == f"@{house.account.handle} is not connected any more."
    with pytest.raises(CannotRead):
        begun(house)


# --- SIGKILL ----------------------------------------------------------------------------------


@pytest.fixture
def worker(sandbox):
    """`worker(run, step)`: a process that reads, and dies there; returns how it ended."""
    address = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    environment = os.environ | {
        "DATABASE_URL": address._replace(path=f"/{name}").geturl(),
        "X_API_URL": sandbox.base_url,
        "DJANGO_SETTINGS_MODULE": "outreach.settings",
    }

    def worker(run: HistoryRun, *step: str) -> int:
        command = [sys.executable, "-m", "tests.customers.invitations.dying", str(run.pk), *step]
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, timeout=60, check=False)
        return done.returncode

    return worker


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_any_step_leaves_all_or_nothing_and_the_next_finishes(
    sandbox, house, worker, step
):
    written(sandbox, *[f"hello {number}" for number in range(105)], "stop")
    run = begun(house)
    assert worker(run, step) == -signal.SIGKILL
    whole = step == "merged"
    assert len(given()) == Customer.everywhere.count() == (105 if whole else 0)
    HistoryRun.everywhere.filter(leased_until__isnull=False).update(
        leased_until=now() - timedelta(seconds=1)
    )
    tasks.tick()
    run.refresh_from_db()
    assert (run.state, run.permitted, run.added, run.stopped) == (RunState.DONE, 105, 105, 1)
    assert len(given()) == Customer.everywhere.count() == 105
    assert HeardMessage.everywhere.count() == 105
    assert [row.x_user_id for row in Suppression.everywhere.all()] == [FIRST + 105]
    assert HistoryPerson.everywhere.count() == 0
    assert AuditEvent.objects.filter(verb="history.read").count() == 1


def test_what_was_read_says_when_they_last_answered_and_is_never_moved_back(sandbox, house):
    written(sandbox, "hello there", "stop", "an old friend")
    late = now() + timedelta(days=1)
    old = house.customer(x_user_id=FIRST + 2, last_answered_at=late)
    stopped = house.customer(x_user_id=FIRST + 1)
    kept, merged = house.customer(), house.customer(x_user_id=FIRST)
    finding.merge(house.marketer, kept.pk, merged.pk)
    before = now() - timedelta(minutes=5)
    read(house)
    at = dict(Customer.everywhere.values_list("pk", "last_answered_at"))
    assert at[old.pk] == late
    assert [at[row.pk] > before for row in (stopped, kept, merged)] == [True, True, True]
    # What a merged row's X user wrote permits letters to the row that speaks for them.
    assert given() == {kept.x_user_id: "hello there", old.x_user_id: "an old friend"}


def test_whoever_is_erased_while_a_history_is_read_is_not_read_again(sandbox, house):
    ana = house.customer(x_user_id=FIRST)
    written(sandbox, "zqwrittenzq", "hello")
    run = begun(house)
    erasing.erase(house.manager, ana.pk)
    token = take(HistoryRun, run.pk)
    assert reading._step(run.pk, token)  # a page
    assert [each.x_user_id for each in HistoryPerson.everywhere.all()] == [FIRST + 1]
    assert where(["zqwrittenzq"], dump()) == {"zqwrittenzq": set()}
