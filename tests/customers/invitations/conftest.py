from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from outreach.customers.models import Invitation
from outreach.ground.clock import now
from outreach.x import events
from outreach.x.models import Via
from outreach.x.payloads import Told
from tests import factories
from tests.sandbox_server import sandbox, sandbox_server

__all__ = ["sandbox", "sandbox_server"]

PERSON = 783214


@pytest.fixture
def invitation(house) -> Invitation:
    return invited(house)


def invited(house: factories.House, word: str = "fox", **values: Any) -> Invitation:
    """An open invitation, as the page makes it."""
    from outreach.customers.invitations import actions

    values = {"name": "Fair", "place": "poster at the fair", "starting_words": ""} | values
    return actions.make(
        house.marketer,
        account_id=house.account.pk,
        word=word,
        writer_id=values.pop("writer_id", house.marketer.user_id),
        **values,
    )


@pytest.fixture
def tell(house) -> Callable[..., None]:
    """`tell("hello")`: X tells that somebody wrote to the brand; what waits is handed on."""

    def tell(text: str, *, sender: int = PERSON, **options: Any) -> None:
        told = received(house, text, sender=sender, **options)
        events.store(house.account.app_id, [told], Via.STREAM)
        events.handle(house.account.pk)

    return tell


def received(
    house: factories.House,
    text: str,
    *,
    sender: int = PERSON,
    dm: int | None = None,
    at: Any = None,
    handle: str = "ana",
    name: str = "Ana Lima",
    to: int | None = None,
    uuid: str = "",
    bare: bool = False,
) -> Told:
    dm = dm or 9_000_000 + factories.unique()
    to = to or house.account.x_user_id
    moment = at or now()
    message: dict[str, Any] = {"target": {"recipient_id": str(to)}, "sender_id": str(sender)}
    user: Any = {"id": str(sender), "name": name, "username": handle}
    payload: dict[str, Any] = {
        "direct_message_events": [
            {
                "type": "message_create",
                "id": str(dm),
                "created_timestamp": str(int(moment.timestamp() * 1000)),
                "message_create": message | {"message_data": {"text": text}},
            }
        ],
    }
    if handle:
        payload["users"] = {str(sender): user if bare else {"data": user}}
    return Told(
        uuid or f"told-{factories.unique()}", "dm.received", house.account.x_user_id, payload
    )
