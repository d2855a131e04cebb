"""What somebody does on X shows here within seconds: the listener hears it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from outreach.demo import cast
from outreach.services.locks import wait_until
from tests.e2e.house import Person, Visitor
from tests.e2e.installation import Installation

pytestmark = pytest.mark.e2e

SECONDS = 10.0
KINDS = {"dm.received", "dm.sent", "follow.follow", "follow.unfollow"}


def told(outreach: Installation) -> set[str]:
    """The kinds of events that the installation asked X to tell about its account."""
    answer = outreach.http.get(f"{outreach.sandbox_url}/_sandbox/activity", timeout=20)
    return {each["event_type"] for each in answer.json()["subscriptions"]}


def relationship(visitor: Visitor, person: Person) -> str:
    visitor.goto(f"customers/{person.id}/")
    return visitor.page.locator("aside .chip").first.inner_text()


def test_who_stops_following_on_the_phone_is_known_to_within_seconds(jo, visit, outreach, crowd):
    person = next(crowd)
    assert wait_until(lambda: told(outreach) >= KINDS, 60)
    assert relationship(jo, person) == "mutual"
    phone = visit()
    phone.page.goto(f"{outreach.sandbox_url}/phone/{person.handle}/with/{cast.HANDLE}/")

    phone.button(f"Stop following {cast.BRAND}").click()
    expect(phone.button(f"Follow {cast.BRAND}")).to_be_visible()
    assert wait_until(lambda: relationship(jo, person) == "you follow", SECONDS)

    phone.button(f"Follow {cast.BRAND}").click()
    expect(phone.button(f"Stop following {cast.BRAND}")).to_be_visible()
    assert wait_until(lambda: relationship(jo, person) == "mutual", SECONDS)
