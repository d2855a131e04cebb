"""HTTP about connecting: to X's consent page and back, and away again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from urllib.parse import urlsplit

from csp.constants import SELF
from csp.decorators import csp_update
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Act, MemberRequest, member_view, to_sign_in
from outreach.x import connecting, problems
from outreach.x.models import AccountState, Consent, XAccount, XApp

# What a state can be at most: ours are 43 characters, and PostgreSQL takes no NUL.
LONGEST = 200

View = Callable[..., HttpResponseBase]


def leads_to_x(view: View) -> View:
    """Let the page's forms end at X's consent page: a browser asks the policy for redirects too."""

    @functools.wraps(view)
    def run(*args: object, **kwargs: object) -> HttpResponseBase:
        parts = urlsplit(settings.X_AUTHORIZE_URL)
        policy = {"form-action": [SELF, f"{parts.scheme}://{parts.netloc}"]}
        answer: HttpResponseBase = csp_update(policy)(view)(*args, **kwargs)  # type: ignore[arg-type]
        return answer

    return run


@leads_to_x
@member_view(Act.ADMINISTER)
@require_POST
def connect(request: MemberRequest) -> HttpResponse:
    """Off to X's consent page: for a new account, or for one that is to be connected again.

    Posted: `app` (empty or none: the installation's own, or the one that the account has) and
    `account` (the one to connect again).
    """
    member = request.member
    app_id = number_or_none(request.POST.get("app", ""))
    account_id = number_or_none(request.POST.get("account", ""))
    try:
        if account_id is not None and "app" not in request.POST:
            app = XAccount.objects.of(member).select_related("app").get(pk=account_id).app
            app_id = app.pk if app.workspace_id is not None else None
        url = connecting.begin(member, app_id=app_id, account_id=account_id)
    except (XApp.DoesNotExist, XAccount.DoesNotExist):
        raise Http404 from None
    except problems.KNOWN as error:
        return _not_connected(request, error, app_id, account_id)
    return HttpResponseRedirect(url)


@require_safe
def callback(request: HttpRequest) -> HttpResponseBase:
    """X's way back, one address for all workspaces: the state says whose it is."""
    if not request.user.is_authenticated:
        return to_sign_in(request)
    state = request.GET.get("state", "")
    consent = (
        Consent.everywhere.select_related("workspace")
        .filter(state_sha256=Consent.hashed(state[:LONGEST]))
        .first()
    )
    if consent is None or consent.user_id != request.user.pk:
        unknown = problems.NotYours() if consent else problems.UnknownState()
        page = problems.page_of(unknown)
        response = render(request, "x/callback_refused.html", {"problem": page}, status=page.status)
        add_never_cache_headers(response)
        return response
    return finish(request, consent.workspace.slug, consent_id=consent.pk)


@leads_to_x
@member_view(Act.ADMINISTER)
@require_safe
def finish(request: MemberRequest, consent_id: int) -> HttpResponse:
    """Finish, in the workspace that the way began in. Called by `callback`, at no address of its own."""
    consent = Consent.objects.of(request.member).get(pk=consent_id)
    app_id = None if consent.app.workspace_id is None else consent.app_id
    try:
        if request.GET.get("error"):
            connecting.give_up(request.member, consent_id)
            raise problems.Denied(request.GET["error"])
        code = request.GET.get("code", "")
        if not code:
            raise problems.NoCode
        done = connecting.finish(request.member, consent_id, code)
    except problems.KNOWN as error:
        return _not_connected(request, error, app_id, consent.account_id)
    handle = f"@{done.account.handle}"
    if done.account.state == AccountState.PAUSED:
        said = f"{handle} is connected and still paused: {done.account.paused_reason}"
        messages.warning(request, said)
    else:
        messages.success(request, f"{handle} is connected.")
    if done.without:
        messages.warning(
            request,
            f"{handle} may not {problems.in_words(done.without)}. Connect it again once that is "
            "needed.",
        )
    if done.unheard:
        messages.warning(
            request, f"X does not tell us yet what happens to {handle}. {done.unheard}"
        )
    return redirect("x:account", slug=request.member.workspace.slug, account_id=done.account.pk)


@member_view(Act.ADMINISTER)
@require_POST
def disconnect(request: MemberRequest, account_id: int) -> HttpResponse:
    """Disconnect an account; its page asked once and named what is lost and what stays."""
    try:
        account = XAccount.objects.of(request.member).get(pk=account_id)
    except (XAccount.DoesNotExist, OverflowError):
        raise Http404 from None
    slug = request.member.workspace.slug
    if account.state == AccountState.DISCONNECTED:
        messages.info(request, f"@{account.handle} is not connected.")
        return redirect("x:account", slug=slug, account_id=account_id)
    if connecting.disconnect(request.member, account_id):
        messages.success(
            request, f"@{account.handle} is disconnected: X forgot its tokens, and so did we."
        )
    else:
        messages.warning(
            request,
            f"@{account.handle} is disconnected and its tokens are erased here, but X did not "
            "confirm that it forgot them. To be sure, sign in to X as this account and take the "
            "app away under ‘Connected apps’.",
        )
    return redirect("x:account", slug=slug, account_id=account_id)


def _not_connected(
    request: MemberRequest, error: Exception, app_id: int | None, account_id: int | None
) -> HttpResponse:
    problem = problems.page_of(error)
    page = {"problem": problem, "app_id": app_id, "account_id": account_id}
    return render(request, "x/not_connected.html", page, status=problem.status)


def number_or_none(text: str) -> int | None:
    """A form's id; None where it names none (the installation's app, a new account)."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise Http404
    return int(text)
