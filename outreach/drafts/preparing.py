"""Drafts that the product begins: to people who accepted an invitation."""

from __future__ import annotations

from accounts import queries as people
from outreach.audit.actions import record
from outreach.customers.hooks import OptedIn
from outreach.drafts.models import Draft
from outreach.ground.writes import step


@step
def prepare(accepted: OptedIn) -> None:
    """A draft to whoever accepted an invitation, in its writer's hands.

    A writer who left the workspace could not go on with it, so then it is an administrator's.
    """
    draft = Draft.objects.create(
        workspace_id=accepted.workspace_id,
        x_account_id=accepted.x_account_id,
        customer_id=accepted.customer_id,
        author_id=people.member_or_administrator(accepted.workspace_id, accepted.writer_id),
        words=accepted.starting_words,
        why_person=accepted.why_person,
    )
    record(
        "draft.prepared",
        target_kind="draft",
        target_id=draft.pk,
        workspace_id=accepted.workspace_id,
        actor_id=None,
        details={"customer": accepted.customer_id},
    )
