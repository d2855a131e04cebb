"""HTTP of syncs: what one would take, how far it is, what it brought."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Act, MemberRequest, member_view
from accounts.pages import page_urls
from outreach.customers.models import SyncKind
from outreach.customers.sync import actions, queries, words
from outreach.customers.sync.counting import count_at_x
from outreach.customers.sync.errors import SyncRefused
from outreach.customers.sync.forms import ChoiceForm, StartForm
from outreach.x.errors import XError
from outreach.x.expenses import CapReached
from outreach.x.health import error_words
from outreach.x.models import XAccount, XToken
from outreach.x.tokens import TokenKeyMissing

NO_ACCOUNT = "There is no such X account in this workspace."
CHANGES = {"": "All", "began": "Began to follow", "ceased": "Ceased to follow", "brand": "By us"}
# htmx ends its polling with it.
ENOUGH = 286


@member_view(Act.LOOK)
@require_safe
def syncs(request: MemberRequest) -> HttpResponse:
    """The workspace's X accounts, each with its last sync."""
    found = queries.accounts_with_syncs(request.member)
    rows = [(account, words.row_of(run) if run else None) for account, run in found]
    return render(request, "customers/sync/accounts.html", {"rows": rows})


@member_view(Act.LOOK)
@require_safe
def sync(request: MemberRequest, account_id: int) -> HttpResponse:
    """One account: what a sync takes before it begins, how far it is, and what the last brought."""
    return _page(request, account_id)


@member_view(Act.LOOK)
@require_safe
def progress(request: MemberRequest, account_id: int) -> HttpResponse:
    """How far the account's sync is, asked for every other second; once it is over, the page anew."""
    account = _account(request, account_id)
    run = queries.open_run(request.member, account.pk)
    if run is None and request.htmx:
        return HttpResponse(status=ENOUGH, headers={"HX-Refresh": "true"})
    if run is None or not request.htmx:
        return redirect("customers:sync", slug=request.member.workspace.slug, account_id=account.pk)
    return render(request, "customers/sync/_progress.html", _running(run))


@member_view(Act.LOOK)
@require_safe
def changes(request: MemberRequest, account_id: int) -> HttpResponse:
    """Who began and who ceased to follow; the filter stands in the address."""
    account = _account(request, account_id)
    which = request.GET.get("which", "")
    which = which if which in CHANGES else ""
    page = queries.changes(
        request.member,
        account.pk,
        which=which,
        older=request.GET.get("older", ""),
        newer=request.GET.get("newer", ""),
    )
    here = reverse("customers:sync_changes", args=[request.member.workspace.slug, account.pk])
    counts = queries.counts_of_changes(request.member, account.pk)
    tabs = [
        {
            "label": label,
            "count": counts[name or "all"],
            "url": f"{here}?which={name}" if name else here,
            "current": name == which,
        }
        for name, label in CHANGES.items()
    ]
    context = {"account": account, "rows": page.rows, "tabs": tabs, **page_urls(request, page)}
    return render(request, "customers/sync/changes.html", context)


@member_view(Act.REVIEW)
@require_POST
def count(request: MemberRequest, account_id: int) -> HttpResponse:
    """Ask X how long the account's lists are, for the price of one look-up."""
    account = _account(request, account_id)
    try:
        count_at_x(account)
    except SyncRefused as error:
        messages.error(request, str(error))
    except CapReached:
        messages.error(request, "This month's cap for X does not pay for it any more.")
    except XError as error:
        messages.error(request, f"{error_words(error.kind)} Nothing was changed.")
    except (XToken.DoesNotExist, TokenKeyMissing):
        messages.error(request, "The account is not connected. Connect it under Settings first.")
    else:
        messages.success(request, "X said how many they are. The price is worked out below.")
    return redirect("customers:sync", slug=request.member.workspace.slug, account_id=account.pk)


@member_view(Act.REVIEW)
@require_POST
def start(request: MemberRequest, account_id: int) -> HttpResponse:
    """Begin a sync at the price that was shown."""
    _account(request, account_id)
    form = StartForm(request.POST)
    if not form.is_valid():
        refused = " ".join(str(each) for errors in form.errors.values() for each in errors)
        return _page(request, account_id, refused=refused, status=422)
    try:
        actions.start(request.member, account_id, **form.cleaned_data)
    except XAccount.DoesNotExist:
        raise Http404(NO_ACCOUNT) from None
    except SyncRefused as error:
        return _page(
            request, account_id, refused=str(error), adopt=form.cleaned_data["adopt"], status=422
        )
    messages.success(request, "It is begun. You can leave this page; it goes on by itself.")
    return redirect("customers:sync", slug=request.member.workspace.slug, account_id=account_id)


@member_view(Act.REVIEW)
@require_POST
def cancel(request: MemberRequest, account_id: int) -> HttpResponse:
    """End the sync that is under way."""
    try:
        cancelled = actions.cancel(request.member, account_id)
    except XAccount.DoesNotExist:
        raise Http404(NO_ACCOUNT) from None
    if cancelled:
        messages.success(request, "It is cancelled. Nothing was changed by it.")
    else:
        messages.info(request, "There was nothing to cancel: no sync is under way.")
    return redirect("customers:sync", slug=request.member.workspace.slug, account_id=account_id)


@member_view(Act.ADMINISTER)
@require_POST
def choose(request: MemberRequest, account_id: int) -> HttpResponse:
    """What happens by itself each day."""
    page = _sync_page(request, account_id)
    form = ChoiceForm(request.POST, daily=_daily(page))
    if not form.is_valid():
        return _page(request, account_id, form=form, status=422)
    try:
        actions.choose(request.member, account_id, **form.cleaned_data)
    except XAccount.DoesNotExist:
        raise Http404(NO_ACCOUNT) from None
    messages.success(request, "The choice is kept.")
    return redirect("customers:sync", slug=request.member.workspace.slug, account_id=account_id)


def _account(request: MemberRequest, account_id: int) -> XAccount:
    try:
        return XAccount.objects.of(request.member).select_related("app").get(pk=account_id)
    except XAccount.DoesNotExist:
        raise Http404(NO_ACCOUNT) from None


def _sync_page(request: MemberRequest, account_id: int) -> queries.SyncPage:
    try:
        return queries.sync_page(request.member, account_id)
    except XAccount.DoesNotExist:
        raise Http404(NO_ACCOUNT) from None


def _daily(page: queries.SyncPage) -> list[tuple[str, str]]:
    """The choices of each day, each with what a month of it costs as things stand."""
    lists, recipients = page.lists.estimate, page.recipients.estimate
    month = f"at most {lists.monthly} a month" if lists else "the price is known once X was asked"
    now_stale = recipients.monthly if recipients else "$0.00"
    return [
        ("", "Nothing. Follow events are heard as they happen all the same."),
        (
            SyncKind.RECIPIENTS.value,
            f"Those about to be written to: {now_stale} a month, were each day like today.",
        ),
        (SyncKind.LISTS.value, f"Everybody: {month}."),
    ]


def _running(run: Any) -> dict[str, Any]:
    return {"run": run, "run_words": words.progress(run), "tenth": words.tenth(run)}


def _page(
    request: MemberRequest,
    account_id: int,
    *,
    form: ChoiceForm | None = None,
    refused: str = "",
    adopt: bool = False,
    status: int = 200,
) -> HttpResponse:
    page = _sync_page(request, account_id)
    choice = page.choice
    context: dict[str, Any] = {
        "page": page,
        "account": page.account,
        "result": words.result(page.last) if page.last else "",
        "history": [words.row_of(run) for run in page.history],
        "refused": refused,
        "count_price": queries.price_of("user"),
        "event_price": queries.price_of("follow.follow"),
        "adopt": adopt,
        "may_start": request.member.may(Act.REVIEW) and page.run is None,
        "may_cancel": request.member.may(Act.REVIEW),
        "may_choose": request.member.may(Act.ADMINISTER),
        "form": form
        or ChoiceForm(
            initial={"daily": choice.daily, "adopt": choice.adopt, "owns_app": choice.owns_app},
            daily=_daily(page),
        ),
    }
    if page.run is not None:
        context |= _running(page.run)
    return render(request, "customers/sync/account.html", context, status=status)
