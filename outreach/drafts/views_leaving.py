"""HTTP of when a letter would leave: a part of the composer."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import Act, MemberRequest, member_view
from outreach.drafts import leaving, queries
from outreach.drafts.forms import WhenForm
from outreach.drafts.models import Draft


@member_view(Act.WRITE)
@require_safe
def leaves(request: MemberRequest, draft_id: int) -> HttpResponse:
    """When the letter would leave, with the time that is being chosen: a part of the composer."""
    try:
        draft = queries.draft(request.member, draft_id)
    except Draft.DoesNotExist:
        raise Http404("There is no such letter in this workspace.") from None
    form = WhenForm(request.GET, theirs=leaving.their_zone(request.member, draft))
    status = 200 if form.is_valid() else 422
    page = {"draft": draft, "form": form, "leaves": leaving.of_draft(request.member, draft, form)}
    return render(request, "drafts/_leaves.html", page, status=status)
