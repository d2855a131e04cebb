"""What this room keeps of a person: their letters, what was said about those, and how they ended."""

from __future__ import annotations

from typing import Any

from outreach.customers.erasing.queries import audited
from outreach.customers.hooks import Erasure, Whom
from outreach.drafts.models import MOVES, Draft, DraftState, Review, Revision
from outreach.ground.clock import now
from outreach.ground.writes import step

BLANK = {"words": "", "why_person": "", "why_now": "", "what_they_get": ""}


@step
def erase_letters(erasure: Erasure) -> None:
    """Blank the drafts, revisions and reviews of one person; the digests stay.

    The customer is locked, and whoever starts a letter or approves one locks them first, so none is
    added meanwhile.
    """
    drafts = Draft.everywhere.filter(
        workspace_id=erasure.whom.workspace_id, customer_id__in=erasure.whom.customer_ids
    )
    locked = list(drafts.select_for_update(no_key=True).order_by("pk"))
    ids = [draft.pk for draft in locked]
    Review.everywhere.filter(revision__draft__in=ids).update(comment="", report=None)
    Revision.everywhere.filter(draft__in=ids).update(**BLANK, text="", disagreement="", report={})
    for draft in locked:
        was = DraftState(draft.state)
        assert DraftState.ERASED in MOVES[was], was
    drafts.filter(pk__in=ids).update(**BLANK, state=DraftState.ERASED, updated_at=now())
    erasure.gone["letters"] = len(ids)
    erasure.audited["draft"] = ids


def letters_of(whom: Whom) -> dict[str, Any]:
    """Everything kept of one person's letters before they go on their way. Six queries."""
    drafts = Draft.objects.of(whom).filter(customer_id__in=whom.customer_ids)
    drafts = drafts.select_related("author", "x_account").order_by("pk")
    revisions: dict[int, list[Revision]] = {}
    for revision in Revision.objects.of(whom).filter(draft__in=drafts).order_by("number"):
        revisions.setdefault(revision.draft_id, []).append(revision)
    reviews: dict[int, list[Review]] = {}
    rows = Review.objects.of(whom).filter(revision__draft__in=drafts)
    for review in rows.select_related("reviewer").order_by("decided_at", "pk"):
        reviews.setdefault(review.revision_id, []).append(review)
    return {
        "letters": [_letter(draft, revisions.get(draft.pk, []), reviews) for draft in drafts],
        "audit_of_letters": audited(whom, "draft", [draft.pk for draft in drafts]),
    }


def _letter(
    draft: Draft, revisions: list[Revision], reviews: dict[int, list[Review]]
) -> dict[str, Any]:
    return {
        "draft": draft.pk,
        "state": draft.get_state_display(),
        "from": f"@{draft.x_account.handle}",
        "author": draft.author.name,
        "words": draft.words,
        **_brief(draft),
        "send_at": draft.send_at.isoformat() if draft.send_at else None,
        "started_at": draft.created_at.isoformat(),
        "changed_at": draft.updated_at.isoformat(),
        "revisions": [_revision(each, reviews.get(each.pk, [])) for each in revisions],
    }


def _revision(revision: Revision, reviews: list[Review]) -> dict[str, Any]:
    return {
        "revision": revision.pk,
        "number": revision.number,
        "words": revision.words,
        "text": revision.text,
        "text_sha256": revision.text_sha256,
        **_brief(revision),
        "disagreement": revision.disagreement,
        "guidance": revision.report,
        "submitted_at": revision.submitted_at.isoformat(),
        "reviews": [_review(review) for review in reviews],
    }


def _review(review: Review) -> dict[str, Any]:
    return {
        "decision": review.get_decision_display(),
        "by": review.reviewer.name,
        "comment": review.comment,
        "guidance": review.report,
        "decided_at": review.decided_at.isoformat(),
        "taken_back_at": review.undone_at.isoformat() if review.undone_at else None,
    }


def _brief(words: Draft | Revision) -> dict[str, str]:
    return {
        "why_person": words.why_person,
        "why_now": words.why_now,
        "what_they_get": words.what_they_get,
    }
