"""HTTP of Today and of the audit log."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import Act, MemberRequest, member_view
from outreach.delivery.holds import holds_of
from outreach.ground.clock import now
from outreach.insights import queries


@member_view(Act.LOOK)
@require_safe
def today(request: MemberRequest) -> HttpResponse:
    """What waits for me, what leaves today, what the last days brought."""
    member = request.member
    local = timezone.localtime()
    part = "morning" if local.hour < 12 else "afternoon" if local.hour < 18 else "evening"
    holds = holds_of(member, now())
    page = {
        "greeting": f"Good {part}, {member.user.first_name}",
        "today": local.date(),
        "waiting": queries.waiting_for(member, holds),
        "letters_today": queries.letters_of_today(member, holds),
        "last_14": queries.last_14_days(member),
    }
    return render(request, "insights/today.html", page)


@member_view(Act.ADMINISTER)
@require_safe
def audit_log(request: MemberRequest) -> HttpResponse:
    """Who did what to what, newest first."""
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    events, more = queries.audit_lines(request.member, before=before)
    page = {
        "events": events,
        "older_url": f"{request.path}?before={more}" if more else "",
        "newer_url": request.path if before else "",
    }
    return render(request, "insights/audit_log.html", page)
