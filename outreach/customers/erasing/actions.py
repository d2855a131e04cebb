"""Erasing a person, and handing out everything that is known about one."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db.models import Q

from accounts import actions as accounts
from accounts.access import Act, Member, action
from accounts.models import Workspace
from outreach.audit.actions import erase_details, erase_details_saying, record
from outreach.customers.erasing import hashes
from outreach.customers.erasing.queries import known_about
from outreach.customers.hooks import Erasure, erased
from outreach.customers.models import (
    ERASED,
    Customer,
    ErasedPerson,
    EvidenceFile,
    Permission,
    Relationship,
    Suppression,
)
from outreach.customers.queries import of_person
from outreach.ground.clock import now
from outreach.ground.scope import Scope
from outreach.ground.writes import engine_action
from outreach.x.erasing import erase_told


@action(Act.REVIEW)
def erase(member: Member, customer_id: int) -> Counter[str]:
    """Take away everything that is personal of one customer; what is queued is cancelled first.

    Of the person one keyed hash stays, so that they are never written to again. Locks in the order
    of the house: what X told, the customer, their drafts, their deliveries; so it comes before a
    claim or after it. Raises Customer.DoesNotExist; errors.InTheAir while a letter to them is being
    sent, and nothing is changed then. Returns what was taken away, counted.
    """
    return _erase(member, customer_id, member.user_id)


@engine_action
def erase_again(workspace_id: int, customer_id: int) -> Counter[str]:
    """Erase somebody who was erased before and is back, as after a backup was restored.

    Raises what `erase` raises.
    """
    return _erase(Workspace.objects.get(pk=workspace_id), customer_id, None)


def _erase(scope: Scope, customer_id: int, actor_id: int | None) -> Counter[str]:
    told = 0
    customer = Customer.objects.of(scope).get(pk=customer_id)
    if customer.x_user_id is not None:
        # Before the customer is locked: a handler of an event locks the event, then the customer.
        told += erase_told(scope, customer.x_user_id)
    accounts.forget_in_sessions([customer.name, customer.handle, customer.first_name])
    customer = Customer.objects.of(scope).select_for_update(no_key=True).get(pk=customer_id)
    if customer.x_user_id is not None:
        # What came meanwhile. An event that is being handled now waits for this transaction, and is
        # blanked by its handler (telling.py).
        told += erase_told(scope, customer.x_user_id, wait=False)
    erasure = Erasure(scope.workspace_id, customer.pk, customer.x_user_id, customer.handle)
    if told:
        erasure.gone["told_by_x"] = told
    erased.all(erasure)
    _erase_own(scope, customer, erasure)
    record(
        "customer.erased",
        target_kind="customer",
        target_id=customer.pk,
        workspace_id=scope.workspace_id,
        actor_id=actor_id,
        details={"gone": dict(erasure.gone)},
    )
    return erasure.gone


def _erase_own(scope: Scope, customer: Customer, erasure: Erasure) -> None:
    """The rows of this room, and the details of all audit events about what went."""
    theirs = Permission.objects.of(scope).filter(customer=customer)
    erasure.gone["evidence_files"] = (
        EvidenceFile.objects.of(scope).filter(permission__in=theirs).delete()[0]
    )
    erasure.gone["permissions"] = theirs.delete()[0]
    relationships = Relationship.objects.of(scope).filter(customer=customer)
    erasure.gone["relationships"] = relationships.delete()[0]
    by_handle = Q(x_user_id__isnull=True, handle__iexact=customer.handle)
    stops = Suppression.objects.of(scope).filter(of_person(customer) | by_handle)
    erasure.gone["suppressions"] = stops.delete()[0]
    ErasedPerson.everywhere.bulk_create(
        [
            ErasedPerson(
                workspace_id=scope.workspace_id,
                person_hash=hashes.of_customer(hashes.key_made(), customer),
            )
        ],
        ignore_conflicts=True,
    )
    details = erase_details(scope.workspace_id, "customer", [customer.pk])
    for kind, ids in erasure.audited.items():
        details += erase_details(scope.workspace_id, kind, ids)
    # Stops of somebody who was no customer then.
    if customer.x_user_id is not None:
        said = ("x_user_id", str(customer.x_user_id))
        details += erase_details_saying(scope.workspace_id, "customer", *said)
    erasure.gone["audit"] = details
    erasure.gone = +erasure.gone
    Customer.everywhere.filter(pk=customer.pk).update(
        x_user_id=None,
        handle=f"erased-{customer.pk}",  # no handle: X allows no hyphen
        name=ERASED,
        first_name="",
        time_zone="",
        tags=[],
        attributes={},
        erased_at=now(),
    )


@action(Act.REVIEW)
def hand_out(member: Member, customer_id: int) -> dict[str, Any]:
    """Everything that is known about one person, for them. Raises Customer.DoesNotExist."""
    customer = Customer.objects.of(member).get(pk=customer_id)
    about = known_about(member, customer)
    record(
        "customer.handed_out",
        target_kind="customer",
        target_id=customer.pk,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
    )
    return about
