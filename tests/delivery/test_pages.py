"""The schedule, a letter's page and its steps: who sees them, what they offer, what they cost."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outreach.delivery.models import Delivery
from tests import factories
from tests.delivery.test_actions import put

STATES = ["queued", "sending", "sent", "failed", "blocked", "cancelled", "uncertain"]
FINAL = {"sent", "failed", "blocked", "cancelled"}
TABS = {
    "": {"queued", "sending"},
    "unsure": {"uncertain"},
    "sent": {"sent"},
    "not-sent": {"blocked", "failed", "cancelled"},
}


@pytest.fixture
def delivery(house) -> Delivery:
    return factories.delivery(house)


def page(of, name: str, *args: object) -> str:
    return reverse(f"delivery:{name}", args=[of.slug, *args])


def queries_of(client, url: str) -> int:
    client.get(url)  # the first of a session stores it
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code in (200, 286)
    return len(captured)


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_shows_its_states_and_no_others(house, tab):
    for state in STATES:
        put(factories.delivery(house), state)
    response = factories.browser(house.marketer).get(page(house, "schedule"), {"state": tab})
    assert {row.state for row in response.context["rows"]} == TABS[tab]
    counts = {item.label: item.count for item in response.context["tabs"]}
    assert counts == {"On their way": 2, "Unsure": 1, "Sent": 1, "Not sent": 3}
    assert [item.current for item in response.context["tabs"]] == [name == tab for name in TABS]


def test_an_unknown_tab_is_the_first(house, delivery):
    response = factories.browser(house.marketer).get(page(house, "schedule"), {"state": "x"})
    assert [row.id for row in response.context["rows"]] == [delivery.pk]


def test_the_schedule_shows_nothing_of_other_workspaces(house, delivery):
    other = factories.house()
    own = factories.delivery(other)
    response = factories.browser(other.marketer).get(page(other, "schedule"))
    assert [row.id for row in response.context["rows"]] == [own.pk]


def test_a_letter_that_something_holds_is_waiting_and_says_why(house, delivery):
    Delivery.everywhere.update(reason_code="paused", reason="Paused by Ruth Reader.")
    client = factories.browser(house.marketer)
    (row,) = client.get(page(house, "schedule")).context["rows"]
    assert (row.state_words, row.reason) == ("Waiting", "Paused by Ruth Reader.")
    steps = client.get(page(house, "steps", delivery.revision.draft_id)).context["steps"]
    assert (steps[-1].label, steps[-1].detail) == ("Waiting", "Paused by Ruth Reader.")


@pytest.mark.parametrize("state", STATES)
def test_a_letter_s_page_offers_what_its_state_allows(house, delivery, state):
    put(delivery, state)
    response = factories.browser(house.marketer).get(
        page(house, "letter", delivery.revision.draft_id)
    )
    row = response.context["delivery"]
    assert (row.may_cancel, row.may_try_again) == (
        state in {"queued", "blocked"},
        state == "blocked",
    )
    assert ("edit" in response.context["may"]) == (state in {"queued", *FINAL} - {"sent"})
    assert delivery.text in response.content.decode()


@pytest.mark.parametrize("state", STATES)
def test_the_steps_end_their_polling_when_none_follows(house, delivery, state):
    put(delivery, state)
    client = factories.browser(house.marketer, htmx=True)
    response = client.get(page(house, "steps", delivery.revision.draft_id))
    assert response.status_code == (286 if state in FINAL else 200)
    assert b"<html" not in response.content
    letter = factories.browser(house.marketer).get(
        page(house, "letter", delivery.revision.draft_id)
    )
    assert letter.context["poll"] == (state not in FINAL)


@pytest.mark.parametrize("role", ["marketer", "manager", "administrator"])
@pytest.mark.parametrize("name", ["letter", "steps"])
def test_every_member_may_look(house, delivery, role, name):
    response = factories.browser(getattr(house, role)).get(
        page(house, name, delivery.revision.draft_id)
    )
    assert response.status_code == 200


def test_nobody_else_sees_that_there_is_a_letter(house, delivery):
    stranger = factories.house()
    draft_id = delivery.revision.draft_id
    urls = [
        page(house, "schedule"),
        page(house, "letter", draft_id),
        page(house, "steps", draft_id),
        page(house, "to_person", delivery.customer_id),
        page(stranger, "letter", draft_id),
        page(stranger, "steps", draft_id),
        page(stranger, "to_person", delivery.customer_id),
    ]
    client = factories.browser(stranger.administrator)
    assert [client.get(url).status_code for url in urls] == [404] * len(urls)


@pytest.mark.parametrize("name", ["cancel", "try_again"])
def test_nobody_else_moves_a_letter(house, delivery, name):
    put(delivery, "blocked")
    stranger = factories.house()
    client = factories.browser(stranger.administrator)
    for of in (house, stranger):
        assert client.post(page(of, name, delivery.pk)).status_code == 404
    signed_out = factories.browser(None).post(page(house, name, delivery.pk))
    assert signed_out.status_code == 302
    assert factories.browser(house.marketer).get(page(house, name, delivery.pk)).status_code == 405
    delivery.refresh_from_db()
    assert delivery.state == "blocked"


@pytest.mark.parametrize("role", ["marketer", "manager", "administrator"])
def test_every_member_may_cancel(house, delivery, role):
    response = factories.browser(getattr(house, role)).post(page(house, "cancel", delivery.pk))
    assert (response.status_code, response.url) == (
        302,
        page(house, "letter", delivery.revision.draft_id),
    )
    delivery.refresh_from_db()
    assert delivery.state == "cancelled"


def test_what_left_meanwhile_is_not_cancelled_and_the_page_says_so(house, delivery):
    put(delivery, "sending")
    response = factories.browser(house.marketer).post(
        page(house, "cancel", delivery.pk), follow=True
    )
    assert [str(message) for message in response.context["messages"]] == [
        "This letter is not waiting any more, so there is nothing to cancel."
    ]
    delivery.refresh_from_db()
    assert delivery.state == "sending"


def test_a_blocked_letter_is_tried_again_from_its_page(house, delivery):
    put(delivery, "blocked")
    response = factories.browser(house.marketer).post(
        page(house, "try_again", delivery.pk), follow=True
    )
    assert [str(message) for message in response.context["messages"]] == [
        "It is on its way again, if nothing holds it."
    ]
    delivery.refresh_from_db()
    assert delivery.state == "queued"


def test_the_schedule_costs_the_same_with_one_three_and_thirty(house):
    client = factories.browser(house.marketer)
    url = page(house, "schedule")
    counts = []
    for wanted in (1, 3, 30):
        while Delivery.everywhere.count() < wanted:
            factories.delivery(house)
        counts.append(queries_of(client, url))
    assert counts == [counts[0]] * 3


def test_letters_to_a_person_cost_the_same_with_one_and_three(house, delivery):
    client = factories.browser(house.marketer, htmx=True)
    url = page(house, "to_person", delivery.customer_id)
    first = queries_of(client, url)
    for _ in range(2):
        factories.delivery(house, delivery.customer)
    assert queries_of(client, url) == first


@pytest.mark.parametrize("name", ["letter", "steps"])
def test_a_letter_s_page_costs_the_same_whatever_else_there_is(house, delivery, name):
    client = factories.browser(house.marketer)
    url = page(house, name, delivery.revision.draft_id)
    first = queries_of(client, url)
    for _ in range(2):
        factories.delivery(house)
    assert queries_of(client, url) == first
