"""/_sandbox/faults, latency, activity and read: the control interface's part for what goes wrong."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.routing import Route

from outreach.sandbox.activity import Subscription
from outreach.sandbox.activity_api import document
from outreach.sandbox.control import control
from outreach.sandbox.faults import ANY
from outreach.sandbox.state import State


def _set_faults(state: State, arguments: dict[str, Any]) -> Any:
    with state.writing():
        return {"seed": state.faults.set_rules(arguments["rules"], arguments.get("seed"))}


def _faults(state: State, arguments: dict[str, Any]) -> Any:
    """What is in force and what was injected, oldest first."""
    after = int(arguments.get("after", 0))
    return state.faults.described() | {"injected": state.faults.injected(after)}


def _set_latency(state: State, arguments: dict[str, Any]) -> Any:
    with state.writing():
        state.faults.set_latency(arguments["seconds"], arguments.get("endpoint", ANY))
    return {}


def _set_ways(state: State, arguments: dict[str, Any]) -> Any:
    with state.writing():
        return asdict(state.activity.set_ways(arguments))


def _activity(state: State, _: dict[str, Any]) -> Any:
    """Every subscription, webhook and open stream, and how many events there are."""
    execute = state.connection.execute
    rows = execute("SELECT * FROM subscriptions ORDER BY id").fetchall()
    return {
        "ways": asdict(state.activity.ways()),
        "subscriptions": [
            {"app": item.app} | document(item) for item in (Subscription(*row) for row in rows)
        ],
        "streams": [row["app"] for row in execute("SELECT app FROM streams").fetchall()],
        "events": execute("SELECT count(*) FROM activity").fetchone()[0],
        "posts": execute("SELECT count(*) FROM posts").fetchone()[0],
    }


def _drop_streams(state: State, _: dict[str, Any]) -> Any:
    """End every open stream within a second, in the usual way."""
    with state.writing():
        return {"dropped": state.connection.execute("DELETE FROM streams").rowcount}


def _read(state: State, arguments: dict[str, Any]) -> Any:
    state.read(int(arguments["reader"]), int(arguments["writer"]))
    return {}


ROUTES = [
    Route("/_sandbox/faults", control(_set_faults), methods=["POST"]),
    Route("/_sandbox/faults", control(_faults), methods=["GET"]),
    Route("/_sandbox/latency", control(_set_latency), methods=["POST"]),
    Route("/_sandbox/activity", control(_set_ways), methods=["POST"]),
    Route("/_sandbox/activity", control(_activity), methods=["GET"]),
    Route("/_sandbox/drop_streams", control(_drop_streams), methods=["POST"]),
    Route("/_sandbox/read", control(_read), methods=["POST"]),
]
