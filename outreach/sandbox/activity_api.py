"""/2/activity/subscriptions as X describes it: who may ask to be told what."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from starlette.routing import Route

from outreach.sandbox import problems
from outreach.sandbox.activity import OF_NOBODY, PRIVATE, Subscription
from outreach.sandbox.api import ID, Call, endpoint
from outreach.sandbox.paging import page_after, read_token
from outreach.sandbox.problems import Refusal, invalid_request
from outreach.sandbox.records import LARGEST_ID

MOST_SUBSCRIPTIONS = 1500  # of a self-serve app; source: X's "X Activity API", August 2026
PER_PAGE = 1000
PER_DELETION = 100
LONGEST_TAG = 200
# What the practice world can tell of. X takes many more kinds; they would never come here.
KINDS = frozenset({*PRIVATE, *OF_NOBODY, "follow.follow", "follow.unfollow"})
DIRECTIONS = ("inbound", "outbound")
NO_SCOPES: frozenset[str] = frozenset()
# Of a user's token; an app's own needs none. Source: X's OpenAPI description.
LIST_SCOPES = frozenset({"like.read", "tweet.read"})


def body_of(call: Call, allowed: frozenset[str]) -> dict[str, Any]:
    """Return the request's body. Raises a 400 unless it is an object with these properties."""
    try:
        document = json.loads(call.body)
    except (ValueError, RecursionError):
        raise invalid_request("The body is not JSON.") from None
    if not isinstance(document, dict):
        raise invalid_request("The body must be a JSON object.")
    for name in document:
        if name not in allowed:
            raise invalid_request("The body has a property that is not allowed.", name[:50])
    return document


def id_of(value: Any, name: str) -> int:
    """Return an id from a body. Raises a 400 for anything else."""
    if not isinstance(value, str) or not ID.fullmatch(value) or int(value) > LARGEST_ID:
        raise invalid_request(f"`{name}` is not an id.", name, str(value)[:50])
    return int(value)


def need_app(call: Call) -> None:
    """Refuse a user's token where X takes an app's own only."""
    if call.token.user_id is not None:
        detail = "Authenticating with OAuth 2.0 User Context is forbidden for this endpoint."
        raise problems.forbidden(detail)


def moment(milliseconds: int) -> str:
    """Return a moment as X writes it."""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def subscribe(call: Call) -> tuple[int, dict[str, Any]]:
    """POST /2/activity/subscriptions: with the user's token for what is private."""
    body = body_of(call, frozenset({"event_type", "filter", "tag", "webhook_id"}))
    kind = body.get("event_type")
    if not isinstance(kind, str) or kind not in KINDS:
        raise invalid_request("`event_type` is none that there is.", "event_type", str(kind)[:50])
    user_id, direction = _filter(call, kind, body.get("filter"))
    if kind in PRIVATE:
        _need_consent(call, kind, user_id)
    tag, webhook_id = _tag(body), _webhook(call, body)
    activity, app = call.state.activity, call.token.app
    if activity.count(app) >= MOST_SUBSCRIPTIONS:
        raise invalid_request(
            f"SubscriptionLimitExceeded: an app has {MOST_SUBSCRIPTIONS} at most."
        )
    made = activity.subscribe(app, kind, user_id, direction, tag, webhook_id)
    if made is None:
        raise invalid_request("DuplicateSubscription: the app has this subscription already.")
    return 200, {"data": {"subscription": document(made)}}


def _filter(call: Call, kind: str, filter_: Any) -> tuple[int | None, str]:
    if not isinstance(filter_, dict) or not set(filter_) <= {"user_id", "direction"}:
        raise invalid_request("`filter` is an object with a user_id.", "filter")
    direction = filter_.get("direction", "")
    if direction and direction not in DIRECTIONS:
        raise invalid_request("`direction` is inbound or outbound.", "direction")
    if "user_id" not in filter_ and kind in OF_NOBODY:
        return None, direction
    user_id = id_of(filter_.get("user_id"), "user_id")
    if call.state.user(user_id) is None:
        raise invalid_request("There is no such user.", "user_id", str(user_id))
    return user_id, direction


def _need_consent(call: Call, kind: str, user_id: int | None) -> None:
    if call.token.user_id is None:
        raise problems.forbidden(f"{kind} is private: it needs the user's own access token.")
    if call.token.user_id != user_id:
        raise problems.forbidden("The token is another user's.")
    if PRIVATE[kind] not in call.token.scopes:
        raise problems.missing_scope(PRIVATE[kind])


def _tag(body: dict[str, Any]) -> str | None:
    tag = body.get("tag")
    if tag is not None and not (isinstance(tag, str) and 1 <= len(tag) <= LONGEST_TAG):
        raise invalid_request(f"`tag` is 1 to {LONGEST_TAG} characters.", "tag")
    return tag


def _webhook(call: Call, body: dict[str, Any]) -> int | None:
    if "webhook_id" not in body:
        return None
    webhook_id = id_of(body["webhook_id"], "webhook_id")
    if call.state.webhooks.webhook(call.token.app, webhook_id) is None:
        raise invalid_request("WebhookIdInvalid: there is no such webhook.", "webhook_id")
    return webhook_id


def subscriptions(call: Call) -> tuple[int, dict[str, Any]]:
    """GET /2/activity/subscriptions: the app's, page by page."""
    size = call.max_results(PER_PAGE, PER_PAGE)
    after = read_token(call.query("pagination_token")) or 0
    app = call.token.app
    found = call.state.activity.subscriptions(app, after, size + 1)
    # X's description has no meta here; its documentation has the total, and a page needs a way on.
    meta: dict[str, Any] = {"total_subscriptions": call.state.activity.count(app)}
    if len(found) > size:
        meta["next_token"] = page_after(found[size - 1].id)
    return 200, {"data": [document(item) for item in found[:size]], "meta": meta}


def update(call: Call) -> tuple[int, dict[str, Any]]:
    """PUT /2/activity/subscriptions/:id: another tag or webhook."""
    need_app(call)
    there = _there(call)
    body = body_of(call, frozenset({"tag", "webhook_id"}))
    tag = _tag(body) if "tag" in body else there.tag
    webhook_id = _webhook(call, body) if "webhook_id" in body else there.webhook_id
    activity = call.state.activity
    activity.change(there.id, tag, webhook_id)
    total = activity.count(there.app)
    changed = activity.subscription(there.app, there.id)
    assert changed is not None
    return 200, {"data": {"subscription": document(changed), "total_subscriptions": total}}


def unsubscribe(call: Call) -> tuple[int, dict[str, Any]]:
    """DELETE /2/activity/subscriptions/:id."""
    need_app(call)
    there = _there(call)
    call.state.activity.unsubscribe(there.app, there.id)
    total = call.state.activity.count(there.app)
    return 200, {"data": {"deleted": True}, "meta": {"total_subscriptions": total}}


def unsubscribe_all(call: Call) -> tuple[int, dict[str, Any]]:
    """DELETE /2/activity/subscriptions?ids=…: at most 100; what is not there is an error each."""
    need_app(call)
    asked = (call.query("ids") or "").split(",")
    if not 1 <= len(asked) <= PER_DELETION or not all(re.fullmatch(ID, value) for value in asked):
        raise invalid_request(f"`ids` takes 1 to {PER_DELETION} ids.", "ids")
    app, activity = call.token.app, call.state.activity
    data, errors = [], []
    for value in dict.fromkeys(asked):
        if int(value) <= LARGEST_ID and activity.unsubscribe(app, int(value)):
            data.append({"subscription_id": value, "deleted": True})
        else:
            why = {"reason": "NotFound", "message": "There is no such subscription."}
            errors.append({"subscription_id": value} | why)
    found: dict[str, Any] = {"data": data, "meta": {"total_subscriptions": activity.count(app)}}
    return 200, found | ({"errors": errors} if errors else {})


def _there(call: Call) -> Subscription:
    value = str(call.request.path_params["subscription_id"])
    if not re.fullmatch(ID, value):
        raise invalid_request("`subscription_id` is not an id.", "subscription_id", value[:50])
    found = None
    if int(value) <= LARGEST_ID:
        found = call.state.activity.subscription(call.token.app, int(value))
    if found is None:
        raise problems.no_such_resource("subscription", "subscription_id", value)
    return found


def document(item: Subscription) -> dict[str, Any]:
    """Return a subscription as X writes it."""
    shown: dict[str, Any] = {
        "subscription_id": str(item.id),
        "event_type": item.event_type,
        "filter": item.filter,
        "created_at": moment(item.created_ms),
        "updated_at": moment(item.updated_ms),
    }
    if item.tag is not None:
        shown["tag"] = item.tag
    if item.webhook_id is not None:
        shown["webhook_id"] = str(item.webhook_id)
    return shown


__all__ = ["ROUTES", "Refusal", "body_of", "id_of", "moment", "need_app"]

_ALL = "/2/activity/subscriptions"
_ONE = _ALL + "/{subscription_id}"
ROUTES = [
    Route(
        _ALL,
        endpoint("activity_subscribe", NO_SCOPES, subscribe, user_only=False),
        methods=["POST"],
    ),
    Route(_ALL, endpoint("activity_subscriptions", LIST_SCOPES, subscriptions, user_only=False)),
    Route(
        _ALL,
        endpoint("activity_unsubscribe", NO_SCOPES, unsubscribe_all, user_only=False),
        methods=["DELETE"],
    ),
    Route(_ONE, endpoint("activity_update", NO_SCOPES, update, user_only=False), methods=["PUT"]),
    Route(
        _ONE,
        endpoint("activity_unsubscribe", NO_SCOPES, unsubscribe, user_only=False),
        methods=["DELETE"],
    ),
]
