"""Letters whose account's token ends or is refused on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from outreach.delivery import sender
from outreach.delivery.models import AccountPace, Attempt, Delivery
from outreach.ground.clock import now
from outreach.x import connections, refreshing
from outreach.x.actions import Pair, store_pair
from outreach.x.models import XToken
from tests import factories
from tests.x.played import User, played

__all__ = ["played"]


@pytest.fixture
def house(played, db):
    """A house whose account is connected at the played X, for two hours."""
    made = factories.house()
    give(made, played.pair(User(made.account.x_user_id, made.account.handle)), hours=2)
    return made


def give(house, said, *, hours: float) -> None:
    ends = now() + timedelta(hours=hours)
    pair = Pair(said["access_token"], said["refresh_token"], ("dm.write",), ends)
    with transaction.atomic():
        store_pair(house.account, pair)


def again(letter) -> None:
    """Its next try is due."""
    Delivery.everywhere.filter(pk=letter.pk).update(look_at=letter.due_at)


def posts(played) -> int:
    return sum(path.startswith("/2/dm_conversations/") for path, _ in played.asked)


def test_a_token_that_ends_soon_is_refreshed_before_the_letter_leaves(house, played, clock):
    letter = factories.delivery(house)
    played.lifetime = 4 * 3600  # X's clock stays where it is
    clock(2 * 3600 - 60)
    Delivery.everywhere.update(leave_by=now() + timedelta(days=1))
    house.customers[0].relationships.update(checked_at=now())
    sender.send_due(house.account.pk)
    letter.refresh_from_db()
    assert (letter.state, Attempt.objects.count()) == ("sent", 1)
    assert played.count("/2/oauth2/token") == 1


def test_a_refused_token_is_refreshed_and_the_letter_leaves_with_the_next_claim(house, played):
    letter = factories.delivery(house)
    played.live.clear()
    sender.send_due(house.account.pk)
    letter.refresh_from_db()
    house.account.refresh_from_db()
    assert (letter.state, letter.reason_code) == ("queued", "token_refused")
    assert letter.reason == "X asked for a newer token; the connection is being renewed."
    assert (house.account.state, played.count("/2/oauth2/token")) == ("connected", 1)
    again(letter)
    sender.send_due(house.account.pk)
    letter.refresh_from_db()
    assert (letter.state, posts(played)) == ("sent", 2)
    outcomes = list(Attempt.objects.order_by("pk").values_list("outcome", flat=True))
    assert outcomes == ["not_sent", "sent"]


def test_the_next_letter_in_the_same_round_has_the_new_token(house, played):
    letters = [factories.delivery(house) for _ in range(3)]
    played.live.clear()
    sender.send_due(house.account.pk)
    states = [Delivery.everywhere.get(pk=letter.pk).state for letter in letters]
    assert sorted(states) == ["queued", "sent", "sent"]
    assert played.count("/2/oauth2/token") == 1


def test_only_a_refused_refresh_pauses_the_account(house, played, mailoutbox):
    letter = factories.delivery(house)
    played.live.clear()
    played.refreshable.clear()
    sender.send_due(house.account.pk)
    house.account.refresh_from_db()
    assert (house.account.state, house.account.paused_by) == ("paused", "token")
    again(letter)
    sender.send_due(house.account.pk)
    letter.refresh_from_db()
    pace = AccountPace.objects.get(pk=house.account.pk)
    assert (letter.state, pace.held_reason, posts(played)) == ("queued", refreshing.REVOKED, 1)


@pytest.mark.parametrize("answer", [(503, b""), (0, b"")])
def test_where_x_does_not_refresh_the_letter_waits_and_nothing_pauses(house, played, answer):
    letter = factories.delivery(house)
    played.live.clear()
    played.answers["/2/oauth2/token"] = [answer]
    sender.send_due(house.account.pk)
    house.account.refresh_from_db()
    letter.refresh_from_db()
    assert (house.account.state, letter.state) == ("connected", "queued")
    assert letter.look_at > now()


def test_a_refusal_of_a_token_that_was_replaced_meanwhile_changes_nothing(house, played):
    """Connected again while the letter was on its way with the old token."""
    factories.delivery(house)
    played.live.clear()
    claimed = sender.claim(house.account.pk)
    client = sender.client_for(house.account)
    give(house, played.pair(User(house.account.x_user_id, "brand")), hours=2)
    before = XToken.objects.values().get()
    deadline = sender.CallDeadline.starting_now(5)
    sender.call_and_record(claimed, client, deadline)
    house.account.refresh_from_db()
    assert (house.account.state, played.count("/2/oauth2/token")) == ("connected", 0)
    assert XToken.objects.values().get() == before


def test_a_claim_without_a_token_calls_nobody(house, played):
    letter = factories.delivery(house)
    claimed = sender.claim(house.account.pk)
    connections.erase_tokens(house.administrator, house.account.pk)
    sender.call_and_record(claimed, None, sender.CallDeadline.starting_now(5))
    letter.refresh_from_db()
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.kind) == ("not_called", "no_token")
    assert (letter.state, played.asked) == ("queued", [])
