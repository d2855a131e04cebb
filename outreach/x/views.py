"""HTTP about X accounts."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Act, MemberRequest, member_view
from outreach.x import actions, avatars, queries
from outreach.x.account_page import account_page
from outreach.x.cap_form import CapForm
from outreach.x.models import XAccount, XApp
from outreach.x.views_connecting import leads_to_x


@leads_to_x
@member_view(Act.LOOK)
@require_safe
def accounts(request: MemberRequest) -> HttpResponse:
    """The workspace's X accounts and how they are, and how another one is connected."""
    may_connect = request.member.may(Act.ADMINISTER)
    page = {
        "x_accounts": queries.accounts_of(request.member),
        "apps": queries.app_choices(request.member) if may_connect else [],
        "may_pause": request.member.may(Act.REVIEW),
        "may_connect": may_connect,
    }
    return render(request, "x/accounts.html", page)


@leads_to_x
@member_view(Act.LOOK)
@require_safe
def account(request: MemberRequest, account_id: int) -> HttpResponse:
    """One account: its connection, how its calls go, what it costs and what the cap does."""
    return _account_page(request, account_id)


@member_view(Act.LOOK)
@require_safe
def avatar(request: MemberRequest, account_id: int) -> HttpResponse:
    """The account's picture as X had it when the account was connected; 404 where it had none."""
    try:
        found = XAccount.objects.of(request.member).get(pk=account_id)
    except XAccount.DoesNotExist:
        raise Http404 from None
    if found.avatar_type not in avatars.KINDS:
        raise Http404
    return HttpResponse(bytes(found.avatar), content_type=found.avatar_type)


@leads_to_x
@member_view(Act.ADMINISTER)
@require_POST
def set_cap(request: MemberRequest, account_id: int) -> HttpResponse:
    """Set the monthly cap of the X app that the workspace brought for this account."""
    form = CapForm(request.POST)
    if not form.is_valid():
        return _account_page(request, account_id, form, status=422)
    try:
        actions.set_cap(request.member, account_id, **form.cleaned_data)
    except (XAccount.DoesNotExist, XApp.DoesNotExist):
        raise Http404 from None
    messages.success(
        request, "The cap is set. Letters that wait for it are looked at within ten minutes."
    )
    return redirect("x:account", slug=request.member.workspace.slug, account_id=account_id)


def _account_page(
    request: MemberRequest, account_id: int, form: CapForm | None = None, *, status: int = 200
) -> HttpResponse:
    member = request.member
    try:
        page = account_page(member, account_id)
    except XAccount.DoesNotExist:
        raise Http404 from None
    may_set_cap = page.app_is_ours and member.may(Act.ADMINISTER)
    if may_set_cap:
        app = page.account.app
        form = form or CapForm(
            initial={"monthly_cap": app.monthly_cap, "warn_percent": app.warn_percent}
        )
    elif form is not None:  # the installation's own app, which its operator sets
        raise Http404
    context = {
        "page": page,
        "account": page.account,
        "form": form,
        "may_pause": member.may(Act.REVIEW),
        "may_connect": member.may(Act.ADMINISTER),
        "may_set_cap": may_set_cap,
    }
    return render(request, "x/account.html", context, status=status)


@member_view(Act.REVIEW)
@require_POST
def pause(request: MemberRequest, account_id: int) -> HttpResponse:
    """Hold all letters of an account."""
    try:
        actions.pause_account(request.member, account_id)
    except XAccount.DoesNotExist:
        raise Http404 from None
    messages.success(request, "The account is paused. Its letters wait.")
    return _back(request, account_id)


@member_view(Act.REVIEW)
@require_POST
def resume(request: MemberRequest, account_id: int) -> HttpResponse:
    """Let an account's letters leave again."""
    try:
        resumed = actions.resume_account(request.member, account_id)
    except XAccount.DoesNotExist:
        raise Http404 from None
    if resumed:
        messages.success(request, "The account sends again.")
    else:
        messages.warning(request, "The account must be connected again before it sends.")
    return _back(request, account_id)


def _back(request: MemberRequest, account_id: int) -> HttpResponse:
    """To the page on which the button was: the account's own, or the list."""
    slug = request.member.workspace.slug
    if request.POST.get("from") == "account":
        return redirect("x:account", slug=slug, account_id=account_id)
    return redirect("x:accounts", slug=slug)
