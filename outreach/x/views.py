"""HTTP about X accounts."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Act, MemberRequest, member_view
from outreach.x import actions, queries
from outreach.x.models import XAccount


@member_view(Act.LOOK)
@require_safe
def accounts(request: MemberRequest) -> HttpResponse:
    """The workspace's X accounts and how they are."""
    page = {
        "x_accounts": queries.accounts_of(request.member),
        "may_pause": request.member.may(Act.REVIEW),
    }
    return render(request, "x/accounts.html", page)


@member_view(Act.REVIEW)
@require_POST
def pause(request: MemberRequest, account_id: int) -> HttpResponse:
    """Hold all letters of an account."""
    try:
        actions.pause_account(request.member, account_id)
    except XAccount.DoesNotExist:
        raise Http404 from None
    messages.success(request, "The account is paused. Its letters wait.")
    return redirect("x:accounts", slug=request.member.workspace.slug)


@member_view(Act.REVIEW)
@require_POST
def resume(request: MemberRequest, account_id: int) -> HttpResponse:
    """Let an account's letters leave again."""
    try:
        actions.resume_account(request.member, account_id)
    except XAccount.DoesNotExist:
        raise Http404 from None
    messages.success(request, "The account sends again.")
    return redirect("x:accounts", slug=request.member.workspace.slug)
