"""Forecasts of what is queued: against what the engine then did, bounded, and inside the wall."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from outreach.delivery import forecasting
from outreach.delivery.forecast import APP_LIMITS, HELD, LIMITS, Forecast
from outreach.delivery.models import AccountPace, Attempt, Delivery, SendingPolicy
from outreach.drafts import actions as drafts
from outreach.drafts.models import Campaign, Draft
from outreach.ground.clock import now
from outreach.x.actions import pause_account
from tests import factories

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def campaign(of: factories.House) -> Campaign:
    made: Campaign = Campaign.everywhere.create(
        workspace=of.workspace, name="Prints", author=of.marketer.user
    )
    return made


def queued(of: factories.House, count: int, **values) -> list[Delivery]:
    """So many letters on their way, each to somebody else; `values` are set on their rows."""
    made = [factories.delivery(of) for _ in range(count)]
    if values:
        Delivery.everywhere.filter(pk__in=[each.pk for each in made]).update(**values)
    return made


def test_it_says_of_a_page_of_letters_when_each_leaves(house, settings):
    settings.X_ACCOUNT_WINDOWS, settings.X_APP_WINDOWS = [(2, 900)], []
    letters = queued(house, 3)
    found = forecasting.for_page(house.marketer, letters)
    first, second, third = (found[each.pk] for each in letters)
    assert first.leaves_at <= second.leaves_at < first.leaves_at + MINUTE
    assert third.leaves_at - first.leaves_at >= 15 * MINUTE
    assert (first.code, third.code, third.exact) == ("", LIMITS, True)
    assert third.why.startswith("X allows")


def test_what_is_not_queued_has_no_forecast(house):
    sent, waiting = queued(house, 2)
    Delivery.everywhere.filter(pk=sent.pk).update(
        state="cancelled", reason="Cancelled by Jo.", reason_code="cancelled"
    )
    assert list(forecasting.forecast_of(house.marketer, [sent.pk, waiting.pk])) == [waiting.pk]
    assert forecasting.for_page(house.marketer, []) == {}


def test_other_workspaces_letters_have_no_forecast_here(house):
    other = factories.house()
    (theirs,) = queued(other, 1)
    assert forecasting.forecast_of(house.marketer, [theirs.pk]) == {}
    assert forecasting.for_page(house.marketer, [theirs]) == {}


def test_what_was_sent_counts_in_the_windows_and_for_the_cap(house, settings):
    settings.X_ACCOUNT_WINDOWS, settings.X_APP_WINDOWS = [(1, 900)], []
    before = sent_to_somebody(house, ago=5 * MINUTE)
    again = factories.delivery(house, before.customer)
    other = factories.delivery(house)
    found = forecasting.for_page(house.marketer, [again, other])
    assert abs(found[other.pk].leaves_at - before.sent_at - 15 * MINUTE) < timedelta(seconds=1)
    assert found[again.pk] == Forecast(None, "cap")  # the cap of 7 days ends after its leave by


def sent_to_somebody(of: factories.House, *, ago: timedelta) -> Delivery:
    """A letter that left so long ago, with its attempt in the ledger."""
    made = factories.delivery(of)
    moment = now() - ago
    Delivery.everywhere.filter(pk=made.pk).update(state="sent", sent_at=moment)
    account = of.account
    Attempt.objects.create(
        delivery=made, x_account=account, app_id=account.app_id, outcome="sent",
        claim_token=uuid.UUID(int=made.pk), started_at=moment,
        ended_at=moment, counts_until=moment, price=0, dm_event_id=made.pk,
    )  # fmt: skip
    made.refresh_from_db()
    return made


def test_who_wrote_to_us_lately_is_answered_at_any_hour_and_whatever_the_cap(house):
    SendingPolicy.everywhere.update(quiet_weekdays=[0, 1, 2, 3, 4, 5, 6])
    before = sent_to_somebody(house, ago=DAY)
    letter = factories.delivery(house, before.customer)
    assert forecasting.for_page(house.marketer, [letter])[letter.pk].leaves_at is None
    type(before.customer).everywhere.filter(pk=before.customer_id).update(last_answered_at=now())
    found = forecasting.for_page(house.marketer, [letter])[letter.pk]
    assert found.leaves_at is not None
    assert found.leaves_at - now() < MINUTE


def test_paused_accounts_workspaces_and_campaigns_hold_their_letters_and_say_so(house):
    (letter,) = queued(house, 1)
    pause_account(house.manager, house.account.pk)
    held = forecasting.for_page(house.marketer, [letter])[letter.pk]
    assert (held.leaves_at, held.code) == (None, HELD)
    assert "Ruth Reader" in held.why
    other = factories.house()
    (theirs,) = queued(other, 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_pause (workspace_id, reason) VALUES (%s, %s)",
            [other.workspace.pk, "The shop moves."],
        )
    assert forecasting.for_page(other.marketer, [theirs])[theirs.pk].why == "The shop moves."


def test_accounts_of_other_workspaces_take_their_turns_of_the_shared_budget(house, settings):
    settings.X_ACCOUNT_WINDOWS, settings.X_APP_WINDOWS = [], [(1, 600)]
    other = factories.house()
    assert other.account.app_id == house.account.app_id
    earlier = now() - 5 * MINUTE
    queued(other, 3, look_at=earlier)
    (mine,) = queued(house, 1)
    found = forecasting.for_page(house.marketer, [mine])[mine.pk]
    # one of theirs goes before it, not all three
    assert timedelta(minutes=9) < found.leaves_at - now() < timedelta(minutes=11)
    assert found.code == APP_LIMITS


def test_an_urgent_letter_does_not_wait_for_a_campaign(house, settings):
    settings.X_ACCOUNT_WINDOWS, settings.X_APP_WINDOWS = [(1, 60)], []
    many = letters_of(campaign(house), house, 5, look_at=now() - MINUTE)
    (urgent,) = queued(house, 1)
    AccountPace.objects.update(last_lane=0)
    found = forecasting.for_page(house.marketer, [*many, urgent])
    order = sorted(found, key=lambda pk: found[pk].leaves_at)
    assert order.index(urgent.pk) == 1


def letters_of(campaign: Campaign, of: factories.House, count: int, **values) -> list[Delivery]:
    """So many of a campaign's letters on their way, each to somebody else."""
    made = []
    for _ in range(count):
        draft = factories.draft(of)
        Draft.everywhere.filter(pk=draft.pk).update(campaign=campaign)
        words = drafts.Words(factories.WORDS)
        submitted = drafts.submit(of.marketer, draft.pk, version=draft.version, words=words)
        made.append(factories.on_its_way(factories.decided(of, submitted.revision)))
    if values:
        Delivery.everywhere.filter(campaign=campaign).update(**values)
    return made


def test_a_campaign_says_when_its_last_letter_leaves_and_what_it_costs(house, settings):
    settings.X_ACCOUNT_WINDOWS, settings.X_APP_WINDOWS = [(2, 900)], []
    mine = campaign(house)
    letters_of(mine, house, 5)
    queued(house, 1)
    found = forecasting.forecast_campaign(house.marketer, mine.pk)
    assert (found.leave, found.stay, found.exact) == (5, 0, True)
    assert found.last == max(each.leaves_at for each in found.each.values())
    assert found.last - found.first >= 30 * MINUTE
    assert found.price == 5 * Decimal("0.025")
    with pytest.raises(Campaign.DoesNotExist):
        forecasting.forecast_campaign(factories.house().marketer, mine.pk)


def test_what_is_behind_more_than_is_read_leaves_later_than_that(house, settings, monkeypatch):
    settings.X_ACCOUNT_WINDOWS, settings.X_APP_WINDOWS = [(1, 60)], []
    monkeypatch.setattr(forecasting, "FOR_A_PAGE", 3)
    letters = queued(house, 5)
    found = forecasting.for_page(house.marketer, letters)
    assert [found[each.pk].exact for each in letters] == [True, True, True, False, False]
    assert found[letters[4].pk].leaves_at == found[letters[2].pk].leaves_at


def test_a_letter_that_is_not_written_yet_comes_after_what_is_queued(house, settings):
    settings.X_ACCOUNT_WINDOWS, settings.X_APP_WINDOWS = [(1, 600)], []
    queued(house, 2)
    person = house.customer()
    found = forecasting.if_sent(house.marketer, house.account.pk, None, [person.pk])
    assert (found.leave, found.price) == (1, Decimal("0.025"))
    assert timedelta(minutes=19) < found.last - now() < timedelta(minutes=21)
    later = now() + 3 * DAY
    found = forecasting.if_sent(house.marketer, house.account.pk, later, [person.pk])
    assert found.last == later


def test_a_campaign_that_is_not_written_yet_has_a_first_and_a_last(house, settings):
    settings.X_ACCOUNT_WINDOWS, settings.X_APP_WINDOWS = [(1, 600)], []
    people = [house.customer().pk for _ in range(4)]
    found = forecasting.if_sent(house.marketer, house.account.pk, None, people)
    assert (found.leave, found.price) == (4, Decimal("0.100"))
    assert found.last - found.first >= 30 * MINUTE


def test_the_monthly_cap_holds_what_is_not_written_yet(house):
    type(house.account.app).objects.update(monthly_cap=0)
    found = forecasting.if_sent(house.marketer, house.account.pk, None, [house.customer().pk])
    assert (found.leave, found.stay, found.last) == (0, 1, None)
    assert found.why.startswith("This month's cap for X is $0")


def test_it_reads_as_often_for_many_letters_as_for_few(house):
    counts = []
    for count in (1, 6):
        letters = queued(house, count)
        factories.house()
        with CaptureQueriesContext(connection) as queries:
            forecasting.for_page(house.marketer, letters)
        counts.append(len(queries))
    assert counts == [5, 5]


# --- the command -----------------------------------------------------------------------------------
def told(**options) -> str:
    out = StringIO()
    call_command("forecast", stdout=out, **options)
    return out.getvalue().strip()


def test_the_command_tells_the_first_the_last_and_the_price(house, settings):
    settings.X_ACCOUNT_WINDOWS, settings.X_APP_WINDOWS = [(2, 900)], []
    assert told(workspace=house.slug) == "Nothing is queued."
    letters = queued(house, 3)
    words = told(workspace=house.slug)
    assert words.startswith("3 letters leave, the first at 2")
    assert words.endswith("UTC. About $0.08 to X.")
    whole = json.loads(told(workspace=house.slug, json=True))
    assert (whole["leave"], whole["stay"], whole["exact"], whole["dollars"]) == (
        3,
        0,
        True,
        "0.075",
    )
    assert [each["delivery"] for each in whole["letters"]] == [each.pk for each in letters]
    assert whole["last"] == whole["letters"][-1]["leaves_at"]


def test_the_command_names_what_is_not_there(house):
    with pytest.raises(CommandError, match="There is no workspace at /w/nowhere/"):
        told(workspace="nowhere")
    with pytest.raises(CommandError, match="There is no campaign 99 in"):
        told(workspace=house.slug, campaign=99)
