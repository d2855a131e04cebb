"""What must hold once the faults have ended and everything has settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

from outreach.delivery.models import Attempt, Delivery, DeliveryState, Outcome
from outreach.delivery.outcomes import NEVER_ABSENT
from tests.delivery.simulation.clock import SECOND
from tests.delivery.simulation.house import House
from tests.delivery.simulation.x import Arrival, Windows

# Later than these an answer of X itself may be: what may still be open when a run ends.
_S = DeliveryState
NOT_SENT = (_S.FAILED, _S.BLOCKED, _S.CANCELLED)


@dataclass
class Counters:
    """How often something happened that must not happen; `accepted` and `uncertain` may be more."""

    accepted: int = 0  # by X, by its own ledger
    duplicates: int = 0  # accepted again though nobody ordered it
    lost: int = 0  # neither sent, nor not sent with a reason, nor unsure with evidence
    unaccounted: int = 0  # accepted and not called sent, or called sent and not accepted
    unapproved: int = 0  # accepted words that no manager approved, or no longer
    after_stop: int = 0  # accepted although a stop was committed before the claim
    non_mutual: int = 0  # accepted although our record at the claim said: not mutual
    over_limit: int = 0  # calls that reached X beyond a window of its own ledger
    uncertain: int = 0  # letters that stay unsure, with evidence
    deadlocks: int = 0  # locks taken in different orders
    broken: int = 0  # what the product raised and should not

    @property
    def violations(self) -> dict[str, int]:
        """Those that must be zero and are not."""
        allowed = ("accepted", "uncertain")
        return {
            name: count for name, count in asdict(self).items() if count and name not in allowed
        }

    def add(self, other: Counters) -> None:
        """Count another run's too."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


def count(house: House) -> Counters:
    """Look at X's ledger and our rows."""
    found = Counters(deadlocks=house.conductor.deadlocks, broken=len(house.conductor.broken))
    deliveries = list(Delivery.everywhere.select_related("x_account", "revision"))
    _on_xs_ledger(house, deliveries, found)
    _at_the_claims(house, deliveries, found)
    _by_state(house, deliveries, found)
    found.over_limit = _over(house)
    return found


def _key(delivery: Delivery) -> tuple[int, int | None, str]:
    return delivery.x_account.x_user_id, delivery.recipient_x_user_id, delivery.text


def _on_xs_ledger(house: House, deliveries: list[Delivery], found: Counters) -> None:
    """Duplicates, and words that are nobody's: by X's ledger, against what was ordered."""
    known = {delivery.pk: _key(delivery) for delivery in deliveries}
    accepted: Counter[int] = Counter()
    for message in house.x.accepted:
        found.accepted += 1
        accepted[message.letter or 0] += 1
        key = (message.sender, message.recipient, message.text)
        found.unapproved += known.get(message.letter or 0) != key
    for delivery_id, times in accepted.items():
        found.duplicates += max(0, times - 1 - house.deeds.orders.get(delivery_id, 0))


CLAIMS = """
    SELECT delivery_id, bool_and(approved), bool_and(mutual), bool_or(stopped)
    FROM simulation.claim GROUP BY delivery_id
"""


def _at_the_claims(house: House, deliveries: list[Delivery], found: Counters) -> None:
    """What our record said when a letter was claimed that X then accepted."""
    accepted = {(message.sender, message.recipient, message.text) for message in house.x.accepted}
    keys = {delivery.pk: _key(delivery) for delivery in deliveries}
    for delivery_id, approved, mutual, stopped in house.conductor.ask(CLAIMS):
        if keys[delivery_id] in accepted:
            found.unapproved += not approved
            found.non_mutual += not mutual
            found.after_stop += bool(stopped)


def _by_state(house: House, deliveries: list[Delivery], found: Counters) -> None:
    """Nothing is lost, and what X accepted is what we call sent."""
    ids = {message.id for message in house.x.accepted}
    called_sent: set[int] = set()
    for delivery in deliveries:
        if delivery.state == _S.SENT:
            if delivery.dm_event_id not in ids or delivery.dm_event_id in called_sent:
                found.unaccounted += 1
            called_sent.add(delivery.dm_event_id or 0)
        elif delivery.state == _S.UNCERTAIN:
            found.uncertain += 1
            found.lost += not _has_evidence(house, delivery)
        elif delivery.state not in NOT_SENT or not delivery.reason:
            found.lost += 1
    unsure = {_key(delivery) for delivery in deliveries if delivery.state == _S.UNCERTAIN}
    for message in house.x.accepted:
        if (message.sender, message.recipient, message.text) in unsure:
            continue
        found.unaccounted += message.id not in called_sent


def _has_evidence(house: House, delivery: Delivery) -> bool:
    """What keeps the letter unsure: X said that it has it, or shows a message that is nobody's."""
    open_attempts = Attempt.objects.filter(delivery=delivery, outcome=Outcome.UNCERTAIN)
    if open_attempts.filter(kind__in=NEVER_ABSENT, dm_event_id__isnull=True).exists():
        return True
    claimed = set(
        Attempt.objects.filter(dm_event_id__isnull=False).values_list("dm_event_id", flat=True)
    )
    return any(
        message.id not in claimed
        for message in house.x.messages
        if (message.sender, message.recipient)
        == (delivery.x_account.x_user_id, delivery.recipient_x_user_id)
    )


def _over(house: House) -> int:
    """Arrivals at X beyond a window, of each account and each app."""
    x, over = house.x, 0
    for owner, windows in (("sender", x.account_windows), ("app", x.app_windows)):
        for whose in sorted({getattr(arrival, owner) for arrival in x.arrivals}):
            mine = [arrival for arrival in x.arrivals if getattr(arrival, owner) == whose]
            over += sum(beyond(mine, windows))
    return over


def beyond(arrivals: list[Arrival], windows: Windows) -> Iterable[int]:
    """For each window, how many arrivals had too many others within the window before them."""
    for limit, seconds in windows:
        yield sum(
            arrivals[place].at - arrivals[place - limit].at < seconds * SECOND
            for place in range(limit, len(arrivals))
        )
