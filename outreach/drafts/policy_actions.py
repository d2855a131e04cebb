"""The one write about a workspace's guidance policy."""

from __future__ import annotations

from accounts.access import Act, Member, action
from accounts.models import Workspace
from outreach.audit.actions import record
from outreach.drafts import errors, policy
from outreach.drafts.models import GuidancePolicy
from outreach.drafts.policy_queries import policy_of
from outreach.guidance.policy import Policy


@action(Act.REVIEW)
def change_policy(member: Member, *, version: int, to: Policy) -> GuidancePolicy | None:
    """A manager sets the workspace's guidance policy. `version` is the one that the page showed.

    Each change is a new version; None where nothing is different. What is in review or on its way
    is read again before it goes on. Raises PolicyChanged where somebody else was faster.
    """
    # One change of a workspace's policy at a time; the unique version would only refuse the second.
    Workspace.objects.select_for_update(no_key=True).get(pk=member.workspace_id)
    was = policy_of(member)
    changes = policy.changes(was, to)
    if not changes:
        return None
    if was.version != version:
        raise errors.PolicyChanged(
            "Somebody changed the policy since you opened this page. What you set is still here; "
            "look at the history below, and save again to have yours."
        )
    row = GuidancePolicy(
        workspace_id=member.workspace_id,
        version=version + 1,
        changes=changes,
        changed_by_id=member.user_id,
    )
    for name, value in policy.columns(to).items():
        setattr(row, name, value)
    row.save(force_insert=True)
    record(
        "guidance_policy.changed",
        target_kind="guidance_policy",
        target_id=row.pk,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details={
            "version": row.version,
            "changes": changes,
            "was": policy.columns(was),
            "is": policy.columns(to),
        },
    )
    return row
