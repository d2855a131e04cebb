"""HTTP of invitations, and of whom to follow back."""

from __future__ import annotations

from typing import Any, Literal

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Act, MemberRequest, member_view
from accounts.pages import page_urls
from accounts.queries import members_of
from outreach.customers.invitations import actions, queries
from outreach.customers.invitations.forms import InvitationForm
from outreach.customers.invitations.qr import code
from outreach.customers.models import Invitation
from outreach.x.queries import accounts_of

NO_INVITATION = "There is no such invitation in this workspace."
PICTURES = {"svg": "image/svg+xml", "png": "image/png"}


@member_view(Act.LOOK)
@require_safe
def invitations(request: MemberRequest) -> HttpResponse:
    """All invitations, and the other ways to a permission."""
    page = queries.invitations(
        request.member, older=request.GET.get("older", ""), newer=request.GET.get("newer", "")
    )
    context = {
        "invitations": page.rows,
        "accounts": accounts_of(request.member),
        **page_urls(request, page),
    }
    return render(request, "customers/invitations/list.html", context)


@member_view(Act.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: MemberRequest) -> HttpResponse:
    """Make an invitation."""
    member = request.member
    accounts = accounts_of(member)
    choices: dict[str, Any] = {"accounts": accounts, "members": members_of(member)}
    if request.method != "POST":
        form = InvitationForm(**choices, initial={"writer": member.user_id})
        return _form(request, form, accounts)
    form = InvitationForm(request.POST, **choices)
    if not form.is_valid():
        return _form(request, form, accounts, status=422)
    data = form.cleaned_data
    try:
        made = actions.make(
            member,
            account_id=data["account"],
            name=data["name"],
            place=data["place"],
            word=data["word"],
            writer_id=data["writer"],
            starting_words=data["starting_words"],
        )
    except actions.WordNotPossible as refused:
        form.add_error("word", str(refused))
        return _form(request, form, accounts, status=422)
    messages.success(
        request, f"The invitation ‘{made.name}’ is open: who sends ‘{made.word}’ opts in."
    )
    return redirect("customers:invitation", slug=member.workspace.slug, invitation_id=made.pk)


def _form(
    request: MemberRequest, form: InvitationForm, accounts: list[Any], status: int = 200
) -> HttpResponse:
    context = {"form": form, "accounts": accounts}
    return render(request, "customers/invitations/new.html", context, status=status)


@member_view(Act.LOOK)
@require_safe
def invitation(request: MemberRequest, invitation_id: int) -> HttpResponse:
    """One invitation: its link, its code, and who accepted it."""
    found = _found(request, invitation_id)
    context = {
        "invitation": found,
        "address": queries.address_of(found),
        "accepted": queries.accepted(request.member, found),
    }
    return render(request, "customers/invitations/show.html", context)


@member_view(Act.LOOK)
@require_safe
def sheet(request: MemberRequest, invitation_id: int) -> HttpResponse:
    """A sheet to print and put up."""
    found = _found(request, invitation_id)
    context = {"invitation": found, "address": queries.address_of(found)}
    return render(request, "customers/invitations/sheet.html", context)


@member_view(Act.LOOK)
@require_safe
def picture(
    request: MemberRequest, invitation_id: int, kind: Literal["svg", "png"]
) -> HttpResponse:
    """The QR code alone, to show and to download."""
    found = _found(request, invitation_id)
    return HttpResponse(code(queries.address_of(found), kind), content_type=PICTURES[kind])


@member_view(Act.WRITE)
@require_POST
def close(request: MemberRequest, invitation_id: int) -> HttpResponse:
    """Have the word mean nothing from now on."""
    try:
        closed = actions.close(request.member, invitation_id)
    except Invitation.DoesNotExist:
        raise Http404(NO_INVITATION) from None
    messages.success(request, f"The invitation is closed: ‘{closed.word}’ opts nobody in any more.")
    return redirect(
        "customers:invitation", slug=request.member.workspace.slug, invitation_id=invitation_id
    )


@member_view(Act.LOOK)
@require_safe
def follow_back(request: MemberRequest) -> HttpResponse:
    """Who follows without being followed, with X's own page to mend that."""
    rows, page = queries.they_follow(
        request.member, older=request.GET.get("older", ""), newer=request.GET.get("newer", "")
    )
    return render(
        request,
        "customers/invitations/follow_back.html",
        {"rows": rows, **page_urls(request, page)},
    )


def _found(request: MemberRequest, invitation_id: int) -> Invitation:
    try:
        return queries.invitation(request.member, invitation_id)
    except Invitation.DoesNotExist:
        raise Http404(NO_INVITATION) from None
