"""/_sandbox/: where tests and the demo set the practice world up and read what it accepted.

Answers only to this machine, and to no page of another site that a browser here may have open.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from outreach.sandbox.apps import MICROS
from outreach.sandbox.crowd import plan_of, seed
from outreach.sandbox.guards import from_other_site, from_this_machine
from outreach.sandbox.problems import answer
from outreach.sandbox.records import ACCOUNT_SCOPES, DEFAULT_APP, DM, LARGEST_ID, App, NotAllowed
from outreach.sandbox.state import State
from outreach.sandbox.windows import Traffic

# What it returns, or awaits where it takes long.
Act = Callable[[State, dict[str, Any]], Any]
PER_PAGE = 1000  # messages of the ledger, unless more are asked for
MOST = 10_000


def control(act: Act) -> Callable[[Request], Awaitable[Response]]:
    """Return what serves an act: its arguments are the body's properties, or the query's."""

    async def handle(request: Request) -> Response:
        if not from_this_machine(request) or from_other_site(request):
            return answer(403, {"error": "the control interface answers only to this machine"})
        if request.method == "GET":
            arguments: Any = dict(request.query_params)
        else:
            try:
                arguments = json.loads(await request.body() or b"{}")
            except (ValueError, RecursionError):
                return answer(400, {"error": "the body is not JSON"})
        if not isinstance(arguments, dict):
            return answer(400, {"error": "the body must be a JSON object"})
        try:
            result = act(request.app.state.world, arguments)
            return answer(200, await result if inspect.isawaitable(result) else result)
        except KeyError as error:
            return answer(400, {"error": f"missing: {error.args[0]}"})
        except (ValueError, TypeError, NotAllowed) as error:
            return answer(400, {"error": str(error)})

    return handle


def _users(state: State, arguments: dict[str, Any]) -> Any:
    with state.writing():
        for item in _list(arguments["users"]):
            state.add_user(
                _id(item["id"]), item["handle"], item["name"], bool(item.get("accepts_dms", True))
            )
    return {"users": len(arguments["users"])}


def _follows(state: State, arguments: dict[str, Any]) -> Any:
    with state.writing():
        for source, target in _list(arguments["follows"]):
            state.follow(_id(source), _id(target))
    return {"follows": len(arguments["follows"])}


def _unfollow(state: State, arguments: dict[str, Any]) -> Any:
    state.unfollow(_id(arguments["source"]), _id(arguments["target"]))
    return {}


def _block(state: State, arguments: dict[str, Any]) -> Any:
    state.block(_id(arguments["source"]), _id(arguments["target"]))
    return {}


def _unblock(state: State, arguments: dict[str, Any]) -> Any:
    state.unblock(_id(arguments["source"]), _id(arguments["target"]))
    return {}


def _accept_dms(state: State, arguments: dict[str, Any]) -> Any:
    state.accept_dms(_id(arguments["user_id"]), bool(arguments["accepts"]))
    return {}


def _mute(state: State, arguments: dict[str, Any]) -> Any:
    muted = bool(arguments.get("muted", True))
    state.mute(_id(arguments["source"]), _id(arguments["target"]), muted=muted)
    return {}


def _suspend(state: State, arguments: dict[str, Any]) -> Any:
    state.suspend(_id(arguments["user_id"]), bool(arguments["suspended"]))
    return {}


async def _seed(state: State, arguments: dict[str, Any]) -> Any:
    """Make many people around a brand; others are served meanwhile."""
    plan = plan_of(arguments)
    await seed(state, plan)
    return asdict(plan) | {"brand_id": str(plan.brand_id), "first_id": str(plan.first_id)}


def _put_apps(state: State, arguments: dict[str, Any]) -> Any:
    with state.writing():
        for item in _list(arguments["apps"]):
            state.put_app(item["client_id"], {k: v for k, v in item.items() if k != "client_id"})
    return _apps(state, {})


def _apps(state: State, _: dict[str, Any]) -> Any:
    return {"apps": [_app_document(app) for app in state.apps()]}


def _app_document(app: App) -> dict[str, Any]:
    money = {name: getattr(app, name) for name in ("credits", "spending_cap", "spent")}
    dollars = {name: None if v is None else v / MICROS for name, v in money.items()}
    return asdict(app) | {"number": str(app.number)} | dollars


def _credits(state: State, arguments: dict[str, Any]) -> Any:
    given = {name: arguments[name] for name in ("credits", "spending_cap") if name in arguments}
    if not given:
        raise KeyError("credits")
    return _change_app(state, arguments, given)


def _usage_cap(state: State, arguments: dict[str, Any]) -> Any:
    return _change_app(state, arguments, {"usage_cap": arguments["resources"]})


def _change_app(state: State, arguments: dict[str, Any], given: dict[str, Any]) -> Any:
    client_id = str(arguments.get("app", DEFAULT_APP))
    if state.app(client_id) is None:
        raise ValueError(f"there is no app {client_id}")
    return _app_document(state.put_app(client_id, given))


def _oauth(state: State, arguments: dict[str, Any]) -> Any:
    """Periods and words of OAuth from now on; without arguments, what they are."""
    return asdict(state.set_oauth_ways(arguments) if arguments else state.oauth_ways())


def _expire_token(state: State, arguments: dict[str, Any]) -> Any:
    state.expire_token(str(arguments["token"]))
    return {}


def _revoke_consent(state: State, arguments: dict[str, Any]) -> Any:
    user_id, client_id = _id(arguments["user_id"]), str(arguments.get("client_id", DEFAULT_APP))
    return {"revoked": state.revoke_consent(user_id, client_id)}


def _issue_token(state: State, arguments: dict[str, Any]) -> Any:
    user_id = arguments.get("user_id")
    token = state.issue_token(
        None if user_id is None else _id(user_id),
        arguments.get("scopes", ACCOUNT_SCOPES),
        app=str(arguments.get("app", DEFAULT_APP)),
        expires_in=arguments.get("expires_in"),
    )
    return {"token": token}


def _revoke_token(state: State, arguments: dict[str, Any]) -> Any:
    state.revoke_token(str(arguments["token"]))
    return {}


def _write(state: State, arguments: dict[str, Any]) -> Any:
    dm = state.write_on_phone(
        _id(arguments["sender"]), _id(arguments["recipient"]), str(arguments["text"])
    )
    return {"id": str(dm.id)}


def _dms(state: State, arguments: dict[str, Any]) -> Any:
    """The ledger: every message that was accepted, oldest first, ids as strings."""
    participant = arguments.get("participant")
    found = state.dms(
        participant=None if participant is None else _id(participant),
        after=_id(arguments.get("after", 0)),
    )
    return {"dms": [_dm_document(dm) for dm in found]}


def _ledger(state: State, arguments: dict[str, Any]) -> Any:
    """The same in pages, and how much of everything there is. `next_after` is null at the end."""
    limit = int(arguments.get("limit", PER_PAGE))
    if not 1 <= limit <= MOST:
        raise ValueError(f"limit is 1 to {MOST}")
    found = state.dms(after=_id(arguments.get("after", 0)), limit=limit + 1)
    page = found[:limit]
    more = len(found) > limit
    return {
        "dms": [_dm_document(dm) for dm in page],
        "next_after": str(page[-1].id) if more else None,
        "counts": state.counts(),
    }


def _dm_document(dm: DM) -> dict[str, Any]:
    ids = ("id", "sender", "recipient")
    return asdict(dm) | {name: str(getattr(dm, name)) for name in ids}


def _set_limits(state: State, arguments: dict[str, Any]) -> Any:
    state.set_limits(arguments["limits"])
    return {}


def _limits(state: State, _: dict[str, Any]) -> Any:
    limits = state.counter.limits()
    return {"limits": {name: [asdict(item) for item in value] for name, value in limits.items()}}


def _arrivals(state: State, arguments: dict[str, Any]) -> Any:
    """What came in at an endpoint, user by user and app by app, and what their limits refused."""
    endpoint = str(arguments.get("endpoint", "send_dm"))
    if endpoint not in state.counter.limits():
        raise ValueError(f"no such endpoint: {endpoint}")
    return {"arrivals": [_traffic_document(item) for item in state.counter.traffic(endpoint)]}


def _traffic_document(item: Traffic) -> dict[str, Any]:
    windows = [
        {"limit": window.limit, "seconds": window.seconds, "most": most}
        for window, most in item.most
    ]
    return {
        "per": item.per, "whose": item.whose, "arrivals": item.arrivals,
        "refused": item.refused, "windows": windows,
    }  # fmt: skip


def _reset(state: State, _: dict[str, Any]) -> Any:
    state.reset()
    return {}


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list is wanted")
    return value


def _id(value: Any) -> int:
    """Take an id as JSON's number or as X's decimal string."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if type(value) is not int or not 0 <= value <= LARGEST_ID:
        raise ValueError("an id is a whole number below 2^63, or its decimal digits")
    return value


ROUTES = [
    Route("/_sandbox/users", control(_users), methods=["POST"]),
    Route("/_sandbox/follows", control(_follows), methods=["POST"]),
    Route("/_sandbox/unfollow", control(_unfollow), methods=["POST"]),
    Route("/_sandbox/block", control(_block), methods=["POST"]),
    Route("/_sandbox/unblock", control(_unblock), methods=["POST"]),
    Route("/_sandbox/mute", control(_mute), methods=["POST"]),
    Route("/_sandbox/suspend", control(_suspend), methods=["POST"]),
    Route("/_sandbox/seed", control(_seed), methods=["POST"]),
    Route("/_sandbox/apps", control(_put_apps), methods=["POST"]),
    Route("/_sandbox/apps", control(_apps), methods=["GET"]),
    Route("/_sandbox/credits", control(_credits), methods=["POST"]),
    Route("/_sandbox/usage_cap", control(_usage_cap), methods=["POST"]),
    Route("/_sandbox/oauth", control(_oauth), methods=["GET", "POST"]),
    Route("/_sandbox/expire_token", control(_expire_token), methods=["POST"]),
    Route("/_sandbox/revoke_consent", control(_revoke_consent), methods=["POST"]),
    Route("/_sandbox/ledger", control(_ledger), methods=["GET"]),
    Route("/_sandbox/accept_dms", control(_accept_dms), methods=["POST"]),
    Route("/_sandbox/tokens", control(_issue_token), methods=["POST"]),
    Route("/_sandbox/revoke", control(_revoke_token), methods=["POST"]),
    Route("/_sandbox/write", control(_write), methods=["POST"]),
    Route("/_sandbox/dms", control(_dms), methods=["GET"]),
    Route("/_sandbox/limits", control(_set_limits), methods=["POST"]),
    Route("/_sandbox/limits", control(_limits), methods=["GET"]),
    Route("/_sandbox/arrivals", control(_arrivals), methods=["GET"]),
    Route("/_sandbox/reset", control(_reset), methods=["POST"]),
]
