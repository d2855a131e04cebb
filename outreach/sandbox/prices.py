"""What X takes for a request, or for each thing that is read by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from outreach.sandbox import problems
from outreach.sandbox.problems import Refusal

# Endpoint → millionths of a dollar, and whether they are for each thing in the answer. Source: X's
# pricing page of August 2026. What the app's owner reads of their own is cheaper at X, and what is
# read twice in a day is charged once; neither is promised, so neither is done here.
REQUESTS = {"send_dm": 15_000}
RESOURCES = {
    "dm_events": 10_000,
    "dm_events_with": 10_000,
    "users": 10_000,
    "users_by": 10_000,
    "me": 10_000,
    "followers": 10_000,
    "following": 10_000,
}
PRICED = REQUESTS.keys() | RESOURCES.keys()


def cost(endpoint: str, document: dict[str, Any]) -> tuple[int, int]:
    """Return what a served request costs in millionths of a dollar, and the things it counts as."""
    if endpoint in REQUESTS:
        return REQUESTS[endpoint], 1
    data = document.get("data", [])
    count = len(data) if isinstance(data, list) else 1
    return RESOURCES[endpoint] * count, count


def refusal(why: str, account: str) -> Refusal:
    """Return the refusal for what `Apps.refused` names."""
    if why == "credits":
        return problems.no_credits(account)
    if why == "usage_cap":
        return problems.usage_capped(account)
    first = datetime.now(UTC).replace(day=1)
    return problems.spending_capped(account, f"{first + timedelta(days=32):%Y-%m}-01")
