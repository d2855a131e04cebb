"""The one write about a workspace's sending policy."""

from __future__ import annotations

from dataclasses import asdict

from django.db.models import F

from accounts.access import Act, Member, action
from outreach.audit.actions import record
from outreach.delivery import policy
from outreach.delivery.models import AccountPace, Delivery, DeliveryState, SendingPolicy
from outreach.delivery.policy import Rules

# What letters wait for that these rules say.
WAITS = ("send_window", "quiet_day", "frequency_cap")


class PolicyChanged(Exception):  # noqa: N818  says what happened
    """Somebody else changed the policy since the page was opened; `str()` says so."""


@action(Act.REVIEW)
def change_sending_policy(member: Member, *, seen: str, to: Rules) -> list[str]:
    """A manager sets when, and how often, customers are written to. `seen`: the digest it showed.

    It holds from the next claim on; letters that wait for what it said are looked at again. Returns
    what changed, in sentences; none where nothing did. Raises PolicyChanged.
    """
    # Pace rows before letters, as in a claim: a letter that is looked at sooner lowers its account's.
    paces = AccountPace.objects.filter(x_account__workspace_id=member.workspace_id)
    list(paces.select_for_update(no_key=True, of=("self",)).order_by("pk"))
    row = SendingPolicy.objects.of(member).select_for_update(no_key=True).get()
    was = policy.of_row(row)
    changes = policy.changes(was, to)
    if not changes:
        return []
    if was.digest != seen:
        raise PolicyChanged(
            "Somebody changed the policy since you opened this page. What you set is still here; "
            "save again to have yours."
        )
    for name, value in asdict(to).items():
        setattr(row, name, list(value) if isinstance(value, tuple) else value)
    row.save()
    record(
        "sending_policy.changed",
        target_kind="sending_policy",
        target_id=row.pk,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details={"changes": changes, "was": was.as_details(), "is": to.as_details()},
    )
    waiting = Delivery.objects.of(member).filter(state=DeliveryState.QUEUED, reason_code__in=WAITS)
    waiting.update(look_at=F("due_at"))
    return changes
