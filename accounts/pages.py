"""What list pages share: the addresses of the next and the previous page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from outreach.ground.paging import Page


def page_urls(request: HttpRequest, page: Page[Any]) -> dict[str, str]:
    """`older_url` and `newer_url` of a list, with the search and filters of the request kept."""
    return {
        "older_url": _with(request, "older", page.older),
        "newer_url": _with(request, "newer", page.newer),
    }


def _with(request: HttpRequest, name: str, cursor: str) -> str:
    if not cursor:
        return ""
    query = request.GET.copy()
    query.pop("older", None)
    query.pop("newer", None)
    query[name] = cursor
    return f"{request.path}?{query.urlencode()}"
