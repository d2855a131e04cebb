"""Pausing and going on: a campaign, a workspace, everything. An account's pause is its own (x).

A pause takes effect before the next claim, which reads it after its locks. Letters wait meanwhile,
each shown with the reason.
"""

from __future__ import annotations

from functools import partial

from django.db import transaction

from accounts.access import Act, Member, action
from outreach.audit.actions import record
from outreach.delivery.models import Pause
from outreach.delivery.statements import rows, run
from outreach.drafts.models import Campaign
from outreach.ground.writes import engine_action, step

# Two stops among so many letters of a campaign, the last ones, pause it.
LAST_LETTERS = 100
STOPS = 2
TOO_MANY_STOPS = (
    "Two people said stop among its last hundred letters. Read what they answered before you go on."
)

LET_GO_ON = """
    /* resume: look at the accounts now */
    UPDATE delivery_accountqueue SET look_at = outreach_now()
    WHERE x_account_id IN (
        -- All of them: a claim that still saw the pause may be about to set a later moment.
        SELECT queue.x_account_id FROM delivery_accountqueue queue
        JOIN x_xaccount account ON account.id = queue.x_account_id
        WHERE (%(account)s::bigint IS NULL OR account.id = %(account)s)
            AND (%(workspace)s::bigint IS NULL OR account.workspace_id = %(workspace)s)
        ORDER BY queue.x_account_id FOR NO KEY UPDATE OF queue
    )
    RETURNING x_account_id
"""
GO_ON = """
    /* resume: it is not paused any more */
    DELETE FROM delivery_pause WHERE workspace_id IS NOT DISTINCT FROM %(workspace)s
        AND campaign_id IS NOT DISTINCT FROM %(campaign)s
"""
# Since it was due, not since we knew that it arrived: who says stop may be faster than X.
STOPPED_CAMPAIGNS = """
    /* stop: campaigns that too many answer so */
    SELECT campaign.id, campaign.workspace_id FROM drafts_campaign campaign
    WHERE campaign.id IN (
        SELECT campaign_id FROM delivery_delivery
        WHERE workspace_id = %(workspace)s AND recipient_x_user_id = ANY(%(people)s)
            AND campaign_id IS NOT NULL AND state = 'sent'
    )
    AND %(stops)s <= (
        SELECT count(DISTINCT never.x_user_id) FROM (
            SELECT recipient_x_user_id, due_at FROM delivery_delivery
            WHERE campaign_id = campaign.id AND state = 'sent'
            ORDER BY sent_at DESC, id DESC LIMIT %(last)s
        ) letter
        JOIN customers_suppression never ON never.workspace_id = campaign.workspace_id
            AND never.x_user_id = letter.recipient_x_user_id AND never.since >= letter.due_at
    )
"""


@action(Act.REVIEW)
def pause_campaign(member: Member, campaign_id: int) -> None:
    """Nothing of the campaign leaves until it goes on. Raises Campaign.DoesNotExist."""
    campaign = Campaign.objects.of(member).get(pk=campaign_id)
    reason = f"{campaign.name} was paused by {member.name}."
    _pause(campaign.workspace_id, campaign.pk, reason, member.user_id)


@action(Act.REVIEW)
def resume_campaign(member: Member, campaign_id: int) -> None:
    """Raises Campaign.DoesNotExist."""
    campaign = Campaign.objects.of(member).get(pk=campaign_id)
    _resume(campaign.workspace_id, campaign.pk, member.user_id)


@action(Act.REVIEW)
def pause_workspace(member: Member) -> None:
    """Nothing leaves from any account of the workspace until it goes on."""
    reason = f"All letters of {member.workspace.name} were paused by {member.name}."
    _pause(member.workspace_id, None, reason, member.user_id)


@action(Act.REVIEW)
def resume_workspace(member: Member) -> None:
    """Letters leave again, if nothing else holds them."""
    _resume(member.workspace_id, None, member.user_id)


@engine_action
def pause_everything(reason: str) -> None:
    """The operator stops all letters of this installation."""
    _pause(None, None, reason, None)


@engine_action
def resume_everything() -> None:
    """The operator lets letters leave again."""
    _resume(None, None, None)


@step
def pause_stopped_campaigns(workspace_id: int, x_user_ids: list[int]) -> None:
    """Somebody said stop: a campaign that two of its last hundred answered so is paused."""
    for campaign in rows(
        STOPPED_CAMPAIGNS, workspace=workspace_id, people=x_user_ids, stops=STOPS, last=LAST_LETTERS
    ):
        _pause(campaign.workspace_id, campaign.id, TOO_MANY_STOPS, None)


@step
def account_goes_on(x_account_id: int) -> None:
    """An account is connected, or was resumed: its letters are looked at."""
    _let_go_on(account=x_account_id)


def _pause(
    workspace_id: int | None, campaign_id: int | None, reason: str, actor_id: int | None
) -> None:
    _, made = Pause.objects.get_or_create(
        workspace_id=workspace_id,
        campaign_id=campaign_id,
        defaults={"reason": reason[:300], "paused_by_id": actor_id},
    )
    if made:
        _say("paused", workspace_id, campaign_id, actor_id, {"reason": reason[:300]})


def _resume(workspace_id: int | None, campaign_id: int | None, actor_id: int | None) -> None:
    if run(GO_ON, workspace=workspace_id, campaign=campaign_id):
        _say("resumed", workspace_id, campaign_id, actor_id, {})
        _let_go_on(workspace=workspace_id)


def _let_go_on(*, account: int | None = None, workspace: int | None = None) -> None:
    from outreach.delivery.tasks import wake  # tasks import the sender, which imports this room

    for pace in rows(LET_GO_ON, account=account, workspace=workspace):
        if account is None and workspace is None:
            continue  # the tick finds them, some at a time
        transaction.on_commit(partial(wake, pace.x_account_id, 0.0), robust=True)


def _say(
    what: str,
    workspace_id: int | None,
    campaign_id: int | None,
    actor_id: int | None,
    details: dict[str, str],
) -> None:
    of = "campaign" if campaign_id else "workspace" if workspace_id else "installation"
    record(
        f"{of}.{what}",
        target_kind=of,
        target_id=campaign_id or workspace_id or 0,
        workspace_id=workspace_id,
        actor_id=actor_id,
        details=details,
    )
