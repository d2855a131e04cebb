"""HTTP about people: signing in, invitations, settings."""

from __future__ import annotations

from django.conf import settings as django_settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import actions, queries
from accounts.access import Act, MemberRequest, member_view
from accounts.forms import InvitationForm, InviteForm, ProfileForm, SignInForm
from accounts.models import Role

THEMES = ("light", "dark")


class SignIn(LoginView):
    """The one way in."""

    authentication_form = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True
    http_method_names = ["get", "head", "post"]

    def get_redirect_url(self) -> str:
        """Where to go on to; never back here, where a second tab may have come from."""
        target = super().get_redirect_url()
        return "" if target == self.request.path or "\x00" in target else target

    def form_invalid(self, form: SignInForm) -> HttpResponse:  # type: ignore[override]
        return self.render_to_response(self.get_context_data(form=form), status=422)


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """To the one workspace, or to a choice of them."""
    if not request.user.is_authenticated:
        return redirect("accounts:sign_in")
    rows = queries.memberships_of(request.user)
    if len(rows) == 1:
        return redirect("insights:today", slug=rows[0].workspace.slug)
    return redirect("accounts:workspaces")


@require_safe
@never_cache
def workspaces(request: HttpRequest) -> HttpResponse:
    """Which workspace to open."""
    if not request.user.is_authenticated:
        return redirect("accounts:sign_in")
    page = {"members": queries.memberships_of(request.user)}
    return render(request, "accounts/workspaces.html", page)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember light, dark or as the system; for browsers without scripts."""
    chosen = request.POST.get("theme", "")
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = reverse("home")
    # Not redirect(), which would look up a word as the name of an address.
    response = HttpResponseRedirect(target)
    if chosen in THEMES:
        response.set_cookie("theme", chosen, max_age=365 * 86400, samesite="Lax")
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation: a name, a password, and in."""
    found = queries.open_invitation(token)
    if found is None:
        return render(request, "accounts/invitation_gone.html", status=410)
    form = InvitationForm(
        request.POST if request.method == "POST" else None,
        newcomer=queries.newcomer(found.email, request.POST.get("name", "")),
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            user, workspace = actions.accept_invitation(
                token, name=data["name"], password=data["password"]
            )
        except actions.InvitationGone:
            return render(request, "accounts/invitation_gone.html", status=410)
        except actions.PasswordNeeded:
            form.add_error(
                "password", "There is a log-in for this address already. Enter its password."
            )
        else:
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            messages.success(request, f"You are now a member of {workspace.name}.")
            return redirect("insights:today", slug=workspace.slug)
    page = {
        "form": form,
        "workspace_name": found.workspace.name,
        "role": Role(found.role).label,
        "email": found.email,
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/invitation.html", page, status=status)


@member_view(Act.LOOK)
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: MemberRequest) -> HttpResponse:
    """One's own name and time zone."""
    user = request.user
    stored = {"name": user.name, "time_zone": user.time_zone}
    form = ProfileForm(request.POST if request.method == "POST" else None, initial=stored)
    if request.method == "POST" and form.is_valid():
        actions.change_profile(request.member, **form.cleaned_data)
        messages.success(request, "Your profile is saved.")
        return redirect(reverse("accounts:profile", args=[request.member.workspace.slug]))
    status = 422 if request.method == "POST" and form.errors else 200
    return render(request, "accounts/profile.html", {"form": form}, status=status)


@member_view(Act.LOOK)
@require_safe
def settings(request: MemberRequest) -> HttpResponse:
    """The workspace: who is in it. Rooms above add their parts by URL name."""
    return _settings(request, InviteForm())


@member_view(Act.ADMINISTER)
@require_POST
def invite(request: MemberRequest) -> HttpResponse:
    """Make an invitation link; it is shown this once, to be passed on."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _settings(request, form, status=422)
    email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
    try:
        token = actions.invite(request.member, email=email, role=role)
    except actions.AlreadyMember as refused:
        form.add_error("email", str(refused))
        return _settings(request, form, status=422)
    link = django_settings.PUBLIC_URL + reverse("accounts:invitation", args=[token])
    return _settings(request, InviteForm(), invited=(email, link))


def _settings(
    request: MemberRequest,
    form: InviteForm,
    *,
    invited: tuple[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    page = {
        "workspace": request.member.workspace,
        "members": queries.members_of(request.member),
        "may_administer": request.member.may(Act.ADMINISTER),
        "form": form,
        "invited": invited,
        "invitation_days": actions.INVITATION_DAYS,
    }
    return render(request, "accounts/settings.html", page, status=status)
