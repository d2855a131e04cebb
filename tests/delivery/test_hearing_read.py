"""Where X does not tell, the messages of an account are read: over HTTP, from the sandbox."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models import Sum

from outreach.celery import app
from outreach.customers.erasing import actions as erasing
from outreach.customers.models import Customer, Permission, Suppression
from outreach.delivery import claim, outcomes
from outreach.delivery.hearing import queries, reading, tasks
from outreach.delivery.models import AccountPace, AccountQueue, Attempt, Delivery, SendingPolicy
from outreach.ground.clock import now
from outreach.x import dm_reading, events
from outreach.x.errors import Unknown
from outreach.x.models import (
    AccountState,
    ActivityEvent,
    DMReading,
    Expense,
    Gap,
    HeardDM,
    Stream,
    Subscription,
    Via,
    XAccount,
    XApp,
    XToken,
)
from outreach.x.payloads import Told, received_dms_of
from outreach.x.tasks import forget_messages
from tests import factories
from tests.delivery.conftest import BRAND, MARIA
from tests.delivery.meanwhile import halt_before, queued, threads
from tests.x.telling import dm

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
ENDPOINT = "GET /2/dm_events"


@pytest.fixture(autouse=True)
def _fresh_cache():
    cache.clear()


@pytest.fixture
def account(world) -> XAccount:
    """Connected an hour ago; X was asked to tell of it, and its stream has been silent for as long."""
    account = world.account
    ago = now() - 60 * MINUTE
    XAccount.everywhere.filter(pk=account.pk).update(connected_at=ago)
    AccountPace.objects.update(heard_dms_at=None)
    Subscription.objects.create(account=account, kind="dm.received", made_at=ago)
    Stream.objects.create(app_id=account.app_id, heard_at=ago)
    account.refresh_from_db()
    return account


def read_until(account: XAccount) -> datetime | None:
    return AccountPace.objects.values_list("heard_dms_at", flat=True).get(pk=account.pk)


def spent() -> int:
    return Expense.objects.filter(kind="dm_event").aggregate(Sum("used"))["used__sum"] or 0


def calls(account: XAccount) -> int:
    return len(DMReading.objects.get(pk=account.pk).calls)


def stopped() -> set[int | None]:
    return set(Suppression.everywhere.values_list("x_user_id", flat=True))


def told(world, dm_event_id: int, text: str, *, sender: int = MARIA) -> Told:
    """The same message as X tells of it."""
    payload = dm(dm_event_id, sender, BRAND, text, at=now().timestamp())
    return Told(str(uuid.uuid4().int)[:19], "dm.received", BRAND, payload)


# --- a stop --------------------------------------------------------------------------------------


def test_a_stop_that_only_a_reading_finds_takes_effect_and_the_account_is_heard(
    sandbox, world, account
):
    delivery = factories.delivery(world, world.customers[0])
    assert not queries.heard(account.pk, now()).heard
    assert queries.unheard() == [account.pk]
    sandbox.write(MARIA, BRAND, "Stop, please")
    before = now()
    assert reading.read_messages(account.pk)
    delivery.refresh_from_db()
    assert (delivery.state, stopped()) == ("cancelled", {MARIA})
    event = ActivityEvent.objects.get()
    assert (event.kind, event.via) == ("dm.received", Via.READ)
    assert None not in (event.took_effect_at, event.handled_at)
    moment = read_until(account)
    assert moment is not None
    assert before < moment < now()
    assert queries.heard(account.pk, now()).until == moment + 15 * MINUTE
    assert queries.unheard() == []


def test_what_was_read_gives_a_permission_with_the_very_words(sandbox, world, account):
    Permission.everywhere.all().delete()
    words = "Which ink & paper? 5 &lt; 6 https://example.com/a?b=1&c=2"
    id_ = sandbox.write(MARIA, BRAND, words)
    assert reading.read_messages(account.pk)
    given = Permission.everywhere.get()
    assert (given.evidence, given.message.dm_event_id) == (words, id_)
    assert Customer.everywhere.get(x_user_id=MARIA).last_answered_at is not None


def test_told_later_it_has_no_second_effect(sandbox, world, account):
    id_ = sandbox.write(MARIA, BRAND, "stop")
    reading.read_messages(account.pk)
    Suppression.everywhere.all().delete()  # a person lifted it
    events.store(account.app_id, [told(world, id_, "stop")], Via.STREAM)
    events.handle(account.pk)
    assert stopped() == set()
    assert ActivityEvent.objects.filter(handled_at=None).count() == 0


def test_told_before_it_is_not_stored_again(sandbox, world, account):
    id_ = sandbox.write(MARIA, BRAND, "stop")
    events.store(account.app_id, [told(world, id_, "stop")], Via.STREAM)
    events.handle(account.pk)
    Suppression.everywhere.all().delete()
    assert reading.read_messages(account.pk)
    assert (stopped(), ActivityEvent.objects.count()) == (set(), 1)


def test_read_and_told_at_the_same_moment_it_has_one_effect(sandbox, world, account, monkeypatch):
    id_ = sandbox.write(MARIA, BRAND, "which ink is that?")
    Permission.everywhere.all().delete()
    halt = halt_before(monkeypatch, events, "_sifted")
    with threads(2) as start:
        going = start(reading.read_messages, account.pk)
        halt.wait()  # it has the stream's row
        telling = start(events.store, account.app_id, [told(world, id_, "which ink?")], Via.STREAM)
        halt.let_go()
        assert going.result()
        assert telling.result().waiting == frozenset()
    events.handle(account.pk)
    assert Permission.everywhere.count() == 1
    assert HeardDM.objects.count() == 1


def test_a_letter_of_ours_that_a_reading_finds_is_settled(sandbox, world, account):
    delivery = factories.delivery(world, world.customers[0])
    reading.note_read(account.pk, now())
    claimed = claim.claim(account.pk)
    assert isinstance(claimed, claim.Claimed)
    outcomes.record_not_sent(claimed, Unknown("answer_timed_out"))
    id_ = sandbox.write(BRAND, MARIA, delivery.text)
    assert reading.read_messages(account.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.dm_event_id) == ("sent", id_)


def test_what_is_said_in_a_group_is_said_to_the_group_and_what_we_wrote_is_shown(
    sandbox, world, account, monkeypatch
):
    shown: list[tuple[int, int, str]] = []
    monkeypatch.setattr(
        reading,
        "_show",
        lambda _, sent: shown.extend((s.dm_event_id, s.recipient_id, s.text) for s in sent),
    )
    one = sandbox.write(BRAND, MARIA, "Here & now")
    sandbox.write(MARIA, BRAND, "hello")
    two = sandbox.write(BRAND, MARIA, "And again")
    assert reading.read_messages(account.pk)
    assert shown == [(one, MARIA, "Here & now"), (two, MARIA, "And again")]
    [event] = ActivityEvent.objects.all()
    assert [each.text for each in received_dms_of(event)] == ["hello"]


def test_nothing_is_kept_of_somebody_who_was_erased(sandbox, world, account):
    erasing.erase(world.manager, world.customers[0].pk)
    sandbox.write(MARIA, BRAND, "stop")
    sandbox.write(BRAND, MARIA, "Goodbye")
    assert reading.read_messages(account.pk)
    assert (ActivityEvent.objects.count(), HeardDM.objects.count()) == (0, 0)
    assert stopped() == set()
    assert spent() == 2


# --- how far back, and what it costs ---------------------------------------------------------------


def test_it_reads_page_by_page_to_where_something_may_be_missing_and_no_further(
    sandbox, world, account
):
    for number in range(130):
        sandbox.write(MARIA, BRAND, f"message {number}")
    assert reading.read_messages(account.pk)
    assert (ActivityEvent.objects.count(), calls(account), spent()) == (130, 3, 130)
    last = ActivityEvent.objects.order_by("-pk")[0]
    assert last.handled_at is not None
    # All of it is older than what was read, but a little for clocks that differ.
    AccountPace.objects.update(heard_dms_at=now() + 10 * MINUTE)
    assert reading.read_messages(account.pk)
    assert calls(account) == 4


def test_a_message_is_paid_for_once_a_day_however_often_it_is_read(sandbox, world, account):
    for number in range(4):
        sandbox.write(MARIA, BRAND, f"message {number}")
    reading.read_messages(account.pk)
    reading.read_messages(account.pk)
    sandbox.write(BRAND, MARIA, "Thank you")
    reading.read_messages(account.pk)
    assert (calls(account), spent()) == (3, 5)
    assert Expense.objects.filter(kind="dm.received").count() == 0
    yesterday = now().date() - timedelta(days=1)
    HeardDM.objects.update(read_on=yesterday)
    reading.read_messages(account.pk)
    assert spent() == 10


def test_an_account_without_letters_so_far_is_read_from_its_connection_on(sandbox, world, account):
    Gap.objects.create(app_id=account.app_id, began_at=now() - 600 * MINUTE)
    assert queries.missed_since(account.pk) == account.connected_at
    _left(world, account, ago=300 * MINUTE)
    assert queries.missed_since(account.pk) == Gap.objects.get().began_at


def test_one_that_was_connected_anew_is_read_from_when_it_last_spoke(world, account):
    letter = _left(world, account, ago=300 * MINUTE)
    Stream.objects.update(heard_at=now())
    assert not queries.heard(account.pk, now()).heard
    assert queries.missed_since(account.pk) == letter.counts_until - 15 * MINUTE
    reading.note_read(account.pk, now())
    assert queries.heard(account.pk, now()).heard


def _left(world, account, *, ago: timedelta) -> Attempt:
    moment = now() - ago
    return Attempt.objects.create(
        delivery=factories.delivery(world, world.customer()),
        x_account=account,
        app_id=account.app_id,
        claim_token=uuid.uuid4(),
        outcome="sent",
        started_at=moment,
        ended_at=moment,
        counts_until=moment,
        price=0,
    )


# --- what X and the cap allow ----------------------------------------------------------------------


def test_it_stays_within_xs_limit_and_goes_on_where_it_was(sandbox, world, account, settings):
    settings.X_DM_READS_WINDOW = [1, 900]
    for number in range(30):
        sandbox.write(MARIA, BRAND, f"message {number}")
    began = now()
    assert not reading.read_messages(account.pk)
    row = DMReading.objects.get()
    assert (len(row.calls), row.failure, row.lease) == (1, dm_reading.LIMITED, None)
    assert row.again_at == row.calls[0] + timedelta(seconds=900)
    assert (read_until(account), ActivityEvent.objects.count()) == (None, 10)
    assert queries.unheard() == []
    assert not reading.read_messages(account.pk)  # X is not asked
    assert calls(account) == 1
    # The window is over.
    DMReading.objects.update(again_at=now(), calls=[row.calls[0] - timedelta(seconds=901)])
    assert reading.read_messages(account.pk)
    moment = read_until(account)
    assert moment is not None
    assert began < moment < row.calls[0] + timedelta(seconds=1)
    assert ActivityEvent.objects.count() == 30
    assert DMReading.objects.get().failure == ""


def test_a_429_closes_reading_until_x_opens(sandbox, world, account):
    sandbox.set_faults({"endpoint": "dm_events", "fault": "rate_limited", "probability": 1})
    assert not reading.read_messages(account.pk)
    row = DMReading.objects.get()
    assert (row.failure, row.tries, len(row.calls)) == (dm_reading.LIMITED, 0, 1)
    assert row.again_at is not None
    assert row.again_at > now()
    assert not reading.read_messages(account.pk)
    assert calls(account) == 1
    sandbox.set_faults()
    DMReading.objects.update(again_at=now())
    assert reading.read_messages(account.pk)


def test_xs_own_count_holds_it_back_before_x_must_refuse(sandbox, world, account):
    sandbox.set_limits({"dm_events": [{"limit": 1, "seconds": 900, "per": "user"}]})
    for number in range(30):
        sandbox.write(MARIA, BRAND, f"message {number}")
    assert not reading.read_messages(account.pk)
    row = DMReading.objects.get()
    assert (len(row.calls), row.failure) == (1, dm_reading.LIMITED)
    assert row.again_at is not None
    assert row.again_at > now() + 14 * MINUTE


def test_where_the_cap_pays_for_nothing_nothing_is_read(sandbox, world, account):
    XApp.objects.update(monthly_cap=0)
    assert not reading.read_messages(account.pk)
    row = DMReading.objects.get()
    assert (row.failure, Expense.objects.count()) == (dm_reading.CAPPED, 0)
    assert row.again_at is not None
    assert row.again_at > now() + 14 * MINUTE
    assert not queries.heard(account.pk, now()).heard


def test_near_the_cap_it_reads_as_many_as_that_pays_for(sandbox, world, account):
    for number in range(8):
        sandbox.write(MARIA, BRAND, f"message {number}")
    XApp.objects.update(monthly_cap="0.03")
    assert not reading.read_messages(account.pk)
    assert (ActivityEvent.objects.count(), spent()) == (3, 3)
    assert DMReading.objects.get().failure == dm_reading.CAPPED


def test_failures_back_off_and_are_made_up_for(sandbox, world, account):
    sandbox.write(MARIA, BRAND, "stop")
    sandbox.set_faults({"endpoint": "dm_events", "fault": "error_before", "probability": 1})
    waits = []
    for tries in range(3):
        before = now()
        assert not reading.read_messages(account.pk)
        row = DMReading.objects.get()
        assert (row.tries, row.failure, len(row.calls)) == (
            tries + 1, dm_reading.NO_ANSWER, tries + 1,
        )  # fmt: skip
        assert row.again_at is not None
        waits.append((row.again_at - before).total_seconds())
        DMReading.objects.update(again_at=None)
    assert [5 * 2**n <= wait <= 10 * 2**n + 1 for n, wait in enumerate(waits)] == [True] * 3
    sandbox.set_faults()
    assert reading.read_messages(account.pk)
    assert (stopped(), DMReading.objects.get().tries) == ({MARIA}, 0)


def test_a_token_that_nobody_can_use_is_named(world, account):
    XToken.objects.all().delete()
    assert not reading.read_messages(account.pk)
    assert DMReading.objects.get().failure == dm_reading.TOKENLESS


# --- one at a time ---------------------------------------------------------------------------------


def test_one_process_reads_an_account_and_holds_no_transaction_meanwhile(
    sandbox, world, account, monkeypatch
):
    halt = halt_before(monkeypatch, dm_reading, "reading")
    with threads(1) as start:
        going = start(reading.read_messages, account.pk)
        halt.wait()
        assert queries.unheard() == []
        assert not reading.read_messages(account.pk)
        assert _open_transactions() == 0
        halt.let_go()
        assert going.result()
    assert calls(account) == 1


def _open_transactions() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND xact_start IS NOT NULL "
            "AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def test_the_lease_of_a_reader_that_died_ends_by_itself(sandbox, world, account):
    sandbox.write(MARIA, BRAND, "which ink is that?")
    DMReading.objects.create(
        account=account, lease=uuid.uuid4(), leased_until=now() + MINUTE, began_at=now()
    )
    assert not reading.read_messages(account.pk)
    DMReading.objects.update(leased_until=now())
    assert reading.read_messages(account.pk)


def test_one_that_died_before_it_said_so_is_repeated_without_effect(
    sandbox, world, account, monkeypatch
):
    sandbox.write(MARIA, BRAND, "stop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "note_read", lambda *_: None)
        assert reading.read_messages(account.pk)
    assert read_until(account) is None
    Suppression.everywhere.all().delete()
    assert reading.read_messages(account.pk)
    assert (stopped(), ActivityEvent.objects.count(), spent()) == (set(), 1, 1)


def test_whoever_lost_the_lease_notes_nothing(sandbox, world, account, monkeypatch):
    sandbox.write(MARIA, BRAND, "stop")
    real = dm_reading.reading

    def frozen(*arguments, **options):
        DMReading.objects.update(lease=uuid.uuid4(), leased_until=now() + MINUTE)
        return real(*arguments, **options)

    monkeypatch.setattr(dm_reading, "reading", frozen)
    assert not reading.read_messages(account.pk)
    assert read_until(account) is None
    assert stopped() == {MARIA}  # what it heard, it heard
    assert DMReading.objects.get().lease is not None


# --- whom, and when --------------------------------------------------------------------------------


def test_a_keep_alive_that_is_late_by_seconds_has_nobody_read(world, account):
    factories.delivery(world, world.customers[0])
    SendingPolicy.everywhere.update(hear_minutes=1)
    Stream.objects.update(heard_at=now() - timedelta(seconds=40))
    assert queries.unheard() == []
    Stream.objects.update(heard_at=now() - timedelta(seconds=61))
    assert queries.unheard() == [account.pk]


def test_nobody_is_read_while_the_stream_is_alive_without_a_gap(world, account):
    factories.delivery(world, world.customers[0])
    assert queries.unheard() == [account.pk]
    Stream.objects.update(heard_at=now())
    assert queries.unheard() == []
    gap = Gap.objects.create(app_id=account.app_id, began_at=now())
    assert queries.unheard() == [account.pk]
    gap.ended_at = now()
    gap.save()
    assert queries.unheard() == [account.pk]
    gap.filled_at = now()
    gap.save()
    assert queries.unheard() == []
    Subscription.objects.all().delete()
    assert queries.unheard() == [account.pk]


def test_only_who_writes_is_read(world, account):
    assert queries.unheard() == []
    _left(world, account, ago=timedelta(days=8))
    Delivery.everywhere.update(state="cancelled", reason="so")
    AccountQueue.objects.update(look_at=None)
    assert queries.unheard() == []
    Attempt.objects.update(counts_until=now() - timedelta(days=6))
    assert queries.unheard() == [account.pk]
    Attempt.objects.update(counts_until=now() - timedelta(days=8))
    AccountQueue.objects.update(look_at=now() + 20 * MINUTE)
    assert queries.unheard() == []
    AccountQueue.objects.update(look_at=now() + 10 * MINUTE)
    assert queries.unheard() == [account.pk]
    XAccount.everywhere.update(state=AccountState.DISCONNECTED, disconnected_at=now())
    assert queries.unheard() == []


def test_while_it_lasts_it_is_read_again_before_the_minutes_are_over(world, account):
    AccountQueue.objects.update_or_create(x_account=account, defaults={"look_at": now()})
    AccountPace.objects.update(heard_dms_at=now() - 4 * MINUTE)
    assert queries.unheard() == []
    AccountPace.objects.update(heard_dms_at=now() - 5 * MINUTE)
    assert queries.unheard() == [account.pk]


def test_a_gap_is_filled_once_every_account_that_was_there_is_read_past_its_end(world, account):
    other = factories.account(world.workspace)
    later = factories.account(world.workspace)
    gone = factories.account(world.workspace)
    AccountPace.objects.update(heard_dms_at=None)
    start = now() - 30 * MINUTE
    XAccount.everywhere.filter(pk=other.pk).update(connected_at=start)
    XAccount.everywhere.filter(pk=gone.pk).update(
        connected_at=start, state=AccountState.DISCONNECTED, disconnected_at=start
    )
    ended = Gap.objects.create(app_id=account.app_id, began_at=start, ended_at=now() - 10 * MINUTE)
    still = Gap.objects.create(app_id=account.app_id, began_at=now() - 5 * MINUTE)
    assert later.connected_at > (ended.ended_at or now())

    def filled() -> list[bool]:
        rows = Gap.objects.order_by("pk").values_list("filled_at", flat=True)
        return [moment is not None for moment in rows]

    reading.note_read(account.pk, now())
    assert filled() == [False, False]
    reading.note_read(other.pk, now() - 11 * MINUTE)
    assert filled() == [False, False]
    AccountPace.objects.filter(pk=other.pk).update(heard_dms_at=now())
    assert filled() == [False, False]
    tasks.tick()
    assert filled() == [True, False]
    assert Gap.objects.get(pk=still.pk).ended_at is None


def test_an_older_reading_never_takes_a_newer_one_back(account):
    moment = now()
    reading.note_read(account.pk, moment)
    reading.note_read(account.pk, moment - MINUTE)
    assert read_until(account) == moment


def test_the_tick_asks_a_worker_for_each_and_not_one_that_sends(world, account, settings):
    factories.delivery(world, world.customers[0])
    app.control.purge()
    tasks.tick()
    assert (queued(settings.CELERY_TASK_DEFAULT_QUEUE), queued()) == (1, 0)
    app.control.purge()


def test_messages_that_x_shows_no_more_are_forgotten(account):
    for days in (31, 33):
        HeardDM.objects.create(
            account=account, dm_event_id=days, heard_at=now() - timedelta(days=days)
        )
    forget_messages()
    assert [row.dm_event_id for row in HeardDM.objects.all()] == [31]
