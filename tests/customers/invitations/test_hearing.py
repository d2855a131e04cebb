"""What becomes of a message to the brand: permission, customer, draft, or a stop."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from outreach.audit.models import AuditDetail, AuditEvent
from outreach.customers import actions as customers
from outreach.customers.invitations import actions
from outreach.customers.models import (
    Basis,
    Customer,
    HeardMessage,
    Invitation,
    OptIn,
    Permission,
    Suppression,
)
from outreach.delivery.models import Delivery, DeliveryState
from outreach.drafts.models import Draft, DraftState
from outreach.ground.clock import now
from outreach.x import events
from outreach.x.models import ActivityEvent, Via
from tests import factories
from tests.customers.invitations.conftest import PERSON, invited, received

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "the heron with the odd left foot"


def permissions() -> list[tuple[str, str, str]]:
    rows = Permission.everywhere.filter(message__isnull=False).order_by("given_at")
    return list(rows.values_list("basis", "place", "evidence"))


def test_whoever_writes_becomes_a_customer_who_wrote_to_us(house, tell):
    at = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    tell(SECRET, dm=77, at=at)
    customer = Customer.everywhere.get()
    assert (customer.x_user_id, customer.handle, customer.name) == (PERSON, "ana", "Ana Lima")
    assert customer.first_name == ""
    given = Permission.everywhere.get()
    assert (given.basis, given.given_at, given.evidence) == (Basis.WROTE_TO_US, at, SECRET)
    assert given.place == f"a message to @{house.account.handle}"
    assert given.recorded_by is None
    assert given.message.dm_event_id == 77
    assert Draft.everywhere.count() == 0


def test_the_event_may_have_its_users_bare_or_not_at_all(house, tell):
    tell("hello there", sender=1, bare=True)
    tell("hello there", sender=2, handle="")
    rows = Customer.everywhere.order_by("x_user_id").values_list("handle", "name")
    assert list(rows) == [("ana", "Ana Lima"), ("", "X user 2")]


def test_a_long_talk_is_one_permission_a_day(house, tell):
    day = datetime(2026, 11, 20, 9, tzinfo=UTC)
    for hours in (0, 1, 14, 15, 40):
        tell(f"after {hours}", at=day + timedelta(hours=hours))
    assert [evidence for _, _, evidence in permissions()] == ["after 0", "after 15", "after 40"]
    assert Customer.everywhere.count() == 1


def test_a_message_that_is_told_twice_and_out_of_order_counts_once(house, tell, invitation):
    day = datetime(2026, 11, 20, 9, tzinfo=UTC)
    Invitation.everywhere.update(created_at=day - timedelta(days=9))
    told = [
        received(house, "Fox please", dm=3, at=day + timedelta(days=2)),
        received(house, "hello", dm=1, at=day),
        received(house, "Fox please", dm=3, at=day + timedelta(days=2)),
        received(house, "hello", dm=1, at=day),
        received(house, "fox", dm=2, at=day + timedelta(days=1)),
    ]
    events.store(house.account.app_id, told, Via.STREAM)
    events.handle(house.account.pk)
    assert [(basis, evidence) for basis, _, evidence in permissions()] == [
        ("wrote_to_us", "hello"),
        ("opted_in", "fox"),
        ("opted_in", "Fox please"),
    ]
    assert (OptIn.everywhere.count(), Draft.everywhere.count()) == (1, 1)
    assert ActivityEvent.objects.exclude(failure="").count() == 0


def test_who_sends_the_word_has_opted_in_and_gets_a_draft(house, tell):
    words = "Hi {first_name|there}, here is the recipe."
    made = invited(house, word="Fóx", starting_words=words, writer_id=house.manager.user_id)
    tell("FOX, please", dm=5)
    assert permissions() == [("opted_in", "poster at the fair", "FOX, please")]
    draft = Draft.everywhere.get()
    customer = Customer.everywhere.get(x_user_id=PERSON)
    assert (draft.customer, draft.x_account, draft.words) == (customer, house.account, words)
    assert (draft.author, draft.state) == (house.manager.user, DraftState.DRAFT)
    assert draft.why_person.startswith("Sent us ‘Fóx’ on ")
    assert draft.why_person.endswith(": Fair, poster at the fair")
    assert OptIn.everywhere.get().invitation == made
    tell("fox", dm=6)
    assert Draft.everywhere.count() == 1


def test_a_writer_who_left_leaves_the_draft_to_an_administrator(house, tell):
    invited(house)
    from accounts.models import Membership

    Membership.objects.filter(user=house.marketer.user).delete()
    first = Membership.objects.filter(
        workspace=house.workspace, role="administrator"
    ).order_by("pk")[0]  # fmt: skip
    tell("fox")
    assert Draft.everywhere.get().author_id == first.user_id


def test_the_word_means_the_invitation_of_the_account_that_was_written_to(house, tell):
    other = factories.house()
    invited(other)
    tell("fox")
    assert permissions()[0][0] == "wrote_to_us"


def test_a_stranger_who_writes_to_two_accounts_at_once_is_one_customer(house):
    other = factories.account(house.workspace)
    told = {
        account: received(house, "hello", to=account.x_user_id)
        for account in (house.account, other)
    }
    for account, event in told.items():
        events.store(account.app_id, [replace(event, user_id=account.x_user_id)], Via.STREAM)
    ready = threading.Barrier(2)

    def handle(account_id: int) -> None:
        try:
            ready.wait(10)
            events.handle(account_id)
        finally:
            connection.close()

    threads = [threading.Thread(target=handle, args=(account.pk,)) for account in told]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert Customer.everywhere.get().x_user_id == PERSON
    assert {place for _, place, _ in permissions()} == {
        f"a message to @{account.handle}" for account in told
    }
    assert ActivityEvent.objects.exclude(failure="").count() == 0


def test_a_closed_word_means_nothing_unless_it_was_sent_while_it_was_open(house, tell):
    made = invited(house)
    sent = now()
    actions.close(house.marketer, made.pk)
    tell("fox", sender=1)
    tell("fox", sender=2, at=sent)
    given = Permission.everywhere.order_by("customer__x_user_id").values_list("basis", flat=True)
    assert list(given) == ["wrote_to_us", "opted_in"]


@pytest.mark.parametrize("text", ["STOP", "please stop", "やめてください"])
def test_a_stop_suppresses_and_cancels_what_is_queued(house, tell, text):
    customer = house.customer(x_user_id=PERSON)
    delivery = factories.delivery(house, customer)
    tell(text, at=datetime(2026, 11, 20, 9, tzinfo=UTC))
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.CANCELLED
    suppression = Suppression.everywhere.get()
    assert (suppression.x_user_id, suppression.recorded_by) == (PERSON, None)
    assert suppression.reason == (
        f"Said stop in a message to @{house.account.handle} on 20 November 2026."
    )
    assert permissions() == []


def test_a_stranger_who_says_stop_is_suppressed_and_no_customer(house, tell):
    tell("stop")
    tell("hello again")
    assert Suppression.everywhere.get().x_user_id == PERSON
    assert Customer.everywhere.count() == 0
    assert permissions() == []


def test_what_may_be_a_stop_is_no_permission_and_suppresses_nobody(house, tell):
    tell("how do I unsubscribe from the paper one?")
    assert (Customer.everywhere.count(), Suppression.everywhere.count()) == (0, 0)


def test_who_was_suppressed_and_sends_the_word_gives_a_permission_and_gets_no_draft(
    house, tell, invitation
):
    customer = house.customer(x_user_id=PERSON, permission=False)
    customers.suppress(house.marketer, customer.pk, reason="asked at the fair")
    tell("fox")
    assert [basis for basis, _, _ in permissions()] == ["opted_in"]
    assert (Draft.everywhere.count(), OptIn.everywhere.count()) == (0, 0)
    assert Suppression.everywhere.count() == 1


def test_somebody_known_by_handle_alone_is_known_by_id_from_then_on(house, tell):
    known = factories.not_looked_up(house, "Ana", first_name="Ana", tags=["fair"])
    tell("hello there")
    customer = Customer.everywhere.get()
    assert (customer.pk, customer.x_user_id, customer.tags) == (known.pk, PERSON, ["fair"])


def test_a_handle_that_is_suppressed_is_not_brought_back_by_a_message(house, tell, invitation):
    known = factories.not_looked_up(house, "ANA")
    customers.suppress(house.marketer, known.pk, reason="asked at the fair")
    tell("fox")
    customer = Customer.everywhere.get()
    assert customer.x_user_id is None
    assert permissions() == []


def test_what_the_brand_writes_and_what_others_are_written_is_no_permission(house, tell):
    tell("hello", sender=house.account.x_user_id)
    tell("hello", to=4711)
    assert Customer.everywhere.count() == 0


@pytest.mark.parametrize(
    "payload",
    [
        {}, {"direct_message_events": None}, {"direct_message_events": [None, 1, {}]},
        {"direct_message_events": [{"id": "1", "message_create": "x"}]},
        {"direct_message_events": [{"id": "1", "created_timestamp": "x", "message_create": {}}]},
        {"users": [], "direct_message_events": [{"id": "1", "created_timestamp": "1",
         "message_create": {"target": {"recipient_id": "1"}, "message_data": {"text": "x"}}}]},
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_read_is_let_go(house, payload):
    ActivityEvent.objects.create(
        event_uuid="odd", app_id=house.account.app_id, account=house.account, kind="dm.received",
        payload=payload, via=Via.STREAM,
    )  # fmt: skip
    assert events.handle(house.account.pk) == 1
    assert ActivityEvent.objects.get().failure == ""


def test_the_words_stand_in_no_log_and_no_audit_event(house, tell, caplog, invitation):
    caplog.set_level(logging.DEBUG)
    tell(f"fox {SECRET}")
    tell(f"hello, {SECRET}", sender=12)
    assert len(permissions()) == 2
    assert SECRET not in caplog.text
    assert AuditEvent.objects.filter(verb="permission.recorded", actor=None).count() == 2
    assert not any(SECRET in str(details.details) for details in AuditDetail.objects.all())


def test_one_message_gives_one_permission_by_the_database_itself(house, tell):
    tell("hello", dm=5)
    heard = HeardMessage.everywhere.get()
    again = Permission.objects.create(
        workspace=house.workspace, customer=heard.permission.customer, basis=Basis.WROTE_TO_US,
        given_at=now(),
    )  # fmt: skip
    from django.db import IntegrityError

    with pytest.raises(IntegrityError, match="one_permission_a_message"):
        HeardMessage.objects.create(workspace=house.workspace, permission=again, dm_event_id=5)


def test_nothing_is_queued_by_an_opt_in(house, tell, invitation):
    tell("fox")
    assert Delivery.everywhere.count() == 0
