"""What answers are checked against: our own notes of X's shapes, and X's own description.

X's OpenAPI description lies beside the checkout (`../shared/x-api/openapi.json`) where the product
is developed. The test that reads it runs there and in CI; elsewhere the shapes written down here,
which are stricter about what we send, are what there is, and the run says so at its end.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
X_DESCRIPTION = CHECKOUT.parent / "shared" / "x-api" / "openapi.json"

ID = {"type": "string", "pattern": "^[0-9]{1,19}$"}
TEXT = {"type": "string"}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


PROBLEM_TYPE = {"type": "string", "pattern": "^https://api.x.com/2/problems/[a-z-]+$"}
NOT_FOUND = _object(
    {"type": PROBLEM_TYPE, "title": TEXT, "detail": TEXT, "resource_type": {"enum": ["user"]}}
    | {"resource_id": TEXT, "parameter": TEXT, "value": TEXT},
    {"status": {"type": "integer"}},
)
USER = _object(
    {"id": ID, "name": TEXT, "username": {"type": "string", "pattern": "^[A-Za-z0-9_]{1,15}$"}},
    {
        "profile_image_url": TEXT,
        "receives_your_dm": {"type": "boolean"},
        "connection_status": _list({"enum": ["following", "followed_by", "blocking"]}),
    },
)
DM = _object(
    {"id": ID, "event_type": {"enum": ["MessageCreate"]}, "text": TEXT},
    {
        "created_at": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
        "sender_id": ID,
        "dm_conversation_id": {"type": "string", "pattern": "^[0-9]+-[0-9]+$"},
    },
)
PAGING = _object(
    {"result_count": {"type": "integer"}}, {"next_token": {"type": "string", "minLength": 16}}
)
USERS = _object({}, {"data": _list(USER), "errors": _list(NOT_FOUND)})
DMS = _object({"meta": PAGING}, {"data": _list(DM)})
FOLLOWS = _object({}, {"meta": PAGING, "data": _list(USER), "errors": _list(NOT_FOUND)})
SENT = _object({"data": _object({"dm_conversation_id": TEXT, "dm_event_id": ID})})

# X's path → method → the shape of its success.
OURS: dict[str, dict[str, Any]] = {
    "/2/dm_conversations/with/{participant_id}/messages": {"post": SENT},
    "/2/dm_events": {"get": DMS},
    "/2/dm_conversations/with/{participant_id}/dm_events": {"get": DMS},
    "/2/users": {"get": USERS},
    "/2/users/by": {"get": USERS},
    "/2/users/me": {"get": _object({"data": USER})},
    "/2/users/{id}/followers": {"get": FOLLOWS},
    "/2/users/{id}/following": {"get": FOLLOWS},
}
OUR_PROBLEM = {
    "oneOf": [
        NOT_FOUND,
        _object(
            {"type": PROBLEM_TYPE, "title": TEXT, "detail": TEXT, "status": {"type": "integer"}},
            {"errors": _list(_object({"message": TEXT, "parameters": {"type": "object"}}))},
        ),
    ]
}
OUR_ERROR = _object(
    {"code": {"type": "integer"}, "message": TEXT, "type": {"enum": ["about:blank"]}}
    | {"title": TEXT, "detail": TEXT, "status": {"type": "integer"}}
)


class Ours:
    """The shapes written down above."""

    name = "our own notes"

    def schema(self, path: str, method: str, status: int, media_type: str) -> dict[str, Any]:
        if status < 300:
            assert media_type == "application/json"
            return OURS[path][method]
        return OUR_PROBLEM if media_type == "application/problem+json" else OUR_ERROR

    def resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        return schema


class Xs:
    """X's own OpenAPI description."""

    name = "X's OpenAPI description"

    def __init__(self, file: Path) -> None:
        self.document = json.loads(file.read_text())

    def schema(self, path: str, method: str, status: int, media_type: str) -> dict[str, Any]:
        responses = self.document["paths"][path][method]["responses"]
        response = responses.get(str(status), responses["default"] if status >= 300 else None)
        assert response is not None, f"X does not answer {method} {path} with {status}"
        return response["content"][media_type]["schema"]

    def resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            found: Any = self.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        return schema


def faults(description: Ours | Xs, schema: dict[str, Any], value: Any, at: str = "$") -> list[str]:
    """Return what is wrong with a value: OpenAPI 3.0's schema keywords as far as they occur here."""
    schema = description.resolve(schema)
    if value is None and schema.get("nullable"):
        return []
    if "oneOf" in schema or "anyOf" in schema:
        branches = [
            faults(description, branch, value, at)
            for branch in schema.get("oneOf", schema.get("anyOf", []))
        ]
        fitting = sum(not branch for branch in branches)
        if fitting != 1 and ("oneOf" in schema or fitting == 0):
            return [f"{at}: fits {fitting} of {len(branches)} shapes; {min(branches, key=len)}"]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    kind = schema.get("type")
    if kind is not None:
        right = isinstance(value, kinds[kind]) and not (
            kind == "integer" and isinstance(value, bool)
        )
        if not right:
            return [f"{at}: {value!r} is no {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is none of {schema['enum']}"]
    found: list[str] = []
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            found.append(f"{at}: {value!r} does not match {schema['pattern']}")
        if len(value) < schema.get("minLength", 0):
            found.append(f"{at}: {value!r} is too short")
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            found += faults(description, schema["items"], item, f"{at}[{index}]")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{at}: no {name}" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            if name in properties:
                found += faults(description, properties[name], item, f"{at}.{name}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{at}: {name} is not expected")
    return found


DESCRIPTIONS: list[Ours | Xs] = [Ours()]
if X_DESCRIPTION.exists():
    DESCRIPTIONS.append(Xs(X_DESCRIPTION))
