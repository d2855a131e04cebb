"""What the control page shows of faults, and its two forms about them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from outreach.sandbox.faults import ANY, ENDPOINTS, EVENTS
from outreach.sandbox.guards import from_this_machine
from outreach.sandbox.phone import HEADERS, page, posting, refusal
from outreach.sandbox.state import State

NAMES = {
    "error_before": "An error, and nothing was accepted",
    "error_after": "An error, though it was accepted",
    "drop_before": "The connection breaks before anything is accepted",
    "drop_after": "The connection breaks after it was accepted",
    "delay": "The answer comes late",
    "rate_limited": "Too many requests",
    "malformed": "An answer that cannot be read",
    "partial": "Some users are left out",
    "lag": "New messages are not listed yet",
    "event_late": "An event comes late",
    "event_twice": "An event comes twice",
    "event_never": "An event never comes",
    "stream_drop": "The stream breaks at an event",
}
# What the form's seconds mean something to.
TIMED = frozenset({"delay", "rate_limited", "lag", "event_late"})
SHOWN = 20


def context(state: State) -> dict[str, Any]:
    """Return what faults.html needs, under the one name that it uses."""
    faults = state.faults.described() | {
        "injected": state.faults.last_injected(SHOWN),
        "endpoints": sorted(ENDPOINTS),
        "events": sorted(EVENTS),
        "names": NAMES,
    }
    return {"faults": faults}


async def change_faults(request: Request, form: dict[str, str]) -> Response:
    """Add a rule, or take all away."""
    if not from_this_machine(request):
        return refusal(request, 403)
    state: State = request.app.state.world
    with state.writing():
        if form.get("do") == "clear":
            state.faults.set_rules([])
            return _back()
        try:
            state.faults.add_rule(_rule(form))
        except ValueError as error:
            return _refused(str(error))
    return _back()


def _rule(form: dict[str, str]) -> dict[str, Any]:
    fault = form.get("fault", "")
    rule: dict[str, Any] = {"endpoint": form.get("endpoint", ANY), "fault": fault}
    rule["probability"] = float(form.get("percent", "100")) / 100
    if form.get("times"):
        rule["times"] = int(form["times"])
    if fault in TIMED:
        rule["seconds"] = float(form.get("seconds", "5"))
    return rule


async def change_latency(request: Request, form: dict[str, str]) -> Response:
    """Make calls slower, or as fast as they are."""
    if not from_this_machine(request):
        return refusal(request, 403)
    state: State = request.app.state.world
    with state.writing():
        try:
            seconds = float(form.get("seconds") or "0")
            state.faults.set_latency(seconds, form.get("endpoint", ANY))
        except ValueError as error:
            return _refused(str(error))
    return _back()


def _refused(words: str) -> Response:
    return page("refused.html", 422, title="That did not work", words=f"{words}.")


def _back() -> Response:
    return RedirectResponse("/_sandbox/#faults", 303, HEADERS)


ROUTES = [
    Route("/_sandbox/page/faults", posting(change_faults), methods=["POST"]),
    Route("/_sandbox/page/latency", posting(change_latency), methods=["POST"]),
]
