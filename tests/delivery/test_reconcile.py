"""Where X tells nothing, the conversation is read: over HTTP, from the sandbox."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache

from outreach.audit.models import AuditEvent
from outreach.customers.erasing import actions as erasing
from outreach.delivery import outcomes, reconcile, sender, tasks
from outreach.delivery.claim import Claimed
from outreach.delivery.models import Attempt, Delivery, SeenDM
from outreach.ground.clock import now
from outreach.x import actions as x_actions
from outreach.x.models import AccountState, Expense, XAccount, XApp
from tests import factories
from tests.delivery.conftest import BRAND, MARIA
from tests.delivery.letters import SECOND, state, tell
from tests.delivery.meanwhile import halt_before, queued, threads
from tests.x.awkward import Awkward, answering

ENDPOINT = "dm_events_with"
# Deadline, timeouts and settling time together; then the second look, ten minutes later.
FIRST, SECOND_LOOK = 141, 141 + 601


@pytest.fixture(autouse=True)
def _plain(settings):
    cache.clear()
    settings.X_PRICES = [{"from": "2000-01-01", "send_dm": "0.015", "dm_event": "0.010"}]
    settings.CALL_DEADLINE, settings.CALL_ANSWER_TIMEOUT = 5, 15
    settings.SETTLE_SECONDS, settings.SETTLE_BETWEEN_SECONDS = 120, 600


def sent_into_the_dark(world, sandbox, fault: str) -> Delivery:
    """A letter of whose call nobody knows; `error_after`: X has it, `error_before`: it has not."""
    delivery = factories.delivery(world, world.customers[0])
    sandbox.set_faults({"endpoint": "send_dm", "fault": fault, "times": 1})
    sender.send_due(world.account.pk)
    assert state(delivery) == "uncertain"
    return delivery


@pytest.fixture
def there(world, sandbox) -> Delivery:
    return sent_into_the_dark(world, sandbox, "error_after")


@pytest.fixture
def nowhere(world, sandbox) -> Delivery:
    return sent_into_the_dark(world, sandbox, "error_before")


def look(delivery: Delivery) -> Attempt:
    """Look for the letter's attempt, if it is time to; how that stands."""
    attempt = delivery.attempts.latest("pk")
    reconcile.reconcile(attempt.pk)
    attempt.refresh_from_db()
    return attempt


def bought() -> int:
    """How many messages were paid for."""
    return sum(row.used or 0 for row in Expense.objects.filter(kind="dm_event"))


def looks() -> int:
    """How often X was asked: one row of the ledger a page."""
    return Expense.objects.filter(kind="dm_event").count()


# --- when ------------------------------------------------------------------------------------------


def test_the_first_look_is_after_deadline_timeouts_and_settling_time(there, clock):
    attempt = there.attempts.get()
    assert attempt.settle_at == attempt.started_at + 140 * SECOND
    clock(139)
    assert (look(there).outcome, looks(), reconcile.due()) == ("uncertain", 0, [])
    clock(FIRST)
    assert reconcile.due() == [attempt.pk]
    assert look(there).outcome == "sent"


def test_the_tick_asks_a_worker_to_look(there, clock):
    clock(FIRST)
    before = queued()
    tasks.tick()
    assert queued() == before + 1


def test_a_worker_that_died_is_looked_for_as_late_as_any(world, sandbox, clock):
    delivery = factories.delivery(world, world.customers[0])
    claimed = sender.claim(world.account.pk)
    clock(26)
    assert outcomes.rescue(claimed.attempt_id)
    attempt = delivery.attempts.get()
    assert attempt.settle_at == attempt.started_at + 140 * SECOND


# --- it is there -----------------------------------------------------------------------------------


def test_what_is_found_is_sent_and_paid_for(there, sandbox, clock):
    (dm,) = sandbox.dms()
    clock(FIRST)
    attempt = look(there)
    assert (state(there), there.dm_event_id) == ("sent", int(dm["id"]))
    assert (attempt.outcome, attempt.dm_event_id, attempt.settle_at) == (
        "sent", int(dm["id"]), None,
    )  # fmt: skip
    assert there.contradiction == ""
    seen = SeenDM.objects.get()
    assert (seen.dm_event_id, seen.via, seen.recipient_x_user_id) == (int(dm["id"]), "read", MARIA)
    assert (looks(), bought()) == (1, 1)


def test_once_settled_nobody_looks_again(there, clock):
    clock(FIRST)
    look(there)
    clock(SECOND_LOOK)
    assert (reconcile.due(), look(there).outcome, looks()) == ([], "sent", 1)


def test_it_is_found_behind_what_they_answered(there, sandbox, clock):
    for number in range(3):
        sandbox.write(MARIA, BRAND, f"Which ink? {number}")
    clock(FIRST)
    assert look(there).outcome == "sent"
    assert (SeenDM.objects.count(), bought()) == (1, 4)


def test_it_is_found_on_a_later_page(there, sandbox, clock, monkeypatch):
    monkeypatch.setattr(reconcile, "PER_PAGE", 2)
    for number in range(5):
        sandbox.write(MARIA, BRAND, f"Which ink? {number}")
    clock(FIRST)
    assert look(there).outcome == "sent"
    assert (looks(), bought()) == (3, 6)


# --- it is not there -------------------------------------------------------------------------------


def test_a_clean_absence_needs_two_looks_well_apart(nowhere, clock):
    clock(FIRST)
    attempt = look(nowhere)
    assert (attempt.outcome, attempt.absent_reads, state(nowhere)) == ("uncertain", 1, "uncertain")
    assert timedelta(seconds=599) < attempt.settle_at - now() <= timedelta(seconds=600)
    clock(FIRST + 590)
    assert (look(nowhere).absent_reads, looks()) == (1, 1)
    clock(SECOND_LOOK)
    attempt = look(nowhere)
    assert (attempt.outcome, attempt.absent_reads, attempt.settle_at) == ("absent", 2, None)
    assert (state(nowhere), nowhere.reason, nowhere.contradiction) == ("queued", "", "")
    audited = AuditEvent.objects.filter(verb="delivery.queued", target_id=nowhere.pk)
    assert audited.count() == 2  # approved, and back again


def test_it_then_leaves_once_more_and_arrives_once(world, nowhere, sandbox, clock):
    for seconds in (FIRST, SECOND_LOOK):
        clock(seconds)
        look(nowhere)
    sender.send_due(world.account.pk)
    assert (state(nowhere), len(sandbox.dms())) == ("sent", 1)
    assert [each.outcome for each in nowhere.attempts.order_by("pk")] == ["absent", "sent"]


def test_what_only_the_second_look_finds_is_sent(there, sandbox, clock):
    sandbox.set_faults({"endpoint": ENDPOINT, "fault": "lag", "seconds": 600, "times": 1})
    clock(FIRST)
    assert look(there).absent_reads == 1
    clock(SECOND_LOOK)
    attempt = look(there)
    assert (attempt.outcome, attempt.absent_reads, state(there)) == ("sent", 0, "sent")


def test_messages_from_before_the_attempt_do_not_matter(world, sandbox, clock):
    sandbox.write(BRAND, MARIA, "Good morning")
    clock(120)
    delivery = sent_into_the_dark(world, sandbox, "error_before")
    clock(120 + FIRST)
    assert look(delivery).absent_reads == 1


def test_reading_ends_at_the_bound(world, sandbox, clock, monkeypatch):
    monkeypatch.setattr(reconcile, "PER_PAGE", 2)
    for number in range(7):
        sandbox.write(MARIA, BRAND, f"Which ink? {number}")
    clock(120)
    delivery = sent_into_the_dark(world, sandbox, "error_before")
    clock(120 + FIRST)
    assert (look(delivery).absent_reads, bought()) == (1, 2)


def test_messages_of_ours_that_belong_to_other_attempts_do_not_matter(
    world, nowhere, sandbox, clock
):
    """Sent before, within the minute by which clocks differ."""
    id_ = sandbox.write(BRAND, MARIA, "Another letter")
    other = factories.delivery(world, world.customers[0])
    Delivery.everywhere.filter(pk=other.pk).update(state="sent", sent_at=now(), dm_event_id=id_)
    Attempt.objects.create(
        delivery=other, x_account=world.account, app_id=world.account.app_id,
        claim_token="6f9619ff-8b86-4011-b42d-00c04fc964ff", outcome="sent", kind="accepted",
        started_at=now(), ended_at=now(), counts_until=now(), dm_event_id=id_, price=0,
    )  # fmt: skip
    clock(FIRST)
    assert look(nowhere).absent_reads == 1


def test_a_reader_that_was_frozen_does_not_count_as_the_second_look(nowhere, clock):
    """A machine that stood still for longer than lies between two looks: both read just now."""
    attempt = nowhere.attempts.get()
    clock(FIRST)
    began = now()
    clock(FIRST + 700)
    assert look(nowhere).absent_reads == 1
    reconcile.conclude(attempt.pk, began, reconcile.Found([], True))
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.absent_reads, state(nowhere)) == (
        "uncertain", 1, "uncertain",
    )  # fmt: skip


def test_a_frozen_reader_s_own_look_does_not_count_as_the_first(nowhere, clock):
    """Nobody knows when, between its beginning and its end, it read."""
    attempt = nowhere.attempts.get()
    clock(FIRST)
    began = now()
    clock(FIRST + 590)
    reconcile.conclude(attempt.pk, began, reconcile.Found([], True))
    clock(FIRST + 601)
    reconcile.conclude(attempt.pk, now(), reconcile.Found([], True))
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.absent_reads) == ("uncertain", 1)


def test_a_late_look_says_nothing_of_what_was_settled_meanwhile(there, clock):
    attempt = there.attempts.get()
    clock(FIRST)
    began = now()
    look(there)
    before = Attempt.objects.values().get()
    reconcile.conclude(attempt.pk, began, reconcile.Found([], True))
    assert (Attempt.objects.values().get(), state(there)) == (before, "sent")


def test_a_found_one_clears_what_was_not_found_before(nowhere, sandbox, clock):
    clock(FIRST)
    assert look(nowhere).absent_reads == 1
    sandbox.write(BRAND, MARIA, "Other words")
    clock(SECOND_LOOK)
    assert look(nowhere).absent_reads == 0


# --- it may be there -------------------------------------------------------------------------------


def test_other_words_of_ours_leave_it_to_a_person(nowhere, sandbox, clock):
    sandbox.write(BRAND, MARIA, "Other words")
    for seconds in (FIRST, SECOND_LOOK, 2_500):
        clock(seconds)
        look(nowhere)
    assert (state(nowhere), nowhere.reason_code, nowhere.reason) == (
        "uncertain", "other_words", reconcile.OTHER_WORDS,
    )  # fmt: skip
    assert nowhere.attempts.get().absent_reads == 0


def test_where_a_person_has_to_decide_looks_become_rare(nowhere, sandbox, clock):
    """Each is charged."""
    sandbox.write(BRAND, MARIA, "Other words")
    waits = []
    for seconds in (FIRST, 5_000, 50_000, 500_000):
        clock(seconds)
        waits.append((look(nowhere).settle_at - now()).total_seconds())
    assert waits == pytest.approx([600, 5_000, 50_000, 86_400], abs=5)


def test_what_x_shows_no_more_is_not_looked_for(nowhere, sandbox, clock):
    """X shows the messages of 30 days."""
    sandbox.write(BRAND, MARIA, "Other words")
    clock(30 * 86_400 + 100)
    attempt = look(nowhere)
    assert (attempt.outcome, attempt.settle_at, state(nowhere)) == ("uncertain", None, "uncertain")


def test_more_pages_than_anybody_reads_leave_it_to_a_person(nowhere, sandbox, clock, monkeypatch):
    monkeypatch.setattr(reconcile, "PER_PAGE", 1)
    monkeypatch.setattr(reconcile, "MOST_PAGES", 3)
    for number in range(5):
        sandbox.write(MARIA, BRAND, f"Which ink? {number}")
    clock(FIRST)
    attempt = look(nowhere)
    assert (attempt.outcome, attempt.absent_reads, looks()) == ("uncertain", 0, 3)
    assert (state(nowhere), nowhere.reason) == ("uncertain", reconcile.UNREADABLE)


def test_an_event_that_cannot_be_read_leaves_it_to_a_person(nowhere, clock, settings):
    page = {
        "data": [{"id": "7", "event_type": "MessageCreate", "text": "Hello"}],
        "meta": {"result_count": 1},
    }
    with Awkward(answering("200 OK", json.dumps(page).encode())) as server:
        settings.X_API_URL = server.base_url
        for seconds in (FIRST, SECOND_LOOK):
            clock(seconds)
            attempt = look(nowhere)
        assert len(server.requests) == 2
    assert (attempt.outcome, attempt.absent_reads, bought()) == ("uncertain", 0, 2)
    assert (state(nowhere), nowhere.reason_code) == ("uncertain", "unreadable")


# --- X cannot be asked -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        ({"fault": "error_before", "status": 503}, 60),
        ({"fault": "drop_after"}, 60),
        ({"fault": "malformed", "how": "html"}, 60),
        ({"fault": "rate_limited", "seconds": 900}, 900 - FIRST),
        ({"fault": "rate_limited", "headers": False}, 60),
    ],
)
def test_a_look_that_fails_proves_nothing_and_is_repeated(there, sandbox, clock, fault, waits):
    clock(FIRST)
    sandbox.set_faults({"endpoint": ENDPOINT, **fault})
    attempt = look(there)
    assert (attempt.outcome, attempt.absent_reads, state(there)) == ("uncertain", 0, "uncertain")
    assert (attempt.settle_at - now()).total_seconds() == pytest.approx(waits, abs=20)
    sandbox.set_faults()
    clock(2_000)
    assert look(there).outcome == "sent"


def test_a_look_that_fails_keeps_what_the_first_one_found(nowhere, sandbox, clock):
    clock(FIRST)
    look(nowhere)
    sandbox.set_faults({"endpoint": ENDPOINT, "fault": "error_before", "status": 503})
    clock(SECOND_LOOK)
    assert look(nowhere).absent_reads == 1
    sandbox.set_faults()
    clock(SECOND_LOOK + 100)
    assert look(nowhere).outcome == "absent"


def test_at_the_monthly_cap_it_waits_and_nothing_is_asked(world, there, clock):
    XApp.objects.filter(pk=world.account.app_id).update(monthly_cap=0)
    clock(FIRST)
    attempt = look(there)
    assert (attempt.outcome, looks()) == ("uncertain", 0)
    assert (attempt.settle_at - now()).total_seconds() == pytest.approx(600, abs=5)
    XApp.objects.filter(pk=world.account.app_id).update(monthly_cap=25)
    clock(FIRST + 601)
    assert look(there).outcome == "sent"


def test_near_the_cap_it_reads_as_much_as_that_pays_for(world, sandbox, clock, settings):
    """Where letters wait already, what settles them is still paid for."""
    settings.X_PRICES = [{"from": "2000-01-01", "send_dm": "0.020", "dm_event": "0.010"}]
    there = sent_into_the_dark(world, sandbox, "error_after")
    for number in range(4):
        sandbox.write(MARIA, BRAND, f"Which ink? {number}")
    # The letter's own price, and three messages.
    XApp.objects.filter(pk=world.account.app_id).update(monthly_cap=Decimal("0.05"))
    clock(FIRST)
    assert (look(there).outcome, bought()) == ("uncertain", 3)
    assert Expense.objects.filter(kind="dm_event").get().reserved == 3


def test_a_paused_account_is_still_looked_through(world, there, clock):
    x_actions.pause_account(world.manager, world.account.pk)
    clock(FIRST)
    assert look(there).outcome == "sent"


def test_through_an_account_that_is_not_connected_nobody_looks(world, there, clock):
    XAccount.everywhere.update(state=AccountState.DISCONNECTED, disconnected_at=now())
    clock(FIRST)
    attempt = look(there)
    assert (attempt.outcome, looks(), state(there)) == ("uncertain", 0, "uncertain")
    assert (attempt.settle_at - now()).total_seconds() == pytest.approx(60, abs=5)


def test_for_the_erased_nobody_looks(world, there, clock):
    erasing.erase(world.administrator, there.customer_id)
    clock(FIRST)
    assert (reconcile.due(), look(there).outcome, looks()) == ([], "uncertain", 0)
    assert (state(there), SeenDM.objects.count()) == ("failed", 0)


# --- two at once -----------------------------------------------------------------------------------


def test_two_readers_at_once_pay_once(there, monkeypatch):
    attempt = there.attempts.get()
    Attempt.objects.update(settle_at=now())
    halt = halt_before(monkeypatch, reconcile, "reading")
    with threads(2) as start:
        first = start(reconcile.reconcile, attempt.pk)
        halt.wait()
        start(reconcile.reconcile, attempt.pk).result()
        assert looks() == 1
        halt.let_go()
        first.result()
    attempt.refresh_from_db()
    assert (attempt.outcome, looks(), bought()) == ("sent", 1, 1)


def test_a_reader_that_died_is_followed_by_another(there, clock, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    clock(FIRST)
    with monkeypatch.context() as patch:
        patch.setattr(reconcile, "_look", die)
        with pytest.raises(Killed):
            look(there)
    assert look(there).outcome == "uncertain"
    clock(FIRST + 121)
    assert look(there).outcome == "sent"


def test_an_event_that_comes_while_somebody_reads_counts_once(world, there, sandbox, monkeypatch):
    attempt = there.attempts.get()
    Attempt.objects.update(settle_at=now())
    (dm,) = sandbox.dms()
    claimed = _claimed(there, attempt)
    halt = halt_before(monkeypatch, reconcile, "conclude")
    with threads(1) as start:
        reading = start(reconcile.reconcile, attempt.pk)
        halt.wait()
        tell(world, claimed, int(dm["id"]))
        halt.let_go()
        reading.result()
    audited = AuditEvent.objects.filter(verb="delivery.sent", target_id=there.pk)
    assert (state(there), audited.count(), SeenDM.objects.count()) == ("sent", 1, 1)


def _claimed(delivery: Delivery, attempt: Attempt) -> Claimed:
    assert delivery.recipient_x_user_id is not None
    return Claimed(
        delivery.pk, attempt.pk, attempt.claim_token, attempt.x_account_id, attempt.app_id,
        delivery.workspace_id, delivery.customer_id, delivery.recipient_x_user_id, delivery.text,
    )  # fmt: skip
