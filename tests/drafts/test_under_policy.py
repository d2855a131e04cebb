"""Where guidance runs under the policy: while one writes, at submission, in review, at approval."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Workspace
from outreach.customers.actions import suppress
from outreach.customers.models import Customer
from outreach.delivery.models import Delivery
from outreach.drafts import actions, errors, policy_queries
from outreach.drafts.models import Decision, Draft, Review
from outreach.drafts.reading import STOPPED_RULE, Terms, read_words
from outreach.ground.clock import now
from outreach.guidance.policy import Exemption, Level, stop_line
from tests import factories
from tests.factories import WORDS

pytestmark = pytest.mark.django_db
SPAM = "Check out my site!!! Order now, limited time, win a prize: bit.ly/fox"


def address(house, name: str, *ids: int) -> str:
    return reverse(f"drafts:{name}", args=[house.slug, *ids])


def read(house, draft, words: str):
    """What the composer says of these words."""
    posted = {"text": words, "version": str(draft.version)}
    browser = factories.browser(house.marketer, htmx=True)
    response = browser.post(address(house, "read", draft.pk), posted)
    assert response.status_code == 200
    draft.refresh_from_db()
    return response.context["reading"]


def rules(reading) -> set[str]:
    return {finding.rule for finding in reading.findings}


# --- while one writes ------------------------------------------------------------------------


def test_the_composer_reads_under_the_policy(house):
    draft = factories.draft(house)
    assert "house.avoid" not in rules(read(house, draft, WORDS))
    factories.policy(
        house,
        house_limit=30,
        avoid=("recipe",),
        severities={"length.over": Level.OFF, "length.long": Level.BLOCK},
    )
    reading = read(house, draft, WORDS)
    (avoided,) = [f for f in reading.findings if f.rule == "house.avoid"]
    assert avoided.quote == "recipe"
    assert WORDS[avoided.start : avoided.end] == "recipe"
    assert avoided.source == "The workspace's own words (guidance policy, version 1)"
    assert (reading.limit, reading.verdict) == (30, "mend")
    assert [f.rule for f in reading.blocking] == ["length.long"]


def test_the_brand_of_the_policy_is_whose_letter_it_is(house, monkeypatch):
    seen = []
    from outreach.guidance import policy

    real = policy.read
    monkeypatch.setattr(
        policy, "read", lambda text, context: seen.append(context) or real(text, context)
    )
    draft = factories.draft(house)
    read(house, draft, WORDS)
    factories.policy(house, brand="Fox & Co")
    read(house, draft, WORDS + " Bye")
    assert [context.brand for context in seen] == [house.workspace.name, "Fox & Co"]


def test_merge_fields_hide_no_phrase(house):
    factories.policy(house, avoid=("blue heron",))
    draft = factories.draft(house, house.customer(first_name="heron"))
    (avoided,) = [
        finding
        for finding in read(house, draft, "Hi you, the blue {first_name|x} is here.").findings
        if finding.rule == "house.avoid"
    ]
    assert avoided.quote == "blue {first_name|x}"


def test_a_person_who_said_stop_is_a_blocking_finding_in_the_composer(house):
    draft = factories.draft(house)
    assert STOPPED_RULE not in rules(read(house, draft, WORDS))
    suppress(house.marketer, draft.customer_id, reason="said stop on 4 May")
    reading = read(house, draft, WORDS + " Bye")
    (stopped,) = reading.blocking
    assert stopped.rule == STOPPED_RULE
    assert stopped.title == f"{draft.customer.name} must not be written to: said stop on 4 May"
    assert reading.verdict == "mend"


def test_reading_costs_the_same_however_much_was_written_and_set(house):
    draft = factories.draft(house)
    browser = factories.browser(house.marketer, htmx=True)
    url, counts = address(house, "read", draft.pk), []
    for number in (1, 20, 100):
        factories.policy(house, avoid=tuple(f"fox {each}" for each in range(number)))
        draft.refresh_from_db()
        posted = {"text": WORDS * number, "version": str(draft.version)}
        with CaptureQueriesContext(connection) as run:
            assert browser.post(url, posted).status_code == 200
        counts.append(len(run))
    assert counts == [counts[0]] * 3


# --- the first letter ------------------------------------------------------------------------


def test_a_first_letter_is_asked_to_say_how_to_stop_and_one_click_adds_the_line(house):
    draft = factories.draft(house)
    reading = read(house, draft, WORDS)
    (missing,) = [f for f in reading.findings if f.rule == "stop.missing"]
    assert missing.fix is not None
    length = reading.length
    browser = factories.browser(house.marketer)
    # Without a script: the fix is a plain post of the form.
    browser.post(
        address(house, "compose", draft.pk),
        {"text": WORDS, "version": str(draft.version), "fix": str(missing.number)},
    )
    draft.refresh_from_db()
    assert draft.words == f"{WORDS}\n\n{stop_line()}"
    reading = read(house, draft, draft.words)
    assert ("stop.missing" in rules(reading), reading.length) == (False, length)


def test_the_composer_knows_the_line_that_does_not_count(house):
    draft = factories.draft(house)
    page = factories.browser(house.marketer).get(address(house, "compose", draft.pk))
    assert f'data-stop-line="{stop_line()}"' in page.content.decode()


@pytest.mark.parametrize(
    ("state", "days", "is_first"),
    [
        ("sent", 1, False),
        ("sent", 89, False),
        ("sent", 91, True),
        ("sending", 0, False),
        ("uncertain", 0, False),
        ("queued", 0, True),
        ("cancelled", 0, True),
        ("failed", 0, True),
    ],
)
def test_a_letter_is_the_first_after_ninety_days_without_one(house, state, days, is_first):
    customer = house.customer()
    delivery = factories.delivery(house, customer)
    then = now() - timedelta(days=days)
    Delivery.everywhere.filter(pk=delivery.pk).update(
        state=state,
        sent_at=then if state == "sent" else None,
        changed_at=then,
        claim_token="00000000-0000-4000-8000-000000000000",
        reason="so",
    )
    assert policy_queries.terms_of(house.marketer, customer).first_letter is is_first


def test_letters_from_any_account_of_the_workspace_count_and_no_other_workspaces(house):
    other = factories.house()
    customer = house.customer(x_user_id=77)
    theirs = factories.delivery(other, other.customer(x_user_id=77))
    Delivery.everywhere.filter(pk=theirs.pk).update(state="sent", sent_at=now())
    assert policy_queries.terms_of(house.marketer, customer).first_letter is True
    house.account = factories.account(house.workspace)
    second = factories.delivery(house, customer)
    Delivery.everywhere.filter(pk=second.pk).update(state="sent", sent_at=now())
    assert policy_queries.terms_of(house.marketer, customer).first_letter is False


# --- submission ------------------------------------------------------------------------------


def test_what_the_policy_stops_is_not_submitted(house):
    factories.policy(house, avoid=("recipe",), severities={"house.avoid": Level.BLOCK})
    with pytest.raises(errors.Unreadable, match="“recipe” is a phrase that this workspace avoids"):
        factories.submitted(house)


def test_the_page_says_what_stops_it_at_the_words(house):
    factories.policy(house, avoid=("recipe",), severities={"house.avoid": Level.BLOCK})
    draft = factories.draft(house)
    response = factories.browser(house.marketer).post(
        address(house, "compose", draft.pk),
        {"text": WORDS, "version": str(draft.version), "act": "submit"},
    )
    assert response.status_code == 422
    assert "is a phrase that this workspace avoids" in str(response.context["form"].errors["text"])
    assert response.context["form"]["text"].value() == WORDS


def test_an_exception_can_turn_spam_into_what_passes(house):
    words = (
        "Hi {first_name|there}, the Order now, limited time show is on. Shall I keep you a seat?"
    )
    with pytest.raises(errors.DisagreementNeeded):
        factories.submitted(house, words=words + " Click here, win a prize, act now.")
    factories.policy(
        house,
        exceptions=(
            Exemption("selling.outright", "order now", "The name of our show."),
            Exemption("urgency", "limited time", "The name of our show."),
        ),
    )
    revision = factories.submitted(house, words=words)
    assert not {"selling.outright", "urgency"} & {f["rule"] for f in revision.report["findings"]}


def test_a_revision_keeps_the_report_and_the_version_it_was_read_under(house):
    factories.policy(house, avoid=("recipe",))
    revision = factories.submitted(house)
    revision.refresh_from_db()
    assert revision.policy_version == 1
    terms = policy_queries.terms_of(house.marketer, revision.customer)
    reading = read_words(revision.words, revision.customer, house.workspace, terms)
    assert revision.report == reading.report.as_dict()


# --- in review -------------------------------------------------------------------------------


def test_the_review_shows_what_was_said_then_not_what_would_be_said_now(house):
    revision = factories.submitted(house)
    factories.policy(house, severities={"greeting.name": Level.WARN}, avoid=("recipe",))
    context = factories.browser(house.manager).get(address(house, "review", revision.pk)).context
    stored = [(f["rule"], f["severity"]) for f in revision.report["findings"]]
    assert sorted((f.rule, f.severity) for f in context["reading"].findings) == sorted(stored)
    assert context["reading"].policy_version == 0
    assert "house.avoid" not in rules(context["reading"])
    assert context["policy_note"].startswith("The letter passes under the new one, too")
    quotes = {f.rule: f.quote for f in context["reading"].findings}
    assert quotes["greeting.name"] == "Maria"


def test_the_review_says_where_the_new_policy_would_stop_it(house):
    revision = factories.submitted(house)
    browser = factories.browser(house.manager)
    assert browser.get(address(house, "review", revision.pk)).context["policy_note"] == ""
    factories.policy(house, avoid=("recipe",), severities={"house.avoid": Level.BLOCK})
    note = browser.get(address(house, "review", revision.pk)).context["policy_note"]
    assert note.startswith("It would not pass any more: “recipe” is a phrase")


# --- approval --------------------------------------------------------------------------------


def test_approval_under_the_same_policy_reads_nothing_again(house, monkeypatch):
    factories.policy(house, avoid=("blowout",))
    revision = factories.submitted(house)
    monkeypatch.setattr(actions, "read_again", None)
    review = factories.decided(house, revision)
    assert (review.policy_version, review.report) == (1, None)


def test_approval_under_a_newer_policy_keeps_the_new_report(house):
    revision = factories.submitted(house)
    factories.policy(house, avoid=("recipe",))
    review = factories.decided(house, revision)
    review.refresh_from_db()
    assert review.policy_version == 1
    assert review.report is not None
    assert "house.avoid" in {finding["rule"] for finding in review.report["findings"]}
    context = factories.browser(house.manager).get(address(house, "review", revision.pk)).context
    assert "house.avoid" in rules(context["reading"])
    assert context["reading"].policy_version == 1


def test_what_a_newer_policy_stops_is_not_approved(house):
    revision = factories.submitted(house)
    factories.policy(house, avoid=("recipe",), severities={"house.avoid": Level.BLOCK})
    browser = factories.browser(house.manager)
    response = browser.post(
        address(house, "review", revision.pk),
        {"decision": "approve", "sha256": revision.text_sha256, "comment": "Lovely."},
    )
    assert response.status_code == 422
    (said,) = response.context["form"].non_field_errors()
    assert said.startswith("The guidance policy changed since this was submitted. “recipe” is")
    assert response.context["form"]["comment"].value() == "Lovely."
    assert not Review.objects.of(house.manager).exists()
    # The way on: a change is asked for, the words are mended and pass.
    factories.decided(house, revision, Decision.REQUEST_CHANGES, "Say it without the recipe.")
    draft = Draft.objects.of(house.marketer).get()
    again = actions.submit(
        house.marketer,
        draft.pk,
        version=draft.version,
        words=actions.Words(WORDS.replace("recipe", "method")),
    )
    assert factories.decided(house, again.revision).policy_version == 1


def test_what_a_newer_policy_calls_spam_needs_its_authors_reason(house):
    factories.policy(house, welcome=(SPAM,))
    plain = factories.submitted(house, words=SPAM)
    assert plain.verdict != "spam"
    factories.policy(house, welcome=())
    argued = factories.submitted(house, words=SPAM, disagreement="They asked for it.")
    factories.policy(house, house_limit=20)
    with pytest.raises(errors.PolicyStops, match="It reads as a letter to the householder"):
        factories.decided(house, plain)
    assert factories.decided(house, argued, sided_with="writer").policy_version == 3


def test_what_a_review_keeps_never_changes_but_that_erasing_takes_the_report(house):
    revision = factories.submitted(house)
    factories.policy(house, avoid=("recipe",))
    review = factories.decided(house, revision)
    rows = Review.everywhere.filter(pk=review.pk)
    for change in ({"policy_version": 0}, {"report": {"findings": []}}):
        with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
            rows.update(**change)
    rows.update(report=None)


# --- pure ------------------------------------------------------------------------------------


def test_terms_without_anything_are_the_defaults():
    maria = Customer(name="Maria", first_name="Maria", handle="maria")
    brand = Workspace(name="Ink & Loom")
    assert read_words(WORDS, maria, brand) == read_words(WORDS, maria, brand, Terms())
