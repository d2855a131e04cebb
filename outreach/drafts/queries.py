"""Reads about drafts: what the composer, the letters' list and the review show."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.urls import reverse

from accounts.access import Member
from outreach.drafts.models import Decision, Draft, DraftState, Review, Revision, Side
from outreach.drafts.personalisation import merge
from outreach.drafts.policy_queries import reading_of
from outreach.drafts.reading import WORD, values_of
from outreach.ground.paging import Page, keyset
from outreach.guidance import Verdict

STATE_TONE = {
    DraftState.DRAFT: "",
    DraftState.IN_REVIEW: "",
    DraftState.CHANGES_REQUESTED: "mend",
    DraftState.APPROVED: "good",
    DraftState.REJECTED: "spam",
    DraftState.ERASED: "",
}
OPENING = 120
ERASED_WORDS = "These words were erased with the person they were for."
SIDED: dict[str, str] = {
    Side.WRITER: " and agreed with its writer",
    Side.GUIDANCE: " and found that guidance was right",
}
# Words are compared with the space behind them: a space alone would tie unrelated words together.
WORD_AND_SPACE = re.compile(r"\s+|\S+\s*")


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    count: int | str | None
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class DraftRow:
    id: int
    url: str
    person: str
    handle: str
    opening: str
    state: str
    state_words: str
    tone: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class QueueRow:
    url: str
    revision_id: int
    person: str
    handle: str
    opening: str
    author: str
    submitted_at: datetime
    verdict: str
    verdict_words: str
    tone: str
    disagreement: bool
    own: bool


@dataclass(frozen=True, slots=True)
class DiffPiece:
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Stamp:
    words: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """The words as received, with what was decided on them."""

    words: str
    to_name: str
    from_name: str
    brand_handle: str
    verdict: str
    word: str
    count_words: str
    stamp: Stamp | None
    diff: list[DiffPiece]


@dataclass(frozen=True, slots=True)
class Said:
    """One thing said between author and managers."""

    who: str
    words: str
    comment: str
    at: datetime


def draft(member: Member, draft_id: int) -> Draft:
    """One draft with its customer, account and author. Raises Draft.DoesNotExist."""
    return (
        Draft.objects.of(member).select_related("customer", "x_account", "author").get(pk=draft_id)
    )


def drafts_page(member: Member, *, state: str, older: str, newer: str) -> Page[Draft]:
    """The workspace's letters, newest change first. One query."""
    rows = Draft.objects.of(member).select_related("customer")
    if state:
        rows = rows.filter(state=state)
    return keyset(rows, by="updated_at", older=older, newer=newer, size=30)


def draft_rows(member: Member, drafts: Iterable[Draft]) -> list[DraftRow]:
    return [
        DraftRow(
            id=draft.pk,
            url=url_of(member, draft),
            person=draft.customer.name,
            handle=draft.customer.handle,
            opening=ERASED_WORDS
            if draft.state == DraftState.ERASED
            else opening(merge(draft.words, values_of(draft.customer)).text),
            state=draft.state,
            state_words=draft.get_state_display(),
            tone=STATE_TONE[DraftState(draft.state)],
            updated_at=draft.updated_at,
        )
        for draft in drafts
    ]


def url_of(member: Member, draft: Draft) -> str:
    """Where one goes on with a draft: its composer while its author writes, else its page."""
    slug = member.workspace.slug
    if draft.is_editable and draft.author_id == member.user_id:
        return reverse("drafts:compose", args=[slug, draft.pk])
    return reverse("delivery:letter", args=[slug, draft.pk])


def state_tabs(member: Member, current: str) -> list[Tab]:
    """All letters, and those in each state, with their counts. One query."""
    counts: dict[str, int] = dict(
        Draft.objects.of(member).values_list("state").annotate(Count("pk")).order_by()
    )
    here = reverse("drafts:list", args=[member.workspace.slug])
    tabs = [Tab("All", sum(counts.values()), here, current == "")]
    for state in DraftState:
        if state == DraftState.ERASED and state not in counts and state != current:
            continue  # most workspaces never erase anybody
        url = f"{here}?state={state.value}"
        tabs.append(Tab(state.label, counts.get(state.value, 0), url, current == state.value))
    return tabs


def in_review(member: Member) -> QuerySet[Revision]:
    """The newest revision of each letter in review, oldest first."""
    newer = Revision.everywhere.filter(draft=OuterRef("draft"), number__gt=OuterRef("number"))
    return (
        Revision.objects.of(member)
        .filter(draft__state=DraftState.IN_REVIEW)
        .filter(~Exists(newer))
        .select_related("customer", "author", "x_account", "draft")
        .order_by("submitted_at", "pk")
    )


def queue_rows(member: Member, revisions: Iterable[Revision]) -> list[QueueRow]:
    slug = member.workspace.slug
    return [
        QueueRow(
            url=reverse("drafts:review", args=[slug, revision.pk]),
            revision_id=revision.pk,
            person=revision.customer.name,
            handle=revision.customer.handle,
            opening=opening(revision.text),
            author=revision.author.name,
            submitted_at=revision.submitted_at,
            verdict=revision.verdict,
            verdict_words=word_of(revision),
            tone=revision.verdict,
            disagreement=bool(revision.disagreement),
            own=revision.author_id == member.user_id,
        )
        for revision in revisions
    ]


def waiting_for_review(member: Member) -> int:
    """How many letters wait that this member may decide on. One query."""
    return (
        Draft.objects.of(member)
        .filter(state=DraftState.IN_REVIEW)
        .exclude(author_id=member.user_id)
        .count()
    )


def revision(member: Member, revision_id: int) -> Revision:
    """One revision with what its page shows. Raises Revision.DoesNotExist."""
    return (
        Revision.objects.of(member)
        .select_related("customer", "author", "x_account", "draft")
        .get(pk=revision_id)
    )


def latest_revision(member: Member, draft_id: int) -> Revision | None:
    return (
        Revision.objects.of(member)
        .filter(draft_id=draft_id)
        .select_related("customer", "author", "x_account", "draft")
        .order_by("-number")
        .first()
    )


def letter(revision: Revision, before: Revision | None, review: Review | None) -> Letter:
    """The letter as a page shows it; `before` is the revision to compare with."""
    stamp = None
    if review is not None:
        words = f"{review.get_decision_display()} by {review.reviewer.name}"
        stamp = Stamp(words, review.decided_at)
    return Letter(
        words=revision.text or ERASED_WORDS,
        to_name=revision.customer.name,
        from_name=revision.author.name,
        brand_handle=revision.x_account.handle,
        verdict=revision.verdict,
        word=word_of(revision),
        count_words=reading_of(revision, None).count_words,
        stamp=stamp,
        diff=diff(before.text, revision.text) if before else [],
    )


def word_of(revision: Revision) -> str:
    """What the postmark says."""
    return WORD[Verdict(revision.verdict)] if revision.verdict else ""


def reviews_of(member: Member, draft_id: int) -> list[Review]:
    """Every decision on a draft, oldest first."""
    return list(
        Review.objects.of(member)
        .filter(revision__draft_id=draft_id)
        .select_related("reviewer", "revision")
        .order_by("decided_at", "pk")
    )


def said(reviews: Iterable[Review]) -> list[Said]:
    """The decisions as sentences."""
    words = {
        Decision.APPROVE: "approved it",
        Decision.REQUEST_CHANGES: "asked for a change",
        Decision.REJECT: "rejected it",
    }
    return [
        Said(
            who=review.reviewer.name,
            words=words[Decision(review.decision)]
            + SIDED.get(review.sided_with, "")
            + (", which was taken back" if review.undone_at else ""),
            comment=review.comment,
            at=review.decided_at,
        )
        for review in reviews
    ]


def opening(text: str) -> str:
    """The first words of a letter, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= OPENING else line[: OPENING - 1].rstrip() + "…"


def diff(old: str, new: str) -> list[DiffPiece]:
    """What changed between two texts, word by word."""
    before, after = (WORD_AND_SPACE.findall(text) for text in (old, new))
    pieces: list[DiffPiece] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, low, high, new_low, new_high in matcher.get_opcodes():
        if tag in ("delete", "replace"):
            pieces.append(DiffPiece("del", "".join(before[low:high])))
        if tag in ("insert", "replace"):
            pieces.append(DiffPiece("ins", "".join(after[new_low:new_high])))
        if tag == "equal":
            pieces.append(DiffPiece("same", "".join(after[new_low:new_high])))
    return pieces


def open_for(member: Member) -> QuerySet[Draft]:
    """The member's own drafts that came back from review, oldest first."""
    return (
        Draft.objects.of(member)
        .filter(state=DraftState.CHANGES_REQUESTED, author_id=member.user_id)
        .select_related("customer")
        .order_by("updated_at", "pk")
    )
