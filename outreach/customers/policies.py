"""HTTP of the contact policy: everybody reads it, administrators set it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Act, MemberRequest, member_view
from outreach.customers import actions, queries
from outreach.customers.forms import RequirePermissionForm


@member_view(Act.LOOK)
@require_safe
def show(request: MemberRequest) -> HttpResponse:
    """Whether a permission is needed, and what it means to do without."""
    return _page(request, RequirePermissionForm())


@member_view(Act.ADMINISTER)
@require_POST
def change(request: MemberRequest) -> HttpResponse:
    """Switch the need for a permission off, confirmed, or on again."""
    member = request.member
    required = request.POST.get("require_permission") == "on"
    form = RequirePermissionForm(request.POST)
    if not required and not form.is_valid():
        return _page(request, form, status=422)
    if actions.set_require_permission(member, required=required, understood=not required):
        said = (
            "Letters go only to people whose permission is recorded."
            if required
            else "Letters no longer need a recorded permission. Everybody here sees that."
        )
        messages.success(request, said)
    return redirect("customers:policy", slug=member.workspace.slug)


def _page(
    request: MemberRequest, form: RequirePermissionForm, *, status: int = 200
) -> HttpResponse:
    page = {
        "form": form,
        "required": queries.requires_permission(request.member),
        "may_change": request.member.may(Act.ADMINISTER),
    }
    return render(request, "customers/policy.html", page, status=status)
