"""HTTP of one customer. The list is `finding`'s."""

from __future__ import annotations

from datetime import time

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Act, MemberRequest, member_view
from outreach.customers import actions, queries
from outreach.customers.forms import PermissionForm, StopForm
from outreach.customers.models import Customer
from outreach.ground.zones import at_local

NOBODY = "There is no such customer in this workspace."


@member_view(Act.LOOK)
@require_safe
def person(request: MemberRequest, customer_id: int) -> HttpResponse:
    """One customer: why they may be written to, or not. Their letters are delivery's part."""
    return _page(request, customer_id, PermissionForm(), StopForm())


@member_view(Act.WRITE)
@require_POST
def permit(request: MemberRequest, customer_id: int) -> HttpResponse:
    """Record why this customer may be written to."""
    form = PermissionForm(request.POST)
    if not form.is_valid():
        return _page(request, customer_id, form, StopForm(), status=422)
    data = form.cleaned_data
    given_at = at_local(data["given_on"], time(12), request.member.workspace.zone)
    try:
        actions.record_permission(
            request.member,
            customer_id,
            basis=data["basis"],
            given_at=given_at,
            place=data["place"],
            evidence=data["evidence"],
        )
    except Customer.DoesNotExist:
        raise Http404(NOBODY) from None
    messages.success(request, "The permission is recorded.")
    return redirect("customers:show", slug=request.member.workspace.slug, customer_id=customer_id)


@member_view(Act.WRITE)
@require_POST
def stop(request: MemberRequest, customer_id: int) -> HttpResponse:
    """Never write to this customer again; cancels what is queued for them."""
    form = StopForm(request.POST)
    if not form.is_valid():
        return _page(request, customer_id, PermissionForm(), form, status=422)
    try:
        actions.suppress(request.member, customer_id, reason=form.cleaned_data["reason"])
    except Customer.DoesNotExist:
        raise Http404(NOBODY) from None
    messages.success(request, "Nobody here writes to them again; what was waiting is cancelled.")
    return redirect("customers:show", slug=request.member.workspace.slug, customer_id=customer_id)


def _page(
    request: MemberRequest,
    customer_id: int,
    permission_form: PermissionForm,
    stop_form: StopForm,
    *,
    status: int = 200,
) -> HttpResponse:
    member = request.member
    try:
        found = queries.person(member, customer_id, member.workspace)
    except Customer.DoesNotExist:
        raise Http404(NOBODY) from None
    if found.customer.merged_into_id is not None:
        return redirect(
            "customers:show", slug=member.workspace.slug, customer_id=found.customer.merged_into_id
        )
    page = {
        "person": found,
        "permission_form": permission_form,
        "stop_form": stop_form,
        # The summary of errors is of the form that was sent.
        "form": permission_form if permission_form.is_bound else stop_form,
        "relationships": [
            {
                "mutual": relationship.mutual,
                "words": queries.relationship_words(relationship),
                "checked_at": relationship.known_at,
            }
            for relationship in found.relationships
        ],
        "permissions": [
            {
                "words": ", ".join(
                    filter(None, [permission.get_basis_display(), permission.place])
                ),
                "evidence": permission.evidence,
                "at": permission.given_at,
            }
            for permission in found.permissions
        ],
        "suppression": found.suppression,
        "attributes": [
            (key.replace("_", " "), value)
            for key, value in sorted(found.customer.attributes.items())
        ],
    }
    return render(request, "customers/show.html", page, status=status)
