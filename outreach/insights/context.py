"""What every page of the house shows: the rail, the account strip, the practice strip."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts.access import Act, Member
from accounts.views import THEMES
from outreach.customers.queries import requires_permission
from outreach.drafts.queries import waiting_for_review
from outreach.insights.queries import account_strip


def house(request: HttpRequest) -> dict[str, Any]:
    """Context of all templates. A signed-out page and a part of a page cost no query."""
    member: Member | None = getattr(request, "member", None)
    theme = request.COOKIES.get("theme", "")
    context: dict[str, Any] = {
        "practice": settings.PRACTICE,
        # Where one can be the customer: the sandbox's own page, in development.
        "phone_url": f"{settings.X_API_URL}/phone/" if settings.PRACTICE else "",
        "theme": theme if theme in THEMES else "",
        "rail": [],
        "account_strip": [],
        "permission_off": False,
    }
    if member is None:
        return context
    context["slug"] = member.workspace.slug
    if getattr(request, "htmx", False) and not request.htmx.boosted:  # type: ignore[attr-defined]
        return context
    context["permission_off"] = not requires_permission(member)
    context["account_strip"] = account_strip(member)
    context["rail"] = rail(member, request.path)
    return context


def rail(member: Member, path: str) -> list[dict[str, Any]]:
    """The way around the house; a member sees what their role reaches. At most one query."""
    slug = member.workspace.slug

    def item(label: str, name: str, icon: str, *, wide: bool = False, count: int = 0) -> Any:
        url = reverse(name, args=[slug])
        here = path == url if name == "insights:today" else path.startswith(url)
        return {
            "label": label, "url": url, "icon": icon, "wide": wide, "count": count,
            "current": here,
        }  # fmt: skip

    items = [
        item("Today", "insights:today", "today"),
        item("Compose", "drafts:list", "compose"),
    ]
    if member.may(Act.REVIEW):
        waiting = waiting_for_review(member)
        items.append(item("Review", "drafts:queue", "review", count=waiting))
    items += [
        item("Schedule", "delivery:schedule", "schedule", wide=True),
        item("Customers", "customers:list", "customers", wide=True),
        item("Settings", "accounts:settings", "settings", wide=True),
    ]
    return items
