"""What became of the promises: counted on the sandbox's own ledger, and beside our rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from chaos import witness
from chaos.harm import Harm
from chaos.house import ChaosSandbox
from chaos.letters import Letter

# What may be the reason for a letter that never left; each stands on it in words.
EXPLAINED = ("blocked", "cancelled")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is counted: the promises are 0 where they were kept."""

    accepted: int
    duplicates: int
    lost: int
    unapproved: int
    after_stop: int
    non_mutual: int
    over_limit: int
    uncertain: int
    kills: int
    thawed_after_requeue: int
    judged_absent: int
    answers_lost: int
    why: list[str] = field(default_factory=list)
    fullest: str = ""

    PROMISES: ClassVar = (
        "duplicates", "lost", "unapproved", "after_stop", "non_mutual", "over_limit", "uncertain",
    )  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Every number, by name."""
        return {
            name: value for name, value in asdict(self).items() if name not in ("why", "fullest")
        }

    @property
    def broken(self) -> list[str]:
        """The promises that were not kept."""
        return [name for name in self.PROMISES if getattr(self, name)]


@dataclass(frozen=True, slots=True)
class _Row:
    """One of our deliveries."""

    n: int
    key: tuple[int, int, str]
    state: str
    reason: str
    dm_event_id: int | None


Key = tuple[int, int, str]


def judge(letters: Sequence[Letter], sandbox: ChaosSandbox, harm: Harm) -> Verdict:
    """Count everything, once all is at rest."""
    ledger = [dm for dm in sandbox.ledger() if dm["app"] is not None]
    taken = Counter(_key(dm) for dm in ledger)
    approved = Counter((one.sender, one.recipient, one.text) for one in letters)
    rows = _rows()
    why: list[str] = []
    twice = taken - approved
    duplicates = {key: count for key, count in twice.items() if key in approved}
    unapproved = {key: count for key, count in twice.items() if key not in approved}
    why += [
        f"duplicate: {key[0]} to {key[1]}, {count} more than approved"
        for key, count in duplicates.items()
    ]
    why += [f"unapproved: {key[0]} to {key[1]}" for key in unapproved]
    arrivals = sandbox.arrivals("send_dm")
    refused = [item for item in arrivals if item["refused"]]
    why += [f"over limit: {item}" for item in refused]
    return Verdict(
        duplicates=sum(duplicates.values()),
        lost=_lost(rows, taken, ledger, harm, why),
        unapproved=sum(unapproved.values()),
        after_stop=_after_stop(ledger, why),
        non_mutual=_non_mutual(ledger, why),
        over_limit=sum(item["refused"] for item in refused),
        uncertain=sum(row.state in ("uncertain", "sending") for row in rows),
        accepted=len(ledger),
        kills=harm.done["kills"],
        thawed_after_requeue=harm.done["thawed after requeue"],
        judged_absent=_judged_absent(),
        answers_lost=_answers_lost(sandbox),
        why=why,
        fullest=_fullest(arrivals),
    )


def _fullest(arrivals: list[dict[str, Any]]) -> str:
    """How full the windows ever were, whosoever's: a limit that nobody met proves nothing."""
    most: dict[tuple[str, float, int], int] = {}
    for item in arrivals:
        for window in item["windows"]:
            key = (item["per"], window["seconds"], window["limit"])
            most[key] = max(most.get(key, 0), window["most"])
    return ", ".join(
        f"{count} of {limit} in {seconds:g} s a {per}"
        for (per, seconds, limit), count in most.items()
    )


def _key(dm: dict[str, Any]) -> Key:
    return int(dm["sender"]), int(dm["recipient"]), dm["text"]


def _rows() -> list[_Row]:
    found = witness.ask(
        "SELECT delivery.id, account.x_user_id, delivery.recipient_x_user_id, delivery.text, "
        "delivery.state, delivery.reason, delivery.dm_event_id "
        "FROM delivery_delivery delivery JOIN x_xaccount account "
        "ON account.id = delivery.x_account_id ORDER BY delivery.id"
    )
    return [_Row(row[0], (row[1], row[2], row[3]), *row[4:]) for row in found]


def _lost(
    rows: Sequence[_Row], taken: Counter[Key], ledger: list[dict[str, Any]], harm: Harm,
    why: list[str],
) -> int:  # fmt: skip
    """Letters that did not leave and should have, and what we and X do not agree about."""
    lost = 0
    ours = {row.dm_event_id for row in rows if row.state == "sent"}
    for dm in ledger:
        if int(dm["id"]) not in ours:
            lost += 1
            why.append(f"X took {dm['id']} from {dm['sender']} to {dm['recipient']}: not sent here")
    theirs = {int(dm["id"]) for dm in ledger}
    left = taken.copy()
    for row in rows:
        account, person, _ = row.key
        if row.state == "sent":
            if row.dm_event_id not in theirs or not left[row.key]:
                lost += 1
                why.append(f"delivery {row.n} is sent here, X has no {row.dm_event_id}")
            left[row.key] -= 1
        elif row.state not in EXPLAINED or not row.reason:
            lost += 1
            why.append(f"delivery {row.n} is {row.state}: {row.reason or 'no reason'}")
        elif (account, person) not in harm.gone and person not in harm.stopped:
            lost += 1
            why.append(f"delivery {row.n} is {row.state} though nobody left: {row.reason}")
    return lost


def _after_stop(ledger: list[dict[str, Any]], why: list[str]) -> int:
    """What X took by a claim that was committed after the stop was."""
    found = witness.ask(
        "SELECT attempt.dm_event_id, delivery.id FROM delivery_attempt attempt "
        "JOIN chaos_claim claim ON claim.attempt_id = attempt.id "
        "JOIN delivery_delivery delivery ON delivery.id = attempt.delivery_id "
        "JOIN chaos_stop stop ON stop.x_user_id = delivery.recipient_x_user_id "
        "AND stop.workspace_id = delivery.workspace_id "
        "WHERE pg_xact_commit_timestamp(claim.xmin) > pg_xact_commit_timestamp(stop.xmin)"
    )
    return _named("after stop", found, ledger, why)


def _non_mutual(ledger: list[dict[str, Any]], why: list[str]) -> int:
    """What X took by a claim at which our record did not say that both follow."""
    found = witness.ask(
        "SELECT attempt.dm_event_id, attempt.delivery_id FROM delivery_attempt attempt "
        "JOIN chaos_claim claim ON claim.attempt_id = attempt.id "
        "WHERE (claim.following AND claim.followed_by) IS NOT TRUE "
        "AND coalesce(claim.said_at, '-infinity') < claim.began_at"
    )
    return _named("non-mutual", found, ledger, why)


def _named(
    what: str, found: list[tuple[Any, ...]], ledger: list[dict[str, Any]], why: list[str]
) -> int:
    theirs = {int(dm["id"]) for dm in ledger}
    taken = [(dm_id, delivery) for dm_id, delivery in found if dm_id in theirs]
    why += [f"{what}: delivery {delivery}, message {dm_id}" for dm_id, delivery in taken]
    return len(taken)


def _judged_absent() -> int:
    ((count,),) = witness.ask("SELECT count(*) FROM delivery_attempt WHERE outcome = 'absent'")
    return int(count)


def _answers_lost(sandbox: ChaosSandbox) -> int:
    """Messages that X took while its answer was kept from us: dropped, or later than we wait."""
    return len(
        {
            fault["dm_id"]
            for fault in sandbox.injected()
            if fault["endpoint"] == "send_dm"
            and fault["dm_id"] is not None
            and fault["fault"] in ("drop_after", "delay")
        }
    )
