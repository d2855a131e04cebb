"""A campaign's letters are spread over a period, on the page and by hand of nobody else."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from outreach.customers.models import Customer
from outreach.delivery.models import Delivery, SendingPolicy
from outreach.delivery.spreading import spread_campaign
from outreach.ground.clock import now
from tests import factories
from tests.delivery.scheduled import campaign, letter

DAY = timedelta(days=1)
ZONE = ZoneInfo("Asia/Tokyo")
SHAPE = "%Y-%m-%dT%H:%M"


@pytest.fixture
def fox(house):
    made = campaign(house)
    for _ in range(4):
        letter(house, of_campaign=made)
    return made


@pytest.fixture
def tomorrow() -> datetime:
    """Midnight by the clock of Tokyo."""
    return datetime.combine((now().astimezone(ZONE) + DAY).date(), datetime.min.time())


def url(house, made) -> str:
    return reverse("delivery:spread_campaign", args=[house.slug, made.pk])


def due(made) -> list[datetime]:
    return list(
        Delivery.everywhere.filter(campaign=made)
        .order_by("due_at")
        .values_list("due_at", flat=True)
    )


def test_they_leave_evenly_over_the_open_hours(house, fox, tomorrow):
    SendingPolicy.everywhere.update(window_opens="10:00", window_closes="14:00")
    Customer.everywhere.update(time_zone=ZONE.key)
    assert spread_campaign(house.marketer, fox.pk, tomorrow, tomorrow + DAY, ZONE) == 4
    halves = [(10, 30), (11, 30), (12, 30), (13, 30)]
    moments = [moment.astimezone(ZONE) for moment in due(fox)]
    assert [(moment.hour, moment.minute) for moment in moments] == halves
    assert {moment.date() for moment in moments} == {tomorrow.date()}
    rows = Delivery.everywhere.filter(campaign=fox)
    assert all(row.look_at == row.due_at for row in rows)
    assert all(row.leave_by == row.due_at + 3 * DAY for row in rows)


def test_the_page_asks_for_a_period_and_says_what_it_did(house, fox, tomorrow):
    client = factories.browser(house.marketer)
    html = client.get(url(house, fox)).content.decode()
    assert "4 letters of it have not left." in html
    data = {"since": tomorrow.strftime(SHAPE), "until": (tomorrow + 2 * DAY).strftime(SHAPE)}
    answer = client.post(url(house, fox), {**data, "clock": "theirs"}, follow=True)
    assert "4 letters have a new time, spread over the period." in answer.content.decode()
    assert len(set(due(fox))) == 4


@pytest.mark.parametrize(
    ("since", "until", "clock", "words"),
    [
        ("", "", "mine", "Say when the first may leave."),
        ("tomorrow", "2026-12-01T10:00", "mine", "Give a day and a time, such as"),
        ("2020-01-02T00:00", "2020-01-01T00:00", "mine", "The period ends before it begins."),
        ("2020-01-01T00:00", "2020-01-02T00:00", "mine", "That time is over."),
        ("2020-01-01T00:00", "2099-01-02T00:00", "theirs", "That is more than a year away."),
        ("2020-01-01T00:00", "2099-01-02T00:00", "", "Say by whose clock the period is meant."),
    ],
)
def test_a_period_that_is_none_is_named_and_kept(house, fox, since, until, clock, words):
    before = due(fox)
    data = {"since": since, "until": until, "clock": clock}
    answer = factories.browser(house.marketer).post(url(house, fox), data)
    html = answer.content.decode()
    assert (answer.status_code, due(fox)) == (422, before)
    assert words in html
    if until:
        assert f'value="{until}"' in html


def test_what_has_left_keeps_its_time(house, fox, tomorrow):
    gone = Delivery.everywhere.filter(campaign=fox).order_by("pk")[0]
    Delivery.everywhere.filter(pk=gone.pk).update(state="sent", sent_at=now())
    assert spread_campaign(house.marketer, fox.pk, tomorrow, tomorrow + DAY, None) == 3
    assert Delivery.everywhere.get(pk=gone.pk).due_at == gone.due_at


def test_where_nothing_waits_the_page_says_so(house, fox):
    Delivery.everywhere.update(state="cancelled", reason="so")
    html = factories.browser(house.marketer).get(url(house, fox)).content.decode()
    assert "there is nothing to spread" in html


def test_nobody_else_spreads_it(house, fox, tomorrow):
    before = due(fox)
    data = {
        "since": tomorrow.strftime(SHAPE),
        "until": (tomorrow + DAY).strftime(SHAPE),
        "clock": "mine",
    }
    stranger = factories.house()
    client = factories.browser(stranger.administrator)
    there = reverse("delivery:spread_campaign", args=[stranger.slug, fox.pk])
    assert client.post(there, data).status_code == 404
    assert client.post(url(house, fox), data).status_code == 404
    assert due(fox) == before
