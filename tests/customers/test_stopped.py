"""Whole lists of people who are never written to, and the page that shows them."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outreach.audit.models import AuditEvent
from outreach.customers import actions
from outreach.customers.models import Suppression
from outreach.delivery.models import Delivery
from outreach.ground.writes import NoTransaction
from tests import factories

pytestmark = pytest.mark.django_db


def suppress_many(house, **people):
    with transaction.atomic():
        return actions.suppress_many_step(
            house.workspace.pk, reason="a list of old", actor_id=house.manager.user_id, **people
        )


def test_a_list_is_suppressed_and_what_is_queued_for_it_cancelled(house):
    theirs, other = factories.delivery(house), factories.delivery(house)
    made = suppress_many(house, x_user_ids=[theirs.recipient_x_user_id, 77, 78])
    assert made == 3
    states = dict(Delivery.everywhere.values_list("pk", "state"))
    assert states == {theirs.pk: "cancelled", other.pk: "queued"}
    row = Suppression.everywhere.get(x_user_id=77)
    assert (row.reason, row.recorded_by) == ("a list of old", house.manager.user)


def test_a_list_is_one_event_with_counts_and_without_names(house):
    suppress_many(house, x_user_ids=[77, 78], handles=["Fox_Lover"])
    event = AuditEvent.objects.get(verb="customers.suppressed")
    assert event.detail.details == {"asked": 3, "new": 3, "reason": "a list of old"}


def test_who_was_suppressed_before_stays_as_they_were(house):
    customer = house.customer()
    actions.suppress(house.marketer, customer.pk, reason="said stop")
    suppress_many(house, handles=["heron"])
    assert (
        suppress_many(
            house, x_user_ids=[customer.x_user_id, customer.x_user_id], handles=["HERON", "Heron"]
        )
        == 0
    )
    reasons = set(Suppression.everywhere.values_list("reason", flat=True))
    assert reasons == {"said stop", "a list of old"}


def test_a_handle_that_a_customer_bears_counts_as_their_id(house):
    letter = factories.delivery(house)
    suppress_many(house, handles=[letter.customer.handle.upper()])
    assert Suppression.everywhere.get().x_user_id == letter.recipient_x_user_id
    letter.refresh_from_db()
    assert letter.state == "cancelled"


def test_a_list_of_another_workspace_stops_nothing_here(house):
    letter = factories.delivery(house)
    suppress_many(factories.house(), x_user_ids=[letter.recipient_x_user_id])
    letter.refresh_from_db()
    assert letter.state == "queued"


def test_a_list_takes_the_same_queries_however_long(house):
    counts = []
    for people in (range(10, 12), range(100, 1100)):
        with transaction.atomic(), CaptureQueriesContext(connection) as run:
            suppress_many(house, x_user_ids=people, handles=[f"fox{each}" for each in people])
        counts.append(len(run))
    assert counts[0] == counts[1]
    assert Suppression.everywhere.count() == 2 * 1002


def test_a_list_is_suppressed_inside_somebodys_action(house):
    connection.in_atomic_block, was = False, connection.in_atomic_block
    try:
        with pytest.raises(NoTransaction):
            actions.suppress_many_step(house.workspace.pk, reason="so", actor_id=None)
    finally:
        connection.in_atomic_block = was


# --- the page --------------------------------------------------------------------------------


@pytest.fixture
def url(house):
    return reverse("customers:stopped", args=[house.slug])


def test_nobody_is_stopped_at_first(house, url):
    page = factories.browser(house.marketer).get(url)
    assert (page.context["rows"], page.status_code) == ([], 200)
    assert "Nobody is stopped" in page.content.decode()


def test_the_page_says_who_why_since_when_and_by_whom(house, url):
    customer = house.customer(name="Ana Lima", handle="analima")
    stranger = factories.not_looked_up(house, "Fox_Lover", name="Fox")
    suppress_many(factories.house(), x_user_ids=[1], handles=["elsewhere"])
    with transaction.atomic():
        actions.suppress_step(house.workspace.pk, 77, "wrote stop", actor_id=None)
    actions.suppress(house.marketer, customer.pk, reason="said stop")
    actions.suppress(house.marketer, stranger.pk, reason="at the fair")
    suppress_many(house, handles=["heron"])
    rows = factories.browser(house.marketer).get(url).context["rows"]
    assert [(row.name, row.handle, row.x_user_id, row.reason, row.by) for row in rows] == [
        ("", "heron", None, "a list of old", "Ruth Reader"),
        ("Fox", "Fox_Lover", None, "at the fair", "Jo Writer"),
        ("Ana Lima", "analima", customer.x_user_id, "said stop", "Jo Writer"),
        ("", "", 77, "wrote stop", "Outreach"),
    ]


def test_pages_of_a_long_list_cost_the_same(house, url):
    browser = factories.browser(house.marketer)
    browser.get(url)
    counts, sizes = [], []
    for more in (1, 2, 60):
        start = 1000 * more
        suppress_many(house, x_user_ids=range(start, start + more))
        with CaptureQueriesContext(connection) as run:
            page = browser.get(url)
        counts.append(len(run))
        sizes.append(len(page.context["rows"]))
    assert (counts, sizes) == ([counts[0]] * 3, [1, 3, 50])
    older = browser.get(page.context["older_url"])
    assert len(older.context["rows"]) == 13
