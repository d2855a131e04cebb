"""A campaign's letters, spread over a period."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from accounts.access import Member
from outreach.delivery import actions, schedule_queries
from outreach.delivery.models import OPEN, Delivery, SendingPolicy
from outreach.delivery.timing import spread
from outreach.delivery.windows import Hours


def spread_campaign(
    member: Member, campaign_id: int, since: datetime, until: datetime, zone: ZoneInfo | None
) -> int:
    """Have what has not left of a campaign leave evenly over a period; returns how many letters.

    `since` and `until` are wall times, in `zone` or in each customer's own where that is None.
    Raises Campaign.DoesNotExist; ValueError where the period ends before it begins.
    """
    schedule_queries.campaign(member, campaign_id)
    letters = list(
        Delivery.objects.of(member)
        .filter(campaign_id=campaign_id, state__in=OPEN)
        .select_related("customer")
        .order_by("look_at", "pk")
    )
    policy = SendingPolicy.objects.of(member).get()
    zone_of_ours = member.workspace.zone
    hours = [Hours.under(policy, letter.customer.zone(zone_of_ours)) for letter in letters]
    moments = spread(hours, since, until, zone)
    due_times = {letter.pk: moment for letter, moment in zip(letters, moments, strict=True)}
    return actions.reschedule_campaign(member, campaign_id, due_times)
