"""Letters brought into a state as the product brings them there, and what X tells of them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from outreach.delivery import claim, outcomes, reconcile
from outreach.delivery.claim import Claimed
from outreach.delivery.models import Attempt, Delivery, SendingPolicy
from outreach.ground.clock import now
from outreach.x import events
from outreach.x.client import SentDM
from outreach.x.errors import NeverReason, NeverWill, Unknown
from outreach.x.limits import Limits
from outreach.x.models import Via
from outreach.x.payloads import Told
from tests import factories
from tests.x.telling import dm

SECOND = timedelta(seconds=1)
# Well after a look, and the seconds by which a test moves the clock for it.
WELL_APART = 601

_ids = itertools.count(3 * 10**17)


def new_id() -> int:
    """The id of a message that X has not named yet."""
    return next(_ids)


def accepted(dm_event_id: int | None = None, limits: Limits | None = None) -> SentDM:
    """X's 201."""
    return SentDM(dm_event_id or new_id(), None, limits or Limits(), "r-1")


def never(reason: NeverReason, status: int = 403) -> NeverWill:
    """X's refusal of one letter."""
    error = NeverWill(reason.value, status=status)
    error.reason = reason
    return error


def claim_for(house: factories.House) -> Any:
    """Whatever the claim answers about the house's account."""
    return claim.claim(house.account.pk)


def claimed_of(house: factories.House) -> Claimed:
    """The account's next letter, claimed."""
    found = claim_for(house)
    assert isinstance(found, Claimed), found
    return found


def claimed_letter(house: factories.House, delivery: Delivery) -> Claimed:
    """This very letter, claimed before all others that are due."""
    Delivery.everywhere.filter(pk=delivery.pk).update(look_at=now() - timedelta(days=1))
    found = claimed_of(house)
    assert found.delivery_id == delivery.pk
    return found


def no_cap(house: factories.House) -> None:
    """So many letters to one person as a test wants."""
    SendingPolicy.everywhere.filter(pk=house.workspace.pk).update(cap_letters=0)


def unsure(house: factories.House, delivery: Delivery) -> Claimed:
    """X took the call and did not answer clearly."""
    found = claimed_letter(house, delivery)
    outcomes.record_not_sent(found, Unknown("server_error", status=503))
    return found


def judge_absent(attempt_id: int, clock: Callable[[float], None], *, at: float = 0) -> None:
    """Two clean looks, well apart; the clock stays at the second one's time."""
    nothing = reconcile.Found([], True)
    clock(at)
    reconcile.conclude(attempt_id, now(), nothing)
    clock(at + WELL_APART)
    reconcile.conclude(attempt_id, now(), nothing)
    assert Attempt.objects.get(pk=attempt_id).outcome == "absent"


def absent(
    house: factories.House, delivery: Delivery, clock: Callable[[float], None], *, at: float = 0
) -> Claimed:
    """Looked for twice and not found: back in the queue."""
    clock(at)
    found = unsure(house, delivery)
    judge_absent(found.attempt_id, clock, at=at)
    return found


def tell(
    house: factories.House,
    claimed: Claimed,
    dm_event_id: int,
    text: str | None = None,
    *,
    at: datetime | None = None,
    handled: bool = True,
    **urls: str,
) -> None:
    """X's stream tells that the account sent this; the words of the letter unless said otherwise."""
    sender = house.account.x_user_id
    stamp = (at or Attempt.objects.get(pk=claimed.attempt_id).started_at).timestamp()
    words = claimed.text if text is None else text
    payload = dm(dm_event_id, sender, claimed.recipient_x_user_id, words, at=stamp, **urls)
    told = Told(str(uuid.uuid4().int)[:19], "dm.sent", sender, payload)
    events.store(house.account.app_id, [told], Via.STREAM)
    if handled:
        events.handle(house.account.pk)


def state(delivery: Delivery) -> str:
    """The letter's state now."""
    delivery.refresh_from_db()
    return str(delivery.state)


def outcome(claimed: Claimed) -> tuple[str, int | None]:
    """What became of an attempt, and which message is its own."""
    attempt = Attempt.objects.get(pk=claimed.attempt_id)
    return attempt.outcome, attempt.dm_event_id
