"""The way of a letter: approved, claimed, called, recorded, against the sandbox over real HTTP."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.db import InternalError, connection, transaction
from django.db.utils import IntegrityError

from outreach.audit.models import AuditEvent
from outreach.customers.models import Relationship
from outreach.delivery import looking_up, sender
from outreach.delivery.models import AccountPace, Attempt, Delivery, SendingPolicy
from outreach.ground.clock import now
from outreach.x.actions import pause_account
from outreach.x.client import Limits, UsersAnswer, XClient, XUser
from outreach.x.models import XToken
from outreach.x.queries import client_for
from outreach.x.tokens import encrypt
from tests import factories
from tests.delivery.conftest import BRAND, MARIA, befriended
from tests.x.awkward import Awkward, Visit, answering

LONG_AGO = "2020-01-01T00:00:00Z"


def test_an_approved_letter_arrives_byte_for_byte(world, sandbox):
    delivery = factories.delivery(world, world.customers[0])
    sender.send_due(world.account.pk)
    delivery.refresh_from_db()
    (dm,) = sandbox.dms()
    assert (delivery.state, str(delivery.dm_event_id)) == ("sent", dm["id"])
    assert dm["text"] == delivery.text
    assert hashlib.sha256(dm["text"].encode()).hexdigest() == delivery.text_sha256
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.status, str(attempt.price)) == ("sent", 201, "0.0150")


def test_it_is_sent_once_however_often_it_is_looked_for(world, sandbox):
    factories.delivery(world, world.customers[0])
    for _ in range(3):
        sender.send_due(world.account.pk)
    assert len(sandbox.dms()) == 1


def test_no_transaction_is_open_while_x_is_called(world, sandbox, monkeypatch):
    factories.delivery(world, world.customers[0])
    seen = []
    real = sender.XClient.send_dm

    def watching(self, *args, **kwargs):
        seen.append(connection.in_atomic_block)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(sender.XClient, "send_dm", watching)
    sender.send_due(world.account.pk)
    assert seen == [False]


def test_what_is_not_due_does_not_leave(world, sandbox):
    factories.delivery(world, world.customers[0], due=False)
    sender.send_due(world.account.pk)
    assert sandbox.dms() == []


def test_every_change_of_state_is_an_audit_event(world):
    delivery = factories.delivery(world, world.customers[0])
    sender.send_due(world.account.pk)
    verbs = AuditEvent.objects.filter(target_kind="delivery", target_id=delivery.pk)
    assert list(verbs.order_by("pk").values_list("verb", flat=True)) == [
        "delivery.queued",
        "delivery.sending",
        "delivery.sent",
    ]


def test_as_many_leave_as_x_allows_and_x_never_has_to_say_so(world, sandbox, settings):
    settings.X_ACCOUNT_WINDOWS = [(3, 900), (100, 86400)]
    sandbox.set_limits({"send_dm": [{"limit": 3, "seconds": 900, "per": "user"}]})
    SendingPolicy.everywhere.update(cap_letters=0)
    for _ in range(5):
        factories.delivery(world, world.customers[0])
    again = sender.send_due(world.account.pk)
    assert again is not None
    assert again == Attempt.objects.order_by("ended_at")[0].ended_at + timedelta(seconds=900)
    assert len(sandbox.dms()) == 3
    statuses = Attempt.objects.values_list("status", flat=True)
    assert list(statuses) == [201] * 3


# --- promise 1 in the database -----------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Other words"},
        {"text_sha256": hashlib.sha256(b"Other words").hexdigest()},
        {"text": "Other words", "text_sha256": hashlib.sha256(b"Other words").hexdigest()},
        {"recipient_x_user_id": 12},
    ],
)
def test_what_was_approved_never_changes(house, change):
    delivery = factories.delivery(house)
    with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
        Delivery.everywhere.filter(pk=delivery.pk).update(**change)


@pytest.mark.parametrize("decision", ["reject", "request_changes"])
def test_what_was_not_approved_has_no_delivery(transactional_db, decision):
    house = factories.house()
    like = Delivery.everywhere.filter(pk=factories.delivery(house).pk).values().get()
    revision = factories.submitted(house)
    review = factories.decided(house, revision, decision)
    forged = like | {
        "id": None,
        "revision_id": revision.pk,
        "approval_id": review.pk,
        "customer_id": revision.customer_id,
        "recipient_x_user_id": revision.customer.x_user_id,
    }
    with pytest.raises(IntegrityError, match="is_approved"):
        Delivery.everywhere.create(**forged)


def test_words_other_than_the_revision_s_have_no_delivery(transactional_db):
    house = factories.house()
    delivery = factories.delivery(house)
    like = Delivery.everywhere.filter(pk=delivery.pk).values().get()
    with connection.cursor() as cursor:  # rows are never removed one by one
        cursor.execute("TRUNCATE delivery_delivery CASCADE")
    digest = hashlib.sha256(b"Other words").hexdigest()
    forged = like | {"text": "Other words", "text_sha256": digest}
    with pytest.raises(IntegrityError, match="is_its_revisions"):
        Delivery.everywhere.create(**forged)


# --- looking up who follows -------------------------------------------------------------------


def test_a_stale_relationship_is_looked_up_before_it_is_relied_on(world, sandbox):
    sandbox.unfollow(MARIA, BRAND)
    world.customers[0].relationships.update(checked_at=LONG_AGO)
    delivery = factories.delivery(world, world.customers[0])
    sender.send_due(world.account.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == ("blocked", "Maria does not follow you.")
    assert sandbox.dms() == []


def test_who_is_not_at_x_any_more_is_gone(world, sandbox):
    gone = world.customer(x_user_id=99, known=False)
    delivery = factories.delivery(world, gone)
    sender.send_due(world.account.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason_code) == ("blocked", "gone")


def test_a_relationship_looked_up_lets_the_letter_leave_at_once(world, sandbox):
    Relationship.everywhere.all().delete()
    factories.delivery(world, world.customers[0])
    sender.send_due(world.account.pk)
    assert len(sandbox.dms()) == 1


def test_letters_whose_relationship_is_known_leave_though_look_ups_fail(house, settings):
    known = factories.delivery(house)
    unknown = factories.delivery(house, house.customer(known=False))

    def no_look_ups(visit: Visit) -> None:
        while request := visit.read_request():
            if request.startswith(b"GET"):
                visit.answer("503 Not now")
            else:
                visit.answer("201 Created", b'{"data": {"dm_event_id": "5"}}')

    with Awkward(no_look_ups) as server:
        settings.X_API_URL = server.base_url
        again = sender.send_due(house.account.pk)
    known.refresh_from_db()
    unknown.refresh_from_db()
    assert known.state == "sent"
    assert (unknown.state, unknown.reason_code) == ("queued", "relationship_unknown")
    assert again == unknown.look_at


def test_a_token_x_refuses_in_a_look_up_pauses_the_account(house, settings):
    delivery = factories.delivery(house, house.customer(known=False))
    with Awkward(answering("401 Unauthorized", b"{}")) as server:
        settings.X_API_URL = server.base_url
        for _ in range(3):
            sender.send_due(house.account.pk)
        # X is not asked again before somebody has connected the account.
        assert len(server.requests) == 1
    house.account.refresh_from_db()
    delivery.refresh_from_db()
    assert (house.account.state, delivery.state) == ("paused", "queued")
    pace = AccountPace.objects.get(pk=house.account.pk)
    assert (pace.held_code, pace.held_reason) == ("paused", house.account.paused_reason)


def test_a_paused_account_costs_no_look_up(house, settings):
    factories.delivery(house, house.customer(known=False))
    pause_account(house.manager, house.account.pk)
    with Awkward(answering("200 OK", b"{}")) as server:
        settings.X_API_URL = server.base_url
        sender.send_due(house.account.pk)
        assert server.requests == []


def test_letters_to_one_person_are_one_user_in_the_look_up(house):
    stranger = house.customer(known=False)
    for _ in range(3):
        factories.delivery(house, stranger)
    assert looking_up.stale_recipients(house.account) == [stranger.x_user_id]


def test_a_token_x_refuses_pauses_the_account_and_keeps_the_letter(world, sandbox):
    delivery = factories.delivery(world, world.customers[0])
    XToken.objects.update(access_token=encrypt("not a token"))
    sender.send_due(world.account.pk)
    world.account.refresh_from_db()
    delivery.refresh_from_db()
    assert (world.account.state, delivery.state) == ("paused", "queued")
    assert Delivery.everywhere.filter(state="sending").count() == 0


def test_a_token_that_no_key_opens_keeps_the_letter(world, sandbox, settings):
    delivery = factories.delivery(world, world.customers[0])
    settings.TOKEN_KEYS = [Fernet.generate_key().decode()]
    sender.send_due(world.account.pk)
    delivery.refresh_from_db()
    assert (delivery.state, sandbox.dms()) == ("queued", [])


def test_many_letters_that_wait_for_a_pause_are_one_look_at_the_account(house, monkeypatch):
    for _ in range(5):
        factories.delivery(house)
    pause_account(house.manager, house.account.pk)
    answers = []
    real = sender.claim

    def counting(account_id: int) -> object:
        answers.append(real(account_id))
        return answers[-1]

    monkeypatch.setattr(sender, "claim", counting)
    sender.send_due(house.account.pk)
    assert [type(answer).__name__ for answer in answers] == ["OnHold"]


# --- what nobody may read in a log ---------------------------------------------------------------


def test_no_log_at_any_level_holds_words_or_token(world, sandbox, caplog, settings):
    for name in ("", "urllib3", "tweepy", "tweepy.client", "requests", "outreach", "django"):
        caplog.set_level(logging.DEBUG, logger=name)
    token = sandbox.issue_token(BRAND)
    XToken.objects.update(access_token=encrypt(token))
    befriended(sandbox, world, 101)
    befriended(sandbox, world, 102)
    for customer in world.customers:
        factories.delivery(world, customer)
    Relationship.everywhere.filter(customer=world.customers[1]).update(checked_at=LONG_AGO)
    sandbox.accept_dms(102, False)
    sender.send_due(world.account.pk)
    assert len(sandbox.dms()) == 2
    factories.delivery(world, world.customer())
    with Awkward(lambda visit: visit.read_request()) as server:
        settings.X_API_URL = server.base_url
        sender.send_due(world.account.pk)
    assert Delivery.everywhere.filter(state="uncertain").count() == 1
    assert "POST /2/dm_conversations/with/:participant_id/messages" in caplog.text
    secrets = ["which ink we use", "recipe", "how it prints", token]
    assert [secret for secret in secrets if secret in caplog.text] == []


def test_a_claim_shows_no_words_where_it_is_shown(world):
    """It stands in tracebacks of whatever fails around it."""
    factories.delivery(world, world.customers[0])
    claimed = sender.claim(world.account.pk)
    assert "recipe" not in repr(claimed)


def test_a_look_up_that_x_refuses_is_not_repeated_at_once(world, sandbox):
    world.customers[0].relationships.update(checked_at="2020-01-01T00:00:00Z")
    delivery = factories.delivery(world, world.customers[0])
    sandbox.set_limits({"users": [{"per": "user", "limit": 1, "seconds": 900}]})
    client_for(world.account).users([MARIA])
    client = client_for(world.account)
    assert looking_up.look_up_stale(world.account, client) == 0
    assert AccountPace.objects.get(pk=world.account.pk).look_up_after > now()
    sandbox.set_limits(None)
    assert looking_up.look_up_stale(world.account, client) == 0
    AccountPace.objects.update(look_up_after=now())
    assert looking_up.look_up_stale(world.account, client) == 1
    sender.send_due(world.account.pk)
    delivery.refresh_from_db()
    assert delivery.state == "sent"


def test_what_x_did_not_say_is_not_taken_for_a_no(world, sandbox, monkeypatch):
    world.customers[0].relationships.update(checked_at="2020-01-01T00:00:00Z")
    delivery = factories.delivery(world, world.customers[0])
    silent = XUser(MARIA, "maria", "Maria", "", None, None, None)
    monkeypatch.setattr(
        XClient, "users", lambda self, ids: UsersAnswer((silent,), (), (), Limits())
    )
    sender.send_due(world.account.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason_code) == ("queued", "relationship_unknown")
    assert sandbox.dms() == []


def test_a_token_that_no_key_opens_pauses_the_account_with_a_reason(world, settings):
    delivery = factories.delivery(world, world.customers[0])
    settings.TOKEN_KEYS = [Fernet.generate_key().decode()]
    for _ in range(2):
        sender.send_due(world.account.pk)
    world.account.refresh_from_db()
    delivery.refresh_from_db()
    assert (world.account.state, world.account.paused_reason) == ("paused", sender.UNREADABLE)
    pace = AccountPace.objects.get(pk=world.account.pk)
    assert (delivery.state, pace.held_reason) == ("queued", sender.UNREADABLE)
