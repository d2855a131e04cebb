"""Users and messages as X writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from outreach.sandbox.links import as_handed_out
from outreach.sandbox.problems import invalid_request
from outreach.sandbox.records import DM, User
from outreach.sandbox.state import State

# What may be asked for. Source: X's OpenAPI description; its documentation adds `sender_id`.
DM_FIELDS = frozenset(
    [
        "attachments",
        "created_at",
        "dm_conversation_id",
        "entities",
        "event_type",
        "id",
        "text",
        "sender_id",
        "participant_ids",
        "referenced_tweets",
    ]
)
USER_FIELDS = frozenset(
    [
        "confirmed_email",
        "connection_status",
        "created_at",
        "description",
        "entities",
        "id",
        "is_identity_verified",
        "location",
        "name",
        "parody",
        "profile_banner_url",
        "profile_image_url",
        "protected",
        "public_metrics",
        "receives_your_dm",
        "subscribes_to_you",
        "subscription",
        "subscription_type",
        "url",
        "username",
        "verified",
        "verified_followers_count",
        "verified_type",
        "withheld",
    ]
)


def fields(value: str | None, name: str, allowed: frozenset[str]) -> frozenset[str]:
    """Read a comma-separated list of field names. Raises a 400 for one that there is not."""
    if value is None:
        return frozenset()
    asked = value.split(",")
    for field in asked:
        if field not in allowed:
            message = f"The `{name}` parameter has a value that is not one of its fields."
            raise invalid_request(message, name, field[:50])
    return frozenset(asked)


def dm_document(dm: DM, wanted: frozenset[str]) -> dict[str, Any]:
    """Return a message with the default fields and those asked for."""
    text, urls = as_handed_out(dm.text)
    document: dict[str, Any] = {"id": str(dm.id), "event_type": "MessageCreate", "text": text}
    if "created_at" in wanted:
        document["created_at"] = _moment(dm.created_ms)
    if "sender_id" in wanted:
        document["sender_id"] = str(dm.sender)
    if "dm_conversation_id" in wanted:
        document["dm_conversation_id"] = dm.conversation_id
    # `entities` and `attachments` come only where there are any.
    if "entities" in wanted and urls:
        document["entities"] = {"urls": urls}
    return document


def user_document(
    state: State, user: User, wanted: frozenset[str], *, viewer: int | None, base_url: str
) -> dict[str, Any]:
    """Return a user with the default fields and those asked for, as the viewer is told.

    What connects the two is told to a user's token only, never to an app's.
    """
    document: dict[str, Any] = {"id": str(user.id), "name": user.name, "username": user.handle}
    if "profile_image_url" in wanted:
        document["profile_image_url"] = f"{base_url}avatars/{user.id}.png"
    if "public_metrics" in wanted:
        document["public_metrics"] = state.metrics(user.id)
    if viewer is None:
        return document
    if "connection_status" in wanted:
        document["connection_status"] = _connection(state, viewer, user.id)
    if "receives_your_dm" in wanted:
        document["receives_your_dm"] = state.receives_dm(user, viewer)
    return document


def _connection(state: State, viewer: int, other: int) -> list[str]:
    facts = (
        ("following", state.follows(viewer, other)),
        ("followed_by", state.follows(other, viewer)),
        ("blocking", state.blocks(viewer, other)),
        ("muting", state.mutes(viewer, other)),
    )
    return [name for name, holds in facts if holds]


def _moment(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
