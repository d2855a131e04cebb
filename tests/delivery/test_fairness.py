"""Nobody waits behind a crowd: campaigns of one account take turns, and accounts of one app do."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from outreach.customers.models import Relationship
from outreach.delivery import outcomes
from outreach.delivery.claim import Claimed, Closed, Held, NothingDue
from outreach.delivery.models import AccountPace, AccountQueue, AppPace, Attempt, Delivery
from outreach.ground.clock import now
from outreach.x.models import XApp
from tests import factories
from tests.delivery.letters import accepted, claim_for, claimed_of

SECOND = timedelta(seconds=1)
WINDOW = 60


def due(delivery, seconds_ago: float):
    """Its time came so many seconds ago."""
    Delivery.everywhere.filter(pk=delivery.pk).update(look_at=now() - seconds_ago * SECOND)
    return delivery


def taken(house, count: int) -> list[int]:
    """The next so many letters that leave."""
    found = []
    for _ in range(count):
        claimed = claimed_of(house)
        outcomes.record_sent(claimed, accepted())
        found.append(claimed.delivery_id)
    return found


# --- one account's campaigns -------------------------------------------------------------------------


def test_one_urgent_letter_does_not_wait_behind_a_campaign(house):
    campaign = factories.campaign(house)
    many = [due(factories.delivery(house, campaign=campaign), 3600) for _ in range(6)]
    taken(house, 1)
    urgent = due(factories.delivery(house), 0)
    assert taken(house, 2) == [urgent.pk, many[1].pk]


def test_campaigns_take_turns_and_each_keeps_its_order(house):
    first, second = factories.campaign(house), factories.campaign(house, "Paper week")
    of_first = [due(factories.delivery(house, campaign=first), 60 - n).pk for n in range(3)]
    of_second = [due(factories.delivery(house, campaign=second), 600 - n).pk for n in range(2)]
    others = [due(factories.delivery(house), 30 - n).pk for n in range(2)]
    assert taken(house, 7) == [
        of_first[0], of_second[0], others[0],
        of_first[1], of_second[1], others[1],
        of_first[2],
    ]  # fmt: skip
    assert claim_for(house) == NothingDue(None)


def test_within_a_campaign_what_is_due_first_leaves_first(house):
    campaign = factories.campaign(house)
    later = due(factories.delivery(house, campaign=campaign), 10)
    sooner = due(factories.delivery(house, campaign=campaign), 20)
    assert taken(house, 2) == [sooner.pk, later.pk]


def test_a_campaign_whose_letters_are_not_due_yet_has_no_turn(house):
    campaign = factories.campaign(house)
    later = factories.delivery(house, campaign=campaign, due=False)
    others = [due(factories.delivery(house), 30 - n).pk for n in range(2)]
    assert taken(house, 2) == others
    assert claim_for(house) == NothingDue(later.look_at)


def test_a_letter_that_has_to_wait_keeps_nobody_back(house):
    campaign = factories.campaign(house)
    waiting = due(factories.delivery(house, campaign=campaign), 60)
    Relationship.everywhere.filter(customer=waiting.customer_id).update(followed_by=False)
    behind = due(factories.delivery(house, campaign=campaign), 30)
    other = due(factories.delivery(house), 10)
    answers = [claim_for(house) for _ in range(3)]
    assert isinstance(answers[0], Held)
    assert [answer.delivery_id for answer in answers] == [waiting.pk, behind.pk, other.pk]


def test_while_a_limit_is_closed_nobody_s_turn_is_used_up(house, settings):
    settings.X_ACCOUNT_WINDOWS = [(1, WINDOW)]
    campaign = factories.campaign(house)
    of_campaign = due(factories.delivery(house, campaign=campaign), 60)
    taken(house, 1)
    due(factories.delivery(house, campaign=campaign), 60)
    other = due(factories.delivery(house), 10)
    for _ in range(3):
        assert isinstance(claim_for(house), Closed)
    settings.X_ACCOUNT_WINDOWS = [(10, WINDOW)]
    assert taken(house, 1) == [other.pk]
    assert of_campaign.pk not in taken(house, 1)


# --- the accounts of one app -------------------------------------------------------------------------


@pytest.fixture
def houses(house, settings):
    """Three accounts with letters enough, of one app that takes two letters a minute."""
    settings.X_ACCOUNT_WINDOWS, settings.X_APP_WINDOWS = [(100, WINDOW)], [(2, WINDOW)]
    found = [house, factories.house(), factories.house()]
    for each in found:
        for _ in range(3):
            factories.delivery(each)
    return found


def look_at(house):
    return AccountQueue.objects.values_list("look_at", flat=True).get(pk=house.account.pk)


def letters_of(house) -> int:
    return Attempt.objects.filter(x_account=house.account).count()


def leaves(house) -> bool:
    """Whether a letter of the account leaves now."""
    answer = claim_for(house)
    if isinstance(answer, Claimed):
        outcomes.record_sent(answer, accepted())
    return isinstance(answer, Claimed)


def test_an_account_that_asks_all_the_time_takes_nobody_s_turn(houses, clock):
    greedy, second, third = houses
    assert [leaves(greedy) for _ in range(3)] == [True, True, False]
    assert [leaves(each) for each in (second, third)] == [False, False]
    shares = []
    for minute in range(1, 4):
        clock(minute * (WINDOW + 1))
        before = Counter({each.slug: letters_of(each) for each in houses})
        for each in (greedy, greedy, greedy, second, greedy, third, greedy):
            leaves(each)
        shares.append([letters_of(each) - before[each.slug] for each in houses])
    # Two a minute, none wasted; whoever had a turn goes to the end.
    assert shares == [[1, 1, 0], [0, 1, 1], [0, 1, 1]]


def test_the_turn_is_that_of_who_has_waited_longest(houses, clock):
    first, second, third = houses
    leaves(first)
    clock(30)
    leaves(first)
    for each in (third, second, first):
        assert not leaves(each)
    # The first one counts no more, the second still does.
    clock(WINDOW + 1)
    assert [leaves(each) for each in (first, second, third)] == [False, False, True]
    clock(30 + WINDOW + 1)
    assert [leaves(each) for each in (first, second)] == [False, True]


def test_asking_again_keeps_the_place(houses, clock):
    first, second, _ = houses
    leaves(first)
    leaves(first)
    leaves(second)
    since = AccountPace.objects.get(pk=second.account.pk).wants_since
    assert since is not None
    clock(10)
    leaves(second)
    pace = AccountPace.objects.get(pk=second.account.pk)
    assert (pace.wants_since, pace.wants_app_id) == (since, second.account.app_id)
    assert pace.wants_until == look_at(second) + 30 * SECOND
    clock(WINDOW + 1)
    assert leaves(second)
    pace = AccountPace.objects.get(pk=second.account.pk)
    assert (pace.wants_since, pace.wants_until, pace.wants_app_id) == (None, None, None)


def test_the_turn_of_a_dead_account_is_waited_for_only_so_long(houses, clock):
    first, dead, third = houses
    leaves(first)
    leaves(first)
    leaves(dead)
    leaves(third)
    until = AccountPace.objects.get(pk=dead.account.pk).wants_until
    clock(WINDOW + 1)
    assert [leaves(third) for _ in range(2)] == [True, False]
    # It looks again when the dead one's turn is over, not only when its own letter counts no more.
    assert look_at(third) == until
    clock(WINDOW + 40)
    assert now() > until
    assert leaves(third)


def test_an_account_whose_own_limit_is_reached_has_no_place_in_the_app_s_queue(
    houses, settings, clock
):
    settings.X_ACCOUNT_WINDOWS = [(1, 3600)]
    first, second, _ = houses
    leaves(first)
    leaves(second)
    assert not leaves(first)
    assert AccountPace.objects.get(pk=first.account.pk).wants_since is None


def test_an_account_that_has_nothing_due_any_more_gives_its_place_away(houses, clock):
    first, second, third = houses
    leaves(first)
    leaves(first)
    leaves(second)
    leaves(third)
    Delivery.everywhere.filter(x_account=second.account).update(state="cancelled", reason="so")
    clock(10)
    assert claim_for(second) == NothingDue(None)
    assert AccountPace.objects.get(pk=second.account.pk).wants_since is None
    clock(WINDOW + 1)
    assert [leaves(third) for _ in range(2)] == [True, True]


def test_with_room_for_all_nobody_queues(houses, settings):
    settings.X_APP_WINDOWS = [(100, WINDOW)]
    assert all(leaves(each) for each in houses for _ in range(3))
    assert not AccountPace.objects.filter(wants_since__isnull=False).exists()


def test_without_a_window_of_the_app_nobody_queues(houses, settings):
    settings.X_APP_WINDOWS = []
    assert all(leaves(each) for each in houses for _ in range(3))


def test_another_app_s_accounts_do_not_stand_in_the_way(houses, clock):
    first, second, third = houses
    theirs = XApp.objects.create(workspace=third.workspace, name="theirs", client_id="theirs")
    third.account.app = theirs
    third.account.save()
    AppPace.objects.create(app=theirs)
    leaves(first)
    leaves(first)
    leaves(second)
    assert [leaves(third) for _ in range(2)] == [True, True]
