"""What is paused does not leave; it waits, says why, and goes on at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import transaction

from accounts.access import NotAllowed
from outreach.audit.models import AuditEvent
from outreach.customers import actions as customers
from outreach.customers.models import Customer
from outreach.delivery import claim, meaning, outcomes, pausing, sender
from outreach.delivery.claim import Claimed, Held, NothingDue, OnHold
from outreach.delivery.models import AccountPace, AccountQueue, Attempt, Delivery, Pause
from outreach.drafts.models import Campaign
from outreach.ground.clock import now
from outreach.x import actions as x_actions
from outreach.x.errors import LimitedUntil, NeverReason
from outreach.x.models import AccountState
from tests import factories
from tests.delivery.letters import (
    accepted,
    claim_for,
    claimed_letter,
    claimed_of,
    never,
    new_id,
    state,
    tell,
    unsure,
)
from tests.delivery.meanwhile import somebody_waits_for_a_lock, threads, wait_until

MINUTE = timedelta(minutes=1)


@pytest.fixture
def campaign(house):
    return factories.campaign(house)


def pace_of(house) -> AccountPace:
    return AccountPace.objects.get(pk=house.account.pk)


def look_at(house):
    return AccountQueue.objects.values_list("look_at", flat=True).get(pk=house.account.pk)


def held(house) -> tuple[str, str]:
    pace = pace_of(house)
    return pace.held_code, pace.held_reason


# The three that hold a whole account: how they begin, how they end, and what pages say.
HOLDS = {
    "account": (
        lambda house: x_actions.pause_account(house.manager, house.account.pk),
        lambda house: x_actions.resume_account(house.manager, house.account.pk),
        "Ruth Reader",
    ),
    "workspace": (
        lambda house: pausing.pause_workspace(house.manager),
        lambda house: pausing.resume_workspace(house.manager),
        "were paused by Ruth Reader.",
    ),
    "everything": (
        lambda house: call_command("pause", "We move to new machines."),
        lambda house: call_command("resume"),
        "We move to new machines.",
    ),
}


@pytest.mark.parametrize("what", HOLDS)
def test_nothing_leaves_from_a_paused_account_and_it_says_why(house, what):
    pause, _, words = HOLDS[what]
    delivery = factories.delivery(house)
    pause(house)
    before = now()
    answer = claim_for(house)
    assert (type(answer), answer.verdict.code) == (OnHold, "paused")
    assert words in answer.verdict.reason
    pace = pace_of(house)
    assert (pace.held_code, pace.held_reason) == ("paused", answer.verdict.reason)
    assert before <= pace.held_since <= now()
    assert pace.held_until == look_at(house) == answer.verdict.look_at
    # The letter itself is only queued: a thousand letters would be a thousand writes.
    assert (state(delivery), delivery.reason_code) == ("queued", "")
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("what", HOLDS)
def test_once_it_goes_on_the_letter_is_looked_at_at_once(house, what):
    pause, resume, _ = HOLDS[what]
    delivery = factories.delivery(house)
    pause(house)
    claim_for(house)
    assert look_at(house) > now()
    resume(house)
    assert look_at(house) <= now()
    assert claimed_of(house).delivery_id == delivery.pk
    assert held(house) == ("", "")
    assert pace_of(house).held_since is None


@pytest.mark.parametrize("what", HOLDS)
def test_an_account_with_nothing_to_send_is_held_no_longer_once_somebody_looked(house, what):
    pause, resume, _ = HOLDS[what]
    delivery = factories.delivery(house)
    pause(house)
    claim_for(house)
    Delivery.everywhere.filter(pk=delivery.pk).update(state="cancelled", reason="so")
    resume(house)
    assert claim_for(house) == NothingDue(None)
    assert held(house) == ("", "")


def test_since_when_it_is_held_stays_while_the_reason_does(house, clock):
    factories.delivery(house)
    pausing.pause_workspace(house.manager)
    claim_for(house)
    since = pace_of(house).held_since
    clock(120)
    claim_for(house)
    assert pace_of(house).held_since == since
    pausing.resume_workspace(house.manager)
    AccountPace.objects.update(heard_dms_at=None)
    claim_for(house)
    assert pace_of(house).held_code == "not_heard"
    assert pace_of(house).held_since > since


def test_a_letter_past_its_leave_by_asks_for_a_new_time_though_the_account_is_held(house, clock):
    delivery = factories.delivery(house)
    pausing.pause_workspace(house.manager)
    claim_for(house)
    clock(3 * 86_400 + 11)
    answer = claim_for(house)
    assert (type(answer), answer.verdict.code) == (Held, "too_late")
    assert state(delivery) == "blocked"


# --- whose -------------------------------------------------------------------------------------------


def test_another_workspace_is_not_held(house):
    other = factories.house()
    factories.delivery(other)
    pausing.pause_workspace(house.manager)
    assert isinstance(claim_for(other), Claimed)


def test_everything_is_every_workspace(house):
    other = factories.house()
    factories.delivery(house)
    factories.delivery(other)
    pausing.pause_everything("We move.")
    assert [type(claim_for(each)) for each in (house, other)] == [OnHold, OnHold]
    pausing.resume_everything()
    assert [type(claim_for(each)) for each in (house, other)] == [Claimed, Claimed]


def test_of_two_reasons_the_wider_one_is_said_and_both_hold(house):
    factories.delivery(house)
    pausing.pause_workspace(house.manager)
    pausing.pause_everything("We move.")
    assert claim_for(house).verdict.reason == "We move."
    pausing.resume_everything()
    assert "Ruth Reader" in claim_for(house).verdict.reason


def test_only_a_manager_pauses(house, campaign):
    for act in (
        lambda: pausing.pause_workspace(house.marketer),
        lambda: pausing.resume_workspace(house.marketer),
        lambda: pausing.pause_campaign(house.marketer, campaign.pk),
        lambda: pausing.resume_campaign(house.marketer, campaign.pk),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert not Pause.objects.exists()


def test_nobody_pauses_another_workspace_s_campaign(house, campaign):
    other = factories.house()
    with pytest.raises(Campaign.DoesNotExist):
        pausing.pause_campaign(other.manager, campaign.pk)
    pausing.pause_campaign(house.manager, campaign.pk)
    with pytest.raises(Campaign.DoesNotExist):
        pausing.resume_campaign(other.manager, campaign.pk)
    assert Pause.objects.count() == 1


def test_paused_twice_is_paused_once_and_each_change_is_audited_once(house, campaign):
    for _ in range(2):
        pausing.pause_campaign(house.manager, campaign.pk)
    for _ in range(2):
        pausing.resume_campaign(house.manager, campaign.pk)
    said = AuditEvent.objects.filter(target_kind="campaign", target_id=campaign.pk).order_by("pk")
    assert [(event.verb, event.actor_id) for event in said] == [
        ("campaign.paused", house.manager.user_id),
        ("campaign.resumed", house.manager.user_id),
    ]


def test_the_operator_s_pause_is_audited_too(house):
    call_command("pause", "We move.")
    call_command("resume")
    said = AuditEvent.objects.filter(target_kind="installation").order_by("pk")
    assert [(event.verb, event.actor_id) for event in said] == [
        ("installation.paused", None),
        ("installation.resumed", None),
    ]


# --- a campaign --------------------------------------------------------------------------------------


def test_a_paused_campaign_s_letters_wait_and_others_leave(house, campaign):
    of_campaign = factories.delivery(house, campaign=campaign)
    pausing.pause_campaign(house.manager, campaign.pk)
    other = factories.delivery(house)
    of_another = factories.delivery(house, campaign=factories.campaign(house, "Paper week"))
    taken = {claimed_of(house).delivery_id for _ in range(2)}
    assert taken == {other.pk, of_another.pk}
    assert claim_for(house) == NothingDue(None)
    assert (state(of_campaign), held(house)) == ("queued", ("", ""))


def test_it_goes_on_at_once(house, campaign):
    delivery = factories.delivery(house, campaign=campaign)
    pausing.pause_campaign(house.manager, campaign.pk)
    assert claim_for(house) == NothingDue(None)
    assert look_at(house) is None
    pausing.resume_campaign(house.manager, campaign.pk)
    assert look_at(house) <= now()
    assert claimed_of(house).delivery_id == delivery.pk


def test_a_campaign_goes_on_and_its_workspace_does_not(house, campaign):
    factories.delivery(house, campaign=campaign)
    pausing.pause_workspace(house.manager)
    pausing.pause_campaign(house.manager, campaign.pk)
    pausing.resume_campaign(house.manager, campaign.pk)
    assert isinstance(claim_for(house), OnHold)


# --- before the next claim ---------------------------------------------------------------------------


@pytest.fixture
def real_house(transactional_db):
    """A house whose rows other connections see."""
    return factories.house()


def pause_while_a_claim_waits(house, delivery, pause):
    """Commit the pause while a claim waits for the letter's customer; what the claim answers."""
    with threads(2) as start:
        with transaction.atomic():
            Customer.everywhere.select_for_update().get(pk=delivery.customer_id)
            claiming = start(claim.claim, house.account.pk)
            wait_until(somebody_waits_for_a_lock)
            start(pause).result()
        return claiming.result()


def test_a_workspace_paused_while_a_claim_waits_is_seen_by_it(real_house):
    delivery = factories.delivery(real_house)
    answer = pause_while_a_claim_waits(
        real_house, delivery, lambda: pausing.pause_workspace(real_house.manager)
    )
    assert (type(answer), answer.verdict.code) == (OnHold, "paused")


def test_everything_paused_while_a_claim_waits_is_seen_by_it(real_house):
    delivery = factories.delivery(real_house)
    answer = pause_while_a_claim_waits(
        real_house, delivery, lambda: pausing.pause_everything("We move.")
    )
    assert answer.verdict.reason == "We move."


def test_a_campaign_paused_while_a_claim_waits_is_seen_by_it(real_house):
    campaign = factories.campaign(real_house)
    delivery = factories.delivery(real_house, campaign=campaign)
    answer = pause_while_a_claim_waits(
        real_house, delivery, lambda: pausing.pause_campaign(real_house.manager, campaign.pk)
    )
    assert (type(answer), answer.verdict.code) == (Held, "campaign_paused")
    assert not Attempt.objects.exists()


# --- by itself: stops --------------------------------------------------------------------------------


def sent(house, campaign, count: int) -> list[Delivery]:
    """So many letters of the campaign that arrived, the first one first."""
    letters = [factories.delivery(house, campaign=campaign) for _ in range(count)]
    for letter in letters:
        outcomes.record_sent(claimed_letter(house, letter), accepted())
    return letters


def stop(house, letter) -> None:
    customers.suppress(house.marketer, letter.customer_id, reason="They wrote 'stop'.")


def is_paused(campaign) -> bool:
    return Pause.objects.filter(campaign=campaign).exists()


def test_two_stops_pause_their_campaign_and_no_other(house, campaign):
    other = factories.campaign(house, "Paper week")
    first, second, _ = sent(house, campaign, 3)
    sent(house, other, 1)
    stop(house, first)
    assert not is_paused(campaign)
    stop(house, second)
    assert (is_paused(campaign), is_paused(other)) == (True, False)
    pause = Pause.objects.get()
    assert (pause.reason, pause.paused_by) == (pausing.TOO_MANY_STOPS, None)
    assert AuditEvent.objects.filter(verb="campaign.paused", target_id=campaign.pk).count() == 1


def test_a_stop_of_each_of_two_campaigns_pauses_neither(house, campaign):
    other = factories.campaign(house, "Paper week")
    stop(house, sent(house, campaign, 1)[0])
    stop(house, sent(house, other, 1)[0])
    assert not Pause.objects.exists()


def test_who_said_stop_before_they_were_written_to_does_not_count(house, campaign):
    first, second = sent(house, campaign, 2)
    Delivery.everywhere.filter(pk=first.pk).update(due_at=now() + MINUTE)
    stop(house, first)
    stop(house, second)
    assert not is_paused(campaign)


def test_a_stop_that_came_before_we_knew_of_the_letter_s_arrival_counts(house, campaign):
    first, second = (factories.delivery(house, campaign=campaign) for _ in range(2))
    claimed = unsure(house, first)
    stop(house, first)
    tell(house, claimed, new_id())
    outcomes.record_sent(claimed_letter(house, second), accepted())
    stop(house, second)
    assert is_paused(campaign)


def test_stops_beyond_the_last_hundred_letters_do_not_count(house, campaign, monkeypatch):
    monkeypatch.setattr(pausing, "LAST_LETTERS", 2)
    first, second, third = sent(house, campaign, 3)
    stop(house, first)
    stop(house, third)
    assert not is_paused(campaign)
    stop(house, second)
    assert is_paused(campaign)


def test_the_last_letters_are_those_that_left_last(house, campaign, monkeypatch):
    """Whatever was approved first: people are written to by their own hours."""
    monkeypatch.setattr(pausing, "LAST_LETTERS", 2)
    first, second, third = sent(house, campaign, 3)
    Delivery.everywhere.filter(pk=third.pk).update(sent_at=now() - 60 * MINUTE)
    stop(house, first)
    stop(house, second)
    assert is_paused(campaign)


def test_a_campaign_that_went_on_is_paused_by_the_next_stop(house, campaign):
    first, second, third = sent(house, campaign, 3)
    stop(house, first)
    stop(house, second)
    pausing.resume_campaign(house.manager, campaign.pk)
    assert not is_paused(campaign)
    stop(house, third)
    assert is_paused(campaign)


# --- by itself: refusals -----------------------------------------------------------------------------


def refuse(house, error) -> None:
    """X refuses the account's next letter."""
    claimed = claimed_letter(house, factories.delivery(house))
    outcomes.record_not_sent(claimed, error)
    outcomes.stop_for(error, house.account, generation=None)
    house.account.refresh_from_db()


def test_three_letters_in_a_row_refused_as_spam_pause_the_account(house):
    for expected in ("connected", "connected", "paused"):
        refuse(house, never(NeverReason.SPAM))
        assert house.account.state == expected
    assert house.account.paused_reason == meaning.REFUSED
    factories.delivery(house)
    assert claim_for(house).verdict.reason == meaning.REFUSED


def test_one_that_x_took_between_them_begins_the_count_anew(house):
    for _ in range(2):
        refuse(house, never(NeverReason.SPAM))
    outcomes.record_sent(claimed_letter(house, factories.delivery(house)), accepted())
    for _ in range(2):
        refuse(house, never(NeverReason.SPAM))
    assert house.account.state == AccountState.CONNECTED


def test_so_does_one_refused_for_another_reason(house):
    for reason in (NeverReason.SPAM, NeverReason.SPAM, NeverReason.NO_DMS, NeverReason.SPAM):
        refuse(house, never(reason))
    assert house.account.state == AccountState.CONNECTED


def test_a_call_that_x_only_put_off_is_no_letter_between_them(house):
    for error in (
        never(NeverReason.SPAM),
        LimitedUntil("rate_limited", status=429),
        never(NeverReason.SPAM),
    ):
        refuse(house, error)
        AccountPace.objects.update(closed_until=None)
    assert house.account.state == AccountState.CONNECTED
    refuse(house, never(NeverReason.SPAM))
    assert house.account.state == AccountState.PAUSED


def test_another_account_s_refusals_do_not_count(house):
    for _ in range(2):
        refuse(house, never(NeverReason.SPAM))
    house.account = factories.account(house.workspace)
    refuse(house, never(NeverReason.SPAM))
    assert house.account.state == AccountState.CONNECTED


# --- over HTTP ---------------------------------------------------------------------------------------


def test_a_paused_workspace_sends_nothing_and_goes_on_with_all_of_it(world, sandbox):
    delivery = factories.delivery(world, world.customers[0])
    pausing.pause_workspace(world.manager)
    assert sender.send_due(world.account.pk) > now()
    assert sandbox.dms() == []
    pausing.resume_workspace(world.manager)
    sender.send_due(world.account.pk)
    assert (state(delivery), len(sandbox.dms())) == ("sent", 1)
