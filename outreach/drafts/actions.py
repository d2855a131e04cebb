"""Every write about drafts: one function a use case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F

from accounts import queries as people
from accounts.access import Act, Member, NotAllowed, action
from outreach.audit.actions import record
from outreach.customers.models import Customer
from outreach.drafts import errors, recipients
from outreach.drafts.hooks import approval_withdrawn, approved
from outreach.drafts.models import (
    MOVES,
    Clock,
    Decision,
    Draft,
    DraftState,
    Review,
    Revision,
    Side,
    sha256_of,
)
from outreach.drafts.policy_queries import read_again, terms_of
from outreach.drafts.reading import DraftReading, read_words
from outreach.ground.clock import now
from outreach.guidance import Severity, Verdict
from outreach.x.models import XAccount


@dataclass(frozen=True, slots=True)
class Words:
    """What a writer types: the letter, what the manager is told, and when it shall leave."""

    words: str
    why_person: str = ""
    why_now: str = ""
    what_they_get: str = ""
    send_at: datetime | None = None
    send_at_clock: str = Clock.OURS


@dataclass(frozen=True, slots=True)
class Submitted:
    """A submission; `nobody_else` says that no other member can approve it."""

    revision: Revision
    nobody_else: bool


@action(Act.WRITE)
def start(member: Member, *, customer_id: int, x_account_id: int) -> Draft:
    """An empty draft for one customer from one X account.

    Raises Customer.DoesNotExist and XAccount.DoesNotExist for what is not of this workspace, and
    CannotBeWrittenTo for a suppressed person and one whom X was not asked about yet.
    """
    # Locked, so that a letter is begun before its person is erased, or not at all.
    customer = Customer.objects.of(member).select_for_update(no_key=True).get(pk=customer_id)
    account = XAccount.objects.of(member).get(pk=x_account_id)
    recipients.refuse_unknown(customer)
    recipients.refuse_suppressed(member, customer)
    recipients.refuse_erased(member, customer)
    draft = Draft.objects.create(
        workspace_id=member.workspace_id,
        x_account=account,
        customer=customer,
        author_id=member.user_id,
    )
    _say(member, draft, "draft.started", {"customer": customer.pk})
    return draft


@action(Act.WRITE)
def save(member: Member, draft_id: int, *, version: int, words: Words) -> Draft:
    """Keep what was typed. `version` is the one that the page read.

    Raises Draft.DoesNotExist, NotYours, NotEditable; SavedElsewhere where another page saved
    meanwhile (nothing is overwritten).
    """
    draft = _lock_own(member, draft_id)
    _keep(draft, version, words)
    return draft


@action(Act.WRITE)
def submit(
    member: Member, draft_id: int, *, version: int, words: Words, disagreement: str = ""
) -> Submitted:
    """Freeze the words into a revision and put it before the managers.

    Raises what `save` raises; Unreadable for a blocking finding, DisagreementNeeded for a spam
    verdict without the author's reason; CannotBeWrittenTo for a suppressed person.
    """
    draft = _lock_own(member, draft_id)
    _keep(draft, version, words)
    customer = Customer.objects.of(member).get(pk=draft.customer_id)
    recipients.refuse_suppressed(member, customer)
    terms = terms_of(member, customer)
    reading = read_words(draft.words, customer, member.workspace, terms)
    _refuse_unreadable(reading, disagreement)
    kept: Any = {name: getattr(draft, name) for name in (*WORDS, "campaign_id")}
    revision = Revision.objects.create(
        workspace_id=member.workspace_id,
        draft=draft,
        number=draft.revisions.count() + 1,
        author_id=draft.author_id,
        customer_id=draft.customer_id,
        x_account_id=draft.x_account_id,
        **kept,
        text=reading.received,
        text_sha256=sha256_of(reading.received),
        report=reading.report.as_dict(),
        policy_version=terms.policy.version,
        disagreement=disagreement if reading.verdict == Verdict.SPAM else "",
    )
    _move(draft, DraftState.IN_REVIEW)
    _say(
        member,
        draft,
        "draft.submitted",
        {
            "revision": revision.pk,
            "text_sha256": revision.text_sha256,
            "verdict": reading.verdict,
            "policy_version": revision.policy_version,
            "disagreement": revision.disagreement,
        },
    )
    nobody_else = people.reviewers_beside(member, member.user_id) == 0
    return Submitted(revision, nobody_else)


@action(Act.WRITE)
def take_back(member: Member, draft_id: int) -> Draft:
    """Its author opens a submitted or approved letter for editing again.

    An approval is withdrawn with it, and what was queued is cancelled. Raises
    Draft.DoesNotExist, NotYours, NotEditable; OnItsWay where it is being sent or was.
    """
    draft = _lock(member, draft_id)
    _refuse_others(member, draft)
    if draft.is_editable:
        return draft
    if draft.state == DraftState.REJECTED:
        raise errors.NotEditable("This letter was rejected. Write a new one.")
    if draft.state == DraftState.ERASED:
        raise errors.NotEditable(GONE)
    was_approved = draft.state == DraftState.APPROVED
    if was_approved:
        approval_withdrawn(draft.pk, "Its author took it back to edit it.", member.user_id)
        _undo_review(draft)
    _move(draft, DraftState.DRAFT)
    _say(member, draft, "draft.taken_back", {"approval_withdrawn": was_approved})
    return draft


@action(Act.REVIEW)
def decide(
    member: Member,
    revision_id: int,
    *,
    decision: Decision,
    text_sha256: str,
    comment: str = "",
    sided_with: str = "",
) -> Review:
    """A manager approves, requests changes or rejects the words whose digest the page showed.

    `sided_with`, a Side, settles a disagreement with guidance; without one it means nothing.
    Approval makes the delivery in this same transaction. Raises Revision.DoesNotExist;
    NotAllowed for one's own words; AlreadyDecided; CommentNeeded; SideNeeded; CannotBeWrittenTo
    where the person was suppressed meanwhile; PolicyStops where the words do not pass under a
    policy that is newer than their submission.
    """
    found = Revision.objects.of(member).get(pk=revision_id)
    customers = Customer.objects.with_erased(member).select_for_update(no_key=True)
    # Locked, so that a stop comes before the delivery is made, or after it and cancels it; and
    # before the draft, as everywhere.
    customer = customers.get(pk=found.customer_id) if decision == Decision.APPROVE else None
    draft = _lock(member, found.draft_id)
    # Read after the lock: another manager may have decided while this one waited.
    latest = draft.revisions.order_by("-number").first()
    if latest is None or draft.state != DraftState.IN_REVIEW or latest.pk != revision_id:
        raise errors.AlreadyDecided(_what_happened(draft, revision_id))
    if latest.author_id == member.user_id:
        raise NotAllowed("Nobody decides on their own words. Another manager has to read this one.")
    if latest.text_sha256 != text_sha256:
        raise errors.AlreadyDecided(
            "The words changed since this page was opened. Read them again."
        )
    if decision != Decision.APPROVE and not comment.strip():
        raise errors.CommentNeeded("Say what should change, or why it cannot go.")
    sided_with = _side(latest, decision, sided_with)
    report, version = None, latest.policy_version
    if customer is not None:
        recipients.refuse_suppressed(member, customer)
        report, version = _read_anew(member, latest, customer)
    review = Review.objects.create(
        workspace_id=member.workspace_id,
        revision=latest,
        reviewer_id=member.user_id,
        words_by_id=latest.author_id,
        decision=decision,
        comment=comment.strip(),
        sided_with=sided_with,
        policy_version=version,
        report=report,
    )
    _move(draft, AFTER[decision])
    _say(
        member,
        draft,
        f"draft.{AFTER[decision].value}",
        {
            "revision": latest.pk,
            "text_sha256": text_sha256,
            "comment": review.comment,
            "sided_with": sided_with,
            "policy_version": version,
        },
    )
    if decision == Decision.APPROVE:
        approved(latest.pk, review.pk)
    return review


@action(Act.REVIEW)
def undo_approval(member: Member, revision_id: int) -> Draft:
    """The manager who approved takes it back, within the seconds before a letter may leave.

    Raises Revision.DoesNotExist, AlreadyDecided, OnItsWay.
    """
    revision = Revision.objects.of(member).get(pk=revision_id)
    draft = _lock(member, revision.draft_id)
    review = (
        Review.objects.of(member)
        .filter(revision=revision, decision=Decision.APPROVE, undone_at__isnull=True)
        .first()
    )
    if draft.state != DraftState.APPROVED or review is None:
        raise errors.AlreadyDecided("There is no approval left to undo.")
    if review.reviewer_id != member.user_id:
        raise NotAllowed("Only who approved a letter can undo it; its author can take it back.")
    if now() > review.decided_at + timedelta(seconds=settings.UNDO_SECONDS):
        raise errors.OnItsWay(
            f"The {settings.UNDO_SECONDS} seconds to undo are over. "
            "Its author can still take it back while it waits."
        )
    approval_withdrawn(draft.pk, "The approval was undone.", member.user_id)
    _undo_review(draft)
    _move(draft, DraftState.IN_REVIEW)
    _say(member, draft, "draft.approval_undone", {"revision": revision.pk})
    return draft


GONE = "This letter was erased with the person it was for."
WORDS = ("words", "why_person", "why_now", "what_they_get", "send_at", "send_at_clock")
AFTER = {
    Decision.APPROVE: DraftState.APPROVED,
    Decision.REQUEST_CHANGES: DraftState.CHANGES_REQUESTED,
    Decision.REJECT: DraftState.REJECTED,
}


def _lock(member: Member, draft_id: int) -> Draft:
    return Draft.objects.of(member).select_for_update(no_key=True).get(pk=draft_id)


def _lock_own(member: Member, draft_id: int) -> Draft:
    """The member's own draft, locked and editable."""
    draft = _lock(member, draft_id)
    _refuse_others(member, draft)
    if draft.state == DraftState.ERASED:
        raise errors.NotEditable(GONE)
    if not draft.is_editable:
        raise errors.NotEditable(
            f"This letter is {draft.get_state_display().lower()}. Take it back to edit it."
        )
    return draft


def _refuse_others(member: Member, draft: Draft) -> None:
    if draft.author_id != member.user_id:
        raise errors.NotYours("Only its author changes a letter. Request a change instead.")


def _refuse_unreadable(reading: DraftReading, disagreement: str) -> None:
    blocking = [f for f in reading.findings if f.severity == Severity.BLOCK]
    if blocking:
        raise errors.Unreadable(blocking[0].title, reading)
    if reading.verdict == Verdict.SPAM and not disagreement.strip():
        raise errors.DisagreementNeeded(
            "This reads as a letter to the householder. Mend it, or say why it should go anyway.",
            reading,
        )


def _side(revision: Revision, decision: Decision, sided_with: str) -> str:
    """Whom the manager agrees with, where there is a disagreement; nobody else's words need it."""
    if not revision.disagreement:
        return ""
    if decision == Decision.APPROVE and sided_with == Side.GUIDANCE:
        raise errors.SideNeeded(
            "Where guidance was right, ask for a change or reject it. To approve it, agree with "
            "its writer."
        )
    if sided_with not in Side.values:
        raise errors.SideNeeded("Say who was right: its writer, or guidance.")
    return sided_with


def _read_anew(
    member: Member, revision: Revision, customer: Customer
) -> tuple[dict[str, object] | None, int]:
    """The report and policy version that an approval goes by; no report where it is the revision's.

    Raises PolicyStops.
    """
    terms = terms_of(member, customer)
    version = terms.policy.version
    if version == revision.policy_version:
        return None, version
    report, why = read_again(terms, revision, customer, member.workspace)
    if why:
        raise errors.PolicyStops(
            f"The guidance policy changed since this was submitted. {why} "
            "Ask for a change, so that its author can mend it."
        )
    return report.as_dict(), version


def _keep(draft: Draft, version: int, words: Words) -> None:
    """Overwrite the working text, unless another page saved since `version` was read.

    What is stored already is no conflict whatever its version: the answer to an earlier save may
    have been lost after its commit.
    """
    if all(getattr(draft, name) == getattr(words, name) for name in WORDS):
        return
    if draft.version != version:
        raise errors.SavedElsewhere(
            "This letter was saved in another tab or on another device since you opened it."
        )
    for name in WORDS:
        setattr(draft, name, getattr(words, name))
    draft.version += 1
    draft.updated_at = now()
    draft.save()


def _move(draft: Draft, to: DraftState) -> None:
    """Along the table of allowed moves, by an UPDATE that says from where."""
    was = DraftState(draft.state)
    if to not in MOVES[was]:
        raise errors.NotEditable(f"A letter cannot go from {was.label} to {to.label}.")
    moved = Draft.everywhere.filter(pk=draft.pk, state=was).update(
        state=to, updated_at=now(), version=F("version") + 1
    )
    if moved != 1:
        raise errors.AlreadyDecided("Somebody else moved this letter meanwhile.")
    draft.state = to
    draft.version += 1


def _undo_review(draft: Draft) -> None:
    Review.everywhere.filter(
        revision__draft=draft, decision=Decision.APPROVE, undone_at__isnull=True
    ).update(undone_at=now())


def _what_happened(draft: Draft, revision_id: int) -> str:
    if draft.state == DraftState.ERASED:
        return GONE
    review = (
        Review.everywhere.filter(revision_id=revision_id, undone_at__isnull=True)
        .select_related("reviewer")
        .first()
    )
    if review:
        return f"{review.reviewer.name} decided on this letter: {review.get_decision_display()}."
    if draft.state == DraftState.IN_REVIEW:
        return "Its author submitted newer words. Read those instead."
    return "Its author took this letter back."


def _say(member: Member, draft: Draft, verb: str, details: dict[str, object]) -> None:
    record(
        verb,
        target_kind="draft",
        target_id=draft.pk,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details=details,
    )
