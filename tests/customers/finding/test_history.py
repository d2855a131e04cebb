"""Everything that happened with one customer, by day."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outreach.customers import actions as customers
from outreach.customers.finding import actions, history
from outreach.customers.models import Basis, Permission
from outreach.ground.clock import now
from outreach.ground.zones import at_local
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def kinds(shown) -> list[str]:
    return [each.kind for _, happened in shown.days for each in happened]


def test_all_that_is_known_comes_newest_first_by_day(house):
    letter = factories.delivery(house)
    customer = letter.customer
    customer.relationships.update(followed_by_heard_at=now() - 3 * DAY, checked_at=now() - 4 * DAY)
    customer.permissions.update(given_at=now() - 5 * DAY, withdrawn_at=now() - 2 * DAY)
    type(customer).everywhere.filter(pk=customer.pk).update(created_at=now() - 9 * DAY)
    customer.refresh_from_db()
    customers.suppress(house.marketer, customer.pk, reason="said stop")
    shown = history.history_of(house.marketer, customer)
    assert kinds(shown) == [
        "stop", "letter", "withdrawn", "follow", "checked", "permission", "known",
    ]  # fmt: skip
    assert len(shown.days) == 6
    stop, sent = shown.days[0][1]
    assert (stop.detail, stop.tone) == ("said stop, recorded by Jo Writer", "spam")
    assert sent.url == reverse("delivery:letter", args=[house.slug, letter.revision.draft_id])
    assert shown.days[3][1][0].words.startswith("X was asked") is True


def test_the_history_of_a_row_merged_into_it_belongs_to_it(house):
    letter = factories.delivery(house)
    kept = house.customer(permission=False, known=False)
    actions.merge(house.marketer, kept.pk, letter.customer_id)
    found = kinds(history.history_of(house.marketer, kept))
    assert sorted(found) == [
        "checked", "customer.merged", "known", "known", "letter", "permission",
    ]  # fmt: skip


def test_it_is_read_in_pages_that_leave_nothing_out(house):
    customer = house.customer(permission=False, known=False)
    for number in range(120):
        Permission.objects.create(
            workspace=house.workspace, customer=customer, basis=Basis.OPTED_IN,
            given_at=now() - number * DAY / 4, place=f"place {number}",
        )  # fmt: skip
    browser = factories.browser(house.marketer)
    here = reverse("customers:history", args=[house.slug, customer.pk])
    page, seen = browser.get(here), []
    while True:
        past = page.context["history"]
        seen += [each.words for _, happened in past.days for each in happened]
        if not past.older:
            break
        page = browser.get(here, {"before": past.older})
    assert len(seen) == len(set(seen)) == 121


def test_it_costs_the_same_however_long(house):
    few, many = house.customer(), house.customer()
    for _ in range(3):
        factories.delivery(house, many)
        Permission.objects.create(
            workspace=house.workspace, customer=many, basis=Basis.OPTED_IN, given_at=now()
        )
    costs = []
    for customer in (few, many):
        browser = factories.browser(house.marketer, htmx=True)
        with CaptureQueriesContext(connection) as run:
            browser.get(reverse("customers:history", args=[house.slug, customer.pk]))
        costs.append(len(run))
    assert costs[0] == costs[1]


@pytest.mark.parametrize("before", ["x", "0001-01-01", "2026-13-01T00:00", "\x00", "9" * 40])
def test_an_address_made_up_by_hand_is_answered(house, before):
    customer = house.customer()
    here = reverse("customers:history", args=[house.slug, customer.pk])
    assert factories.browser(house.marketer).get(here, {"before": before}).status_code == 200


def test_the_customers_page_includes_it(house):
    customer = house.customer()
    page = factories.browser(house.marketer).get(
        reverse("customers:show", args=[house.slug, customer.pk])
    )
    assert reverse("customers:history", args=[house.slug, customer.pk]) in page.content.decode()


def stops(house, customer) -> list[str]:
    shown = history.history_of(house.marketer, customer)
    words = [each.words for _, happened in shown.days for each in happened]
    return [each for each in words if "stop" in each]


def test_a_stop_that_was_lifted_stays_in_the_history(house):
    customer = house.customer()
    customers.suppress(house.marketer, customer.pk, reason="said stop")
    assert stops(house, customer) == ["They said stop"]
    given = customers.Given(at=now(), place="the fair", evidence="Write to me again")
    customers.lift_suppression(house.manager, customer.pk, reason="asked anew", given=given)
    assert stops(house, customer) == ["The stop was lifted", "They said stop"]
    customers.suppress(house.marketer, customer.pk, reason="said stop again")
    assert stops(house, customer) == ["They said stop", "The stop was lifted", "They said stop"]


def test_days_are_the_readers_and_a_day_that_was_written_down_stays_that_day(house):
    house.marketer.user.time_zone = "Pacific/Auckland"  # 13 hours before the workspace
    house.marketer.user.save()
    customer = house.customer(permission=False, known=False)
    noon = at_local(date(2026, 1, 20), time(12), house.workspace.zone)
    for given_at in (noon, noon + timedelta(hours=8)):
        Permission.objects.create(
            workspace=house.workspace, customer=customer, basis=Basis.OPTED_IN, given_at=given_at
        )
    page = factories.browser(house.marketer, htmx=True).get(
        reverse("customers:history", args=[house.slug, customer.pk])
    )
    given = [
        (day, each.all_day)
        for day, happened in page.context["history"].days
        for each in happened
        if each.kind == "permission"
    ]
    assert given == [(date(2026, 1, 21), False), (date(2026, 1, 20), True)]
    assert page.content.decode().count(">09:00</time>") == 1
    assert ">01:00</time>" not in page.content.decode()
