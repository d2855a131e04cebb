"""A letter's page and its steps: who sees them, what they offer, what they cost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from outreach.delivery.matching import words_key
from outreach.delivery.models import Delivery
from outreach.ground.clock import now
from tests import factories
from tests.delivery.scheduled import campaign, letter, page, paused, queries_of, seen, unsure, waits
from tests.delivery.test_actions import put

STATES = ["queued", "sending", "sent", "failed", "blocked", "cancelled", "uncertain"]
FINAL = {"sent", "failed", "blocked", "cancelled"}


@pytest.fixture
def delivery(house) -> Delivery:
    return factories.delivery(house)


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


def steps_of(house, delivery):
    client = factories.browser(house.marketer)
    return client.get(page(house, "steps", delivery.revision.draft_id)).context["steps"]


def test_a_letter_that_something_holds_is_waiting_and_says_why(house, delivery):
    waits(delivery, "You wrote to Maria lately.")
    last = steps_of(house, delivery)[-1]
    assert (last.label, last.detail) == ("Waiting", "You wrote to Maria lately.")


def test_a_letter_of_a_paused_campaign_is_waiting_and_says_why(house):
    fox = campaign(house)
    held = letter(house, of_campaign=fox)
    paused(house, fox, "Two people said stop.")
    response = factories.browser(house.marketer).get(page(house, "letter", held.revision.draft_id))
    last = response.context["steps"][-1]
    assert (last.label, last.detail) == ("Waiting", "Two people said stop.")
    assert response.context["state_words"] == "Waiting"
    assert response.context["delivery"].state_words == "Waiting"


# --- one that is unsure ------------------------------------------------------------------------


def explained(house, delivery, role="manager"):
    client = factories.browser(getattr(house, role))
    return client.get(page(house, "letter", delivery.revision.draft_id))


@pytest.mark.parametrize(
    ("values", "happened"),
    [
        ({"kind": "timeout"}, "It never answered."),
        ({"kind": "unavailable", "status": 503}, "It answered 503, which does not say"),
        ({"kind": "worker_died"}, "The process that called stopped before"),
        ({"kind": "accepted_without_id", "status": 201}, "It took the letter, and its answer"),
    ],
)
def test_an_unsure_letter_says_what_happened(house, delivery, values, happened):
    attempt = unsure(delivery, **values)
    known = explained(house, delivery).context["unsure"]
    assert known.happened.startswith(happened)
    assert known.called_at == attempt.started_at


@pytest.mark.parametrize(
    ("reads", "looked"),
    [
        (0, "The conversation was not looked at since."),
        (1, "The conversation was read once since, and the letter was not there."),
        (2, "The conversation was read twice since, and the letter was not there."),
    ],
)
def test_an_unsure_letter_says_what_was_looked_at_and_when_next(house, delivery, reads, looked):
    again = now() + timedelta(minutes=9)
    unsure(delivery, reads=reads, settle_at=again)
    known = explained(house, delivery).context["unsure"]
    assert (known.looked, known.next_look, known.shown) == (looked, again, [])


def test_an_unsure_letter_shows_what_x_shows_that_belongs_to_nobody(house, delivery):
    attempt = unsure(delivery)
    seen(delivery, 1, b"x" * 32, ago=timedelta(minutes=2))
    seen(delivery, 2, words_key(delivery.text), ago=timedelta(minutes=2, seconds=30))
    seen(delivery, 3, words_key(delivery.text), ago=timedelta(minutes=5))  # long before
    other = factories.delivery(house)
    seen(other, 4, words_key(delivery.text))  # to somebody else
    taken = put(factories.delivery(house, delivery.customer), "sent")
    seen(delivery, 5, words_key(taken.text))
    claimed = {"outcome": "sent", "dm_event_id": 5, "claim_token": "0" * 32}
    type(attempt).objects.create(
        delivery=taken, x_account=house.account, app=house.account.app, price=0,
        started_at=now(), ended_at=now(), counts_until=now(), **claimed,
    )  # fmt: skip
    response = explained(house, delivery)
    known = response.context["unsure"]
    assert [(each.id, each.same_words) for each in known.shown] == [(1, False), (2, True)]
    assert known.likely == 2
    text = response.content.decode()
    assert f"/messages/{house.account.x_user_id}-{delivery.recipient_x_user_id}" in text


@pytest.mark.parametrize("role", ["marketer", "manager", "administrator"])
def test_only_managers_are_offered_the_two_decisions(house, delivery, role):
    unsure(delivery)
    text = explained(house, delivery, role).content.decode()
    offered = [words in text for words in ("It arrived", "Send it again all the same")]
    assert offered == [role != "marketer"] * 2
    assert ("A manager can say that it arrived" in text) == (role == "marketer")


@pytest.mark.parametrize("state", STATES)
def test_no_other_letter_is_explained_as_unsure(house, delivery, state):
    put(delivery, state)
    assert explained(house, delivery).context["unsure"] is None


def test_the_page_of_an_unsure_letter_costs_the_same_with_one_and_three_shown(house, delivery):
    unsure(delivery)
    client = factories.browser(house.manager)
    url = page(house, "letter", delivery.revision.draft_id)
    seen(delivery, 1, b"x" * 32)
    first = queries_of(client, url)
    for number in (2, 3):
        seen(delivery, number, b"x" * 32)
    assert queries_of(client, url) == first
