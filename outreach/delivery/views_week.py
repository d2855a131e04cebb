"""HTTP of the week calendar."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import Act, MemberRequest, member_view
from outreach.delivery import schedule_queries, week_queries
from outreach.delivery.filters import Filters
from outreach.delivery.holds import holds_in
from outreach.ground.clock import now
from outreach.x.queries import accounts_of


@member_view(Act.LOOK)
@require_safe
def week(request: MemberRequest) -> HttpResponse:
    """What left and is to leave in one week, by the reader's clock."""
    member = request.member
    here = reverse("delivery:week", args=[member.workspace.slug])
    zone = ZoneInfo(str(timezone.get_current_timezone()))
    moment = now()
    accounts = accounts_of(member)
    filters = Filters.of(request.GET)
    filters = Filters(account=filters.account, campaign=filters.campaign)
    today = moment.astimezone(zone).date()
    first = week_queries.week_of(request.GET.get("week", ""), today)

    def of(days: int) -> str:
        kept = filters.query
        said = week_queries.week_words(first + timedelta(days=days))
        return f"{here}?week={said}" + (f"&{kept}" if kept else "")

    page = {
        "week": week_queries.week(member, first, zone, filters, holds_in(member, accounts, moment)),
        "week_said": week_queries.week_words(first),
        "last_day": first + timedelta(days=6),
        "earlier_url": of(-7),
        "later_url": of(7),
        "this_week_url": filters.address(here),
        "is_this_week": first <= today <= first + timedelta(days=6),
        "filters": filters,
        "x_accounts": accounts,
        "campaigns": schedule_queries.campaigns_of(member),
        "list_url": filters.address(reverse("delivery:schedule", args=[member.workspace.slug])),
    }
    return render(request, "delivery/week.html", page)
