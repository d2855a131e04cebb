"""HTTP of letters on their way: the schedule, and one letter's page."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseStopPolling

from accounts.access import Act, MemberRequest, member_view
from accounts.pages import page_urls
from outreach.customers import queries as customers
from outreach.customers.models import Customer
from outreach.delivery import actions, queries
from outreach.delivery.models import Delivery
from outreach.drafts import queries as drafts
from outreach.drafts.models import Draft, DraftState


@member_view(Act.LOOK)
@require_safe
def schedule(request: MemberRequest) -> HttpResponse:
    """Deliveries by state, each with its reason in plain words."""
    tab = request.GET.get("state", "")
    tab = tab if tab in queries.TABS else ""
    page = queries.page_of(
        request.member,
        tab,
        older=request.GET.get("older", ""),
        newer=request.GET.get("newer", ""),
    )
    return render(
        request,
        "delivery/schedule.html",
        {
            "rows": queries.rows(request.member, page.rows),
            "tabs": queries.tabs(request.member, tab),
            **page_urls(request, page),
        },
    )


@member_view(Act.LOOK)
@require_safe
def letter(request: MemberRequest, draft_id: int) -> HttpResponse:
    """One letter: the words, what was said about it, and each step of its way."""
    member = request.member
    draft = _draft(request, draft_id)
    revision = drafts.latest_revision(member, draft.pk)
    own = draft.author_id == member.user_id
    if draft.is_editable and own:
        return redirect("drafts:compose", slug=member.workspace.slug, draft_id=draft.pk)
    reviews = drafts.reviews_of(member, draft.pk)
    standing = next(
        (r for r in reviews if revision and r.revision_id == revision.pk and r.undone_at is None),
        None,
    )
    way = queries.way_of(member, draft)
    may = set()
    if own and draft.state in (DraftState.IN_REVIEW, DraftState.APPROVED):
        gone = way.delivery is not None and way.delivery.state in ("sending", "sent", "uncertain")
        may |= set() if gone else {"edit"}
    review_url = ""
    if revision and draft.state == DraftState.IN_REVIEW and not own and member.may(Act.REVIEW):
        may.add("review")
        review_url = reverse("drafts:review", args=[member.workspace.slug, revision.pk])
    row = queries.rows(member, [way.delivery]) if way.delivery else []
    page = {
        "draft": draft,
        "letter": drafts.letter(revision, None, standing) if revision else None,
        "brief": revision or draft,
        "person": customers.person(member, draft.customer_id, member.workspace),
        "reviews": drafts.said(reviews),
        "steps": way.steps,
        "state_words": way.state_words,
        "delivery": row[0] if row else None,
        "poll": not way.is_final,
        "may": may,
        "review_url": review_url,
    }
    return render(request, "delivery/letter.html", page)


@member_view(Act.LOOK)
@require_safe
def steps(request: MemberRequest, draft_id: int) -> HttpResponse:
    """The steps alone, polled by the letter's page; ends the polling when none follows."""
    way = queries.way_of(request.member, _draft(request, draft_id))
    part = {"steps": way.steps, "state_words": way.state_words}
    response = render(request, "delivery/_steps.html", part)
    if way.is_final:
        return HttpResponseStopPolling(response.content)
    return response


@member_view(Act.LOOK)
@require_safe
def to_person(request: MemberRequest, customer_id: int) -> HttpResponse:
    """Letters to one customer: a part of their page."""
    member = request.member
    try:
        person = customers.person(member, customer_id, member.workspace)
    except Customer.DoesNotExist:
        raise Http404("There is no such customer in this workspace.") from None
    letters = queries.rows(member, queries.letters_to(member, customer_id))
    return render(
        request,
        "delivery/_to_person.html" if request.htmx else "delivery/to_person.html",
        {"person": person, "letters": letters},
    )


@member_view(Act.WRITE)
@require_POST
def cancel(request: MemberRequest, delivery_id: int) -> HttpResponse:
    """Stop a letter that has not left."""
    delivery = _delivery(request, delivery_id)
    try:
        actions.cancel(request.member, delivery.pk)
    except actions.CannotMove as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "The letter is cancelled; it does not leave.")
    return _back(request, delivery)


@member_view(Act.WRITE)
@require_POST
def try_again(request: MemberRequest, delivery_id: int) -> HttpResponse:
    """Send a blocked letter back to the queue."""
    delivery = _delivery(request, delivery_id)
    try:
        actions.try_again(request.member, delivery.pk)
    except actions.CannotMove as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "It is on its way again, if nothing holds it.")
    return _back(request, delivery)


def _draft(request: MemberRequest, draft_id: int) -> Draft:
    try:
        return drafts.draft(request.member, draft_id)
    except Draft.DoesNotExist:
        raise Http404("There is no such letter in this workspace.") from None


def _delivery(request: MemberRequest, delivery_id: int) -> Delivery:
    try:
        return queries.delivery(request.member, delivery_id)
    except Delivery.DoesNotExist:
        raise Http404("There is no such letter in this workspace.") from None


def _back(request: MemberRequest, delivery: Delivery) -> HttpResponse:
    slug = request.member.workspace.slug
    return redirect("delivery:letter", slug=slug, draft_id=delivery.revision.draft_id)
