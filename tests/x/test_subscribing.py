"""What X tells us about: made once, kept up, and no more than X allows."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from outreach.ground.clock import now
from outreach.x import queries, subscribing
from outreach.x.errors import NeverWill, NotCalled, TokenRefused
from outreach.x.models import AccountState, PausedBy, Subscription, XAccount
from tests import factories
from tests.x.telling import TellingX

KINDS = ["dm.received", "dm.sent", "follow.follow", "follow.unfollow"]
FORBIDDEN = (403, {"title": "Forbidden", "type": "about:blank", "status": 403})


@pytest.fixture
def x(settings, db):
    world = TellingX()
    settings.X_API_URL = world.base_url
    settings.X_BEARER_TOKEN = "bearer"
    cache.clear()
    yield world
    world.close()


def kinds(house: factories.House) -> list[str]:
    return sorted(Subscription.objects.filter(account=house.account).values_list("kind", flat=True))


def made(x: TellingX) -> int:
    return len(x.calls("POST", "/2/activity/subscriptions"))


def disconnect(account: XAccount) -> None:
    XAccount.everywhere.filter(pk=account.pk).update(
        state=AccountState.DISCONNECTED, disconnected_at=now()
    )


def test_connecting_has_x_tell_about_the_account(house, x):
    subscribing.subscribe(house.account.pk)
    assert kinds(house) == KINDS
    about = {"user_id": str(house.account.x_user_id)}
    assert [
        (token, body["event_type"], body["filter"])
        for token, body in x.calls("POST", "/2/activity/subscriptions")
    ] == [
        ("token", "dm.received", about),
        ("token", "dm.sent", about),
        ("bearer", "follow.follow", about),
        ("bearer", "follow.unfollow", about),
        ("bearer", "oauth.revoke", {}),
    ]
    assert queries.last_heard(house.account).subscribed


def test_doing_it_again_asks_x_nothing(house, x):
    subscribing.subscribe(house.account.pk)
    asked = len(x.requests)
    subscribing.subscribe(house.account.pk)
    assert len(x.requests) == asked


def test_what_x_has_already_is_taken_over(house, x):
    """As after a process that died between X's answer and the commit."""
    subscribing.subscribe(house.account.pk)
    Subscription.objects.all().delete()
    subscribing.subscribe(house.account.pk)
    assert kinds(house) == KINDS
    assert len(x.subscriptions) == 5


def test_what_was_made_before_x_refused_is_kept(house, x):
    taken = {"subscription_id": "5", "event_type": "dm.received"}
    taken["filter"] = {"user_id": str(house.account.x_user_id)}
    x.refusals = [(200, {"data": {"subscription": taken}}), FORBIDDEN]
    with pytest.raises(NeverWill):
        subscribing.subscribe(house.account.pk)
    assert kinds(house) == ["dm.received"]


def test_disconnecting_removes_them(house, x):
    subscribing.subscribe(house.account.pk)
    subscribing.unsubscribe(house.account.pk)
    assert ([each["event_type"] for each in x.subscriptions], kinds(house)) == (
        ["oauth.revoke"],
        [],
    )
    asked = len(x.requests)
    subscribing.unsubscribe(house.account.pk)
    assert len(x.requests) == asked


def test_what_x_did_not_remove_is_removed_later(house, x):
    subscribing.subscribe(house.account.pk)
    x.refusals = [FORBIDDEN]
    with pytest.raises(NeverWill):
        subscribing.unsubscribe(house.account.pk)
    assert len(kinds(house)) == 1
    disconnect(house.account)
    subscribing.reconcile(house.account.app)
    assert [each["event_type"] for each in x.subscriptions] == ["oauth.revoke"]


def test_that_x_does_not_tell_of_revocations_is_no_failure(house, x):
    """Its schema does not know the kind; the account's next call finds out."""
    about = {"user_id": str(house.account.x_user_id)}
    made = [
        (
            200,
            {"data": {"subscription": {"subscription_id": "5", "event_type": k, "filter": about}}},
        )
        for k in KINDS
    ]
    x.refusals = [*made, (400, {"title": "Invalid", "type": "about:blank"}), (200, {"data": []})]
    subscribing.subscribe(house.account.pk)
    assert kinds(house) == KINDS
    assert x.requests[-1][:2] == ("GET", "/2/activity/subscriptions")


# --- kept up ---------------------------------------------------------------------------------------


def test_what_is_missing_is_made_again(house, x):
    subscribing.subscribe_missing()
    assert kinds(house) == KINDS
    x.subscriptions.clear()
    subscribing.reconcile_all()
    assert kinds(house) == []
    subscribing.subscribe_missing()
    assert (kinds(house), len(x.subscriptions)) == (KINDS, 5)


def test_an_account_that_x_refuses_is_left_alone_for_a_while_and_holds_up_nobody(house, x):
    other = factories.house()
    x.refusals = [FORBIDDEN, (200, {"data": []})]
    subscribing.subscribe_missing()
    assert (kinds(house), kinds(other)) == ([], KINDS)
    asked = made(x)
    subscribing.subscribe_missing()
    assert made(x) == asked


def test_accounts_whose_token_cannot_serve_are_not_asked_for(house, x):
    XAccount.everywhere.update(
        state=AccountState.PAUSED, paused_by=PausedBy.REVOKED, paused_reason="because"
    )
    subscribing.subscribe_missing()
    assert x.requests == []


def test_subscriptions_of_others_stay(house, x):
    theirs = {"subscription_id": "5", "event_type": "dm.sent", "filter": {"user_id": "1"}}
    odd = {"subscription_id": "6", "event_type": "news.new", "filter": {"keyword": "ink"}}
    x.subscriptions += [theirs, odd]
    subscribing.reconcile(house.account.app)
    assert x.subscriptions[:2] == [theirs, odd]
    assert [each["event_type"] for each in x.subscriptions[2:]] == ["oauth.revoke"]
    assert Subscription.objects.count() == 0


def test_one_made_while_xs_list_was_read_is_not_forgotten(house, x, monkeypatch):
    real = subscribing.AppClient.subscriptions

    def meanwhile(self):
        found = real(self)
        subscribing.subscribe(house.account.pk)
        return found

    monkeypatch.setattr(subscribing.AppClient, "subscriptions", meanwhile)
    subscribing.reconcile(house.account.app)
    assert kinds(house) == KINDS


def test_no_trouble_with_x_ends_the_task(house, x, settings):
    settings.X_API_URL = "http://127.0.0.1:1"
    subscribing.subscribe_missing()
    subscribing.reconcile_all()
    cache.clear()
    settings.X_BEARER_TOKEN = ""
    subscribing.subscribe_missing()
    subscribing.reconcile_all()
    cache.clear()
    settings.TOKEN_KEYS = ["c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI="]
    settings.X_BEARER_TOKEN = "bearer"
    subscribing.subscribe_missing()


def test_errors_reach_who_connects(house, x, settings):
    settings.X_BEARER_TOKEN = ""
    with pytest.raises(subscribing.NoBearerToken, match="has no bearer token"):
        subscribing.subscribe(house.account.pk)
    settings.X_BEARER_TOKEN = "bearer"
    x.refusals = [(401, {"title": "Unauthorized", "type": "about:blank", "status": 401})]
    with pytest.raises(TokenRefused):
        subscribing.subscribe(house.account.pk)
    settings.X_API_URL = "http://127.0.0.1:1"
    with pytest.raises(NotCalled):
        subscribing.subscribe(house.account.pk)


# --- the webhook -----------------------------------------------------------------------------------


def test_with_a_public_address_x_delivers_there_too(house, x, settings):
    settings.X_WEBHOOK, settings.PUBLIC_URL = True, "https://outreach.example"
    settings.X_CONSUMER_SECRET = "secret"
    subscribing.subscribe(house.account.pk)
    url = f"https://outreach.example/x/webhook/{house.account.app_id}/"
    known = {"data": x.subscriptions.copy()}
    x.refusals = [
        (200, known),
        (200, {"data": []}),
        (200, {"data": {"id": "7", "url": url, "valid": True}}),
        *[(200, {"data": {}})] * 5,
    ]
    subscribing.reconcile(house.account.app)
    assert x.calls("POST", "/2/webhooks") == [("bearer", {"url": url})]
    puts = [request for request in x.requests if request[0] == "PUT"]
    assert [body for *_, body in puts] == [{"webhook_id": "7"}] * 5
    # An invalid one is validated again, and who is delivered to it already is left alone.
    for each in x.subscriptions:
        each["webhook_id"] = "7"
    x.refusals = [
        (200, known),
        (200, {"data": [{"id": "7", "url": url, "valid": False}]}),
        (200, {"data": {"valid": True}}),
    ]
    before = len(x.requests)
    subscribing.reconcile(house.account.app)
    assert [request[:2] for request in x.requests[before:]] == [
        ("GET", "/2/activity/subscriptions"),
        ("GET", "/2/webhooks"),
        ("PUT", "/2/webhooks/7"),
    ]


# --- room ------------------------------------------------------------------------------------------


def test_the_page_can_say_how_many_more_accounts_fit(house, settings):
    app = house.account.app_id
    room = queries.room_for_accounts(app)
    assert (room.most, room.taken, room.left, room.is_near) == (250, 1, 249, False)
    settings.X_SUBSCRIPTIONS_AN_APP = 24
    factories.account(house.workspace)
    disconnect(factories.account(house.workspace))
    assert queries.room_for_accounts(app).words == (
        "2 more accounts can be connected through this app."
    )
    factories.account(house.workspace)
    assert queries.room_for_accounts(app).words == (
        "1 more account can be connected through this app."
    )
    factories.account(house.workspace)
    room = queries.room_for_accounts(app)
    assert room.is_near
    assert room.words == (
        "This X app is full: X tells one app about 4 accounts. "
        "Disconnect one that is not needed, or connect through another X app."
    )


def test_beyond_the_bound_x_is_not_asked(house, x, settings):
    settings.X_SUBSCRIPTIONS_AN_APP = 6
    other = factories.house()
    subscribing.subscribe(other.account.pk)
    asked = len(x.requests)
    with pytest.raises(subscribing.AppFull, match="This X app is full"):
        subscribing.subscribe(house.account.pk)
    assert len(x.requests) == asked
    # Who has their room keeps it.
    Subscription.objects.filter(kind="dm.sent").delete()
    subscribing.subscribe(other.account.pk)
    assert kinds(other) == KINDS


def test_what_keeps_an_account_from_being_heard_is_said(house, x):
    assert queries.last_heard(house.account).words == (
        "X has not been asked yet to tell about this account's messages."
    )
    subscribing.subscribe(house.account.pk)
    assert queries.last_heard(house.account).words == (
        "Nothing has been heard from X yet. Is the listener running?"
    )
