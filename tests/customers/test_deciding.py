"""Recording by hand that a person may be written to, or never again."""

from __future__ import annotations

import pytest
from django.urls import reverse

from outreach.customers.models import Permission, Suppression
from outreach.delivery.models import Delivery
from outreach.ground.clock import now
from tests import factories

pytestmark = pytest.mark.django_db
GIVEN = {
    "given_on": "2026-05-04",
    "place": "Porto makers' fair",
    "evidence": "signed the list",
}


@pytest.fixture
def browser(house):
    return factories.browser(house.marketer)


def page(house, name, customer):
    return reverse(f"customers:{name}", args=[house.slug, customer.pk])


def test_a_permission_is_recorded_with_its_evidence_and_who_recorded_it(house, browser):
    customer = house.customer(permission=False)
    response = browser.post(page(house, "permit", customer), GIVEN)
    assert response["Location"] == page(house, "show", customer)
    permission = Permission.everywhere.get()
    assert (permission.basis, permission.place, permission.evidence) == (
        "opted_in",
        "Porto makers' fair",
        "signed the list",
    )
    assert permission.recorded_by == house.marketer.user
    assert permission.given_at.isoformat() == "2026-05-04T12:00:00+00:00"
    assert browser.get(page(house, "show", customer)).context["person"].may_be_written_to


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"given_on": "2999-01-01"}, "given_on"),
        ({"given_on": "yesterday"}, "given_on"),
        ({"given_on": "0001-01-01"}, "given_on"),
        ({"place": ""}, "place"),
        ({"evidence": ""}, "evidence"),
        ({"place": "x" * 101}, "place"),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_what_was_typed_kept(house, browser, change, field):
    customer = house.customer(permission=False)
    response = browser.post(page(house, "permit", customer), GIVEN | change)
    form = response.context["permission_form"]
    assert (response.status_code, list(form.errors)) == (422, [field])
    assert form["evidence"].value() == (GIVEN | change)["evidence"]
    assert Permission.everywhere.count() == 0


def test_a_stop_recorded_by_hand_cancels_what_is_queued(house, browser):
    letter = factories.delivery(house, due=False)
    response = browser.post(page(house, "stop", letter.customer), {"reason": "said stop on 4 May"})
    assert response.status_code == 302
    assert Suppression.everywhere.get().reason == "said stop on 4 May"
    assert Delivery.everywhere.get().state == "cancelled"


def test_a_stop_says_why(house, browser):
    customer = house.customer()
    response = browser.post(page(house, "stop", customer), {"reason": " "})
    assert (response.status_code, list(response.context["stop_form"].errors)) == (422, ["reason"])
    assert Suppression.everywhere.count() == 0


@pytest.mark.parametrize("name", ["permit", "stop"])
def test_another_workspaces_customer_is_not_found(house, browser, name):
    customer = factories.house().customer()
    data = GIVEN | {"reason": "said stop", "given_at": now()}
    assert browser.post(page(house, name, customer), data).status_code == 404
    assert browser.get(page(house, name, customer)).status_code == 405
    assert (Permission.everywhere.count(), Suppression.everywhere.count()) == (1, 0)
