"""Error pages: what happened, and a way on."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url

from accounts.access import to_sign_in


def _page(request: HttpRequest, status: int, reason: str) -> HttpResponse:
    return render(request, f"{status}.html", {"reason": reason}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400, "The server could not read what the browser sent.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403, str(exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 404, "")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token did not match: the session ended, or another site sent the form.

    The token is in the session, so this is also where a part of a page learns that it is signed
    out; the page keeps what was typed.
    """
    page = {"reason": "", "sign_in": ""}
    if not request.user.is_authenticated:
        if getattr(request, "htmx", False):
            return to_sign_in(request)
        page["reason"] = (
            "You were signed out, so nothing was done. Sign in again; the words of a letter that "
            "was not saved are kept in this browser, and its page offers them."
        )
        page["sign_in"] = f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': request.path})}"
    return render(request, "403_csrf.html", page, status=403)
