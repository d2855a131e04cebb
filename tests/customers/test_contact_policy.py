"""Whether a permission is needed: on by default, switched off by an administrator who knows."""

from __future__ import annotations

import pytest
from django.urls import reverse

from outreach.audit.models import AuditEvent
from outreach.customers import actions
from outreach.customers.errors import NotConfirmed
from outreach.customers.queries import requires_permission
from outreach.delivery import claim
from tests import factories

pytestmark = pytest.mark.django_db
OFF = {"require_permission": "off"}
UNDERSTOOD = OFF | {"understood": "on"}
WARNING = "Letters need no recorded permission"


@pytest.fixture
def page(house):
    return reverse("customers:policy", args=[house.slug])


@pytest.fixture
def change(house):
    return reverse("customers:change_policy", args=[house.slug])


def test_a_permission_is_needed_unless_somebody_decided_otherwise(house, page):
    found = factories.browser(house.marketer).get(page)
    assert found.context["required"] is True
    assert WARNING not in found.content.decode()
    assert "What it risks" in found.content.decode()


def test_an_administrator_switches_it_off_knowing_the_risk(house, page, change):
    browser = factories.browser(house.administrator)
    assert browser.post(change, UNDERSTOOD)["Location"] == page
    assert not requires_permission(house.marketer)
    event = AuditEvent.objects.get(verb="contact_policy.changed")
    assert (event.actor, event.detail.details) == (
        house.administrator.user,
        {"require_permission": False},
    )
    letter = factories.delivery(house, house.customer(permission=False))
    assert claim.claim(house.account.pk).delivery_id == letter.pk


def test_without_the_tick_nothing_is_switched_off(house, change):
    response = factories.browser(house.administrator).post(change, OFF)
    assert (response.status_code, list(response.context["form"].errors)) == (422, ["understood"])
    assert "Tick that you know what this risks" in response.content.decode()
    assert requires_permission(house.marketer)
    with pytest.raises(NotConfirmed):
        actions.set_require_permission(house.administrator, required=False, understood=False)
    assert AuditEvent.objects.filter(verb="contact_policy.changed").count() == 0


def test_everybody_sees_on_every_page_that_it_is_off(house, page, change):
    factories.browser(house.administrator).post(change, UNDERSTOOD)
    browser = factories.browser(house.marketer)
    for name in ("insights:today", "customers:list", "drafts:list", "accounts:settings"):
        said = browser.get(reverse(name, args=[house.slug])).content.decode()
        assert WARNING in said, name
    elsewhere = factories.house()
    there = factories.browser(elsewhere.marketer).get(
        reverse("insights:today", args=[elsewhere.slug])
    )
    assert WARNING not in there.content.decode()


def test_switching_it_on_again_needs_no_tick_and_holds_back_at_once(house, change):
    browser = factories.browser(house.administrator)
    browser.post(change, UNDERSTOOD)
    factories.delivery(house, house.customer(permission=False))
    browser.post(change, {"require_permission": "on"})
    assert requires_permission(house.marketer)
    assert claim.claim(house.account.pk).verdict.code == "no_permission"
    assert AuditEvent.objects.filter(verb="contact_policy.changed").count() == 2


def test_saying_what_holds_already_changes_nothing(house, change):
    browser = factories.browser(house.administrator)
    browser.post(change, {"require_permission": "on"})
    browser.post(change, UNDERSTOOD)
    browser.post(change, UNDERSTOOD)
    assert AuditEvent.objects.filter(verb="contact_policy.changed").count() == 1


@pytest.mark.parametrize("who", ["marketer", "manager"])
def test_nobody_else_switches_it(house, page, change, who):
    browser = factories.browser(getattr(house, who))
    assert browser.post(change, UNDERSTOOD).status_code == 403
    assert "An administrator can change this" in browser.get(page).content.decode()
    assert requires_permission(house.marketer)
