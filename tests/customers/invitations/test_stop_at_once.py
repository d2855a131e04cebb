"""A stop takes effect in the transaction that stores it: it comes before a claim or after it."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from outreach.audit.models import AuditEvent
from outreach.customers import actions as customers
from outreach.customers import hooks as customer_hooks
from outreach.customers.erasing import actions as erasing
from outreach.customers.invitations import hearing
from outreach.customers.models import Permission, Suppression
from outreach.delivery import claim
from outreach.delivery.claim import Claimed
from outreach.delivery.models import Attempt, Delivery
from outreach.ground.clock import now
from outreach.x import events, hooks
from outreach.x.models import ActivityEvent, HeardDM, Via, XApp
from tests import factories
from tests.customers.invitations.conftest import PERSON, received
from tests.delivery.meanwhile import (
    Halt,
    halt_before,
    somebody_waits_for_a_lock,
    threads,
    wait_until,
)
from tests.x.telling import follow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def delivery(house) -> Delivery:
    return factories.delivery(house, house.customer(x_user_id=PERSON))


def store(house, *told, via: Via = Via.STREAM) -> events.Stored:
    return events.store(house.account.app_id, told, via)


def states() -> list[str]:
    return list(Delivery.everywhere.order_by("pk").values_list("state", flat=True))


def stopped() -> set[int | None]:
    return set(Suppression.everywhere.values_list("x_user_id", flat=True))


def test_who_says_stop_is_suppressed_and_cancelled_by_the_storing_itself(house, delivery):
    store(house, received(house, "STOP, please"))
    assert (states(), stopped()) == (["cancelled"], {PERSON})
    event = ActivityEvent.objects.get()
    assert event.took_effect_at is not None
    assert event.handled_at is None
    events.handle(house.account.pk)
    event.refresh_from_db()
    assert (event.failure, event.handled_at is None) == ("", False)
    assert AuditEvent.objects.filter(verb="customer.suppressed").count() == 1
    assert Permission.everywhere.filter(message__isnull=False).count() == 0


def test_what_is_no_stop_locks_nobody_and_waits_for_its_handler(house, delivery):
    words = ("thank you", "how do I unsubscribe from the paper one?")
    with CaptureQueriesContext(
        connection,
    ) as seen:
        store(house, *(received(house, text) for text in words))
    assert (states(), stopped()) == (["queued"], set())
    assert not any("customers_customer" in query["sql"] for query in seen)


def test_a_batch_without_messages_costs_not_one_query_more(house, monkeypatch):
    them = house.account.x_user_id
    told = [events.Told(f"f{n}", "follow.follow", them, follow(5_000 + n, them)) for n in range(3)]
    store(house, told[0])
    with CaptureQueriesContext(connection) as with_hook:
        store(house, told[1])
    monkeypatch.setattr(hooks, "at_once", {})
    with CaptureQueriesContext(connection) as without:
        store(house, told[2])
    assert len(with_hook) == len(without)
    assert not any("x_hearddm" in query["sql"] for query in with_hook)


def test_the_stop_is_there_before_the_storing_returns_to_whoever_else_looks(house, delivery):
    """Nobody ever sees the event without its effect."""
    seen: list[tuple[int, int]] = []

    def look() -> None:
        with threads(1) as start:
            seen.append(
                start(
                    lambda: (ActivityEvent.objects.count(), Suppression.everywhere.count())
                ).result()
            )

    real = hooks.at_once["dm.received"]

    def then_look(news):
        for handler in real:
            handler(news)
        look()

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(hooks.at_once, "dm.received", [then_look])
        store(house, received(house, "stop"))
    look()
    assert seen == [(0, 0), (1, 1)]


# --- beside a claim ------------------------------------------------------------------------------


def test_a_claim_that_runs_while_the_stop_is_being_stored_sends_nothing(
    house, delivery, monkeypatch
):
    halt = halt_before(monkeypatch, customers, "suppressed")
    with threads(2) as start:
        storing = start(store, house, received(house, "stop"))
        halt.wait()
        claiming = start(claim.claim, house.account.pk)
        wait_until(lambda: claiming.done() or somebody_waits_for_a_lock())
        halt.let_go()
        storing.result()
        assert not isinstance(claiming.result(), Claimed)
    assert not isinstance(claim.claim(house.account.pk), Claimed)
    assert (Attempt.objects.count(), states()) == (0, ["cancelled"])


def test_a_claim_that_came_first_commits_before_the_stop_does(house, delivery):
    halt = Halt()

    def claim_and_stand() -> object:
        with transaction.atomic():
            answer = claim.claim.__wrapped__(house.account.pk)  # type: ignore[attr-defined]
            halt()
        return answer

    with threads(2) as start:
        claiming = start(claim_and_stand)
        halt.wait()
        storing = start(store, house, received(house, "stop"))
        wait_until(somebody_waits_for_a_lock)
        assert ActivityEvent.objects.count() == 0
        halt.let_go()
        assert isinstance(claiming.result(), Claimed)
        storing.result()
    assert (states(), stopped()) == (["sending"], {PERSON})
    assert Attempt.objects.get().started_at < Suppression.everywhere.get().since


def test_many_stops_in_any_order_through_two_apps_beside_claims_never_deadlock(
    house, monkeypatch, caplog
):
    """Each app's batch has its people in the other order; claims go on beside."""
    other = factories.account(house.workspace)
    app = XApp.objects.create(workspace=house.workspace, name="Ours", client_id="ours")
    other.app = app
    other.save()
    people = [house.customer(x_user_id=9_000 + n) for n in range(8)]
    for customer in people:
        factories.delivery(house, customer)
    ids = [customer.x_user_id for customer in people]
    mine = [received(house, "stop", sender=x_user_id) for x_user_id in ids]
    theirs = [
        replace(
            received(house, "stop", sender=x_user_id, to=other.x_user_id), user_id=other.x_user_id
        )
        for x_user_id in reversed(ids)
    ]
    ready = threading.Barrier(4)

    def together(work, *arguments) -> None:
        ready.wait(20)
        work(*arguments)

    def claim_some() -> None:
        for _ in range(4):
            claim.claim(house.account.pk)

    with threads(4) as start:
        running = [
            start(together, events.store, house.account.app_id, mine, Via.STREAM),
            start(together, events.store, app.pk, theirs, Via.WEBHOOK),
            start(together, claim_some),
            start(together, claim_some),
        ]
        for each in running:
            each.result()
    assert "did not take effect" not in caplog.text
    assert ActivityEvent.objects.filter(took_effect_at=None).count() == 0
    assert stopped() == set(ids)
    # One by one in the air, whatever was claimed before its stop; nothing waits.
    assert set(states()) <= {"cancelled", "sending"}
    assert not isinstance(claim.claim(house.account.pk), Claimed)


def test_what_speaks_for_those_that_were_merged_is_locked_and_stopped_as_one(house):
    one, two = house.customer(x_user_id=PERSON), house.customer(x_user_id=PERSON + 1)
    delivery = factories.delivery(house, one)
    type(two).everywhere.filter(pk=two.pk).update(merged_into=one)
    store(house, received(house, "stop", sender=PERSON + 1))
    delivery.refresh_from_db()
    assert (delivery.state, stopped()) == ("cancelled", {PERSON, PERSON + 1})


# --- where something goes wrong ------------------------------------------------------------------


def test_a_handler_that_fails_loses_no_event_and_is_made_up_for(house, delivery, monkeypatch):
    def stumbles(news) -> None:
        Suppression.everywhere.create(workspace=house.workspace, x_user_id=1, reason="half done")
        raise RuntimeError

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(hooks.at_once, "dm.received", [stumbles])
        assert store(house, received(house, "stop")).new == 1
    assert stopped() == set()
    assert ActivityEvent.objects.get().took_effect_at is None
    events.handle(house.account.pk)
    assert (states(), stopped()) == (["cancelled"], {PERSON})


def test_one_that_fails_for_one_event_does_not_keep_another_stop_from_taking_effect(
    house, delivery, monkeypatch
):
    real = hearing.suppress_step

    def awkward(workspace_id, x_user_id, reason, *, actor_id):
        if x_user_id == 66:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        real(workspace_id, x_user_id, reason, actor_id=actor_id)

    monkeypatch.setattr(hearing, "suppress_step", awkward)
    news = [received(house, "stop", sender=66), received(house, "stop")]
    assert store(house, *news).new == 2
    assert (states(), stopped()) == (["cancelled"], {PERSON})
    rows = ActivityEvent.objects.order_by("pk").values_list("took_effect_at", flat=True)
    assert [moment is None for moment in rows] == [True, False]


def test_a_stop_that_a_manager_lifted_before_it_was_handed_on_stays_lifted(house, delivery):
    store(house, received(house, "stop"))
    customers.lift_suppression(
        house.manager,
        delivery.customer_id,
        reason="They wrote by mistake.",
        given=customers.Given(now(), "the phone"),
    )
    events.handle(house.account.pk)
    assert stopped() == set()


# --- once ----------------------------------------------------------------------------------------


def test_a_message_that_is_told_under_two_names_has_one_effect(house, delivery):
    store(house, received(house, "stop", dm=71, uuid="one"))
    events.handle(house.account.pk)
    Suppression.everywhere.all().delete()
    assert store(house, received(house, "stop", dm=71, uuid="two")).waiting == frozenset()
    events.handle(house.account.pk)
    assert (stopped(), HeardDM.objects.count(), ActivityEvent.objects.count()) == (set(), 1, 2)


def test_of_an_event_with_several_messages_the_news_counts(house, delivery):
    old, new = received(house, "hello", dm=71), received(house, "stop", dm=72)
    store(house, old)
    items = [each.payload["direct_message_events"][0] for each in (old, new)]
    both = replace(new, payload=new.payload | {"direct_message_events": items})
    store(house, both)
    assert ActivityEvent.objects.order_by("-pk")[0].payload["direct_message_events"] == items[1:]
    assert stopped() == {PERSON}


# --- people who were erased ----------------------------------------------------------------------


def test_nothing_is_kept_of_a_stop_of_somebody_who_was_erased(house):
    customer = house.customer(x_user_id=PERSON)
    erasing.erase(house.manager, customer.pk)
    store(house, received(house, "stop"))
    assert ActivityEvent.objects.get().payload == {}
    assert (HeardDM.objects.count(), stopped()) == (0, set())


def test_a_stop_that_comes_while_somebody_is_being_erased_leaves_nothing(
    house, delivery, monkeypatch
):
    halt = halt_before(monkeypatch, erasing, "_erase_own")
    with threads(2) as start:
        going = start(erasing.erase, house.manager, delivery.customer_id)
        halt.wait()
        storing = start(store, house, received(house, "stop"))
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        going.result()
        storing.result()
    assert ActivityEvent.objects.get().payload == {}
    assert (HeardDM.objects.count(), stopped()) == (0, set())


def test_the_hook_is_filled_by_the_room_that_reads_stops():
    assert customer_hooks.reads_as_stop.is_filled
    assert hooks.at_once["dm.received"] == [hearing.heard_stops]
