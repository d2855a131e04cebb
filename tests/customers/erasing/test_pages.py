"""Erasing asks once, naming what will be lost."""

from __future__ import annotations

import pytest
from django.urls import reverse

from outreach.customers.models import Customer
from outreach.delivery import claim, outcomes
from outreach.delivery.claim import Claimed
from outreach.x.errors import NotCalled
from tests import factories

pytestmark = pytest.mark.django_db


def url(house, customer, name="erase"):
    return reverse(f"customers:{name}", args=[house.slug, customer.pk])


def test_it_names_what_will_be_lost(house):
    letter = factories.delivery(house)
    page = factories.browser(house.manager).get(url(house, letter.customer))
    assert page.context["lost"] == [
        "1 letter, with what was said about it",
        "1 permission",
        "1 relationship with an account",
    ]
    assert "Nobody can undo this" in page.content.decode()
    assert Customer.everywhere.get().erased_at is None


def test_one_press_erases_and_leads_to_those_who_are_left(house):
    customer = house.customer()
    browser = factories.browser(house.manager)
    response = browser.post(url(house, customer))
    assert response["Location"] == reverse("customers:list", args=[house.slug])
    assert browser.get(response["Location"]).context["rows"] == []
    assert browser.post(url(house, customer)).status_code == 404
    page = browser.get(url(house, customer, "show"))
    assert (page.status_code, "Nothing personal is left" in page.content.decode()) == (200, True)


def test_while_a_letter_is_being_sent_it_says_so_and_erases_nothing(house):
    letter = factories.delivery(house)
    claimed = claim.claim(house.account.pk)
    assert isinstance(claimed, Claimed)
    browser = factories.browser(house.manager)
    response = browser.post(url(house, letter.customer))
    assert response.status_code == 409
    assert "being sent at this very moment" in response.content.decode()
    assert Customer.everywhere.get().erased_at is None
    outcomes.record_not_sent(claimed, NotCalled("connect_failed"))
    assert browser.post(url(house, letter.customer)).status_code == 302


def test_a_marketer_neither_erases_nor_is_offered_it(house):
    customer = house.customer()
    browser = factories.browser(house.marketer)
    assert browser.get(url(house, customer)).status_code == 403
    assert browser.post(url(house, customer)).status_code == 403
    assert "Erase…" not in browser.get(url(house, customer, "show")).content.decode()
    there = factories.browser(house.manager).get(url(house, customer, "show"))
    assert "Erase…" in there.content.decode()


def test_what_people_typed_is_never_markup(house):
    nasty = "<script>alert(1)</script>"
    customer = house.customer(name=nasty, first_name=nasty)
    page = factories.browser(house.manager).get(url(house, customer))
    assert nasty not in page.content.decode()
