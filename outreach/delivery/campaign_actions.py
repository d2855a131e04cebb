"""Writes about all letters of a campaign at once."""

from __future__ import annotations

from accounts.access import Act, Member, action
from outreach.audit.actions import record_all
from outreach.delivery.models import OPEN, Delivery, DeliveryState
from outreach.drafts.models import Campaign
from outreach.ground.clock import now


@action(Act.WRITE)
def cancel_campaign(member: Member, campaign_id: int) -> int:
    """A member stops every letter of a campaign that has not left. Returns how many those were.

    What is being sent at this moment is not taken back. Raises Campaign.DoesNotExist.
    """
    campaign = Campaign.objects.of(member).get(pk=campaign_id)
    waiting = Delivery.objects.of(member).filter(campaign=campaign, state__in=OPEN)
    was = dict(waiting.select_for_update(no_key=True).order_by("pk").values_list("pk", "state"))
    Delivery.objects.of(member).filter(pk__in=list(was)).update(
        state=DeliveryState.CANCELLED,
        changed_at=now(),
        reason_code="cancelled",
        reason=f"Cancelled by {member.name}, with all of the campaign that had not left.",
    )
    record_all(
        "delivery.cancelled",
        target_kind="delivery",
        targets={pk: {"was": state, "code": "cancelled"} for pk, state in was.items()},
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
    )
    return len(was)
