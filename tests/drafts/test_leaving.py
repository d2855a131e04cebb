"""When a letter leaves: by whose clock, across daylight saving, and what the pages say of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from outreach.delivery.models import SendingPolicy
from outreach.drafts.models import Draft, Revision
from outreach.ground.clock import now
from outreach.x.actions import pause_account
from tests import factories
from tests.factories import WORDS


@pytest.fixture
def draft(house):
    """A letter to somebody in Tokyo, by a writer in Lisbon."""
    type(house.marketer.user).objects.filter(pk=house.marketer.user_id).update(
        time_zone="Europe/Lisbon"
    )
    return factories.draft(house, house.customer(time_zone="Asia/Tokyo"))


@pytest.fixture
def browser(house):
    return factories.browser(house.marketer)


def page(house, name: str, *ids: int) -> str:
    return reverse(f"drafts:{name}", args=[house.slug, *ids])


def typed(draft: Draft, **more: Any) -> dict[str, Any]:
    return {"text": WORDS, "send_at": "", "version": draft.version} | more


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("clock", "moment"),
    [
        ("", utc(2031, 5, 1, 8, 30)),
        ("ours", utc(2031, 5, 1, 8, 30)),
        ("theirs", utc(2031, 5, 1, 0, 30)),
    ],
)
def test_a_time_is_by_the_writers_clock_or_the_customers(house, browser, draft, clock, moment):
    wanted = {"send_at": "2031-05-01T09:30", "send_at_clock": clock}
    browser.post(page(house, "compose", draft.pk), typed(draft, **wanted))
    draft.refresh_from_db()
    assert draft.send_at == moment
    form = browser.get(page(house, "compose", draft.pk)).context["form"]
    # the page shows it as it was typed, whosever clock it was
    assert form["send_at"].value() == datetime.combine(
        utc(2031, 5, 1).date(), utc(1, 1, 1, 9, 30).time()
    )
    assert form["send_at_clock"].value() == (clock or "ours")


def test_a_clock_that_is_nobodys_is_named(house, browser, draft):
    wanted = {"send_at": "2031-05-01T09:30", "send_at_clock": "the moon"}
    response = browser.post(page(house, "compose", draft.pk), typed(draft, **wanted))
    assert response.status_code == 422
    assert response.context["form"].errors == {
        "send_at_clock": ["Say by whose clock: yours, or theirs."]
    }
    assert response.context["form"]["send_at"].value() == "2031-05-01T09:30"


def test_what_was_chosen_goes_into_the_revision(house, browser, draft):
    wanted = {"send_at": "2031-05-01T09:30", "send_at_clock": "theirs"}
    browser.post(page(house, "compose", draft.pk), typed(draft, **wanted, act="submit"))
    revision = Revision.objects.of(house.manager).get()
    assert (revision.send_at, revision.send_at_clock) == (utc(2031, 5, 1, 0, 30), "theirs")


@pytest.mark.parametrize(
    ("wall", "moment", "odd"),
    [
        # 01:30 is skipped in Lisbon on 30 March 2031: just after the gap
        ("2031-03-30T01:30", utc(2031, 3, 30, 1), "go forward"),
        # and comes twice on 26 October: the first
        ("2031-10-26T01:30", utc(2031, 10, 26, 0, 30), "comes twice"),
    ],
)
def test_what_daylight_saving_does_to_a_time_is_said(house, browser, draft, wall, moment, odd):
    part = browser.get(page(house, "leaves", draft.pk), {"send_at": wall})
    assert odd in part.content.decode()
    browser.post(page(house, "compose", draft.pk), typed(draft, send_at=wall))
    draft.refresh_from_db()
    assert draft.send_at == moment


def test_the_page_says_the_time_by_both_clocks_and_what_it_costs(house, browser, draft):
    part = browser.get(
        page(house, "leaves", draft.pk), {"send_at": "2031-05-01T20:30", "send_at_clock": "ours"}
    )
    words = " ".join(part.content.decode().split())
    assert "Thursday 1 May, 20:30 in Lisbon, which is Friday 04:30 in Tokyo." in words
    assert "Friday 04:30 in Tokyo" in words
    assert "About 3 cents to X." in words
    assert "Saved" not in words


def test_choosing_a_time_saves_nothing_by_itself(house, browser, draft):
    browser.get(page(house, "leaves", draft.pk), {"send_at": "2031-05-01T20:30"})
    draft.refresh_from_db()
    assert (draft.send_at, draft.version) == (None, 1)


def test_a_time_that_is_none_is_named_in_the_part(house, browser, draft):
    part = browser.get(page(house, "leaves", draft.pk), {"send_at": "tomorrow"})
    assert part.status_code == 422
    assert "Give a day and a time" in part.content.decode()


def test_the_part_is_of_ones_own_workspace(house, browser):
    theirs = factories.draft(factories.house())
    assert browser.get(page(house, "leaves", theirs.pk)).status_code == 404


def test_the_composer_says_what_it_waits_for(house, browser, draft):
    SendingPolicy.everywhere.update(quiet_weekdays=[0, 1, 2, 3, 4, 5, 6])
    response = browser.get(page(house, "compose", draft.pk))
    assert response.context["leaves"].would.at is None
    words = " ".join(response.content.decode().split())
    assert "Approved now, it would not leave before its time is over." in words
    assert "It waits for the hours and days on which they may be written to." in words


def test_what_holds_everything_is_said_while_one_writes(house, browser, draft):
    pause_account(house.manager, house.account.pk)
    words = " ".join(browser.get(page(house, "compose", draft.pk)).content.decode().split())
    assert "Approved now, it would wait. Paused by Ruth Reader." in words


def test_the_review_says_when_it_leaves_and_what_it_costs(house, browser, draft):
    wanted = {"send_at": "2031-05-01T09:30", "send_at_clock": "theirs"}
    browser.post(page(house, "compose", draft.pk), typed(draft, **wanted, act="submit"))
    revision = Revision.objects.of(house.manager).get()
    response = factories.browser(house.manager).get(page(house, "review", revision.pk))
    words = " ".join(response.content.decode().split())
    assert "Thursday 1 May, 09:30 in Tokyo, which is 00:30 in UTC." in words
    assert response.context["leaves"].would.at == utc(2031, 5, 1, 0, 30)
    assert "About 3 cents to X." in words


def test_without_a_time_it_leaves_once_approved(house, browser, draft):
    would = browser.get(page(house, "compose", draft.pk)).context["leaves"].would
    assert timedelta() < would.at - now() <= timedelta(seconds=10)
    assert (would.exact, would.why) == (True, "")
