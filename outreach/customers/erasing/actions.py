"""Erasing a person, and handing out everything that is known about one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from accounts import actions as accounts
from accounts.access import Act, Member, action
from accounts.models import Workspace
from outreach.audit.actions import (
    erase_details,
    erase_details_saying,
    erase_details_where,
    record,
)
from outreach.customers.erasing import hashes
from outreach.customers.erasing.naming import Names
from outreach.customers.erasing.queries import known_about, stops_of, whom_of
from outreach.customers.hooks import Erasure, erased
from outreach.customers.models import (
    ERASED,
    Customer,
    ErasedPerson,
    EvidenceFile,
    HistoryRun,
    ImportRun,
    Permission,
    Relationship,
    Suppression,
    Sweep,
    SyncRun,
)
from outreach.customers.queries import rows_of
from outreach.ground.clock import now
from outreach.ground.runs import OPEN
from outreach.ground.scope import Scope
from outreach.ground.writes import engine_action
from outreach.x.erasing import erase_told

# Audit events that name people by words, and not by their target.
NAMED_BY_WORDS = ("segment", "sweep", "import", "suppression", "workspace")


@action(Act.REVIEW)
def erase(member: Member, customer_id: int) -> Counter[str]:
    """Take away everything that is personal of one customer; what is queued is cancelled first.

    A person is erased whole: the row that speaks for them with those that were merged into it,
    whichever of them is named. Of each one keyed hash stays, so that they are never written to
    again. Locks in the order of the house: open runs, what X told, the customer, their drafts, their
    deliveries; so it comes before a claim or after it. Raises Customer.DoesNotExist; errors.InTheAir
    while a letter to them is being sent, and nothing is changed then. Returns what was taken away,
    counted.
    """
    return _erase(member, customer_id, member.user_id)


@engine_action
def erase_again(workspace_id: int, customer_id: int) -> Counter[str]:
    """Erase somebody who was erased before and is back, as after a backup was restored.

    Raises what `erase` raises.
    """
    return _erase(Workspace.objects.get(pk=workspace_id), customer_id, None)


def _erase(scope: Scope, customer_id: int, actor_id: int | None) -> Counter[str]:
    rows = rows_of(scope, customer_id)
    _hold_runs(scope)
    # Before the customer is locked: a handler of an event locks the event, then the customer.
    told = _erase_told(scope, rows)
    said = [word for row in rows for word in (row.name, row.handle, row.first_name)]
    accounts.forget_in_sessions(said)
    rows = _locked(scope, customer_id)
    # What came meanwhile. An event that is being handled now waits for this transaction, and is
    # blanked by its handler (telling.py).
    told += _erase_told(scope, rows, wait=False)
    erasure = Erasure(whom_of(scope, rows))
    if told:
        erasure.gone["told_by_x"] = told
    erased.all(erasure)
    _erase_own(scope, rows, erasure)
    record(
        "customer.erased",
        target_kind="customer",
        target_id=rows[0].pk,
        workspace_id=scope.workspace_id,
        actor_id=actor_id,
        details={"gone": dict(erasure.gone)},
    )
    return erasure.gone


def _hold_runs(scope: Scope) -> None:
    """Nobody writes down what X says, nor walks through customers, until this is over.

    Whoever does has their run's row first. What they wrote is found here; what they write next
    asks who was erased.
    """
    for kind in (HistoryRun, ImportRun, Sweep, SyncRun):
        rows = kind.objects.of(scope).filter(state__in=OPEN)
        list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk"))


def _erase_told(scope: Scope, rows: Sequence[Customer], *, wait: bool = True) -> int:
    ids = [row.x_user_id for row in rows if row.x_user_id is not None]
    return sum(erase_told(scope, x_user_id, wait=wait) for x_user_id in ids)


def _locked(scope: Scope, customer_id: int) -> list[Customer]:
    """The person's rows, locked, the one that speaks for them first."""
    while True:
        ids = [row.pk for row in rows_of(scope, customer_id)]
        rows = Customer.objects.of(scope).select_for_update(no_key=True, of=("self",))
        locked = list(rows.filter(pk__in=ids).order_by("pk"))
        # Nobody merges into these rows from here on; who did meanwhile is found now.
        if {row.pk for row in rows_of(scope, customer_id)} == {row.pk for row in locked}:
            return sorted(locked, key=lambda row: row.merged_into_id is not None)


def _erase_own(scope: Scope, rows: Sequence[Customer], erasure: Erasure) -> None:
    """The rows of this room, and the details of all audit events about what went."""
    ids, whom = [row.pk for row in rows], erasure.whom
    theirs = Permission.objects.of(scope).filter(customer__in=ids)
    erasure.gone["evidence_files"] = (
        EvidenceFile.objects.of(scope).filter(permission__in=theirs).delete()[0]
    )
    erasure.gone["permissions"] = theirs.delete()[0]
    relationships = Relationship.objects.of(scope).filter(customer__in=ids)
    erasure.gone["relationships"] = relationships.delete()[0]
    stopped = Suppression.objects.of(scope).filter(stops_of(whom))
    erasure.gone["suppressions"] = stopped.delete()[0]
    secret = hashes.key_made()
    left = [hashes.of_customer(secret, row) for row in rows]
    left += [hashes.of_handle(secret, handle) for handle in whom.gone_handles]
    ErasedPerson.everywhere.bulk_create(
        [ErasedPerson(workspace_id=scope.workspace_id, person_hash=each) for each in left],
        ignore_conflicts=True,
    )
    erasure.gone["audit"] = _erase_details(erasure, [*ids, *whom.gone_ids])
    erasure.gone = +erasure.gone
    moment = now()
    for row in rows:
        Customer.everywhere.filter(pk=row.pk).update(
            x_user_id=None,
            handle=f"erased-{row.pk}",  # no handle: X allows no hyphen
            name=ERASED,
            first_name="",
            time_zone="",
            tags=[],
            attributes={},
            last_written_at=None,
            last_answered_at=None,
            not_found_at=None,
            erased_at=moment,
        )


def _erase_details(erasure: Erasure, customer_ids: Sequence[int]) -> int:
    """What audit events say of a person, and of what went with them. Returns of how many."""
    whom = erasure.whom
    gone = erase_details(whom.workspace_id, "customer", customer_ids)
    for kind, ids in erasure.audited.items():
        gone += erase_details(whom.workspace_id, kind, ids)
    # Stops of somebody who was no customer then.
    for x_user_id in whom.x_user_ids:
        said = ("x_user_id", str(x_user_id))
        gone += erase_details_saying(whom.workspace_id, "customer", *said)
    names = Names(whom.names)
    return gone + erase_details_where(whom.workspace_id, NAMED_BY_WORDS, names.stand_in_details)


@action(Act.REVIEW)
def hand_out(member: Member, customer_id: int) -> dict[str, Any]:
    """Everything that is known about one person, for them. Raises Customer.DoesNotExist."""
    about = known_about(member, customer_id)
    record(
        "customer.handed_out",
        target_kind="customer",
        target_id=customer_id,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
    )
    return about
