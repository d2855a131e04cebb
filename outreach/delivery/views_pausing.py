"""HTTP of pausing and resuming: an account, a campaign, all letters of the workspace."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_POST

from accounts.access import Act, MemberRequest, member_view
from outreach.delivery import pausing
from outreach.delivery.going_back import to_schedule
from outreach.drafts.models import Campaign
from outreach.x import actions as x
from outreach.x.models import XAccount


@member_view(Act.REVIEW)
@require_POST
def pause_all(request: MemberRequest) -> HttpResponse:
    """Hold every letter of the workspace."""
    pausing.pause_workspace(request.member)
    messages.success(request, "All letters are paused. Nothing leaves until somebody resumes them.")
    return to_schedule(request)


@member_view(Act.REVIEW)
@require_POST
def resume_all(request: MemberRequest) -> HttpResponse:
    """Let the workspace's letters leave again."""
    pausing.resume_workspace(request.member)
    messages.success(request, "Letters leave again.")
    return to_schedule(request)


@member_view(Act.REVIEW)
@require_POST
def pause_account(request: MemberRequest, account_id: int) -> HttpResponse:
    """Hold all letters of an account."""
    try:
        x.pause_account(request.member, account_id)
    except XAccount.DoesNotExist:
        raise Http404("There is no such account in this workspace.") from None
    messages.success(request, "The account is paused. Its letters wait.")
    return to_schedule(request)


@member_view(Act.REVIEW)
@require_POST
def resume_account(request: MemberRequest, account_id: int) -> HttpResponse:
    """Let an account's letters leave again."""
    try:
        resumed = x.resume_account(request.member, account_id)
    except XAccount.DoesNotExist:
        raise Http404("There is no such account in this workspace.") from None
    if resumed:
        messages.success(request, "The account sends again.")
    else:
        messages.warning(request, "The account must be connected again before it sends.")
    return to_schedule(request)


@member_view(Act.REVIEW)
@require_POST
def pause_campaign(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Hold all letters of a campaign."""
    try:
        pausing.pause_campaign(request.member, campaign_id)
    except Campaign.DoesNotExist:
        raise Http404("There is no such campaign in this workspace.") from None
    messages.success(request, "The campaign is paused. Its letters wait.")
    return to_schedule(request)


@member_view(Act.REVIEW)
@require_POST
def resume_campaign(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Let a campaign's letters leave again."""
    try:
        pausing.resume_campaign(request.member, campaign_id)
    except Campaign.DoesNotExist:
        raise Http404("There is no such campaign in this workspace.") from None
    messages.success(request, "The campaign’s letters leave again.")
    return to_schedule(request)
