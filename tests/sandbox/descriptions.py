"""What exchanges are checked against: our own notes of X's shapes, and X's own description.

X's OpenAPI description lies beside the checkout (`../shared/x-api/openapi.json`) where the product
is developed. What reads it runs there and in CI; elsewhere the shapes written down in `notes.py`,
which are stricter about what the sandbox sends, are what there is, and the run says so at its end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft7Validator, FormatChecker

from tests.sandbox.notes import EVENTS, OUR_ERROR, OUR_PROBLEM, OURS, STREAMED

CHECKOUT = Path(__file__).resolve().parents[2]
X_DESCRIPTION = CHECKOUT.parent / "shared" / "x-api" / "openapi.json"
STREAM = "/2/activity/stream"
JSON = "application/json"


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """Return what is wrong with a value, each fault with its place."""
    validator = Draft7Validator(schema, format_checker=FormatChecker())
    found = sorted(validator.iter_errors(value), key=lambda error: (error.json_path, error.message))
    return [f"{error.json_path}: {_shortened(error.message)}" for error in found]


def _shortened(message: str) -> str:
    return message if len(message) <= 200 else f"{message[:100]} … {message[-100:]}"


def media_type_of(headers: Any) -> str:
    return str(headers.get("content-type", "")).partition(";")[0]


class Ours:
    """The shapes that we wrote down."""

    name = "our own notes"

    def template(self, method: str, path: str) -> str | None:
        """Return the template that a path fits, such as /2/users/{id}/followers."""
        return _template(OURS, method, path)

    def answer_faults(
        self, method: str, path: str, status: int, media: str, body: Any
    ) -> list[str]:
        """Return what is wrong with an answer."""
        if status >= 300:
            return faults(OUR_PROBLEM if media != JSON else OUR_ERROR, body)
        if media != JSON:
            return [f"{media} is not JSON"]
        return faults(OURS[self.template(method, path) or ""][method.lower()], body)

    def event_faults(self, document: Any) -> list[str]:
        """Return what is wrong with a line of the stream, or with what a webhook is told."""
        found = faults(STREAMED, document)
        if found:
            return found
        data = document["data"]
        return faults(EVENTS[data["event_type"]], data["payload"])


class Xs:
    """X's own OpenAPI description."""

    name = "X's OpenAPI description"

    def __init__(self, file: Path) -> None:
        document = _as_json_schema(json.loads(file.read_text()))
        self.paths: dict[str, Any] = document["paths"]
        self.components: dict[str, Any] = document["components"]
        # A payload's shape depends on the event's type, which JSON Schema cannot say; it is looked
        # up below. Taken as written, 'exactly one of' fits none: a post may have any property.
        payload = self.components["schemas"]["ActivityStreamingResponsePayload"]
        self.payloads: dict[str, str] = payload["discriminator"]["mapping"]
        self.components["schemas"]["ActivityStreamingResponsePayload"] = {"type": "object"}

    def template(self, method: str, path: str) -> str | None:
        return _template(self.paths, method, path)

    def _whole(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {"allOf": [schema], "components": self.components}

    def operation(self, method: str, path: str) -> dict[str, Any]:
        template = self.template(method, path)
        assert template is not None, f"X describes no {method} {path}"
        found: dict[str, Any] = self.paths[template][method.lower()]
        return found

    def answer_faults(
        self, method: str, path: str, status: int, media: str, body: Any
    ) -> list[str]:
        responses = self.operation(method, path)["responses"]
        response = responses.get(str(status)) or (responses["default"] if status >= 300 else None)
        if response is None:
            return [f"{status} is not an answer of {method} {path}"]
        if media not in response["content"]:
            return [f"{media} is not a form of {status}"]
        return faults(self._whole(response["content"][media]["schema"]), body)

    def event_faults(self, document: Any) -> list[str]:
        found = self.answer_faults("GET", STREAM, 200, JSON, document)
        data = document.get("data", {})
        described = self.payloads.get(data.get("event_type"))
        if described is not None:
            found += faults(self._whole({"$ref": described}), data.get("payload"))
        return found

    def request_faults(self, method: str, url: str, headers: Any, body: bytes) -> list[str]:
        """Return what is wrong with a request by X's description of it."""
        parts = urlsplit(url)
        template = self.template(method, parts.path)
        if template is None:
            return [f"X describes no {method} {parts.path}"]
        operation = self.operation(method, parts.path)
        call = f"{method} {template}"
        found = list(self._parameter_faults(operation, template, parts.path, parts.query))
        if not str(headers.get("authorization", "")).startswith("Bearer "):
            found.append("no bearer token")
        described = operation.get("requestBody")
        if described is None and body:
            found.append("a body that is not described")
        if described is not None:
            media = media_type_of(headers)
            if media not in described["content"]:
                found.append(f"{media} is not a form of the body")
            else:
                schema = self._whole(described["content"][media]["schema"])
                found += [f"body {fault}" for fault in faults(schema, json.loads(body))]
        return [f"{call}: {fault}" for fault in found]

    def _parameter_faults(
        self, operation: dict[str, Any], template: str, path: str, query: str
    ) -> Iterable[str]:
        described = [self._resolved(item) for item in operation.get("parameters", [])]
        given = {"query": dict(parse_qsl(query, keep_blank_values=True)), "path": {}}
        names = re.findall(r"{(\w+)}", template)
        fitting = re.fullmatch(_pattern(template), path)
        assert fitting is not None
        given["path"] = dict(zip(names, fitting.groups(), strict=True))
        for item in described:
            value = given[item["in"]].pop(item["name"], None)
            if value is None:
                if item.get("required"):
                    yield f"{item['name']} is missing"
                continue
            schema = self._whole(item["schema"])
            for fault in faults(schema, _read(value, self._resolved(item["schema"]))):
                yield f"{item['name']} {fault}"
        for name in given["query"]:
            yield f"{name} is not described"

    def _resolved(self, item: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in item:
            found: Any = {"components": self.components}
            for part in item["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            item = found
        return item


def _read(value: str, schema: dict[str, Any]) -> Any:
    """Read a parameter's text as what it is described as."""
    match schema.get("type"):
        case "array":
            return value.split(",")
        case "integer":
            return int(value) if re.fullmatch(r"-?\d+", value) else value
        case "boolean":
            return {"true": True, "false": False}.get(value, value)
    return value


def _pattern(template: str) -> str:
    return re.sub(r"{\w+}", "([^/]+)", template)


def _template(paths: Iterable[str], method: str, path: str) -> str | None:
    fitting = [item for item in paths if re.fullmatch(_pattern(item), path)]
    if isinstance(paths, dict):
        fitting = [item for item in fitting if method.lower() in paths[item]]
    # /2/users/me is described, and fits /2/users/{id} too.
    return min(fitting, key=lambda item: item.count("{"), default=None)


def _as_json_schema(item: Any) -> Any:
    """Return a part of an OpenAPI 3.0 document as JSON Schema has it: null is a type."""
    if isinstance(item, list):
        return [_as_json_schema(each) for each in item]
    if not isinstance(item, dict):
        return item
    made = {key: _as_json_schema(value) for key, value in item.items()}
    if made.get("nullable") is True:
        del made["nullable"]
        if isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
            if "enum" in made:
                made["enum"] = [*made["enum"], None]
        else:
            return {"anyOf": [made, {"type": "null"}]}
    return made


DESCRIPTIONS: list[Ours | Xs] = [Ours()]
if X_DESCRIPTION.exists():
    DESCRIPTIONS.append(Xs(X_DESCRIPTION))
