"""Who may do what in which workspace: the one mechanism that every view and action goes through.

A view is wrapped in `member_view(act)`, an action in `action(act)`; tests walk all URLs and all
action modules and fail on one that is not. The table `NEEDS` is the whole policy of roles.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.cache import add_never_cache_headers
from django_htmx.middleware import HtmxDetails

from accounts.models import Membership, Role, User, Workspace

P = ParamSpec("P")
R = TypeVar("R")

RANK = {Role.MARKETER: 1, Role.MANAGER: 2, Role.ADMINISTRATOR: 3}


class Act(enum.Enum):
    """What can be done; each needs at least one role."""

    LOOK = "look at this"
    WRITE = "write letters"
    REVIEW = "decide on letters"
    ADMINISTER = "administer the workspace"


NEEDS = {
    Act.LOOK: Role.MARKETER,
    Act.WRITE: Role.MARKETER,
    Act.REVIEW: Role.MANAGER,
    Act.ADMINISTER: Role.ADMINISTRATOR,
}


class NotAllowed(PermissionDenied):
    """The member's role does not reach; `str()` says which does. A page answers 403."""


@dataclass(frozen=True, slots=True)
class Member:
    """A user in a workspace, in a role: the first argument of every action and query."""

    user: User
    workspace: Workspace
    role: Role

    @property
    def workspace_id(self) -> int:
        return self.workspace.pk

    @property
    def user_id(self) -> int:
        return self.user.pk

    @property
    def name(self) -> str:
        return self.user.name

    def may(self, act: Act) -> bool:
        return RANK[self.role] >= RANK[NEEDS[act]]

    def require(self, act: Act) -> None:
        """Raises NotAllowed where the role does not reach."""
        if not self.may(act):
            needed = NEEDS[act].label.lower()
            raise NotAllowed(
                f"Only {_article(needed)} {needed} may {act.value}. You are here as "
                f"{_article(self.role.label.lower())} {self.role.label.lower()}."
            )


def member_of(user: User, slug: str) -> Member | None:
    """The member that `user` is in the workspace called `slug`, or None. One query."""
    row = (
        Membership.objects.select_related("workspace")
        .filter(user=user, workspace__slug=slug)
        .first()
    )
    return Member(user, row.workspace, Role(row.role)) if row else None


def action(
    act: Act,
) -> Callable[[Callable[Concatenate[Member, P], R]], Callable[Concatenate[Member, P], R]]:
    """Wrap a use case: its own durable transaction, and the permission checked inside it.

    The membership is read anew, so that a role taken away a moment ago no longer serves.
    Raises NotAllowed.
    """

    def wrap(function: Callable[Concatenate[Member, P], R]) -> Callable[Concatenate[Member, P], R]:
        @functools.wraps(function)
        def run(member: Member, /, *args: P.args, **kwargs: P.kwargs) -> R:
            with transaction.atomic(durable=True):
                fresh = member_of(member.user, member.workspace.slug)
                if fresh is None:
                    raise NotAllowed("You are no longer a member of this workspace.")
                fresh.require(act)
                return function(fresh, *args, **kwargs)

        run.kind = act  # type: ignore[attr-defined]
        return run

    return wrap


class MemberRequest(HttpRequest):
    """A request that went through `member_view`."""

    user: User
    member: Member
    htmx: HtmxDetails


def member_view(
    act: Act,
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Wrap a view below `/w/<slug>/`: signed in, a member (else 404), in a role that reaches (403).

    Who is no member learns nothing, not even that the workspace exists. Pages hold private
    messages, so nothing keeps a copy of them.
    """

    def wrap(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @functools.wraps(view)
        def run(request: Any, slug: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_sign_in(request)
            member = member_of(request.user, slug)
            if member is None:
                raise Http404("There is no such workspace, or you are not a member of it.")
            request.member = member
            member.require(act)
            response = view(request, *args, **kwargs)
            add_never_cache_headers(response)
            return response

        run.act = act  # type: ignore[attr-defined]
        return run

    return wrap


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in page and back; a part of a page asks the whole page to go there."""
    if getattr(request, "htmx", False):
        here = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
        target = redirect_to_login(here, resolve_url(settings.LOGIN_URL)).url
        return HttpResponse(status=204, headers={"HX-Redirect": target})
    return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
