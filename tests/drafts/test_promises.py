"""Promises 1 and 2 in the database itself, tried around the actions.

1. Nothing is sent that a manager did not approve, byte for byte.
2. Nobody approves their own words.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from outreach.customers.models import Customer
from outreach.delivery.models import Delivery
from outreach.drafts.models import Decision, Draft, Review, Revision, sha256_of
from outreach.ground.clock import now
from outreach.x.models import XAccount
from tests import factories

pytestmark = pytest.mark.django_db


def refused(constraint: str, write) -> None:
    """The database refuses what `write` does, at once or at the commit."""
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        committed(write)


def committed(write) -> None:
    """What `write` does, with the checks that wait for the commit."""
    write()
    connection.check_constraints()


def deliver(revision: Revision, review: Review | None, **changes) -> Delivery:
    """A delivery as nobody should make one: a bare row."""
    moment = now()
    values = {
        "workspace_id": revision.workspace_id,
        "revision": revision,
        "approval": review,
        "x_account_id": revision.x_account_id,
        "customer_id": revision.customer_id,
        "recipient_x_user_id": revision.customer.x_user_id,
        "text": revision.text,
        "text_sha256": revision.text_sha256,
        "due_at": moment,
        "leave_by": moment,
        "look_at": moment,
    }
    row: Any = values | changes
    return Delivery.objects.create(**row)


def decide(revision: Revision, reviewer, **changes) -> Review:
    values = {
        "workspace_id": revision.workspace_id,
        "revision": revision,
        "reviewer_id": reviewer.user_id,
        "words_by_id": revision.author_id,
        "decision": Decision.APPROVE,
    }
    row: Any = values | changes
    return Review.objects.create(**row)


@pytest.fixture
def revision(house):
    return factories.submitted(house)


@pytest.fixture
def approved(house, revision):
    """An approval as a bare row: nothing is on its way yet."""
    return decide(revision, house.manager)


# --- 1: what is sent is what was approved ----------------------------------------------------


def test_an_approved_revision_can_be_delivered(revision, approved):
    """So that what follows is refused for its own reason."""
    deliver(revision, approved)
    connection.check_constraints()


def test_an_unapproved_revision_is_not_delivered(revision):
    refused("approval_id", lambda: deliver(revision, None))


def test_an_approval_of_another_revision_serves_nothing(house, approved):
    another = factories.submitted(house)
    refused("delivery_is_approved", lambda: deliver(another, approved))


def test_an_approval_of_an_older_revision_serves_nothing(house, revision, approved):
    newer = Revision.objects.create(
        **{
            field.attname: getattr(revision, field.attname)
            for field in Revision._meta.concrete_fields
            if field.name not in ("id", "number")
        },
        number=2,
    )
    refused("delivery_is_approved", lambda: deliver(newer, approved))


@pytest.mark.parametrize("decision", [Decision.REJECT, Decision.REQUEST_CHANGES])
def test_a_decision_that_is_no_approval_serves_nothing(house, revision, decision):
    review = decide(revision, house.manager, decision=decision)
    refused("delivery_is_approved", lambda: deliver(revision, review))
    refused(
        "only_approvals_are_sent",
        lambda: deliver(revision, review, approval_decision=decision.value),
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + " ",
        lambda text: text[:-1],
        lambda text: text.replace("free", "Free"),
        lambda text: text.replace("a", "а", 1),  # a Cyrillic letter
        lambda text: text + "\u200b",
    ],
)
def test_a_text_that_differs_by_a_byte_is_refused_whatever_its_digest_says(
    revision, approved, change
):
    other = change(revision.text)
    assert other != revision.text
    refused("delivery_digest_is_of_its_text", lambda: deliver(revision, approved, text=other))
    refused(
        "delivery_is_its_revisions",
        lambda: deliver(revision, approved, text=other, text_sha256=sha256_of(other)),
    )


def test_another_customer_account_or_workspace_is_refused(house, revision, approved):
    other = factories.house()

    def customer(of):
        row = of.customer()
        return {"customer_id": row.pk, "recipient_x_user_id": row.x_user_id}

    for change in (
        customer(house),
        {"x_account_id": factories.account(house.workspace).pk},
        {"workspace_id": other.workspace.pk},
        customer(other) | {"workspace_id": other.workspace.pk},
    ):
        refused(
            "delivery_is_its_revisions",
            lambda change=change: deliver(revision, approved, **change),
        )


def test_a_recipient_who_is_not_the_customer_is_refused(revision, approved):
    refused(
        "the recipient is not the customer",
        lambda: deliver(revision, approved, recipient_x_user_id=99),
    )


def test_an_approval_that_was_undone_stays_undone(house, revision, approved):
    Review.everywhere.filter(pk=approved.pk).update(undone_at=now())
    refused(
        "undone_at never change",
        lambda: Review.everywhere.filter(pk=approved.pk).update(undone_at=None),
    )


def test_a_revision_is_not_deleted(revision):
    refused("rows of drafts_revision are never removed", revision.delete)


CHANGES = {
    "text": "other words",
    "text_sha256": "0" * 64,
    "recipient_x_user_id": 99,
    "approval_decision": "reject",
    "created_at": "2020-01-01T00:00:00+00:00",
}


@pytest.mark.parametrize("column", CHANGES)
def test_nothing_of_a_delivery_that_was_approved_ever_changes(house, column):
    letter = factories.delivery(house)
    refused(
        "never change",
        lambda: Delivery.everywhere.filter(pk=letter.pk).update(**{column: CHANGES[column]}),
    )
    letter.refresh_from_db()
    assert sha256_of(letter.text) == letter.text_sha256 == letter.revision.text_sha256


def test_a_delivery_is_never_turned_to_another_row(house):
    letter, other = factories.delivery(house), factories.delivery(house)
    account, workspace = factories.account(house.workspace), factories.workspace()
    rows = Delivery.everywhere.filter(pk=letter.pk)
    refused("never change", lambda: rows.update(revision_id=other.revision_id))
    refused("never change", lambda: rows.update(customer_id=other.customer_id))
    refused("never change", lambda: rows.update(approval_id=other.approval_id))
    refused("never change", lambda: rows.update(x_account=account))
    refused("never change", lambda: rows.update(workspace=workspace))


def test_text_and_digest_do_not_change_together_either(house):
    letter = factories.delivery(house)
    refused(
        "never change",
        lambda: Delivery.everywhere.filter(pk=letter.pk).update(
            text="other", text_sha256=sha256_of("other")
        ),
    )


def test_erasing_a_person_blanks_the_text_and_nothing_writes_it_again(house):
    letter = factories.delivery(house)
    rows = Delivery.everywhere.filter(pk=letter.pk)
    erased: Any = {"text": "", "recipient_x_user_id": None}
    # Only what goes nowhere is blanked, and text and recipient go together.
    refused("only_the_erased_have_no_recipient", lambda: rows.update(**erased))
    rows.update(state="cancelled", reason="so")
    refused("never change", lambda: rows.update(text=""))
    refused("never change", lambda: rows.update(recipient_x_user_id=None))
    refused("never change", lambda: rows.update(text="", recipient_x_user_id=99))
    refused("never change", lambda: rows.update(**erased, created_at=now()))
    assert rows.update(**erased) == 1
    connection.check_constraints()
    refused("never change", lambda: rows.update(text="other words"))
    refused("never change", lambda: rows.update(recipient_x_user_id=99))
    refused("only_the_erased_have_no_recipient", lambda: rows.update(state="queued"))
    refused("only_the_erased_have_no_recipient", lambda: rows.update(dm_event_id=7))
    letter.refresh_from_db()
    assert letter.text_sha256 == letter.revision.text_sha256


REVISION_CHANGES = {
    "words": "other",
    "text": "other",
    "text_sha256": "0" * 64,
    "number": 9,
    "why_person": "other",
    "send_at": "2030-01-01T00:00:00+00:00",
    "send_at_clock": "theirs",
    "report": {},
    "disagreement": "other",
    "submitted_at": "2020-01-01T00:00:00+00:00",
}


@pytest.mark.parametrize("column", REVISION_CHANGES)
def test_a_revision_never_changes(revision, column):
    refused(
        "never change",
        lambda: Revision.everywhere.filter(pk=revision.pk).update(
            **{column: REVISION_CHANGES[column]}
        ),
    )


def test_a_revisions_words_can_only_be_erased_whole(house, revision):
    rows = Revision.everywhere.filter(pk=revision.pk)
    refused("never change", lambda: rows.update(words=""))
    refused("never change", lambda: rows.update(text=""))
    refused("never change", lambda: rows.update(words="", text=""))
    blank: Any = dict.fromkeys(
        ("words", "text", "why_person", "why_now", "what_they_get", "disagreement"), ""
    )
    refused("never change", lambda: rows.update(**blank))
    blank["report"] = {}
    refused("never change", lambda: rows.update(**blank, author=house.manager.user))
    refused("never change", lambda: rows.update(**blank, number=9))
    assert rows.update(**blank) == 1
    refused("never change", lambda: rows.update(words="other", text="other"))
    refused("never change", lambda: rows.update(number=9))


def test_a_managers_comment_can_only_be_erased(house, revision):
    review = factories.decided(house, revision, Decision.REQUEST_CHANGES, "Shorter, Maria knows")
    rows = Review.everywhere.filter(pk=review.pk)
    refused("never change", lambda: rows.update(comment="Longer"))
    assert rows.update(comment="") == 1


def test_a_draft_of_somebody_erased_stays_empty(house):
    erased = Draft.everywhere.filter(pk=factories.draft(house).pk)
    erased.update(words="Hi Maria")
    refused("erased_draft_is_empty", lambda: erased.update(state="erased"))
    assert erased.update(state="erased", words="") == 1
    refused("erased_draft_is_empty", lambda: erased.update(words="Hi Maria"))


def test_a_revisions_digest_is_its_texts(revision):
    values = {
        field.attname: getattr(revision, field.attname)
        for field in Revision._meta.concrete_fields
        if field.name not in ("id", "number")
    }
    refused(
        "revision_digest_is_of_its_text",
        lambda: Revision.objects.create(**values | {"number": 2, "text": "other"}),
    )


def test_a_revision_is_its_drafts_own(house, revision):
    values = {
        field.attname: getattr(revision, field.attname)
        for field in Revision._meta.concrete_fields
        if field.name not in ("id", "number")
    } | {"number": 2}
    for change in (
        {"author_id": house.manager.user_id},
        {"customer_id": house.customer().pk},
        {"x_account_id": factories.account(house.workspace).pk},
        {"workspace_id": factories.workspace().pk},
    ):
        refused(
            "revision_is_its_drafts",
            lambda change=change: Revision.objects.create(**values | change),
        )


def test_a_draft_keeps_its_author_and_its_person_once_it_was_submitted(house, revision):
    rows = Draft.everywhere.filter(pk=revision.draft_id)
    refused("revision_is_its_drafts", lambda: rows.update(author=house.manager.user))
    refused("revision_is_its_drafts", lambda: rows.update(customer=house.customer()))


def test_a_draft_is_for_a_customer_and_from_an_account_of_its_workspace(house):
    other = factories.house()
    values = {"workspace": house.workspace, "author": house.marketer.user}
    theirs, mine = other.customer(), house.customer()
    refused(
        "customer_id_same_workspace",
        lambda: Draft.objects.create(customer=theirs, x_account=house.account, **values),
    )
    refused(
        "x_account_id_same_workspace",
        lambda: Draft.objects.create(customer=mine, x_account=other.account, **values),
    )


def test_a_revision_has_one_live_delivery(house, revision):
    first = decide(revision, house.manager)
    deliver(revision, first)
    Review.everywhere.filter(pk=first.pk).update(undone_at=now())
    second = decide(revision, house.administrator)
    refused("one_live_delivery_a_revision", lambda: deliver(revision, second))


@pytest.mark.parametrize("state", ["sending", "sent", "blocked", "uncertain"])
def test_whatever_state_the_live_one_is_in(house, state):
    letter = factories.delivery(house)
    Delivery.everywhere.filter(pk=letter.pk).update(
        state=state, claim_token=uuid.uuid4(), sent_at=now(), reason="why"
    )
    Review.everywhere.filter(pk=letter.approval_id).update(undone_at=now())
    second = decide(letter.revision, house.administrator)
    refused("one_live_delivery_a_revision", lambda: deliver(letter.revision, second))


def test_an_approval_makes_one_delivery_ever(house):
    letter = factories.delivery(house)
    Delivery.everywhere.filter(pk=letter.pk).update(state="cancelled", reason="withdrawn")
    refused("approval_id", lambda: deliver(letter.revision, letter.approval))


def test_the_digest_is_the_same_in_python_and_in_the_database():
    text = "Grüße, 李雷 🐦\u200b \n"
    with connection.cursor() as cursor:
        cursor.execute("SELECT encode(sha256(convert_to(%s, 'UTF8')), 'hex')", [text])
        assert cursor.fetchone()[0] == sha256_of(text)


# --- 2: nobody approves their own words ------------------------------------------------------


def test_the_database_refuses_an_approval_of_ones_own_words(house):
    revision = factories.submitted(house, by=house.manager)
    refused("nobody_approves_their_own_words", lambda: decide(revision, house.manager))


def test_it_cannot_be_fooled_about_whose_words_they_are(house):
    revision = factories.submitted(house, by=house.manager)
    refused(
        "review_names_the_author",
        lambda: decide(revision, house.manager, words_by_id=house.marketer.user_id),
    )


def test_nor_by_giving_the_words_to_somebody_else_first(house):
    revision = factories.submitted(house, by=house.manager)
    rows = Revision.everywhere.filter(pk=revision.pk)
    refused("never change", lambda: rows.update(author=house.marketer.user))


def test_nor_by_changing_the_review_afterwards(house):
    revision = factories.submitted(house, by=house.manager)
    review = decide(revision, house.manager, decision=Decision.REJECT)
    rows = Review.everywhere.filter(pk=review.pk)
    refused("never change", lambda: rows.update(decision=Decision.APPROVE))
    honest = decide(factories.submitted(house), house.manager)
    rows = Review.everywhere.filter(pk=honest.pk)
    refused("never change", lambda: rows.update(reviewer=house.marketer.user))
    refused("never change", lambda: rows.update(revision=revision))
    refused("never change", lambda: rows.update(words_by=house.manager.user))


def test_one_may_reject_ones_own_words_as_far_as_the_database_cares(house):
    revision = factories.submitted(house, by=house.manager)
    decide(revision, house.manager, decision=Decision.REQUEST_CHANGES)
    connection.check_constraints()


def test_a_revision_has_one_live_decision(house, revision, approved):
    for decision in Decision:
        refused(
            "one_decision_a_revision",
            lambda decision=decision: decide(revision, house.administrator, decision=decision),
        )
    Review.everywhere.filter(pk=approved.pk).update(undone_at=now())
    decide(revision, house.administrator)


def test_a_review_of_another_workspaces_revision_is_refused(house, revision):
    other = factories.house()
    refused(
        "review_names_the_author",
        lambda: decide(revision, other.manager, workspace_id=other.workspace.pk),
    )


def test_rows_that_were_approved_are_not_deleted_away(house):
    letter = factories.delivery(house)
    for model, pk in (
        (Review, letter.approval_id),
        (Revision, letter.revision_id),
        (Draft, letter.revision.draft_id),
        (Customer, letter.customer_id),
        (XAccount, letter.x_account_id),
    ):
        table = model._meta.db_table

        def remove(table=table, pk=pk):
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {table} WHERE id = %s", [pk])

        refused("foreign key|never removed", remove)
