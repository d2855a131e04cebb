"""HTTP of finding people: the list, one person's history, and merging two rows of one person."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import Act, Member, MemberRequest, member_view
from outreach.customers.finding import actions, queries
from outreach.customers.finding import history as histories
from outreach.customers.finding.criteria import WHEN_CHOICES, YES_OR_NO, Criteria, read
from outreach.customers.finding.errors import CannotMerge
from outreach.customers.models import Customer
from outreach.customers.queries import people as people_of
from outreach.customers.queries import person

NOBODY = "There is no such customer in this workspace."
# What stands beside the search, one press away: filter, value, label.
CHIPS = (
    ("mutual", "yes", "Mutual"),
    ("permission", "yes", "Has permission"),
    ("stopped", "yes", "Said stop"),
    ("written", "not-30", "Not written to for 30 days"),
)
CHOICES = {
    "mutual": ("Relationship", {"": "any", "yes": "mutual", "no": "not mutual"}),
    "permission": ("Permission", {"": "any or none", "yes": "has one", "no": "has none"}),
    "stopped": ("Said stop", {"": "yes or no", "yes": "yes", "no": "no"}),
    "written": ("Last written to", WHEN_CHOICES),
    "answered": ("Last answered", WHEN_CHOICES),
}


@member_view(Act.LOOK)
@require_safe
def people(request: MemberRequest) -> HttpResponse:
    """Search and filter; all of it stands in the URL."""
    criteria = read(request.GET)
    response = render(request, "customers/list.html", list_page(request, criteria))
    if request.htmx:
        # What was typed becomes the address, without the filters that ask for nothing.
        response["HX-Replace-Url"] = address(request.member, criteria)
    return response


def list_page(request: MemberRequest, criteria: Criteria) -> dict[str, Any]:
    """What the list shows."""
    member = request.member
    listed = queries.list_of(
        member,
        criteria,
        older=request.GET.get("older", ""),
        newer=request.GET.get("newer", ""),
    )
    return {
        "criteria": criteria,
        "q": criteria.q,
        "rows": people_of(member, listed.found.page.rows, member.workspace),
        "count": listed.count,
        "found": listed.found,
        "chips": _chips(member, criteria),
        "choices": _choices(criteria),
        "tags": queries.tags_of(member),
        "save_query": urlencode({"query": criteria.query}),
        "everybody_url": address(member, Criteria()),
        "older_url": _page_url(member, criteria, "older", listed.found.page.older),
        "newer_url": _page_url(member, criteria, "newer", listed.found.page.newer),
    }


def address(member: Member, criteria: Criteria) -> str:
    """The list's address with this search and these filters."""
    here = reverse("customers:list", args=[member.workspace.slug])
    return f"{here}?{criteria.query}" if criteria.query else here


def _page_url(member: Member, criteria: Criteria, way: str, cursor: str) -> str:
    if not cursor:
        return ""
    here = address(member, criteria)
    return f"{here}{'&' if '?' in here else '?'}{urlencode({way: cursor})}"


def _chips(member: Member, criteria: Criteria) -> list[dict[str, Any]]:
    """The usual filters to press, and every other one that is set, to take away."""
    chips = []
    for name, value, label in CHIPS:
        current = getattr(criteria, name) == value
        changed: dict[str, Any] = {name: value}
        to = criteria.without(name) if current else replace(criteria, **changed)
        chips.append({"label": label, "current": current, "url": address(member, to)})
    usual = {(name, value) for name, value, _ in CHIPS}
    for name, value, words in criteria.said():
        if (name, value) not in usual:
            url = address(member, criteria.without(name, value))
            chips.append({"label": words, "current": True, "url": url})
    return chips


def _choices(criteria: Criteria) -> list[dict[str, Any]]:
    fields = []
    for name, (label, options) in CHOICES.items():
        value = getattr(criteria, name)
        said = dict(options)
        if value not in said:  # from an address: 'in the last 45 days'
            said[value] = next(words for each, _, words in criteria.said() if each == name)
        fields.append(
            {
                "name": name,
                "label": label,
                "narrow": name in YES_OR_NO,
                "options": [(key, words, key == value) for key, words in said.items()],
            }
        )
    return fields


@member_view(Act.LOOK)
@require_safe
def history(request: MemberRequest, customer_id: int) -> HttpResponse:
    """Everything ever said and done, by day: a part of the customer's page, or one of its own."""
    member = request.member
    shown = _customer(member, customer_id)
    before = parse_before(request.GET.get("before", ""))
    past = histories.history_of(member, shown, before=before)
    template = "_history.html" if request.htmx else "history.html"
    return render(
        request,
        f"customers/finding/{template}",
        {"person": person(member, customer_id, member.workspace), "history": past},
    )


def parse_before(said: str) -> datetime | None:
    """A moment in an address; None where it cannot be read."""
    try:
        moment = parse_datetime(said)
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None or not 1900 < moment.year < 2200:
        return None
    return moment


@member_view(Act.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def merge(request: MemberRequest, customer_id: int) -> HttpResponse:
    """Two rows of one person become one. Asks once, and says what becomes of what."""
    member = request.member
    shown = _customer(member, customer_id)
    given = request.POST if request.method == "POST" else request.GET
    other = _other(member, given.get("with", ""))
    refused = ""
    if request.method == "POST" and other is not None:
        keep, gone = shown, other
        if request.POST.get("keep") == str(other.pk):
            keep, gone = other, shown
        try:
            actions.merge(member, keep.pk, gone.pk)
        except CannotMerge as error:
            refused = str(error)
        else:
            messages.success(request, f"@{gone.handle} is one with @{keep.handle} now.")
            slug = member.workspace.slug
            return redirect("customers:show", slug=slug, customer_id=keep.pk)
    elif request.method == "POST":
        refused = "Choose who is the same person first."
    page = _merge_page(member, shown, other, request.GET.get("q", "")[:100])
    return render(
        request,
        "customers/finding/merge.html",
        page | {"refused": refused},
        status=422 if refused else 200,
    )


def _merge_page(member: Member, shown: Customer, other: Customer | None, q: str) -> dict[str, Any]:
    asked = q or shown.handle
    near = [] if other else queries.search(member, q=asked, older="", newer="", size=10).rows
    near = [row for row in near if row.pk != shown.pk]
    both = people_of(member, [shown, *([other] if other else near)], member.workspace)
    return {
        "person": both[0],
        "other": both[1] if other else None,
        "near": [] if other else both[1:],
        "q": q,
        "both": both if other else [],
        "keep": both[1] if other and shown.x_user_id is None and other.x_user_id else both[0],
    }


def _customer(member: Member, customer_id: int) -> Customer:
    try:
        return Customer.objects.of(member).get(pk=customer_id)
    except Customer.DoesNotExist:
        raise Http404(NOBODY) from None


def _other(member: Member, said: str) -> Customer | None:
    if not (said.isascii() and said.isdecimal()) or len(said) > 18:
        return None
    return Customer.objects.of(member).filter(pk=int(said)).first()
