"""Where an act leads when it is done: to the page on which its button was."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.access import MemberRequest


def to_schedule(request: MemberRequest) -> HttpResponse:
    """To the page that the form names, else to the schedule."""
    return _redirect(request, reverse("delivery:schedule", args=[request.member.workspace.slug]))


def to_letter(request: MemberRequest, draft_id: int) -> HttpResponse:
    """To the page that the form names, else to the letter's."""
    slug = request.member.workspace.slug
    return _redirect(request, reverse("delivery:letter", args=[slug, draft_id]))


def named(request: MemberRequest) -> str:
    """The page below this workspace's address that the request names as `next`; empty for others."""
    there = request.POST.get("next") or request.GET.get("next", "")
    home = reverse("insights:today", args=[request.member.workspace.slug])
    is_ours = there.startswith(home) and there.isprintable() and "\\" not in there
    return there if is_ours else ""


def _redirect(request: MemberRequest, there: str) -> HttpResponse:
    return redirect(named(request) or there)
