"""Where X tells: only X is believed, each event once, and X is answered at once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse

from outreach.customers.models import Relationship
from outreach.ground.clock import now
from outreach.x import events, tasks, webhook
from outreach.x.models import ActivityEvent, XApp
from outreach.x.tokens import encrypt
from tests import factories
from tests.x.telling import dm, follow

SECRET = "the consumer's secret"


@pytest.fixture
def address(house, settings, monkeypatch):
    settings.X_CONSUMER_SECRET = SECRET
    monkeypatch.setattr(tasks.hand_on, "apply_async", lambda args, **_: events.handle(*args))
    return reverse("x_webhook", args=[house.account.app_id])


def signature(body: bytes, secret: str = SECRET) -> str:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return "sha256=" + base64.b64encode(digest).decode()


def event(house: factories.House, kind: str, payload: Any, name: str = "1") -> bytes:
    filter_ = {"user_id": str(house.account.x_user_id)}
    data = {"event_uuid": name, "event_type": kind, "filter": filter_, "payload": payload}
    return json.dumps({"data": data}).encode()


def post(address: str, body: bytes, signed: str | None = None) -> int:
    headers = {"X-Twitter-Webhooks-Signature": signature(body) if signed is None else signed}
    # As X calls: with no session, and without the form's token.
    browser = Client(enforce_csrf_checks=True)
    response = browser.post(address, body, content_type="application/json", headers=headers)
    return response.status_code


# --- the challenge ---------------------------------------------------------------------------------


def test_a_challenge_is_answered_with_the_consumer_secret(address):
    response = Client().get(address, {"crc_token": "MTIzNDU2Nzg5_-.abc"})
    assert response.status_code == 200
    assert response.json() == {"response_token": signature(b"MTIzNDU2Nzg5_-.abc")}


@pytest.mark.parametrize(
    "token", ["", '{"data":{}}', "a{b", "[1]", "a b", "a\n", "\0", "x" * 513, "\u00e9"]
)
def test_no_challenge_is_answered_that_could_serve_as_an_event(address, token):
    """The answer is the very signature that would make its text an event of X's."""
    assert Client().get(address, {"crc_token": token}).status_code == 400


def test_a_challenge_needs_a_token(address):
    assert Client().get(address).status_code == 400
    assert Client().put(address).status_code == 405


# --- events ----------------------------------------------------------------------------------------


def test_a_signed_event_is_stored_and_takes_effect(house, address):
    maria = house.customer()
    brand = house.account.x_user_id
    assert post(address, event(house, "follow.unfollow", follow(maria.x_user_id, brand))) == 200
    stored = ActivityEvent.objects.get()
    assert (stored.via, stored.account_id) == ("webhook", house.account.pk)
    assert Relationship.everywhere.get(customer=maria).followed_by is False


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "sha256=",
        "nonsense",
        "sha256=\u00e9",
        signature(b"another body"),
        signature(b"", "another secret"),
    ],
)
def test_what_is_not_signed_by_x_is_refused(house, address, wrong):
    body = event(house, "follow.unfollow", follow(7, house.account.x_user_id))
    assert post(address, body, wrong) == 403
    assert post(address, body, signature(body, "another secret")) == 403
    assert post(address, body + b" ", signature(body)) == 403
    assert ActivityEvent.objects.count() == 0


def test_a_replayed_request_has_no_effect(house, address):
    """Not even after the thing it tells of was undone."""
    maria = house.customer()
    ends = (maria.x_user_id, house.account.x_user_id)
    unfollow = event(house, "follow.unfollow", follow(*ends), "1")
    assert post(address, unfollow) == 200
    assert post(address, event(house, "follow.follow", follow(*ends), "2")) == 200
    assert post(address, unfollow) == 200
    assert Relationship.everywhere.get(customer=maria).followed_by is True
    assert ActivityEvent.objects.count() == 2


def test_what_is_older_than_xs_own_replay_is_refused(house, address):
    brand = house.account.x_user_id
    old = dm(1, 7, brand, "hello", at=time.time() - 26 * 3600)
    new = dm(2, 7, brand, "hello", at=time.time() - 23 * 3600)
    assert post(address, event(house, "dm.received", old, "old")) == 403
    assert post(address, event(house, "dm.received", new, "new")) == 200
    revoked = {
        "user_id": str(brand),
        "date_time": (now() - timedelta(hours=26)).isoformat(),
        "app_id": "1",
    }
    assert post(address, event(house, "oauth.revoke", revoked, "r")) == 403
    assert [each.event_uuid for each in ActivityEvent.objects.all()] == ["new"]


def test_an_event_without_a_name_is_refused(house, address):
    """Nothing would tell its replay apart."""
    body = b'{"data": {"event_type": "dm.received", "payload": {}, "filter": {}}}'
    assert post(address, body) == 400
    assert ActivityEvent.objects.count() == 0


@pytest.mark.parametrize("body", [b"", b"{}", b"nonsense", b'{"data": []}', b"\xff\xfe{\x00}\x00"])
def test_a_signed_body_that_holds_no_event_is_refused(address, body):
    assert post(address, body) == 400


def test_a_body_that_is_too_large_is_refused_unread(address):
    assert post(address, b"x" * (webhook.LARGEST_BODY + 1)) == 413


# --- whose -----------------------------------------------------------------------------------------


def test_an_app_that_is_not_there_or_has_no_consumer_secret_is_404(house, address, settings):
    for number in (0, 2**31, 2**63 - 1, 2**63, 10**40):
        there = reverse("x_webhook", args=[number])
        assert Client().get(there, {"crc_token": "abc"}).status_code == 404
        assert post(there, b"{}") == 404
    settings.X_CONSUMER_SECRET = ""
    assert Client().get(address, {"crc_token": "abc"}).status_code == 404
    assert post(address, b"{}") == 404


def test_a_brought_app_answers_with_its_own_secret_and_for_its_own_accounts(house, address):
    theirs = XApp.objects.create(
        workspace=house.workspace,
        name="Theirs",
        client_id="theirs",
        consumer_secret=encrypt("their secret"),
    )
    there = reverse("x_webhook", args=[theirs.pk])
    body = event(house, "follow.unfollow", follow(7, house.account.x_user_id))
    assert post(there, body) == 403
    assert post(there, body, signature(body, "their secret")) == 200
    assert ActivityEvent.objects.get().account is None


def test_a_brought_app_whose_secret_cannot_be_read_is_404(house, address, settings):
    theirs = XApp.objects.create(
        workspace=house.workspace, name="T", client_id="t", consumer_secret=encrypt("secret")
    )
    settings.TOKEN_KEYS = ["c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI="]
    there = reverse("x_webhook", args=[theirs.pk])
    assert Client().get(there, {"crc_token": "abc"}).status_code == 404


def test_nothing_secret_is_logged(house, address, caplog):
    caplog.set_level("DEBUG")
    body = event(house, "dm.received", dm(1, 7, 8, "private words", at=time.time()))
    assert post(address, body) == 200
    assert post(address, body, "wrong") == 403
    assert "private words" not in caplog.text
    assert SECRET not in caplog.text
    assert configured.X_CONSUMER_SECRET == SECRET
