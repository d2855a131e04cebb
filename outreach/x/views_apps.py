"""HTTP about X apps: the guide through X's developer portal, its check, and brought apps."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Act, MemberRequest, member_view
from outreach.x import brought_apps, checking, connecting, oauth, problems, queries
from outreach.x.connections import AppTaken
from outreach.x.forms import AppForm, ChangeAppForm
from outreach.x.models import XApp
from outreach.x.tokens import TokenKeyMissing
from outreach.x.views_connecting import leads_to_x, number_or_none

NO_ANSWER = (
    "X did not answer, so what you entered could not be tried and nothing is stored. Enter the "
    "secrets again in a minute; the rest is kept."
)
TAKEN = (
    "An X app of this client id is known to this installation already. X counts one limit for an "
    "app, so it has one place: connect through that one, or make another app at X."
)


@leads_to_x
@member_view(Act.ADMINISTER)
@require_safe
def guide(request: MemberRequest) -> HttpResponse:
    """What to do at X first, step by step, and where each secret goes."""
    return _guide(request, request.GET.get("app", ""), None)


@leads_to_x
@member_view(Act.ADMINISTER)
@require_POST
def check(request: MemberRequest) -> HttpResponse:
    """Ask X what is still missing; the guide again, with an answer to each line."""
    chosen = request.POST.get("app", "")
    app = _app(request, chosen)
    return _guide(request, chosen, checking.check(app))


@sensitive_post_parameters()
@sensitive_variables("form")
@member_view(Act.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def bring(request: MemberRequest) -> HttpResponse:
    """Bring an X app: its secrets are tried at X before they are stored."""
    form = AppForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                app = brought_apps.bring(request.member, form.entered())
            except AppTaken:
                form.add_error("client_id", TAKEN)
            except (brought_apps.Refused, oauth.OAuthUnavailable, TokenKeyMissing) as error:
                status = _say(form, error)
            else:
                messages.success(request, f"X knows {app.name}. Accounts can be connected with it.")
                return _to_guide(request, app)
    return render(request, "x/app.html", {"form": form}, status=status)


@sensitive_post_parameters()
@sensitive_variables("form")
@member_view(Act.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: MemberRequest, app_id: int) -> HttpResponse:
    """Change a brought app: its name, or secrets that are replaced and never shown."""
    try:
        app = XApp.objects.get(pk=app_id, workspace_id=request.member.workspace_id)
    except (XApp.DoesNotExist, OverflowError):
        raise Http404 from None
    posted = request.POST if request.method == "POST" else None
    there = [name for name in brought_apps.SECRETS if getattr(app, name)]
    form = ChangeAppForm(posted, initial={"name": app.name}, stored=there)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                brought_apps.change(request.member, app_id, form.entered())
            except (brought_apps.Refused, oauth.OAuthUnavailable, TokenKeyMissing) as error:
                status = _say(form, error)
            else:
                messages.success(request, f"{form.cleaned_data['name']} is changed.")
                return _to_guide(request, app)
    page = {"form": form, "app": app, "stored": _stored(app)}
    return render(request, "x/app.html", page, status=status)


def _say(form: AppForm, error: Exception) -> int:
    """Put what went wrong beside its field, or above the form; the status of the page."""
    if isinstance(error, brought_apps.Refused):
        for field, words in error.problems.items():
            form.add_error(field, words)
        return 422
    if isinstance(error, TokenKeyMissing):
        form.add_error(None, problems.page_of(error).what)
        return 503
    form.add_error(None, NO_ANSWER)
    return 502


def _stored(app: XApp) -> list[tuple[str, bool]]:
    """Which secrets are there; never what they are."""
    return [
        ("Client secret", bool(app.client_secret)),
        ("Bearer token", bool(app.bearer_token)),
        ("Consumer secret", bool(app.consumer_secret)),
    ]


def _guide(request: MemberRequest, chosen: str, lines: list[checking.Line] | None) -> HttpResponse:
    member = request.member
    page: dict[str, Any] = {
        "callback_url": connecting.callback_url(),
        "scopes": settings.X_SCOPES,
        "apps": queries.app_choices(member),
        "chosen": _app(request, chosen),
        "lines": lines,
        "missing": [line for line in lines or [] if line.ok is not True],
    }
    return render(request, "x/guide.html", page)


def _app(request: MemberRequest, chosen: str) -> XApp:
    """The app by its id, or the installation's own where none is named."""
    number = number_or_none(chosen)
    if number is None:
        return queries.installations_app()
    try:
        return queries.apps_of(request.member).get(pk=number)
    except XApp.DoesNotExist:
        raise Http404 from None


def _to_guide(request: MemberRequest, app: XApp) -> HttpResponse:
    response = redirect("x:guide", slug=request.member.workspace.slug)
    response["Location"] += f"?app={app.pk}"
    return response
