"""HTTP of spreading a campaign's letters over a period."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.access import Act, MemberRequest, member_view
from outreach.delivery import schedule_queries
from outreach.delivery.forms import SpreadForm
from outreach.delivery.going_back import named, to_schedule
from outreach.delivery.spreading import spread_campaign
from outreach.drafts.models import Campaign


@member_view(Act.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def spread(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Have what has not left of a campaign leave evenly over a period."""
    member = request.member
    try:
        campaign = schedule_queries.campaign(member, campaign_id)
    except Campaign.DoesNotExist:
        raise Http404("There is no such campaign in this workspace.") from None
    ours = ZoneInfo(str(timezone.get_current_timezone()))
    posted = request.POST if request.method == "POST" else None
    form = SpreadForm(posted, ours=ours)
    if posted is not None and form.is_valid():
        period = form.cleaned_data["since"], form.cleaned_data["until"]
        count = spread_campaign(member, campaign_id, *period, form.zone)
        letters = "letter has" if count == 1 else "letters have"
        messages.success(request, f"{count:,} {letters} a new time, spread over the period.")
        return to_schedule(request)
    page = {
        "campaign": campaign,
        "form": form,
        "count": schedule_queries.waiting_of_campaign(member, campaign_id),
        "next": named(request),
    }
    return render(request, "delivery/spread.html", page, status=200 if posted is None else 422)
