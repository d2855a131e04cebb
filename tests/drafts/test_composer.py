"""The composer's pages: choosing a person, writing, reading along, submitting, the list."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Membership, Role
from outreach.customers.actions import suppress
from outreach.customers.models import Customer
from outreach.drafts import actions
from outreach.drafts.models import Decision, Draft, Revision
from tests import factories
from tests.factories import WORDS

pytestmark = pytest.mark.django_db
SPAM = "BUY NOW!!! FREE MONEY!!! CLICK HERE!!!"


@pytest.fixture
def draft(house):
    return factories.draft(house)


@pytest.fixture
def browser(house):
    return factories.browser(house.marketer)


def page(house, name: str, *ids: int) -> str:
    return reverse(f"drafts:{name}", args=[house.slug, *ids])


def typed(draft: Draft, text: str = WORDS, **more) -> dict:
    return {
        "text": text,
        "why_person": "she asked",
        "why_now": "",
        "what_they_get": "a recipe",
        "send_at": "",
        "version": draft.version,
    } | more


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


# --- choosing a person -----------------------------------------------------------------------


def test_people_to_write_to_with_why_not(house, browser):
    house.customer(name="Ana", first_name="Ana")
    house.customer(name="Bo", first_name="Bo", permission=False)
    factories.house().customer(name="Elsewhere")
    response = browser.get(page(house, "new"))
    people = [(p["name"], p["may"], p["why_not"]) for p in response.context["people"]]
    assert people == [("Ana", True, ""), ("Bo", False, "No permission of Bo is recorded.")]
    assert "Elsewhere" not in response.content.decode()


def test_choosing_a_person_begins_a_letter(house, browser):
    customer = house.customer()
    response = browser.post(page(house, "new"), {"customer": customer.pk})
    made = Draft.objects.of(house.marketer).get()
    assert (made.customer, made.x_account, made.author) == (
        customer,
        house.account,
        house.marketer.user,
    )
    assert (response.status_code, response["Location"]) == (302, page(house, "compose", made.pk))


@pytest.mark.parametrize("chosen", ["", "x", "-1", "0", "9" * 18, "9" * 40, "1\x00", "٣", "1.5"])
def test_choosing_nobody_is_404(house, browser, chosen):
    house.customer()
    assert browser.post(page(house, "new"), {"customer": chosen}).status_code == 404
    assert Draft.objects.of(house.marketer).count() == 0


def test_a_suppressed_person_is_refused_with_the_reason(house, browser):
    customer = house.customer(name="Maria Silva")
    suppress(house.marketer, customer.pk, reason="said stop")
    response = browser.post(page(house, "new"), {"customer": customer.pk})
    assert response["Location"] == page(house, "new")
    assert said(response) == ["Maria Silva must not be written to: said stop"]


def test_without_an_x_account_it_says_what_to_do(house):
    of = factories.workspace()
    member = factories.member(of, Role.MARKETER)
    person = Customer.objects.create(workspace=of, x_user_id=5, handle="ana", name="Ana")
    response = factories.browser(member).post(
        reverse("drafts:new", args=[of.slug]), {"customer": person.pk}
    )
    assert said(response) == ["No X account is connected yet, so nobody can be written to."]
    assert Draft.objects.of(member).count() == 0


def test_searching_and_paging_people(house, browser):
    for number in range(30):
        house.customer(name=f"Ana {number:02}", known=False, permission=False)
    house.customer(name="Bo")
    first = browser.get(page(house, "new"), {"q": "ana"})
    second = browser.get(first.context["older_url"])
    names = [p["name"] for p in first.context["people"] + second.context["people"]]
    assert names == [f"Ana {number:02}" for number in range(30)]
    back = browser.get(second.context["newer_url"])
    assert back.context["people"] == first.context["people"]
    assert browser.get(page(house, "new"), {"q": "a\x00", "older": "\x00~1"}).status_code == 200


# --- writing ---------------------------------------------------------------------------------


def test_the_composer_shows_what_is_stored(house, browser, draft):
    actions.save(house.marketer, draft.pk, version=1, words=actions.Words("Hi <b>", "why & so"))
    response = browser.get(page(house, "compose", draft.pk))
    form = response.context["form"]
    assert (response.status_code, response.context["version"]) == (200, 2)
    assert (form["text"].value(), form["why_person"].value()) == ("Hi <b>", "why & so")
    assert "Hi &lt;b&gt;" in response.content.decode()
    assert "Hi <b>" not in response.content.decode()
    assert response.context["reading"].received == "Hi <b>"


def test_saving_without_a_script(house, browser, draft):
    response = browser.post(page(house, "compose", draft.pk), typed(draft, "Hi\r\nyou\rthere"))
    assert (response.status_code, response["Location"]) == (302, page(house, "compose", draft.pk))
    draft.refresh_from_db()
    assert (draft.words, draft.why_person, draft.what_they_get, draft.version) == (
        "Hi\nyou\nthere",
        "she asked",
        "a recipe",
        2,
    )


def test_a_fix_without_a_script(house, browser, draft):
    response = browser.post(page(house, "compose", draft.pk), typed(draft, "Hi, so?!!!"))
    draft.refresh_from_db()
    reading = browser.get(response["Location"]).context["reading"]
    (finding,) = [f for f in reading.findings if f.rule == "shouting.marks"]
    browser.post(
        page(house, "compose", draft.pk), typed(draft, draft.words, fix=str(finding.number))
    )
    draft.refresh_from_db()
    fix = finding.fix
    assert draft.words == "Hi, so?!!!"[: fix.start] + fix.replacement + "Hi, so?!!!"[fix.end :]


@pytest.mark.parametrize("fix", ["99", "x", "-1", "9" * 40, "\x00"])
def test_a_fix_that_is_none_changes_nothing(house, browser, draft, fix):
    browser.post(page(house, "compose", draft.pk), typed(draft, "Hi, so?", fix=fix))
    draft.refresh_from_db()
    assert draft.words == "Hi, so?"


WRONG = [
    ({"text": "x" * 20_001}, "text"),
    ({"text": "a\x00b"}, "text"),
    ({"why_person": "x" * 301}, "why_person"),
    ({"why_now": "a\x00b"}, "why_now"),
    ({"send_at": "tomorrow"}, "send_at"),
    ({"send_at": "2026-02-30T10:00"}, "send_at"),
    ({"send_at": "0001-01-01T00:00"}, "send_at"),
    ({"send_at": "9999-12-31T23:59"}, "send_at"),
    ({"version": ""}, "version"),
    ({"version": "x"}, "version"),
    ({"version": "9" * 5000}, "version"),
]


@pytest.mark.parametrize(("wrong", "field"), WRONG)
def test_what_cannot_be_kept_is_answered_with_what_was_typed(house, browser, draft, wrong, field):
    zone = "Asia/Tokyo" if "0001" in wrong.get("send_at", "") else "America/Los_Angeles"
    type(house.marketer.user).objects.filter(pk=house.marketer.user_id).update(time_zone=zone)
    posted = typed(draft, "Hi, kept words") | wrong
    response = browser.post(page(house, "compose", draft.pk), posted)
    form = response.context["form"]
    assert response.status_code == 422
    assert set(form.errors) == {field}
    assert form["text"].value() == posted["text"]
    assert form["what_they_get"].value() == "a recipe"
    part = browser.post(page(house, "read", draft.pk), posted, headers={"HX-Request": "true"})
    assert part.status_code == 422
    assert part.context["conflict"] != ""
    draft.refresh_from_db()
    assert (draft.words, draft.version) == ("", 1)


def test_a_time_to_leave_is_in_the_writers_zone(house, browser, draft):
    type(house.marketer.user).objects.update(time_zone="Asia/Kolkata")
    browser.post(page(house, "compose", draft.pk), typed(draft, send_at="2031-05-01T09:30"))
    draft.refresh_from_db()
    assert draft.send_at is not None
    assert draft.send_at.isoformat() == "2031-05-01T04:00:00+00:00"


def test_a_stale_page_is_a_conflict_and_loses_nothing(house, browser, draft):
    actions.save(house.marketer, draft.pk, version=1, words=actions.Words("the other tab"))
    for act in ("save", "submit"):
        response = browser.post(page(house, "compose", draft.pk), typed(draft, "my words", act=act))
        assert response.status_code == 409
        assert response.context["form"]["text"].value() == "my words"
        assert response.context["form"].non_field_errors() == [
            "This letter was saved in another tab or on another device since you opened it."
        ]
        # Saving these words now is meant: the page carries the newer version.
        assert response.context["version"] == 2
    draft.refresh_from_db()
    assert draft.words == "the other tab"
    kept = browser.post(page(house, "compose", draft.pk), typed(draft, "my words", version=2))
    draft.refresh_from_db()
    assert (kept.status_code, draft.words) == (302, "my words")


def test_a_letter_that_is_not_open_is_shown_instead(house, browser):
    revision = factories.submitted(house)
    url, shown = (
        page(house, "compose", revision.draft_id),
        reverse("delivery:letter", args=[house.slug, revision.draft_id]),
    )
    assert browser.get(url)["Location"] == shown
    response = browser.post(url, typed(revision.draft, "other words"))
    assert response["Location"] == shown
    assert said(response) == ["This letter cannot be edited now, so nothing was saved."]
    revision.draft.refresh_from_db()
    assert revision.draft.words == WORDS


def test_somebody_elses_draft_is_shown_not_edited(house, draft):
    other = factories.browser(house.manager)
    response = other.post(page(house, "compose", draft.pk), typed(draft, "other words"))
    assert response["Location"] == reverse("delivery:letter", args=[house.slug, draft.pk])
    assert other.get(response["Location"]).status_code == 200
    part = other.post(page(house, "read", draft.pk), typed(draft, "other words"))
    assert (part.status_code, part.context["conflict"]) == (
        409,
        "Only its author changes a letter. Request a change instead.",
    )
    draft.refresh_from_db()
    assert draft.words == ""


def test_what_a_manager_asked_for_stands_above_the_words(house, browser):
    revision = factories.submitted(house)
    factories.decided(house, revision, Decision.REQUEST_CHANGES, "Say which ink.")
    asked = browser.get(page(house, "compose", revision.draft_id)).context["asked"]
    assert (asked["reviewer_name"], asked["comment"]) == ("Ruth Reader", "Say which ink.")


# --- reading along ---------------------------------------------------------------------------


def test_reading_along_saves_and_answers_with_parts(house, browser, draft):
    part = browser.post(
        page(house, "read", draft.pk), typed(draft, SPAM), headers={"HX-Request": "true"}
    )
    draft.refresh_from_db()
    assert (part.status_code, part.context["conflict"]) == (200, "")
    assert (draft.words, draft.version, part.context["version"]) == (SPAM, 2, 2)
    assert part.context["reading"].verdict == "spam"
    assert "<html" not in part.content.decode()
    assert "<textarea" not in part.content.decode()


def test_reading_along_from_a_stale_page_saves_nothing_and_reads_all_the_same(
    house, browser, draft
):
    actions.save(house.marketer, draft.pk, version=1, words=actions.Words("the other tab"))
    part = browser.post(page(house, "read", draft.pk), typed(draft, SPAM))
    draft.refresh_from_db()
    assert (part.status_code, draft.words) == (409, "the other tab")
    assert part.context["reading"].verdict == "spam"
    assert "another tab or on another device" in part.context["conflict"]


def test_reading_along_after_submission_says_so(house, browser):
    revision = factories.submitted(house)
    part = browser.post(page(house, "read", revision.draft_id), typed(revision.draft, "other"))
    assert part.status_code == 409
    assert part.context["conflict"] == "This letter is in review. Take it back to edit it."


def test_only_posts_are_read(house, browser, draft):
    assert browser.get(page(house, "read", draft.pk)).status_code == 405
    assert browser.get(page(house, "withdraw", draft.pk)).status_code == 405


@pytest.mark.parametrize(
    "text",
    [
        "🐦" * 3000,
        "<script>",
        "{" * 5000,
        "{first_name|" * 500,
        "\u202e\u200b",
        "a " * 9000,
        "!" * 10_000,
    ],
)
def test_anything_can_be_written(house, browser, draft, text):
    part = browser.post(page(house, "read", draft.pk), typed(draft, text))
    assert part.status_code == 200
    assert "<script>" not in part.content.decode()
    draft.refresh_from_db()
    assert draft.words == text


# --- submitting ------------------------------------------------------------------------------


def test_submitting(house, browser, draft):
    response = browser.post(page(house, "compose", draft.pk), typed(draft, act="submit"))
    assert response["Location"] == reverse("delivery:letter", args=[house.slug, draft.pk])
    assert said(response) == ["The letter is submitted. A manager reads it next."]
    assert Revision.objects.of(house.marketer).get().words == WORDS


def test_where_nobody_else_can_approve_the_page_says_so(house):
    Membership.objects.filter(user=house.administrator.user).delete()
    draft = factories.draft(house, by=house.manager)
    response = factories.browser(house.manager).post(
        page(house, "compose", draft.pk), typed(draft, act="submit")
    )
    assert said(response)[1] == (
        "Nobody else in this workspace can approve it: nobody approves their own words. "
        "An administrator can invite a manager."
    )


def test_spam_asks_for_a_reason_at_its_field(house, browser, draft):
    posted = typed(draft, SPAM, act="submit")
    response = browser.post(page(house, "compose", draft.pk), posted)
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"disagreement"}
    assert response.context["form"]["text"].value() == SPAM
    response = browser.post(
        page(house, "compose", draft.pk), posted | {"disagreement": "they like it loud"}
    )
    assert response.status_code == 302
    assert Revision.objects.of(house.marketer).get().disagreement == "they like it loud"


@pytest.mark.parametrize("text", ["", "Hi [NAME], so?", "Hi {nobody}, so?"])
def test_what_blocks_is_named_at_the_letter(house, browser, draft, text):
    response = browser.post(page(house, "compose", draft.pk), typed(draft, text, act="submit"))
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"text"}
    assert response.context["form"]["text"].value() == text
    assert Revision.objects.of(house.marketer).count() == 0


def test_a_time_that_has_passed_is_named(house, browser, draft):
    posted = typed(draft, act="submit", send_at="2020-01-01T10:00")
    response = browser.post(page(house, "compose", draft.pk), posted)
    assert response.status_code == 422
    assert response.context["form"].errors["send_at"] == [
        "That time has passed. Give a later one, or leave it empty."
    ]


def test_a_person_suppressed_meanwhile(house, browser, draft):
    suppress(house.manager, draft.customer_id, reason="said stop")
    response = browser.post(page(house, "compose", draft.pk), typed(draft, act="submit"))
    assert response.status_code == 422
    assert "must not be written to: said stop" in str(response.context["form"].errors["text"])


# --- taking back -----------------------------------------------------------------------------


def test_an_approved_letter_is_taken_back_to_edit_it(house, browser):
    letter = factories.delivery(house)
    draft_id = letter.revision.draft_id
    response = browser.post(page(house, "withdraw", draft_id))
    assert response["Location"] == page(house, "compose", draft_id)
    assert browser.get(response["Location"]).status_code == 200
    letter.refresh_from_db()
    assert letter.state == "cancelled"


def test_what_cannot_be_taken_back_says_why(house):
    letter = factories.delivery(house)
    shown = reverse("delivery:letter", args=[house.slug, letter.revision.draft_id])
    response = factories.browser(house.manager).post(
        page(house, "withdraw", letter.revision.draft_id)
    )
    assert response["Location"] == shown
    assert said(response) == ["Only its author changes a letter. Request a change instead."]


# --- the list --------------------------------------------------------------------------------


def test_the_list_shows_this_workspaces_letters_by_state(house, browser):
    factories.submitted(factories.house(), words=WORDS + " elsewhere")
    open_one = factories.draft(house, house.customer(name="Ana"))
    factories.submitted(house, house.customer(name="Bo"))
    factories.delivery(house, house.customer(name="Cy"))
    response = browser.get(page(house, "list"))
    rows = [(row.person, row.state) for row in response.context["rows"]]
    assert rows == [("Cy", "approved"), ("Bo", "in_review"), ("Ana", "draft")]
    assert "elsewhere" not in response.content.decode()
    assert [(tab.label, tab.count) for tab in response.context["tabs"]] == [
        ("All", 3),
        ("Draft", 1),
        ("In review", 1),
        ("Changes requested", 0),
        ("Approved", 1),
        ("Rejected", 0),
    ]
    only = browser.get(page(house, "list"), {"state": "draft"}).context["rows"]
    assert [(row.id, row.url) for row in only] == [
        (open_one.pk, page(house, "compose", open_one.pk))
    ]
    for state in ("made up", "\x00", "draft'"):
        assert len(browser.get(page(house, "list"), {"state": state}).context["rows"]) == 3


def test_who_did_not_write_it_is_led_to_its_page(house, draft):
    (row,) = factories.browser(house.manager).get(page(house, "list")).context["rows"]
    assert row.url == reverse("delivery:letter", args=[house.slug, draft.pk])


def test_the_list_pages_both_ways_and_keeps_the_state(house, browser):
    customer = house.customer()
    made = [factories.draft(house, customer).pk for _ in range(35)]
    first = browser.get(page(house, "list"), {"state": "draft"})
    second = browser.get(first.context["older_url"])
    assert "state=draft" in first.context["older_url"]
    ids = [row.id for row in first.context["rows"] + second.context["rows"]]
    assert ids == made[::-1]
    back = browser.get(second.context["newer_url"])
    assert [row.id for row in back.context["rows"]] == ids[:30]


def test_pages_cost_the_same_however_many_letters(house, browser):
    customer = house.customer()
    draft = factories.draft(house, customer)
    urls = [page(house, "list"), page(house, "new"), page(house, "compose", draft.pk)]
    counts: dict[str, list[int]] = {url: [] for url in urls}
    for more in (0, 2, 27):
        for _ in range(more):
            factories.draft(house, house.customer())
        for url in urls:
            browser.get(url)
            with CaptureQueriesContext(connection) as run:
                assert browser.get(url).status_code == 200
            counts[url].append(len(run))
    assert counts == {url: [found[0]] * 3 for url, found in counts.items()}
