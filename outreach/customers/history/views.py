"""HTTP of reading an account's last 30 days of messages."""

from __future__ import annotations

from typing import Any

from crispy_forms.helper import FormHelper
from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Act, MemberRequest, member_view
from outreach.customers.history import actions, queries
from outreach.customers.models import HistoryRun
from outreach.x.models import XAccount

NO_ACCOUNT = "There is no such X account in this workspace."
NO_RUN = "Nothing like that was read in this workspace."
END_OF_POLLING = 286


class MostForm(forms.Form):
    """How many messages may be read."""

    most = forms.IntegerField(
        min_value=1,
        max_value=queries.MOST,
        label="Read at most so many messages",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={
            "required": "Say how many messages may be read, such as 500.",
            "invalid": "Give a whole number, such as 500.",
            "min_value": "Give 1 or more.",
            "max_value": f"Give {queries.MOST:,} or less.",
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper(self)
        self.helper.form_tag = False
        self.helper.disable_csrf = True


@member_view(Act.LOOK)
@require_safe
def history(request: MemberRequest, account_id: int) -> HttpResponse:
    """What it costs for `?most=`, first; then how far it is, or what it brought."""
    asked = MostForm(request.GET) if "most" in request.GET else None
    if asked is not None and not asked.is_valid():
        return _page(request, account_id, asked, queries.USUAL, status=422)
    most = asked.cleaned_data["most"] if asked is not None else queries.USUAL
    return _page(request, account_id, asked or MostForm(initial={"most": most}), most)


@member_view(Act.ADMINISTER)
@require_POST
def start(request: MemberRequest, account_id: int) -> HttpResponse:
    """Read, at the price that the page showed."""
    form = MostForm(request.POST)
    if not form.is_valid():
        return _page(request, account_id, form, queries.USUAL, status=422)
    try:
        actions.start(request.member, account_id, most=form.cleaned_data["most"])
    except XAccount.DoesNotExist:
        raise Http404(NO_ACCOUNT) from None
    except actions.CannotRead as refused:
        form.add_error(None, str(refused))
        return _page(request, account_id, form, form.cleaned_data["most"], status=422)
    return redirect("customers:reading", slug=request.member.workspace.slug, account_id=account_id)


@member_view(Act.LOOK)
@require_safe
def offer(request: MemberRequest, account_id: int) -> HttpResponse:
    """The part that an account's page shows."""
    return render(request, "customers/history/_offer.html", _context(request, account_id))


@member_view(Act.LOOK)
@require_safe
def progress(request: MemberRequest, run_id: int) -> HttpResponse:
    """The part that says how far a run is; once it ended, that is the last time it is asked for."""
    run = _run(request, run_id)
    status = 200 if run.is_open else END_OF_POLLING
    context = {
        "run": run,
        "cost": queries.cost_of(run),
        "may_start": _may(request),
        "polled": True,
    }
    return render(request, "customers/history/_progress.html", context, status=status)


@member_view(Act.ADMINISTER)
@require_POST
def cancel(request: MemberRequest, run_id: int) -> HttpResponse:
    """Stop reading."""
    run = _run(request, run_id)
    actions.cancel(request.member, run_id)
    messages.success(request, "The reading ends. What was read so far is forgotten; stops hold.")
    return redirect(
        "customers:reading", slug=request.member.workspace.slug, account_id=run.x_account_id
    )


def _page(
    request: MemberRequest, account_id: int, form: MostForm, most: int, status: int = 200
) -> HttpResponse:
    context = _context(request, account_id, most) | {"form": form}
    return render(request, "customers/history/page.html", context, status=status)


def _context(request: MemberRequest, account_id: int, most: int = queries.USUAL) -> dict[str, Any]:
    try:
        page = queries.page(request.member, account_id, most=most)
    except XAccount.DoesNotExist:
        raise Http404(NO_ACCOUNT) from None
    return {
        "page": page,
        "account": page.account,
        "run": page.run,
        "cost": queries.cost_of(page.run) if page.run else "",
        "may_start": _may(request),
    }


def _may(request: MemberRequest) -> bool:
    return request.member.may(Act.ADMINISTER)


def _run(request: MemberRequest, run_id: int) -> HistoryRun:
    try:
        return queries.run(request.member, run_id)
    except HistoryRun.DoesNotExist:
        raise Http404(NO_RUN) from None
