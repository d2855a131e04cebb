"""Reads about guidance: the policy that letters are read under, and what became of disagreements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from accounts.access import Member
from accounts.models import Workspace
from outreach.customers.models import Customer
from outreach.customers.queries import suppression_of
from outreach.drafts import policy
from outreach.drafts.hooks import last_letter
from outreach.drafts.models import DraftState, GuidancePolicy, Review, Revision, Side
from outreach.drafts.reading import StoredReading, Terms, read_text, stored, what_stops
from outreach.ground.clock import now
from outreach.ground.paging import Page, keyset
from outreach.ground.scope import Scope
from outreach.guidance import Report
from outreach.guidance.policy import Policy

# A letter after so long a silence says again how to stop them, as the first one did. Source: the
# house rule in the issue of guidance: a first letter, and one every 90 days.
SAY_STOP_EVERY = timedelta(days=90)
LABELS = {Side.WRITER: "good", Side.GUIDANCE: "spam"}


@dataclass(frozen=True, slots=True)
class Disagreements:
    """How often authors disagreed with a spam verdict, and what managers made of it."""

    writer: int
    guidance: int
    waiting: int


def newest_version(workspace_id: str) -> Coalesce:
    """An expression: the newest policy's version of the workspace in that column, or 0."""
    newest = GuidancePolicy.everywhere.filter(workspace_id=OuterRef(workspace_id))
    return Coalesce(Subquery(newest.order_by("-version").values("version")[:1]), 0)


def policy_of(scope: Scope) -> Policy:
    """What the workspace's letters are read under now. One query."""
    return policy.of_row(GuidancePolicy.objects.of(scope).order_by("-version").first())


def terms_of(scope: Scope, customer: Customer) -> Terms:
    """What a letter to this customer is read under now. Three queries."""
    suppression = suppression_of(scope, customer)
    last = last_letter(scope.workspace_id, customer.x_user_id) if customer.x_user_id else None
    return Terms(
        policy=policy_of(scope),
        first_letter=last is None or last <= now() - SAY_STOP_EVERY,
        stopped=suppression.reason if suppression else "",
    )


def read_again(
    terms: Terms, revision: Revision, customer: Customer, workspace: Workspace
) -> tuple[Report, str]:
    """The frozen words read under `terms`, and why they do not pass now (empty: they do).

    What its author stood up for, with a reason, passes as a disagreement. No query.
    """
    report = read_text(revision.text, customer, workspace, terms)
    return report, what_stops(report, disagreement=revision.disagreement)


def reading_of(revision: Revision, review: Review | None) -> StoredReading:
    """What guidance said of a revision: when it was decided on, where it was asked again then."""
    if review is not None and review.report is not None:
        return stored(review.report, revision.text, review.policy_version)
    return stored(revision.report, revision.text, revision.policy_version)


def policy_versions(member: Member, *, older: str, newer: str) -> Page[GuidancePolicy]:
    """The versions of the policy, newest first, with who made them. One query."""
    rows = GuidancePolicy.objects.of(member).select_related("changed_by")
    return keyset(rows, by="version", older=older, newer=newer, size=10)


def disagreements(member: Member) -> Disagreements:
    """How the workspace's disagreements with guidance ended, or wait. One query."""
    standing = Review.everywhere.filter(revision=OuterRef("pk"), undone_at__isnull=True)
    newer = Revision.everywhere.filter(draft=OuterRef("draft"), number__gt=OuterRef("number"))
    rows = (
        Revision.objects.of(member)
        .exclude(disagreement="")
        .annotate(side=Subquery(standing.values("sided_with")[:1]), is_latest=~Exists(newer))
    )
    counts = rows.aggregate(
        writer=Count("pk", filter=Q(side=Side.WRITER)),
        guidance=Count("pk", filter=Q(side=Side.GUIDANCE)),
        waiting=Count("pk", filter=Q(draft__state=DraftState.IN_REVIEW, is_latest=True)),
    )
    return Disagreements(**counts)


def labelled_messages(workspace_slug: str = "") -> Iterator[dict[str, str]]:
    """Letters that a manager judged against guidance or with it, as evaluation reads them.

    An author's reason and names stay here; what was erased is left out. An empty slug: of all
    workspaces, for whoever runs the installation.
    """
    rows = (
        Review.everywhere.filter(undone_at__isnull=True)
        .exclude(sided_with="")
        .exclude(revision__text="")
        .order_by("pk")
        .values_list("revision__text", "sided_with", "workspace__slug")
    )
    if workspace_slug:
        rows = rows.filter(workspace__slug=workspace_slug)
    for text, side, slug in rows.iterator():
        label = LABELS[Side(side)]
        yield {"text": text, "label": label, "group": "disagreement", "source": f"workspace:{slug}"}
