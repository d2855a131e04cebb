"""Writes about customers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from accounts.access import Act, Member, action
from outreach.audit.actions import record
from outreach.customers.hooks import suppressed
from outreach.customers.models import Customer, Permission, Suppression
from outreach.customers.queries import of_person
from outreach.customers.sync import names, relationships
from outreach.ground.writes import engine_action, step
from outreach.x.client import XUser
from outreach.x.models import XAccount

# What a look-up said, joined to the customers whom it is about.
SAID = """
    (SELECT customer.id AS customer_id, said.following, said.followed_by, said.accepts_dms,
        said.reachable, %(looked_at)s::timestamptz AS seen_at
    FROM unnest(%(ids)s::bigint[], %(following)s::boolean[], %(followed_by)s::boolean[],
            %(accepts_dms)s::boolean[], %(reachable)s::boolean[])
        AS said (x_user_id, following, followed_by, accepts_dms, reachable)
    JOIN customers_customer customer
        ON customer.workspace_id = %(workspace)s AND customer.x_user_id = said.x_user_id)
"""


@action(Act.WRITE)
def record_permission(
    member: Member, customer_id: int, *, basis: str, given_at: datetime, place: str, evidence: str
) -> Permission:
    """Write down why this customer may be written to. Raises Customer.DoesNotExist."""
    customer = Customer.objects.of(member).select_for_update(no_key=True).get(pk=customer_id)
    permission = Permission.objects.create(
        workspace_id=member.workspace_id,
        customer=customer,
        basis=basis,
        given_at=given_at,
        place=place,
        evidence=evidence,
        recorded_by_id=member.user_id,
    )
    record(
        "permission.recorded",
        target_kind="customer",
        target_id=customer.pk,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details={"basis": basis, "place": place, "evidence": evidence},
    )
    return permission


@action(Act.WRITE)
def suppress(member: Member, customer_id: int, *, reason: str) -> None:
    """Never write to this person again; cancels what is queued for them, in this transaction.

    Raises Customer.DoesNotExist.
    """
    customer = Customer.objects.of(member).select_for_update(no_key=True).get(pk=customer_id)
    if customer.x_user_id is None:
        _suppress_handle(member, customer, reason)
    else:
        suppress_step(member.workspace_id, customer.x_user_id, reason, actor_id=member.user_id)


def _suppress_handle(member: Member, customer: Customer, reason: str) -> None:
    """Of somebody X was not asked about yet nothing is queued; the handle is what is known."""
    if Suppression.objects.of(member).filter(of_person(customer)).exists():
        return
    Suppression.objects.create(
        workspace_id=member.workspace_id,
        handle=customer.handle,
        reason=reason,
        recorded_by_id=member.user_id,
    )
    record(
        "customer.suppressed",
        target_kind="customer",
        target_id=customer.pk,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details={"handle": customer.handle, "reason": reason},
    )


@step
def suppress_step(workspace_id: int, x_user_id: int, reason: str, *, actor_id: int | None) -> None:
    """The suppression itself. Locks the customer first, so it comes before a claim or after it."""
    customer = (
        Customer.everywhere.select_for_update(no_key=True)
        .filter(workspace_id=workspace_id, x_user_id=x_user_id)
        .first()
    )
    _, made = Suppression.everywhere.get_or_create(
        workspace_id=workspace_id,
        x_user_id=x_user_id,
        defaults={"reason": reason, "recorded_by_id": actor_id},
    )
    suppressed(workspace_id, x_user_id, reason)
    if made:
        record(
            "customer.suppressed",
            target_kind="customer",
            target_id=customer.pk if customer else 0,
            workspace_id=workspace_id,
            actor_id=actor_id,
            details={"x_user_id": str(x_user_id), "reason": reason},
        )


@engine_action
def store_relationships(
    x_account_id: int, asked: Iterable[int], found: Iterable[XUser], *, looked_at: datetime
) -> int:
    """What X answered about the customers with the user ids `asked`. Returns rows written.

    A look-up that began earlier never overwrites a later one, nor what an event said since it
    began; who X did not find is stored as not reachable.
    """
    return store_relationships_step(x_account_id, asked, found, looked_at=looked_at).rows


@step
def store_relationships_step(
    x_account_id: int,
    asked: Iterable[int],
    found: Iterable[XUser],
    *,
    looked_at: datetime,
    run_id: int | None = None,
) -> relationships.Stored:
    """The same inside a caller's transaction, with what changed; `run_id`: the sync that asked."""
    workspace_id = XAccount.everywhere.values_list("workspace_id", flat=True).get(pk=x_account_id)
    by_id = {user.id: user for user in found}
    ids = sorted(set(asked))
    users = [by_id.get(x_user_id) for x_user_id in ids]
    values: dict[str, Any] = {
        "ids": ids,
        "following": [bool(user and user.following) for user in users],
        "followed_by": [bool(user and user.followed_by) for user in users],
        "accepts_dms": [bool(user and user.accepts_dms) for user in users],
        "reachable": [user is not None for user in users],
        "looked_at": looked_at,
    }
    names.keep_of(by_id.values(), looked_at, workspace_id)
    return relationships.store(
        SAID, values, workspace_id=workspace_id, x_account_id=x_account_id, run_id=run_id
    )
