"""The queue, one letter, the decision, and the seconds to undo it."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actions import enrol
from accounts.models import Role
from outreach.delivery.models import Delivery
from outreach.drafts import actions, queries
from outreach.drafts.models import Decision, Draft, Review
from tests import factories
from tests.factories import WORDS

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(house):
    return factories.browser(house.manager)


@pytest.fixture
def revision(house):
    return factories.submitted(house)


def page(house, name: str, *ids: int) -> str:
    return reverse(f"drafts:{name}", args=[house.slug, *ids])


def decision(revision, chosen="approve", **more) -> dict:
    return {"decision": chosen, "sha256": revision.text_sha256, "comment": "so"} | more


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


# --- the queue -------------------------------------------------------------------------------


def test_the_queue_is_oldest_first_and_this_workspaces(house, browser):
    factories.submitted(factories.house(), words=WORDS + " elsewhere")
    first = factories.submitted(house, house.customer(name="Ana"))
    own = factories.submitted(house, house.customer(name="Bo"), by=house.manager)
    factories.draft(house)
    factories.delivery(house)
    response = browser.get(page(house, "queue"))
    rows = [(row.person, row.own, row.author, row.url) for row in response.context["rows"]]
    assert rows == [
        ("Ana", False, "Jo Writer", page(house, "review", first.pk)),
        ("Bo", True, "Ruth Reader", page(house, "review", own.pk)),
    ]
    assert (response.context["count"], response.context["oldest"]) == (2, first.submitted_at)
    assert "elsewhere" not in response.content.decode()


def test_an_empty_queue(house, browser):
    response = browser.get(page(house, "queue"))
    assert (response.status_code, response.context["count"]) == (200, 0)


def test_a_letter_that_was_resubmitted_stands_there_once(house, browser, revision):
    actions.take_back(house.marketer, revision.draft_id)
    draft = Draft.everywhere.get()
    again = actions.submit(
        house.marketer, draft.pk, version=draft.version, words=actions.Words(WORDS + " again")
    )
    (row,) = browser.get(page(house, "queue")).context["rows"]
    assert row.revision_id == again.revision.pk


# --- one letter ------------------------------------------------------------------------------


def test_the_page_shows_the_words_as_received_and_their_digest(house, browser, revision):
    response = browser.get(page(house, "review", revision.pk))
    content = response.content.decode()
    assert response.status_code == 200
    assert response.context["letter"].words == revision.text
    assert (response.context["is_open"], response.context["own"]) == (True, False)
    assert revision.text_sha256 in content
    assert "Hi Maria," in content


def test_what_changed_since_the_last_revision_is_shown(house, browser, revision):
    factories.decided(house, revision, Decision.REQUEST_CHANGES, "Say which ink.")
    draft = Draft.everywhere.get()
    words = WORDS.replace("which ink", "what ink")
    again = actions.submit(
        house.marketer, draft.pk, version=draft.version, words=actions.Words(words)
    )
    context = browser.get(page(house, "review", again.revision.pk)).context
    pieces = [(p.kind, p.text.strip()) for p in context["letter"].diff if p.kind != "same"]
    assert pieces == [("del", "which"), ("ins", "what")]
    assert [(s.who, s.words, s.comment) for s in context["reviews"]] == [
        ("Ruth Reader", "asked for a change", "Say which ink.")
    ]
    older = browser.get(page(house, "review", revision.pk)).context
    assert older["is_open"] is False


def test_ones_own_letter_says_who_may_decide(house):
    revision = factories.submitted(house, by=house.manager)
    context = factories.browser(house.manager).get(page(house, "review", revision.pk)).context
    assert (context["own"], context["nobody_else"]) == (True, False)


def test_previous_and_next_lead_through_the_queue(house, browser):
    three = [factories.submitted(house) for _ in range(3)]
    urls = [page(house, "review", revision.pk) for revision in three]
    found = [browser.get(url).context for url in urls]
    assert [(c["prev_url"], c["next_url"]) for c in found] == [
        ("", urls[1]),
        (urls[0], urls[2]),
        (urls[1], ""),
    ]


# --- deciding --------------------------------------------------------------------------------


def test_approving_leads_to_the_next_letter_and_offers_to_undo(house, browser):
    first, second = factories.submitted(house), factories.submitted(house)
    response = browser.post(page(house, "review", first.pk), decision(first))
    assert response["Location"] == page(house, "review", second.pk)
    (offer,) = browser.get(response["Location"]).context["undo"]
    assert (offer["url"], offer["words"]) == (
        page(house, "undo", first.pk),
        f"Approved: the letter to {first.customer.name}.",
    )
    response = browser.post(page(house, "review", second.pk), decision(second))
    assert response["Location"] == page(house, "queue")
    assert Delivery.objects.of(house.manager).count() == 2


def test_ones_own_letters_are_not_led_to(house, browser, revision):
    factories.submitted(house, by=house.manager)
    response = browser.post(page(house, "review", revision.pk), decision(revision))
    assert response["Location"] == page(house, "queue")


@pytest.mark.parametrize(
    ("chosen", "state", "sentence"),
    [
        ("request_changes", "changes_requested", "Sent back with your word: the letter to "),
        ("reject", "rejected", "Rejected: the letter to "),
    ],
)
def test_refusing(house, browser, revision, chosen, state, sentence):
    url = page(house, "review", revision.pk)
    refused = browser.post(url, decision(revision, chosen, comment=" "))
    assert refused.status_code == 422
    assert set(refused.context["form"].errors) == {"comment"}
    response = browser.post(url, decision(revision, chosen))
    assert said(response) == [f"{sentence}{revision.customer.name}."]
    assert Draft.everywhere.get().state == state
    assert Delivery.everywhere.count() == 0


@pytest.mark.parametrize("chosen", list(Decision))
def test_deciding_on_ones_own_words_is_403(house, chosen):
    revision = factories.submitted(house, by=house.manager)
    response = factories.browser(house.manager).post(
        page(house, "review", revision.pk), decision(revision, chosen.value)
    )
    assert response.status_code == 403
    assert "Nobody decides on their own words" in response.content.decode()
    assert (Draft.everywhere.get().state, Review.everywhere.count()) == ("in_review", 0)


def test_a_marketer_decides_nothing(house, revision):
    response = factories.browser(house.marketer).post(
        page(house, "review", revision.pk), decision(revision)
    )
    assert response.status_code == 403
    assert Review.everywhere.count() == 0


def test_deciding_twice_is_a_conflict_that_says_who_was_faster(house, browser, revision):
    factories.decided(house, revision)
    response = factories.browser(house.administrator).post(
        page(house, "review", revision.pk), decision(revision, "reject", comment="kept words")
    )
    assert response.status_code == 409
    assert response.context["form"].non_field_errors() == [
        "Ruth Reader decided on this letter: Approved."
    ]
    assert response.context["form"]["comment"].value() == "kept words"
    assert response.context["is_open"] is False


def test_deciding_on_other_words_than_were_shown_is_a_conflict(house, browser, revision):
    response = browser.post(page(house, "review", revision.pk), decision(revision, sha256="0" * 64))
    assert response.status_code == 409
    assert Review.everywhere.count() == 0


def test_deciding_on_an_older_revision_is_a_conflict(house, browser, revision):
    actions.take_back(house.marketer, revision.draft_id)
    draft = Draft.everywhere.get()
    actions.submit(
        house.marketer, draft.pk, version=draft.version, words=actions.Words(WORDS + " more")
    )
    response = browser.post(page(house, "review", revision.pk), decision(revision))
    assert response.status_code == 409
    assert response.context["form"].non_field_errors() == [
        "Its author submitted newer words. Read those instead."
    ]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"decision": ""}, "decision"),
        ({"decision": "release"}, "decision"),
        ({"sha256": ""}, "sha256"),
        ({"sha256": "0" * 63}, "sha256"),
        ({"comment": "x" * 2001}, "comment"),
        ({"comment": "a\x00b"}, "comment"),
    ],
)
def test_a_form_that_cannot_be_read_keeps_what_was_typed(house, browser, revision, wrong, field):
    posted = decision(revision, comment="kept words") | wrong
    response = browser.post(page(house, "review", revision.pk), posted)
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {field}
    assert response.context["form"]["comment"].value() == posted["comment"]
    assert Review.everywhere.count() == 0


def test_htmx_gets_the_same_answers(house, revision):
    browser = factories.browser(house.manager, htmx=True)
    url = page(house, "review", revision.pk)
    assert browser.post(url, decision(revision, "reject", comment="")).status_code == 422
    assert browser.post(url, decision(revision)).status_code == 302
    assert browser.post(url, decision(revision)).status_code == 409


# --- undoing ---------------------------------------------------------------------------------


def test_undoing_puts_it_back_before_the_managers(house, browser, revision):
    browser.post(page(house, "review", revision.pk), decision(revision))
    response = browser.post(page(house, "undo", revision.pk))
    assert response["Location"] == page(house, "review", revision.pk)
    shown = browser.get(response["Location"])
    assert (shown.context["undo"], shown.context["is_open"]) == ([], True)
    assert Delivery.everywhere.get().state == "cancelled"


def test_after_the_seconds_it_says_that_they_are_over(house, browser, revision, clock):
    browser.post(page(house, "review", revision.pk), decision(revision))
    clock(11)
    response = browser.post(page(house, "undo", revision.pk))
    assert response["Location"] == page(house, "queue")
    assert "The 10 seconds to undo are over." in said(response)[0]
    assert Delivery.everywhere.get().state == "queued"


def test_somebody_elses_approval_is_not_undone(house, browser, revision):
    browser.post(page(house, "review", revision.pk), decision(revision))
    other = factories.browser(house.administrator)
    assert other.get(page(house, "queue")).context["undo"] == []
    assert other.post(page(house, "undo", revision.pk)).status_code == 403
    assert Delivery.everywhere.get().state == "queued"


def test_an_offer_of_one_workspace_is_not_made_in_another(house, browser, revision):
    other = factories.workspace()
    with transaction.atomic():
        enrol(other, house.manager.user, Role.MANAGER)
    browser.post(page(house, "review", revision.pk), decision(revision))
    there = browser.get(reverse("drafts:queue", args=[other.slug]))
    assert there.context["undo"] == []
    assert revision.customer.name not in there.content.decode()


def test_two_approvals_in_a_row_can_both_be_undone(house, browser):
    first, second = factories.submitted(house), factories.submitted(house)
    for revision in (first, second):
        browser.post(page(house, "review", revision.pk), decision(revision))
    offers = browser.get(page(house, "queue")).context["undo"]
    urls = [page(house, "undo", revision.pk) for revision in (second, first)]
    assert [offer["url"] for offer in offers] == urls
    browser.post(urls[1])
    (left,) = browser.get(page(house, "queue")).context["undo"]
    assert left["url"] == urls[0]


def test_undo_is_no_link(house, browser, revision):
    assert browser.get(page(house, "undo", revision.pk)).status_code == 405


# --- what it costs ---------------------------------------------------------------------------


def test_pages_cost_the_same_however_many_letters_wait(house, browser, revision):
    urls = [page(house, "queue"), page(house, "review", revision.pk)]
    counts: dict[str, list[int]] = {url: [] for url in urls}
    for more in (0, 2, 27):
        for _ in range(more):
            factories.submitted(house)
        for url in urls:
            browser.get(url)
            with CaptureQueriesContext(connection) as run:
                assert browser.get(url).status_code == 200
            counts[url].append(len(run))
    assert counts == {url: [found[0]] * 3 for url, found in counts.items()}


# --- small reads -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "opening"),
    [("a  b\n\nc", "a b c"), ("x" * 120, "x" * 120), ("x" * 121, "x" * 119 + "…"), ("", "")],
)
def test_an_opening_is_one_line(text, opening):
    assert queries.opening(text) == opening


def test_a_diff_puts_both_texts_together_again():
    old, new = "Hi Ana,\nwhich ink  is that?", "Hi Bo,\n\nwhich blue ink is it? 🐦"
    pieces = queries.diff(old, new)
    assert "".join(p.text for p in pieces if p.kind != "ins") == old
    assert "".join(p.text for p in pieces if p.kind != "del") == new
