"""Writing a letter, submitting it, deciding on it, taking it back: one use case after another."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError

from accounts.access import NotAllowed
from accounts.models import Membership, Role
from outreach.audit.models import AuditEvent
from outreach.customers.actions import suppress
from outreach.delivery.models import Delivery
from outreach.drafts import actions, errors
from outreach.drafts.actions import Words
from outreach.drafts.models import Decision, Draft, Review, Revision, sha256_of
from outreach.ground.clock import now
from tests import factories
from tests.factories import WORDS

pytestmark = pytest.mark.django_db
SPAM = "BUY NOW!!! FREE MONEY!!! CLICK HERE!!!"
BLOCKED = "Hi [NAME], which ink do you use? Have a great day, Jo"


@pytest.fixture
def draft(house):
    return factories.draft(house)


def approve(member, revision, **changes):
    values = {"decision": Decision.APPROVE, "text_sha256": revision.text_sha256} | changes
    return actions.decide(member, revision.pk, **values)


def deliveries(draft) -> list[str]:
    rows = Delivery.everywhere.filter(revision__draft=draft).order_by("pk")
    return list(rows.values_list("state", flat=True))


def state(draft: Draft) -> str:
    draft.refresh_from_db()
    return draft.state


# --- start -----------------------------------------------------------------------------------


def test_a_new_draft_is_empty_and_its_authors(house):
    customer = house.customer()
    draft = actions.start(house.marketer, customer_id=customer.pk, x_account_id=house.account.pk)
    stored = Draft.objects.of(house.marketer).get()
    assert (stored, stored.author, stored.customer) == (draft, house.marketer.user, customer)
    assert (stored.state, stored.words, stored.version) == ("draft", "", 1)


def test_no_letter_is_begun_to_a_suppressed_person(house):
    customer = house.customer(name="Maria Silva")
    suppress(house.marketer, customer.pk, reason="said stop")
    with pytest.raises(errors.CannotBeWrittenTo) as refused:
        factories.draft(house, customer)
    assert str(refused.value) == "Maria Silva must not be written to: said stop"
    assert Draft.objects.of(house.marketer).count() == 0


# --- save ------------------------------------------------------------------------------------


def test_saving_keeps_everything_that_was_typed(house, draft):
    leave = now() + timedelta(days=1)
    words = Words("Hi\n  🐦 ", "asked", "today", "a recipe", leave)
    saved = actions.save(house.marketer, draft.pk, version=1, words=words)
    draft.refresh_from_db()
    assert (draft.words, draft.why_person, draft.why_now) == ("Hi\n  🐦 ", "asked", "today")
    assert (draft.what_they_get, draft.send_at) == ("a recipe", leave)
    assert (draft.version, saved.version) == (2, 2)
    assert Revision.objects.of(house.marketer).count() == 0


def test_a_stale_page_overwrites_nothing(house, draft):
    actions.save(house.marketer, draft.pk, version=1, words=Words("from the first tab"))
    with pytest.raises(errors.SavedElsewhere):
        actions.save(house.marketer, draft.pk, version=1, words=Words("from the second tab"))
    draft.refresh_from_db()
    assert (draft.words, draft.version) == ("from the first tab", 2)


def test_the_same_words_again_are_no_conflict(house, draft):
    """The answer to the first save was lost; the page tries again."""
    words = Words("from the first tab")
    for _ in range(2):
        saved = actions.save(house.marketer, draft.pk, version=1, words=words)
    assert saved.version == 2


def test_a_version_from_the_future_is_a_conflict_too(house, draft):
    with pytest.raises(errors.SavedElsewhere):
        actions.save(house.marketer, draft.pk, version=99, words=Words("Hi"))


def test_only_its_author_saves(house, draft):
    for member in (house.manager, house.administrator):
        with pytest.raises(errors.NotYours):
            actions.save(member, draft.pk, version=1, words=Words("Hi"))
    draft.refresh_from_db()
    assert draft.words == ""


@pytest.mark.parametrize("decision", [None, Decision.APPROVE, Decision.REJECT])
def test_what_is_out_of_the_writers_hands_is_not_saved(house, decision):
    revision = factories.submitted(house)
    if decision:
        factories.decided(house, revision, decision)
    draft = revision.draft
    draft.refresh_from_db()
    with pytest.raises(errors.NotEditable, match="Take it back to edit it"):
        actions.save(house.marketer, draft.pk, version=draft.version, words=Words("other"))
    draft.refresh_from_db()
    assert draft.words == WORDS


# --- submit ----------------------------------------------------------------------------------


def test_submission_freezes_the_words_as_received(house):
    customer = house.customer(first_name="Zoë")
    draft = factories.draft(house, customer)
    done = actions.submit(
        house.marketer, draft.pk, version=1, words=Words(WORDS, "asked", "today", "a recipe")
    )
    revision = Revision.objects.of(house.marketer).get()
    assert done.revision == revision
    assert (revision.words, revision.text) == (WORDS, WORDS.replace("{first_name|there}", "Zoë"))
    assert revision.text_sha256 == sha256_of(revision.text)
    assert (revision.number, revision.author, revision.customer) == (
        1,
        house.marketer.user,
        customer,
    )
    assert (revision.why_person, revision.why_now, revision.what_they_get) == (
        "asked",
        "today",
        "a recipe",
    )
    assert (revision.verdict, revision.disagreement, done.nobody_else) == ("good", "", False)
    assert state(draft) == "in_review"


def test_what_changes_about_the_customer_later_changes_no_revision(house):
    customer = house.customer(first_name="Zoë")
    revision = factories.submitted(house, customer)
    type(customer).everywhere.filter(pk=customer.pk).update(first_name="Other")
    letter = approve(house.manager, revision).delivery
    assert "Hi Zoë," in letter.text


@pytest.mark.parametrize("words", [BLOCKED, "", "   ", "Hi {first_nam}, how are you?"])
def test_what_guidance_blocks_does_not_pass_even_with_a_reason(house, draft, words):
    with pytest.raises(errors.Unreadable) as refused:
        actions.submit(
            house.marketer, draft.pk, version=1, words=Words(words), disagreement="I know better"
        )
    assert not isinstance(refused.value, errors.DisagreementNeeded)
    assert str(refused.value) == refused.value.reading.blocking[0].title
    assert (state(draft), Revision.everywhere.count()) == ("draft", 0)


def test_a_field_without_a_value_does_not_pass(house):
    draft = factories.draft(house, house.customer(first_name="", name="Maria Silva"))
    with pytest.raises(errors.Unreadable, match="We do not know the first name of Maria Silva"):
        actions.submit(house.marketer, draft.pk, version=1, words=Words("Hi {first_name}, so?"))


@pytest.mark.parametrize("reason", ["", "  \n "])
def test_spam_needs_the_authors_reason(house, draft, reason):
    with pytest.raises(errors.DisagreementNeeded):
        actions.submit(house.marketer, draft.pk, version=1, words=Words(SPAM), disagreement=reason)
    assert (state(draft), Revision.everywhere.count()) == ("draft", 0)


def test_spam_with_a_reason_goes_to_the_managers_with_it(house, draft):
    done = actions.submit(
        house.marketer, draft.pk, version=1, words=Words(SPAM), disagreement="they like it loud"
    )
    assert (done.revision.verdict, done.revision.disagreement) == ("spam", "they like it loud")
    event = AuditEvent.objects.get(verb="draft.submitted")
    assert event.detail.details["disagreement"] == "they like it loud"


def test_a_reason_for_what_is_no_spam_is_not_kept(house, draft):
    done = actions.submit(
        house.marketer, draft.pk, version=1, words=Words(WORDS), disagreement="for no reason"
    )
    assert done.revision.disagreement == ""


def test_a_letter_to_a_person_suppressed_meanwhile_is_not_approved(house):
    revision = factories.submitted(house)
    suppress(house.marketer, revision.customer_id, reason="said stop on 4 May")
    with pytest.raises(errors.CannotBeWrittenTo, match="said stop on 4 May"):
        factories.decided(house, revision)
    assert Delivery.everywhere.count() == 0
    assert factories.decided(house, revision, Decision.REJECT).decision == "reject"


def test_a_person_suppressed_meanwhile_is_not_submitted_to(house, draft):
    suppress(house.manager, draft.customer_id, reason="said stop")
    with pytest.raises(errors.CannotBeWrittenTo, match="said stop"):
        actions.submit(house.marketer, draft.pk, version=1, words=Words(WORDS))
    assert state(draft) == "draft"


def test_a_stale_page_submits_nothing(house, draft):
    actions.save(house.marketer, draft.pk, version=1, words=Words("newer words"))
    with pytest.raises(errors.SavedElsewhere):
        actions.submit(house.marketer, draft.pk, version=1, words=Words(WORDS))
    assert (state(draft), draft.words) == ("draft", "newer words")


def test_submitting_twice_makes_one_revision(house, draft):
    actions.submit(house.marketer, draft.pk, version=1, words=Words(WORDS))
    with pytest.raises(errors.NotEditable):
        actions.submit(house.marketer, draft.pk, version=1, words=Words(WORDS))
    assert draft.revisions.count() == 1


def test_only_its_author_submits(house, draft):
    with pytest.raises(errors.NotYours):
        actions.submit(house.manager, draft.pk, version=1, words=Words(WORDS))


def test_where_nobody_else_can_approve_it_says_so(house):
    Membership.objects.filter(user=house.administrator.user).delete()
    by_manager = factories.draft(house, by=house.manager)
    done = actions.submit(house.manager, by_manager.pk, version=1, words=Words(WORDS))
    assert done.nobody_else is True
    by_marketer = factories.draft(house)
    done = actions.submit(house.marketer, by_marketer.pk, version=1, words=Words(WORDS))
    assert done.nobody_else is False
    Membership.objects.filter(user=house.manager.user).update(role=Role.MARKETER)
    third = factories.draft(house)
    done = actions.submit(house.marketer, third.pk, version=1, words=Words(WORDS))
    assert done.nobody_else is True


def test_revisions_are_numbered(house):
    revision = factories.submitted(house)
    actions.take_back(house.marketer, revision.draft_id)
    draft = Draft.everywhere.get(pk=revision.draft_id)
    again = actions.submit(house.marketer, draft.pk, version=draft.version, words=Words(WORDS))
    assert (again.revision.number, again.revision.draft_id) == (2, draft.pk)


# --- decide ----------------------------------------------------------------------------------


def test_approval_makes_the_delivery_with_the_approved_words(house):
    revision = factories.submitted(house)
    before = now()
    review = approve(house.manager, revision, comment="  good  ")
    letter = Delivery.objects.of(house.marketer).get()
    assert (letter.text, letter.text_sha256) == (revision.text, revision.text_sha256)
    assert (letter.approval, letter.revision, letter.customer) == (
        review,
        revision,
        revision.customer,
    )
    assert letter.recipient_x_user_id == revision.customer.x_user_id
    assert (letter.state, review.comment, state(revision.draft)) == ("queued", "good", "approved")
    assert timedelta(seconds=10) <= letter.due_at - before < timedelta(seconds=20)
    assert letter.leave_by - letter.due_at == timedelta(days=3)


def test_a_letter_leaves_when_its_author_wants_but_never_before_it_can_be_undone(house, settings):
    later = now() + timedelta(days=2)
    dues = []
    for wanted in (later, now() + timedelta(seconds=3)):
        draft = factories.draft(house)
        words = Words(WORDS, send_at=wanted)
        done = actions.submit(house.marketer, draft.pk, version=1, words=words)
        dues.append(approve(house.manager, done.revision).delivery.due_at)
    assert dues[0] == later
    assert dues[1] > now() + timedelta(seconds=settings.UNDO_SECONDS - 5)


@pytest.mark.parametrize(
    ("decision", "after"),
    [(Decision.REQUEST_CHANGES, "changes_requested"), (Decision.REJECT, "rejected")],
)
def test_what_is_not_approved_is_not_on_its_way(house, decision, after):
    revision = factories.submitted(house)
    review = approve(house.manager, revision, decision=decision, comment="why")
    assert (state(revision.draft), review.comment) == (after, "why")
    assert deliveries(revision.draft) == []


@pytest.mark.parametrize("decision", [Decision.REQUEST_CHANGES, Decision.REJECT])
@pytest.mark.parametrize("comment", ["", "  \n"])
def test_a_refusal_says_why(house, decision, comment):
    revision = factories.submitted(house)
    with pytest.raises(errors.CommentNeeded):
        approve(house.manager, revision, decision=decision, comment=comment)
    assert (state(revision.draft), Review.everywhere.count()) == ("in_review", 0)


@pytest.mark.parametrize("decision", list(Decision))
def test_nobody_decides_on_their_own_words(house, decision):
    revision = factories.submitted(house, by=house.manager)
    with pytest.raises(NotAllowed, match="Nobody decides on their own words"):
        approve(house.manager, revision, decision=decision, comment="why")
    assert (state(revision.draft), Review.everywhere.count()) == ("in_review", 0)
    assert approve(house.administrator, revision).decision == "approve"


def test_the_second_decision_is_told_of_the_first(house):
    revision = factories.submitted(house)
    approve(house.manager, revision)
    for decision in Decision:
        with pytest.raises(errors.AlreadyDecided) as refused:
            approve(house.administrator, revision, decision=decision, comment="why")
        assert str(refused.value) == "Ruth Reader decided on this letter: Approved."
    assert (Review.everywhere.count(), deliveries(revision.draft)) == (1, ["queued"])


def test_an_older_revision_is_not_decided_on(house):
    older = factories.submitted(house)
    actions.take_back(house.marketer, older.draft_id)
    with pytest.raises(errors.AlreadyDecided) as refused:
        approve(house.manager, older)
    assert str(refused.value) == "Its author took this letter back."
    draft = Draft.everywhere.get(pk=older.draft_id)
    newer = actions.submit(
        house.marketer, draft.pk, version=draft.version, words=Words(WORDS + " today")
    )
    with pytest.raises(errors.AlreadyDecided) as refused:
        approve(house.manager, older)
    assert str(refused.value) == "Its author submitted newer words. Read those instead."
    assert Review.everywhere.count() == 0
    assert approve(house.manager, newer.revision).revision == newer.revision


@pytest.mark.parametrize("digest", ["0" * 64, "", "x", None])
def test_other_words_than_the_page_showed_are_not_decided_on(house, digest):
    revision = factories.submitted(house)
    for decision in Decision:
        with pytest.raises(errors.AlreadyDecided, match="Read them again"):
            approve(house.manager, revision, text_sha256=digest, decision=decision, comment="why")
    assert (state(revision.draft), Review.everywhere.count()) == ("in_review", 0)


def test_a_decision_that_is_none_is_refused(house):
    revision = factories.submitted(house)
    with pytest.raises(IntegrityError, match="known_decision"):
        approve(house.manager, revision, decision="release", comment="why")
    assert (state(revision.draft), Review.everywhere.count()) == ("in_review", 0)


# --- undo ------------------------------------------------------------------------------------


def test_an_approval_is_undone_within_the_seconds(house):
    revision = factories.submitted(house)
    review = approve(house.manager, revision)
    actions.undo_approval(house.manager, revision.pk)
    review.refresh_from_db()
    assert review.undone_at is not None
    assert (state(revision.draft), deliveries(revision.draft)) == ("in_review", ["cancelled"])
    # And it can be approved again: another delivery, of the same words.
    approve(house.administrator, revision)
    assert deliveries(revision.draft) == ["cancelled", "queued"]


def test_after_the_seconds_it_is_not(house, clock):
    revision = factories.submitted(house)
    approve(house.manager, revision)
    clock(9)
    actions.undo_approval(house.manager, revision.pk)
    approve(house.manager, revision)
    clock(9 + 11)
    with pytest.raises(errors.OnItsWay, match="The 10 seconds to undo are over"):
        actions.undo_approval(house.manager, revision.pk)
    assert (state(revision.draft), deliveries(revision.draft)) == (
        "approved",
        ["cancelled", "queued"],
    )


def test_only_who_approved_undoes(house):
    revision = factories.submitted(house)
    approve(house.manager, revision)
    with pytest.raises(NotAllowed, match="Only who approved a letter can undo it"):
        actions.undo_approval(house.administrator, revision.pk)
    assert deliveries(revision.draft) == ["queued"]


@pytest.mark.parametrize("decision", [None, Decision.REJECT, Decision.REQUEST_CHANGES])
def test_only_an_approval_is_undone(house, decision):
    revision = factories.submitted(house)
    if decision:
        factories.decided(house, revision, decision)
    before = state(revision.draft)
    with pytest.raises(errors.AlreadyDecided, match="no approval left to undo"):
        actions.undo_approval(house.manager, revision.pk)
    assert state(revision.draft) == before


def test_undoing_an_older_decision_does_not_undo_a_newer_approval(house):
    """Ruth asked for a change; Sam approved what came back; Ruth undoes nothing of Sam's."""
    older = factories.submitted(house)
    factories.decided(house, older, Decision.REQUEST_CHANGES)
    draft = Draft.everywhere.get(pk=older.draft_id)
    newer = actions.submit(house.marketer, draft.pk, version=draft.version, words=Words(WORDS))
    approve(house.administrator, newer.revision)
    with pytest.raises(errors.AlreadyDecided):
        actions.undo_approval(house.manager, older.pk)
    assert (state(draft), deliveries(draft)) == ("approved", ["queued"])


def test_undoing_twice_undoes_once(house):
    revision = factories.submitted(house)
    approve(house.manager, revision)
    actions.undo_approval(house.manager, revision.pk)
    with pytest.raises(errors.AlreadyDecided):
        actions.undo_approval(house.manager, revision.pk)


# --- take back -------------------------------------------------------------------------------


def test_editing_after_approval_withdraws_it(house):
    revision = factories.submitted(house)
    review = approve(house.manager, revision)
    draft = actions.take_back(house.marketer, revision.draft_id)
    review.refresh_from_db()
    (letter,) = Delivery.everywhere.all()
    assert (state(draft), letter.state, letter.reason_code) == ("draft", "cancelled", "withdrawn")
    assert review.undone_at is not None
    assert letter.reason == "Its author took it back to edit it."
    event = AuditEvent.objects.get(verb="draft.taken_back")
    assert event.detail.details == {"approval_withdrawn": True}


def test_taking_back_what_nobody_decided_on_withdraws_nothing(house):
    revision = factories.submitted(house)
    draft = actions.take_back(house.marketer, revision.draft_id)
    assert state(draft) == "draft"
    event = AuditEvent.objects.get(verb="draft.taken_back")
    assert event.detail.details == {"approval_withdrawn": False}


@pytest.mark.parametrize("gone", ["sending", "uncertain", "sent"])
def test_what_is_on_its_way_is_neither_taken_back_nor_undone(house, gone):
    letter = factories.delivery(house)
    Delivery.everywhere.filter(pk=letter.pk).update(
        state=gone, claim_token=uuid.uuid4(), sent_at=now()
    )
    draft = letter.revision.draft
    with pytest.raises(
        errors.OnItsWay, match="was sent" if gone == "sent" else "on its way already"
    ):
        actions.take_back(house.marketer, draft.pk)
    with pytest.raises(errors.OnItsWay):
        actions.undo_approval(house.manager, letter.revision_id)
    letter.approval.refresh_from_db()
    assert (state(draft), deliveries(draft), letter.approval.undone_at) == (
        "approved",
        [gone],
        None,
    )


@pytest.mark.parametrize("held", ["blocked", "failed"])
def test_what_did_not_leave_can_be_taken_back(house, held):
    letter = factories.delivery(house)
    Delivery.everywhere.filter(pk=letter.pk).update(state=held, reason="why")
    draft = actions.take_back(house.marketer, letter.revision.draft_id)
    assert (state(draft), deliveries(draft)) == ("draft", ["cancelled"])


def test_taking_back_what_is_open_changes_nothing(house, draft):
    before = AuditEvent.objects.count()
    assert actions.take_back(house.marketer, draft.pk) == draft
    draft.refresh_from_db()
    assert (draft.state, draft.version, AuditEvent.objects.count()) == ("draft", 1, before)


def test_what_was_rejected_stays_so(house):
    revision = factories.submitted(house)
    factories.decided(house, revision, Decision.REJECT)
    with pytest.raises(errors.NotEditable, match="Write a new one"):
        actions.take_back(house.marketer, revision.draft_id)
    assert state(revision.draft) == "rejected"


def test_only_its_author_takes_it_back(house):
    letter = factories.delivery(house)
    for member in (house.manager, house.administrator):
        with pytest.raises(errors.NotYours):
            actions.take_back(member, letter.revision.draft_id)
    assert deliveries(letter.revision.draft) == ["queued"]


def test_a_letter_that_is_not_there(house):
    with pytest.raises(ObjectDoesNotExist):
        actions.take_back(house.marketer, 10**9)
    with pytest.raises(ObjectDoesNotExist):
        actions.undo_approval(house.manager, 10**9)
