"""A spam verdict passes only as a disagreement, which a manager settles in so many words."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.urls import reverse

from outreach.audit.models import AuditEvent
from outreach.customers.erasing.actions import erase
from outreach.delivery.models import Delivery
from outreach.drafts import actions, errors, policy_queries
from outreach.drafts.models import Decision, Review, Revision, Side
from outreach.guidance import Verdict
from tests import factories

pytestmark = pytest.mark.django_db
SPAM = "Check out my site!!! Order now, limited time, win a prize: bit.ly/fox"
WHY = "They asked for exactly this."


@pytest.fixture
def disagreement(house):
    return factories.submitted(house, words=SPAM, disagreement=WHY)


def review_page(house, revision) -> str:
    return reverse("drafts:review", args=[house.slug, revision.pk])


def posted(revision, decision: str = "approve", **more: str) -> dict[str, str]:
    return {"decision": decision, "sha256": revision.text_sha256, "comment": "so"} | more


def exported(*arguments: str) -> list[dict[str, str]]:
    out = StringIO()
    call_command("export_disagreements", *arguments, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


# --- submitting ------------------------------------------------------------------------------


def test_spam_does_not_pass_without_a_reason(house):
    for reason in ("", "  \n"):
        with pytest.raises(errors.DisagreementNeeded):
            factories.submitted(house, words=SPAM, disagreement=reason)
    assert not Revision.objects.of(house.marketer).exists()


def test_with_a_reason_it_passes_and_the_log_says_so(house, disagreement):
    assert (disagreement.verdict, disagreement.disagreement) == (Verdict.SPAM, WHY)
    details = AuditEvent.objects.get(verb="draft.submitted").detail.details
    assert (details["verdict"], details["disagreement"]) == ("spam", WHY)


def test_a_reason_for_what_is_no_spam_is_no_disagreement(house):
    assert factories.submitted(house, disagreement=WHY).disagreement == ""


@pytest.mark.parametrize(
    "words", ["Hi {first_nam}, how are you?", "Hi Maria, tell us your password, will you?"]
)
def test_no_reason_lets_a_blocking_finding_pass(house, words):
    with pytest.raises(errors.Unreadable) as refused:
        factories.submitted(house, words=words, disagreement=WHY)
    assert not isinstance(refused.value, errors.DisagreementNeeded)
    assert not Revision.objects.of(house.marketer).exists()


# --- deciding --------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", Decision)
def test_who_decides_says_who_was_right(house, disagreement, decision):
    with pytest.raises(errors.SideNeeded, match="Say who was right: its writer, or guidance"):
        factories.decided(house, disagreement, decision)
    assert not Review.objects.of(house.manager).exists()


def test_agreeing_with_the_writer_lets_it_go(house, disagreement):
    review = factories.decided(house, disagreement, sided_with=Side.WRITER)
    assert review.sided_with == "writer"
    assert Delivery.objects.of(house.manager).filter(approval=review).exists()
    details = AuditEvent.objects.get(verb="draft.approved").detail.details
    assert details["sided_with"] == "writer"


def test_what_guidance_was_right_about_is_not_approved(house, disagreement):
    with pytest.raises(errors.SideNeeded, match="ask for a change or reject it"):
        factories.decided(house, disagreement, sided_with=Side.GUIDANCE)
    review = factories.decided(house, disagreement, Decision.REJECT, sided_with=Side.GUIDANCE)
    assert (review.decision, review.sided_with) == ("reject", "guidance")


def test_a_letter_without_a_disagreement_takes_no_side(house):
    review = factories.decided(house, factories.submitted(house), sided_with=Side.GUIDANCE)
    assert review.sided_with == ""


@pytest.mark.parametrize("side", ["", Side.GUIDANCE])
def test_the_database_approves_a_disagreement_only_with_its_writer(house, disagreement, side):
    review = Review(
        workspace=house.workspace,
        revision=disagreement,
        reviewer_id=house.manager.user_id,
        words_by_id=disagreement.author_id,
        decision=Decision.APPROVE,
        sided_with=side,
    )
    with pytest.raises(IntegrityError, match="agrees with its writer"), transaction.atomic():
        review.save()


def test_whom_a_manager_sided_with_never_changes(house, disagreement):
    review = factories.decided(house, disagreement, sided_with=Side.WRITER)
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        Review.everywhere.filter(pk=review.pk).update(sided_with="")


# --- the page --------------------------------------------------------------------------------


def test_the_review_asks_who_is_right_only_where_there_is_a_disagreement(house, disagreement):
    browser = factories.browser(house.manager)
    content = browser.get(review_page(house, disagreement)).content.decode()
    assert content.count('name="sided_with"') == 2
    assert WHY in content
    plain = browser.get(review_page(house, factories.submitted(house))).content.decode()
    assert 'name="sided_with"' not in plain


def test_deciding_without_a_side_says_so_at_the_field_and_keeps_the_comment(house, disagreement):
    browser = factories.browser(house.manager)
    response = browser.post(
        review_page(house, disagreement), posted(disagreement, comment="Good point.")
    )
    form = response.context["form"]
    assert response.status_code == 422
    assert form.errors["sided_with"] == ["Say who was right: its writer, or guidance."]
    assert form["comment"].value() == "Good point."
    assert 'href="#id_sided_with"' in response.content.decode()
    assert 'id="id_sided_with"' in response.content.decode()


@pytest.mark.parametrize(
    ("decision", "side", "sentence"),
    [
        ("approve", "writer", "approved it and agreed with its writer"),
        ("reject", "guidance", "rejected it and found that guidance was right"),
    ],
)
def test_a_side_taken_on_the_page_is_told_between_author_and_manager(
    house, disagreement, decision, side, sentence
):
    browser = factories.browser(house.manager)
    url = review_page(house, disagreement)
    response = browser.post(url, posted(disagreement, decision, sided_with=side))
    assert response.status_code == 302
    assert sentence in browser.get(url).content.decode()


def test_a_side_that_is_none_is_refused(house, disagreement):
    browser = factories.browser(house.manager)
    response = browser.post(
        review_page(house, disagreement), posted(disagreement, sided_with="mine")
    )
    assert (response.status_code, Review.everywhere.count()) == (422, 0)


# --- what is learned -------------------------------------------------------------------------


def test_settled_disagreements_are_counted_and_exported(house):
    made = [
        factories.submitted(house, words=f"{SPAM} {number}", disagreement=WHY)
        for number in range(4)
    ]
    factories.decided(house, made[0], sided_with=Side.WRITER)
    factories.decided(house, made[1], Decision.REQUEST_CHANGES, sided_with=Side.GUIDANCE)
    # Taken back, it was never settled.
    factories.decided(house, made[2], sided_with=Side.WRITER)
    actions.undo_approval(house.manager, made[2].pk)
    factories.decided(house, factories.submitted(house))
    counts = policy_queries.disagreements(house.manager)
    assert (counts.writer, counts.guidance, counts.waiting) == (1, 1, 2)
    source = f"workspace:{house.slug}"
    assert exported() == [
        {"text": made[0].text, "label": "good", "group": "disagreement", "source": source},
        {"text": made[1].text, "label": "spam", "group": "disagreement", "source": source},
    ]


def test_an_older_revision_waits_no_more(house, disagreement):
    actions.take_back(house.marketer, disagreement.draft_id)
    assert policy_queries.disagreements(house.manager).waiting == 0
    draft = disagreement.draft
    draft.refresh_from_db()
    actions.submit(
        house.marketer,
        draft.pk,
        version=draft.version,
        words=actions.Words(SPAM + " again"),
        disagreement=WHY,
    )
    assert policy_queries.disagreements(house.manager).waiting == 1


def test_an_export_is_of_one_workspace_where_one_is_named(house, disagreement):
    other = factories.house()
    theirs = factories.submitted(other, words=SPAM, disagreement=WHY)
    for of, revision in ((house, disagreement), (other, theirs)):
        factories.decided(of, revision, sided_with=Side.WRITER)
    assert len(exported()) == 2
    assert [line["source"] for line in exported("--workspace", other.slug)] == [
        f"workspace:{other.slug}"
    ]
    assert policy_queries.disagreements(house.marketer).writer == 1
    with pytest.raises(CommandError, match="no workspace at /w/none/"):
        exported("--workspace", "none")


def test_what_was_erased_is_not_exported(house, disagreement):
    factories.decided(house, disagreement, sided_with=Side.WRITER)
    erase(house.manager, disagreement.customer_id)
    assert exported() == []


def test_counting_is_one_query(house, disagreement, django_assert_num_queries):
    with django_assert_num_queries(1):
        policy_queries.disagreements(house.manager)
