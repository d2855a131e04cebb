"""HTTP of the review: the queue, one letter, the decision, and ten seconds to undo it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import queries as people
from accounts.access import Act, MemberRequest, member_view
from outreach.customers import queries as customers
from outreach.drafts import actions, errors, leaving, policy_queries, queries
from outreach.drafts.forms import DecisionForm
from outreach.drafts.models import Decision, DraftState, Revision
from outreach.ground.clock import now

# How many of the next letters a review page lists.
NEXT_ROWS = 5
# Where the session keeps the approvals that can still be undone, oldest first.
UNDO = "undo"
SAID = {
    Decision.APPROVE: "Approved",
    Decision.REQUEST_CHANGES: "Sent back with your word",
    Decision.REJECT: "Rejected",
}


@member_view(Act.REVIEW)
@require_safe
def queue(request: MemberRequest) -> HttpResponse:
    """The letters that wait for a decision, oldest first."""
    rows = queries.queue_rows(request.member, queries.in_review(request.member)[:200])
    page = {
        "rows": rows,
        "count": queries.in_review(request.member).count(),
        "oldest": rows[0].submitted_at if rows else None,
        "undo": undo_of(request),
    }
    return render(request, "drafts/queue.html", page)


@member_view(Act.REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def review(request: MemberRequest, revision_id: int) -> HttpResponse:
    """One letter, and the decision on it."""
    try:
        revision = queries.revision(request.member, revision_id)
    except Revision.DoesNotExist:
        raise Http404("There is no such letter in this workspace.") from None
    if request.method != "POST":
        return _page(request, revision, DecisionForm())
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _page(request, revision, form, status=422)
    return _decide(request, revision, form)


@member_view(Act.REVIEW)
@require_POST
def undo(request: MemberRequest, revision_id: int) -> HttpResponse:
    """Take an approval back before the letter may leave."""
    slug = request.member.workspace.slug
    offers = request.session.get(UNDO, [])
    request.session[UNDO] = [offer for offer in offers if offer["revision"] != revision_id]
    try:
        actions.undo_approval(request.member, revision_id)
    except Revision.DoesNotExist:
        raise Http404 from None
    except errors.DraftRefused as refused:
        messages.error(request, str(refused))
        return redirect("drafts:queue", slug=slug)
    messages.success(request, "The approval is undone; the letter is in review again.")
    return redirect("drafts:review", slug=slug, revision_id=revision_id)


def undo_of(request: MemberRequest) -> list[dict[str, Any]]:
    """The offers to undo the last approvals, while they last."""
    moment = now()
    offers = [
        offer
        for offer in request.session.get(UNDO, [])
        if datetime.fromisoformat(offer["until"]) > moment
    ]
    if offers != request.session.get(UNDO, []):
        request.session[UNDO] = offers
    slug = request.member.workspace.slug
    return [
        {
            "url": reverse("drafts:undo", args=[slug, offer["revision"]]),
            "words": offer["words"],
            "until": datetime.fromisoformat(offer["until"]),
        }
        for offer in reversed(offers)
        if offer["workspace"] == request.member.workspace_id
    ]


def _decide(request: MemberRequest, revision: Revision, form: DecisionForm) -> HttpResponse:
    member = request.member
    decision = Decision(form.cleaned_data["decision"])
    following = _following(request, revision)
    try:
        actions.decide(
            member,
            revision.pk,
            decision=decision,
            text_sha256=form.cleaned_data["sha256"],
            comment=form.cleaned_data["comment"],
            sided_with=form.cleaned_data["sided_with"],
        )
    except errors.CommentNeeded as refused:
        form.add_error("comment", str(refused))
        return _page(request, revision, form, status=422)
    except errors.SideNeeded as refused:
        form.add_error("sided_with", str(refused))
        return _page(request, revision, form, status=422)
    except (errors.CannotBeWrittenTo, errors.PolicyStops) as refused:
        form.add_error(None, str(refused))
        return _page(request, revision, form, status=422)
    except errors.AlreadyDecided as refused:
        form.add_error(None, str(refused))
        return _page(request, queries.revision(member, revision.pk), form, status=409)
    who = revision.customer.name
    if decision == Decision.APPROVE:
        until = now() + timedelta(seconds=settings.UNDO_SECONDS)
        offer = {
            "workspace": member.workspace_id,
            "revision": revision.pk,
            "words": f"Approved: the letter to {who}.",
            "until": until.isoformat(),
        }
        request.session[UNDO] = [*request.session.get(UNDO, []), offer]
    else:
        messages.success(request, f"{SAID[decision]}: the letter to {who}.")
    if following:
        return redirect("drafts:review", slug=member.workspace.slug, revision_id=following)
    return redirect("drafts:queue", slug=member.workspace.slug)


def _policy_note(request: MemberRequest, revision: Revision) -> str:
    """What a policy that is newer than the submission means for it; empty where none is."""
    member = request.member
    terms = policy_queries.terms_of(member, revision.customer)
    if terms.policy.version == revision.policy_version:
        return ""
    _, why = policy_queries.read_again(terms, revision, revision.customer, member.workspace)
    if why:
        return (
            f"It would not pass any more: {why} Ask for a change, so that its author can mend it."
        )
    return "The letter passes under the new one, too; approving it reads it again."


def _following(request: MemberRequest, revision: Revision) -> int | None:
    """The letter to show next: the one after this in the queue that the member may decide on."""
    rows = queries.queue_rows(request.member, queries.in_review(request.member)[:200])
    open_ones = [row.revision_id for row in rows if not row.own]
    if revision.pk not in open_ones:
        return open_ones[0] if open_ones else None
    at = open_ones.index(revision.pk)
    rest = open_ones[at + 1 :] + open_ones[:at]
    return rest[0] if rest else None


def _page(
    request: MemberRequest, revision: Revision, form: DecisionForm, *, status: int = 200
) -> HttpResponse:
    member = request.member
    rows = queries.queue_rows(member, queries.in_review(member)[:200])
    ids = [row.revision_id for row in rows]
    at = ids.index(revision.pk) if revision.pk in ids else None
    reviews = queries.reviews_of(member, revision.draft_id)
    standing = next(
        (r for r in reviews if r.revision_id == revision.pk and r.undone_at is None), None
    )
    is_open = at is not None and revision.draft.state == DraftState.IN_REVIEW
    before = (
        Revision.objects.of(member)
        .filter(draft_id=revision.draft_id, number=revision.number - 1)
        .first()
    )
    own = revision.author_id == member.user_id
    page = {
        "revision": revision,
        "letter": queries.letter(revision, before, standing),
        "person": customers.person(member, revision.customer_id, member.workspace),
        "reading": policy_queries.reading_of(revision, standing),
        "policy_note": _policy_note(request, revision) if is_open else "",
        "brief": revision,
        "last_words": "",
        "reviews": queries.said(reviews),
        "next_rows": rows[at + 1 : at + 1 + NEXT_ROWS] if at is not None else rows[:NEXT_ROWS],
        "prev_url": rows[at - 1].url if at else "",
        "next_url": rows[at + 1].url if at is not None and at + 1 < len(rows) else "",
        "count": len(rows),
        "oldest": rows[0].submitted_at if rows else None,
        "own": own,
        "is_open": is_open,
        "nobody_else": own and people.reviewers_beside(member, member.user_id) == 0,
        "form": form,
        "leaves": leaving.of_revision(member, revision) if is_open else None,
        "undo": undo_of(request),
    }
    return render(request, "drafts/review.html", page, status=status)
