"""X's shapes as we wrote them down: exactly what the sandbox sends, and nothing beside it.

Sources: X's OpenAPI description and its "Event payloads", both of August 2026.
"""

from __future__ import annotations

from typing import Any

ID = {"type": "string", "pattern": "^[0-9]{1,19}$"}
TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
BOOLEAN = {"type": "boolean"}
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}


def thing(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of an object with these properties and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}),
        "additionalProperties": False,
    }


def list_of(items: dict[str, Any], most: int | None = None) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": items} | ({} if most is None else {"maxItems": most})


PROBLEM_TYPE = {"type": "string", "pattern": "^https://api.x.com/2/problems/[a-z-]+$"}
NOT_FOUND = thing(
    {"type": PROBLEM_TYPE, "title": TEXT, "detail": TEXT, "resource_id": TEXT, "parameter": TEXT}
    | {"value": TEXT, "resource_type": {"enum": ["user", "subscription", "webhook"]}},
    {"status": WHOLE},
)
UNAVAILABLE = thing(
    {"type": PROBLEM_TYPE, "title": TEXT, "detail": TEXT, "resource_id": TEXT}
    | {"resource_type": {"enum": ["user"]}}
)
PARTS_MISSING = list_of({"anyOf": [NOT_FOUND, UNAVAILABLE]})
STATUSES = ["following", "followed_by", "blocking", "muting"]
USER = thing(
    {"id": ID, "name": TEXT, "username": {"type": "string", "pattern": "^[A-Za-z0-9_]{1,15}$"}},
    {
        "profile_image_url": TEXT,
        "receives_your_dm": BOOLEAN,
        "connection_status": list_of({"enum": STATUSES}),
    },
)
SPAN = {"start": WHOLE, "end": WHOLE}
LINKS = thing(
    {"urls": list_of(thing(SPAN | {"url": TEXT, "expanded_url": TEXT, "display_url": TEXT}))}
)
DM = thing(
    {"id": ID, "event_type": {"enum": ["MessageCreate"]}, "text": TEXT},
    {
        "created_at": MOMENT,
        "sender_id": ID,
        "dm_conversation_id": {"type": "string", "pattern": "^[0-9]+-[0-9]+$"},
        "entities": LINKS,
    },
)
PAGING = thing({"result_count": WHOLE}, {"next_token": {"type": "string", "minLength": 16}})
USERS = thing({}, {"data": list_of(USER), "errors": PARTS_MISSING})
DMS = thing({"meta": PAGING}, {"data": list_of(DM)})
FOLLOWS = thing({}, {"meta": PAGING, "data": list_of(USER), "errors": list_of(NOT_FOUND)})
SENT = thing({"data": thing({"dm_conversation_id": TEXT, "dm_event_id": ID})})

FILTER = thing({}, {"user_id": ID, "direction": {"enum": ["inbound", "outbound"]}})
SUBSCRIPTION = thing(
    {"subscription_id": ID, "event_type": TEXT, "filter": FILTER}
    | {"created_at": MOMENT, "updated_at": MOMENT},
    {"tag": TEXT, "webhook_id": ID},
)
TOTAL = {"total_subscriptions": WHOLE}
REMOVED = thing({"subscription_id": ID, "deleted": BOOLEAN})
NOT_REMOVED = thing({"subscription_id": ID, "reason": TEXT, "message": TEXT})
WEBHOOK = thing({"id": ID, "url": TEXT, "valid": BOOLEAN, "created_at": MOMENT})
DELETED = thing({"deleted": BOOLEAN})

# X's path → method → the shape of its success.
OURS: dict[str, dict[str, Any]] = {
    "/2/dm_conversations/with/{participant_id}/messages": {"post": SENT},
    "/2/dm_events": {"get": DMS},
    "/2/dm_conversations/with/{participant_id}/dm_events": {"get": DMS},
    "/2/users": {"get": USERS},
    "/2/users/by": {"get": USERS},
    "/2/users/me": {"get": thing({"data": USER})},
    "/2/users/{id}/followers": {"get": FOLLOWS},
    "/2/users/{id}/following": {"get": FOLLOWS},
    "/2/activity/subscriptions": {
        "post": thing({"data": thing({"subscription": SUBSCRIPTION})}),
        "get": thing(
            {"data": list_of(SUBSCRIPTION, 1000), "meta": thing(TOTAL, {"next_token": TEXT})}
        ),
        "delete": thing(
            {"data": list_of(REMOVED), "meta": thing(TOTAL)}, {"errors": list_of(NOT_REMOVED)}
        ),
    },
    "/2/activity/subscriptions/{subscription_id}": {
        "put": thing({"data": thing({"subscription": SUBSCRIPTION} | TOTAL)}),
        "delete": thing({"data": DELETED, "meta": thing(TOTAL)}),
    },
    "/2/webhooks": {
        "get": thing({"data": list_of(WEBHOOK), "meta": thing({"result_count": WHOLE})}),
        "post": thing({"data": WEBHOOK}),
    },
    "/2/webhooks/{webhook_id}": {
        "put": thing({"data": thing({"valid": BOOLEAN})}),
        "delete": thing({"data": DELETED}),
    },
    "/2/webhooks/replay": {"post": thing({"data": thing({"job_id": TEXT, "created_at": MOMENT})})},
    "/2/activity/stream": {"get": {}},  # what is checked is each line: STREAMED
}

# Events: users lie in `data` of their own.
EVENT_USER = thing(
    {"data": thing({"id": ID, "name": TEXT, "username": TEXT, "protected": BOOLEAN})}
)
FOLLOW = thing({"source": EVENT_USER, "target": EVENT_USER})
ABOUT = {"users": {"type": "object", "additionalProperties": EVENT_USER}}
MILLISECONDS = {"type": "string", "pattern": "^[0-9]{13}$"}
TARGET = thing({"recipient_id": ID})
MESSAGE = thing(
    {"target": TARGET, "sender_id": ID}
    | {"message_data": thing({"text": TEXT, "entities": {"type": "object"}})}
)
MESSAGES = thing(
    {
        "direct_message_events": list_of(
            thing(
                {"type": {"enum": ["message_create"]}, "id": ID, "created_timestamp": MILLISECONDS}
                | {"message_create": MESSAGE}
            ),
            1,
        )
    }
    | ABOUT
)
READ = thing(
    {
        "direct_message_mark_read_events": list_of(
            thing(
                {"created_timestamp": MILLISECONDS, "sender_id": ID, "target": TARGET}
                | {"last_read_event_id": ID}
            ),
            1,
        )
    }
    | ABOUT
)
EVENTS: dict[str, Any] = {
    "dm.sent": MESSAGES,
    "dm.received": MESSAGES,
    "dm.read": READ,
    "follow.follow": FOLLOW,
    "follow.unfollow": FOLLOW,
    "oauth.revoke": thing({"date_time": TEXT, "user_id": ID, "app_id": ID}),
}
STREAMED = thing(
    {
        "data": thing(
            {"event_uuid": ID, "filter": FILTER, "payload": {"type": "object"}}
            | {"event_type": {"enum": list(EVENTS)}},
            {"tag": TEXT},
        )
    }
)

OUR_PROBLEM = {
    "oneOf": [
        NOT_FOUND,
        thing(
            {"type": PROBLEM_TYPE, "title": TEXT, "detail": TEXT, "status": WHOLE},
            {"errors": list_of(thing({"message": TEXT, "parameters": {"type": "object"}}))},
        ),
    ]
}
# What X's description has no type for goes out as its other shape of an error, with the type beside.
OUR_ERROR = thing(
    {"code": WHOLE, "message": TEXT, "type": {"anyOf": [{"enum": ["about:blank"]}, PROBLEM_TYPE]}}
    | {"title": TEXT, "detail": TEXT, "status": WHOLE},
    {"connection_issue": TEXT, "account_id": TEXT, "reset_date": TEXT, "period": TEXT}
    | {"scope": TEXT},
)
