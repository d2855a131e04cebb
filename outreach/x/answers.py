"""What X answers, as plain dataclasses, and how they are read from its documents.

A reader takes what it understands and says what it left out. What is no answer at all raises
Unreadable, so that nothing is ever taken for an empty list that was not one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, TypeVar

from outreach.x.errors import is_suspended
from outreach.x.limits import Limits
from outreach.x.links import expanded

MESSAGE = "MessageCreate"

# X's ids are positive and fit a signed 64-bit column; anything else is not an id.
_ID = re.compile(r"[0-9]{1,19}", re.ASCII)
_LARGEST_ID = 2**63 - 1

Document = dict[str, Any]
Key = TypeVar("Key", int, str)


class Unreadable(Exception):  # noqa: N818 - a fact about an answer
    """A success that says nothing we understand."""


@dataclass(frozen=True, slots=True)
class SentDM:
    """X took the message. `dm_event_id` is None where its answer named no readable id."""

    dm_event_id: int | None
    conversation_id: str | None
    limits: Limits
    request_id: str | None


@dataclass(frozen=True, slots=True)
class XUser:
    """A user as X describes them to the account that asks; None means that X did not say."""

    id: int
    handle: str
    name: str
    avatar_url: str
    following: bool | None
    followed_by: bool | None
    accepts_dms: bool | None


@dataclass(frozen=True, slots=True)
class Me(XUser):
    """The account that asks, how long its lists are, and the limits that X named with it.

    `followers` and `follows` (whom it follows) are None where X did not say.
    """

    limits: Limits = field(default_factory=Limits)
    followers: int | None = None
    follows: int | None = None


@dataclass(frozen=True, slots=True)
class UsersAnswer:
    """A look-up by ids: each id asked about is in exactly one of found, missing, unanswered.

    `missing`: X says that they are not there; `suspended` names those among them whose account X
    says it suspended. `unanswered`: X said nothing about them, which means nothing.
    """

    found: tuple[XUser, ...]
    missing: tuple[int, ...]
    unanswered: tuple[int, ...]
    limits: Limits
    suspended: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class HandlesAnswer:
    """A look-up by handles, read as UsersAnswer is; handles are written as they were asked for."""

    found: tuple[XUser, ...]
    missing: tuple[str, ...]
    unanswered: tuple[str, ...]
    limits: Limits
    suspended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UserPage:
    """One page of followers or of those followed.

    `next_token` is None on the last page. `unreadable` counts who is on this page by X's own count
    and not in `users`: while it is not 0, nobody may be said not to be on it.
    """

    users: tuple[XUser, ...]
    next_token: str | None
    limits: Limits
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class DMEvent:
    """One message. `expanded_text` is `text` with t.co links replaced and entities unescaped."""

    id: int
    sender_id: int
    conversation_id: str | None
    text: str
    expanded_text: str
    created_at: datetime
    kind: str = MESSAGE
    media_keys: tuple[str, ...] = ()

    def other_end(self, x_user_id: int) -> int | None:
        """Whom that account speaks with in it; None in a group: what is said there is said to it.

        X names a conversation of two by their ids, joined by a hyphen.
        """
        ends = {id_from(part) for part in (self.conversation_id or "").split("-")}
        others = ends - {x_user_id}
        if len(ends) != 2 or len(others) != 1 or self.sender_id not in ends:
            return None
        return others.pop()


@dataclass(frozen=True, slots=True)
class DMPage:
    """One page of messages, newest first.

    `next_token` is None on the last page. `unreadable` counts the events that are on this page by
    X's own count and not in `events`: while it is not 0, the page says nothing about absence.
    """

    events: tuple[DMEvent, ...]
    next_token: str | None
    limits: Limits
    unreadable: int = 0


def document_of(body: bytes) -> Document:
    """Return the JSON object in a body. Raises Unreadable for anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable from None
    if not isinstance(document, dict):
        raise Unreadable
    return document


def sent_from(document: Document, limits: Limits, request_id: str | None) -> SentDM:
    """Read what X says about a message that it took; nothing in it is needed."""
    data = document.get("data")
    data = data if isinstance(data, dict) else {}
    conversation = data.get("dm_conversation_id")
    return SentDM(
        dm_event_id=id_from(data.get("dm_event_id")),
        conversation_id=conversation if isinstance(conversation, str) else None,
        limits=limits,
        request_id=request_id,
    )


def me_from(document: Document, limits: Limits) -> Me:
    """Read GET /2/users/me."""
    data = document.get("data")
    user = _user(data) if isinstance(data, dict) else None
    if user is None or not isinstance(data, dict):
        raise Unreadable
    metrics = data.get("public_metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    return Me(
        **{part.name: getattr(user, part.name) for part in fields(user)},
        limits=limits,
        followers=_count(metrics.get("followers_count")),
        follows=_count(metrics.get("following_count")),
    )


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def users_from(document: Document, asked: Sequence[int], limits: Limits) -> UsersAnswer:
    """Read GET /2/users."""
    return UsersAnswer(*_looked_up(document, asked, lambda user: user.id, id_from, limits))


def handles_from(document: Document, asked: Sequence[str], limits: Limits) -> HandlesAnswer:
    """Read GET /2/users/by. Handles are the same whatever their case."""
    as_asked = {handle.lower(): handle for handle in asked}

    def key(value: object) -> str | None:
        return as_asked.get(value.lower()) if isinstance(value, str) else None

    return HandlesAnswer(*_looked_up(document, asked, lambda user: key(user.handle), key, limits))


def _looked_up(
    document: Document,
    asked: Sequence[Key],
    key_of: Callable[[XUser], Key | None],
    key: Callable[[object], Key | None],
    limits: Limits,
) -> tuple[tuple[XUser, ...], tuple[Key, ...], tuple[Key, ...], Limits, tuple[Key, ...]]:
    """Sort what was asked about into found, missing and unanswered, with the suspended last."""
    items, problems = _list(document, "data"), _list(document, "errors")
    if items is None and problems is None:
        raise Unreadable
    found: dict[Key, XUser] = {}
    for user in _users(items or []):
        asked_for = key_of(user)
        if asked_for is not None and asked_for in asked:
            found[asked_for] = user
    # A field that is missing, or a post that somebody pinned, says nothing about the user.
    gone: dict[Key | None, bool] = {}
    for problem in problems or []:
        if (
            isinstance(problem, dict)
            and str(problem.get("type", "")).endswith("/resource-not-found")
            and problem.get("resource_type", "user") == "user"
        ):
            gone[key(problem.get("resource_id") or problem.get("value"))] = is_suspended(problem)
    missing = tuple(item for item in asked if item in gone and item not in found)
    return (
        tuple(found[item] for item in asked if item in found),
        missing,
        tuple(item for item in asked if item not in gone and item not in found),
        limits,
        tuple(item for item in missing if gone[item]),
    )


def user_page_from(document: Document, limits: Limits) -> UserPage:
    """Read a page of followers, or of those followed."""
    items, next_token, promised = _page(document)
    users = tuple(_users(items))
    return UserPage(users, next_token, limits, unreadable=max(promised - len(users), 0))


def dm_page_from(document: Document, limits: Limits) -> DMPage:
    """Read a page of dm_events. What is no message (people joining and leaving) is left out."""
    items, next_token, promised = _page(document)
    events, others = [], 0
    for item in items:
        if isinstance(item, dict) and item.get("event_type", MESSAGE) != MESSAGE:
            others += 1
        elif event := _event(item):
            events.append(event)
    unreadable = max(promised - others - len(events), 0)
    return DMPage(tuple(events), next_token, limits, unreadable)


def _page(document: Document) -> tuple[list[Any], str | None, int]:
    """Return a page's items, the token of the next, and how many X says that there are.

    An answer without `meta` is none: it would look like the last page.
    """
    items, problems, meta = _list(document, "data"), _list(document, "errors"), document.get("meta")
    if not isinstance(meta, dict) or (items is None and problems):
        raise Unreadable
    items = items or []
    next_token, count = meta.get("next_token"), meta.get("result_count")
    if next_token is not None and not isinstance(next_token, str):
        raise Unreadable
    promised = max(len(items), count if type(count) is int else 0)
    if problems:
        # What X could not show is on the page too; where its count covers them, the more counts.
        promised = max(promised, len(items) + len(problems))
    return items, next_token or None, promised


def _list(document: Document, name: str) -> list[Any] | None:
    value = document.get(name)
    if value is not None and not isinstance(value, list):
        raise Unreadable
    return value


def _users(items: list[Any]) -> Iterator[XUser]:
    return (user for item in items if isinstance(item, dict) and (user := _user(item)))


def _user(data: Document) -> XUser | None:
    id_, handle = id_from(data.get("id")), data.get("username")
    if id_ is None or not isinstance(handle, str) or not handle:
        return None
    status = data.get("connection_status")
    connection = status if isinstance(status, list) else None
    accepts = data.get("receives_your_dm")
    return XUser(
        id=id_,
        handle=handle,
        name=_text(data.get("name")) or "",
        avatar_url=_text(data.get("profile_image_url")) or "",
        following=None if connection is None else "following" in connection,
        followed_by=None if connection is None else "followed_by" in connection,
        accepts_dms=accepts if isinstance(accepts, bool) else None,
    )


def _event(data: object) -> DMEvent | None:
    """Read one message; None where what tells it apart is missing or odd."""
    if not isinstance(data, dict):
        return None
    id_, sender_id = id_from(data.get("id")), id_from(data.get("sender_id"))
    created_at = _moment(data.get("created_at"))
    text = _text(data.get("text", ""))
    if id_ is None or sender_id is None or created_at is None or text is None:
        return None
    attachments = data.get("attachments")
    keys = attachments.get("media_keys") if isinstance(attachments, dict) else None
    return DMEvent(
        id=id_,
        sender_id=sender_id,
        conversation_id=_text(data.get("dm_conversation_id")),
        text=text,
        expanded_text=expanded(text, data.get("entities")),
        created_at=created_at,
        media_keys=tuple(filter(_text, keys)) if isinstance(keys, list) else (),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _moment(value: object) -> datetime | None:
    """Read X's time (RFC 3339, UTC)."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def id_from(value: object) -> int | None:
    """Read one of X's ids: decimal digits in a string."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        return None
    number = int(value)
    return number if 0 < number <= _LARGEST_ID else None
