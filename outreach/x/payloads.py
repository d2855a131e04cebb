"""What X's activity events say: one line, or one webhook's body, into plain dataclasses.

Source: X's "Event payloads" (August 2026). They come from outside, so everything is checked, and
what cannot be read is None, never an exception.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from outreach.x.answers import DMEvent, id_from
from outreach.x.links import escaped, expanded
from outreach.x.models import ActivityEvent

RECEIVED = "dm.received"
# What PostgreSQL's JSON cannot hold: NUL, and halves of a surrogate pair.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Told:
    """One event as X told it. `user_id`: the account that it is about, where X said so."""

    event_uuid: str
    kind: str
    user_id: int | None
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Follow:
    """Who followed whom, or ceased to."""

    source_id: int
    target_id: int


@dataclass(frozen=True, slots=True)
class SentEvent:
    """A DM that X says an account sent. `text` has its t.co links expanded and entities unescaped."""

    dm_event_id: int
    recipient_id: int
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedDM:
    """A DM that X says an account received; `text` as that of a SentEvent.

    `handle` and `name` are the sender's, empty where X did not say.
    """

    dm_event_id: int
    sender_id: int
    recipient_id: int
    text: str
    created_at: datetime
    handle: str
    name: str


def read(document: bytes, *, named_only: bool = False) -> list[Told] | None:
    """The events of a stream's line or a webhook's body; None where it holds none.

    An event that X gave no `event_uuid` gets one of ours, since twice does less harm than never;
    with `named_only` it is left out.
    """
    try:
        whole = json.loads(document, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    data = whole.get("data") if isinstance(whole, dict) else None
    found = [_told(each, named_only) for each in (data if isinstance(data, list) else [data])]
    told = [each for each in found if each is not None]
    return told or None


def disconnect_reason(document: bytes) -> str | None:
    """The type of problem with which X ends a stream, such as 'operational-disconnect'.

    None where the line is no problem document. Never X's prose.
    """
    try:
        whole = json.loads(document)
    except (ValueError, RecursionError):
        return None
    if not isinstance(whole, dict) or "data" in whole:
        return None
    errors = whole.get("errors")
    problem = errors[0] if isinstance(errors, list) and errors else whole
    type_ = problem.get("type") if isinstance(problem, dict) else None
    if not isinstance(type_, str):
        return None
    return re.sub(r"[^a-z-]", "", type_.rstrip("/").rpartition("/")[2].lower())[:48] or None


def _told(data: object, named_only: bool) -> Told | None:
    if not isinstance(data, dict):
        return None
    kind, payload, name = data.get("event_type"), data.get("payload"), data.get("event_uuid")
    if not isinstance(kind, str) or not 0 < len(kind) <= 48 or not isinstance(payload, dict):
        return None
    if not isinstance(name, str) or not 0 < len(name) <= 64 or _UNSTORABLE.search(name):
        if named_only:
            return None
        name = f"ours-{uuid.uuid4()}"
    filter_ = data.get("filter")
    about = filter_.get("user_id") if isinstance(filter_, dict) else None
    # oauth.revoke has an empty filter; its payload says whose it is.
    user_id = id_from(about if about is not None else payload.get("user_id"))
    return Told(name, _storable(kind), user_id, _storable(payload))


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


# --- kinds ---------------------------------------------------------------------------------------


def follow_of(event: ActivityEvent) -> Follow | None:
    """Who a follow.follow or follow.unfollow is about."""
    source, target = (_user_id(event.payload.get(end)) for end in ("source", "target"))
    return None if source is None or target is None else Follow(source, target)


def people_of(event: ActivityEvent) -> set[int]:
    """The X user ids at the two ends of an event: who follows whom, who writes to whom, who reads."""
    follow = follow_of(event)
    if follow is not None:
        return {follow.source_id, follow.target_id}
    ends: list[object] = []
    for name in ("direct_message_events", "direct_message_mark_read_events"):
        items = event.payload.get(name)
        for item in items if isinstance(items, list) else ():
            if not isinstance(item, dict):
                continue
            message = item.get("message_create")
            said = message if isinstance(message, dict) else item
            target = said.get("target")
            ends += [
                said.get("sender_id"),
                target.get("recipient_id") if isinstance(target, dict) else None,
            ]
    return {found for found in map(id_from, ends) if found is not None}


def revoked_at(event: ActivityEvent) -> datetime | None:
    """When the consent that an oauth.revoke tells of was revoked; X's clock."""
    said = event.payload.get("date_time")
    try:
        moment = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def sent_dms_of(events: Iterable[ActivityEvent]) -> list[SentEvent]:
    """The DMs that dm.sent events tell of, each DM once, in the order of the events."""
    found: dict[int, SentEvent] = {}
    for event in events:
        items = event.payload.get("direct_message_events")
        for item in items if isinstance(items, list) else ():
            sent = _sent(item) if isinstance(item, dict) else None
            if sent is not None:
                found.setdefault(sent.dm_event_id, sent)
    return list(found.values())


def received_dms_of(event: ActivityEvent | Told) -> list[ReceivedDM]:
    """The DMs that a dm.received event tells of, each once."""
    items = event.payload.get("direct_message_events")
    users = event.payload.get("users")
    found: dict[int, ReceivedDM] = {}
    for item in items if isinstance(items, list) else ():
        # Received is written as sent is; only the ends are other ones.
        told = _sent(item) if isinstance(item, dict) else None
        sender = id_from(item["message_create"].get("sender_id")) if told is not None else None
        if told is None or sender is None:
            continue
        user = users.get(str(sender)) if isinstance(users, dict) else None
        received = ReceivedDM(
            dm_event_id=told.dm_event_id,
            sender_id=sender,
            recipient_id=told.recipient_id,
            text=told.text,
            created_at=told.created_at,
            handle=_said(user, "username"),
            name=_said(user, "name"),
        )
        found.setdefault(received.dm_event_id, received)
    return list(found.values())


def told_of(event: DMEvent, account_x_user_id: int) -> Told:
    """A message that was read, as X would have told that the account received it."""
    message = {
        "target": {"recipient_id": str(account_x_user_id)},
        "sender_id": str(event.sender_id),
        "message_data": {"text": escaped(storable(event.expanded_text))},
    }
    item = {
        "type": "message_create",
        "id": str(event.id),
        "created_timestamp": str(int(event.created_at.timestamp() * 1000)),
        "message_create": message,
    }
    payload = {"direct_message_events": [item]}
    return Told(f"read-{event.id}", RECEIVED, account_x_user_id, payload)


def without_dms(payload: dict[str, Any], ids: AbstractSet[int]) -> dict[str, Any]:
    """The payload of an event about DMs without these."""
    items = payload.get("direct_message_events")
    left = [
        item
        for item in (items if isinstance(items, list) else ())
        if not (isinstance(item, dict) and id_from(item.get("id")) in ids)
    ]
    return payload | {"direct_message_events": left}


def storable(text: str) -> str:
    """The text without what PostgreSQL cannot hold."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def told_at(told: Told) -> datetime | None:
    """When it happened by X's clock, for the kinds that say so: DMs and oauth.revoke."""
    event = ActivityEvent(kind=told.kind, payload=told.payload)
    if told.kind == "oauth.revoke":
        return revoked_at(event)
    items = told.payload.get("direct_message_events")
    stamps = [
        _moment(item.get("created_timestamp"))
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, dict)
    ]
    return max((stamp for stamp in stamps if stamp is not None), default=None)


def _sent(item: dict[str, Any]) -> SentEvent | None:
    message = item.get("message_create")
    if not isinstance(message, dict):
        return None
    target, data = message.get("target"), message.get("message_data")
    if not isinstance(target, dict) or not isinstance(data, dict):
        return None
    id_, recipient = id_from(item.get("id")), id_from(target.get("recipient_id"))
    created, text = _moment(item.get("created_timestamp")), data.get("text")
    if id_ is None or recipient is None or created is None or not isinstance(text, str):
        return None
    return SentEvent(id_, recipient, expanded(text, data.get("entities")), created)


def _moment(milliseconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(str(milliseconds)) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _user_id(user: object) -> int | None:
    return id_from(_user(user).get("id"))


def _said(user: object, name: str) -> str:
    value = _user(user).get(name)
    return value if isinstance(value, str) else ""


def _user(user: object) -> dict[str, Any]:
    """A user's fields: X's reference shows the user bare, its examples show it within `data`."""
    if not isinstance(user, dict):
        return {}
    inner = user.get("data")
    return inner if isinstance(inner, dict) else user
