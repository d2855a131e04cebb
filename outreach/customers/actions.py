"""Writes about customers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Coalesce, Lower

from accounts.access import Act, Member, action
from accounts.models import Workspace
from outreach.audit.actions import record
from outreach.customers.erasing.queries import erased_among, erased_handles_among
from outreach.customers.errors import (
    NotConfirmed,
    NothingToWithdraw,
    NotSuppressed,
    StalePermission,
)
from outreach.customers.hooks import suppressed
from outreach.customers.models import (
    Basis,
    ContactPolicy,
    Customer,
    EvidenceFile,
    EvidenceKind,
    Permission,
    Suppression,
)
from outreach.customers.queries import of_person, requires_permission
from outreach.customers.sync import names, relationships
from outreach.ground.clock import now
from outreach.ground.writes import engine_action, step
from outreach.x.client import XUser
from outreach.x.models import XAccount

# A permission is given on a day, in some time zone; the day of the stop itself counts.
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class File:
    """An evidence file, checked."""

    name: str
    kind: EvidenceKind
    content: bytes


@dataclass(frozen=True, slots=True)
class Given:
    """When, where and how somebody opted in, and what shows it: words, a file, or both."""

    at: datetime
    place: str
    evidence: str = ""
    file: File | None = None


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
def record_permission(member: Member, customer_id: int, *, given: Given) -> Permission:
    """Write down that this customer opted in. Raises Customer.DoesNotExist.

    That somebody wrote to us is heard by the product, and never recorded by hand.
    """
    customer = Customer.objects.of(member).select_for_update(no_key=True).get(pk=customer_id)
    return _permit(member, customer, given)


def _permit(member: Member, customer: Customer, given: Given) -> Permission:
    permission = Permission.objects.create(
        workspace_id=member.workspace_id,
        customer=customer,
        basis=Basis.OPTED_IN,
        given_at=given.at,
        place=given.place,
        evidence=given.evidence,
        recorded_by_id=member.user_id,
    )
    if given.file is not None:
        EvidenceFile.objects.create(
            workspace_id=member.workspace_id,
            permission=permission,
            name=given.file.name,
            kind=given.file.kind,
            content=given.file.content,
        )
    _say(
        member,
        customer,
        "permission.recorded",
        {
            "permission": permission.pk,
            "basis": permission.basis,
            "place": given.place,
            "evidence": given.evidence,
            "file": given.file.name if given.file else "",
        },
    )
    return permission


@action(Act.WRITE)
def withdraw_permission(member: Member, permission_id: int) -> Permission:
    """It holds no more; what is on its way to them is held back, unless another one holds.

    Raises Permission.DoesNotExist, NothingToWithdraw.
    """
    found = Permission.objects.of(member).get(pk=permission_id)
    customer = Customer.objects.of(member).select_for_update(no_key=True).get(pk=found.customer_id)
    permission = Permission.objects.of(member).select_for_update(no_key=True).get(pk=permission_id)
    if permission.withdrawn_at is not None:
        raise NothingToWithdraw("This permission was withdrawn before.")
    permission.withdrawn_at, permission.withdrawn_by_id = now(), member.user_id
    permission.save(update_fields=["withdrawn_at", "withdrawn_by"])
    _say(member, customer, "permission.withdrawn", {"permission": permission.pk})
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
    _say(member, customer, "customer.suppressed", {"handle": customer.handle, "reason": reason})


# The rows of whoever have these X user ids, all of those that were merged, in the order of their ids.
THEIR_ROWS = """
    SELECT * FROM customers_customer
    WHERE id IN (
        SELECT person.id
        FROM unnest(%(workspaces)s::bigint[], %(x_user_ids)s::bigint[])
            AS said (workspace_id, x_user_id)
        JOIN customers_customer them
            ON them.workspace_id = said.workspace_id AND them.x_user_id = said.x_user_id
        JOIN LATERAL (
            SELECT coalesce(them.merged_into_id, them.id) AS id
            UNION SELECT merged.id FROM customers_customer merged
            WHERE merged.merged_into_id = coalesce(them.merged_into_id, them.id)
        ) person ON true
    )
    ORDER BY id FOR NO KEY UPDATE
"""


@step
def lock_people_step(people: Collection[tuple[int, int]]) -> list[Customer]:
    """Lock all rows of these people, as (workspace id, X user id), in the order of their ids.

    Whoever has to lock several people calls it first, so that nobody waits for one who waits for
    them. One query.
    """
    values = {
        "workspaces": [workspace_id for workspace_id, _ in people],
        "x_user_ids": [x_user_id for _, x_user_id in people],
    }
    return list(Customer.everywhere.raw(THEIR_ROWS, values))


@step
def suppress_step(workspace_id: int, x_user_id: int, reason: str, *, actor_id: int | None) -> None:
    """The suppression itself. Locks the customer first, so it comes before a claim or after it.

    Whose row is one of several that were merged says it for all of them. Who was erased is not
    written down again: the hash that is left of them says as much.
    """
    rows = lock_people_step([(workspace_id, x_user_id)])
    customer = next((row for row in rows if row.x_user_id == x_user_id), None)
    if customer is None and erased_among(workspace_id, [x_user_id]):
        return
    ids = sorted({x_user_id, *(row.x_user_id for row in rows if row.x_user_id is not None)})
    made = False
    for each in ids:
        _, made_one = Suppression.everywhere.get_or_create(
            workspace_id=workspace_id,
            x_user_id=each,
            defaults={"reason": reason, "recorded_by_id": actor_id},
        )
        if each == x_user_id:
            made = made_one
    suppressed(workspace_id, ids, reason)
    if made:
        record(
            "customer.suppressed",
            target_kind="customer",
            target_id=customer.pk if customer else 0,
            workspace_id=workspace_id,
            actor_id=actor_id,
            details={"x_user_id": str(x_user_id), "reason": reason},
        )


SUPPRESS_MANY = """
    INSERT INTO customers_suppression (workspace_id, x_user_id, handle, reason, recorded_by_id)
    SELECT %(workspace)s, said.x_user_id, said.handle, %(reason)s, %(actor)s
    FROM (
        SELECT unnest(%(ids)s::bigint[]), ''
        UNION ALL SELECT NULL, unnest(%(handles)s::text[])
    ) AS said (x_user_id, handle)
    ORDER BY said.x_user_id, lower(said.handle)
    ON CONFLICT DO NOTHING
"""


@step
def suppress_many_step(
    workspace_id: int,
    *,
    reason: str,
    actor_id: int | None,
    x_user_ids: Iterable[int] = (),
    handles: Iterable[str] = (),
) -> int:
    """Suppress a whole list, such as a file's: by X user id, and by handle where X was not asked.

    One audit event, with counts and no names. Locks the customers among them, in the order of their
    ids, so that it comes before a claim or after it. A handle that a customer with an X user id
    bears counts as that id. Who was suppressed before stays as they were; who was erased is left
    out. Returns how many are new.
    """
    named = sorted({handle.lower() for handle in handles})
    customers = Customer.everywhere.filter(workspace_id=workspace_id)
    found = dict(
        customers.annotate(lower=Lower("handle"))
        .filter(lower__in=named, x_user_id__isnull=False)
        .values_list("lower", "x_user_id")
    )
    ids = {*x_user_ids, *(x_user_id for x_user_id in found.values() if x_user_id)}
    ids -= erased_among(workspace_id, ids)
    # Whose row is one of several that were merged says it for all of them.
    speaking = set(
        customers.filter(x_user_id__in=ids).values_list(Coalesce("merged_into_id", "pk"), flat=True)
    )
    whole = customers.filter(Q(pk__in=speaking) | Q(merged_into__in=speaking))
    ids |= set(whole.filter(x_user_id__isnull=False).values_list("x_user_id", flat=True))
    erased_handles = erased_handles_among(workspace_id, named)
    named = [handle for handle in named if handle not in found and handle not in erased_handles]
    locked = list(
        customers.filter(x_user_id__in=ids)
        .select_for_update(no_key=True)
        .order_by("pk")
        .values_list("x_user_id", flat=True)
    )
    values: dict[str, Any] = {
        "workspace": workspace_id,
        "reason": reason,
        "actor": actor_id,
        "ids": sorted(ids),
        "handles": named,
    }
    with connection.cursor() as cursor:
        cursor.execute(SUPPRESS_MANY, values)
        made = int(cursor.rowcount)
    # Nothing is queued for whoever is no customer.
    suppressed(workspace_id, [x_user_id for x_user_id in locked if x_user_id], reason)
    record(
        "customers.suppressed",
        target_kind="workspace",
        target_id=workspace_id,
        workspace_id=workspace_id,
        actor_id=actor_id,
        details={"asked": len(ids) + len(named), "new": made, "reason": reason},
    )
    return made


@action(Act.REVIEW)
def lift_suppression(member: Member, customer_id: int, *, reason: str, given: Given) -> Permission:
    """A manager lets a person be written to again: with a reason, and the permission they gave anew.

    What the suppression cancelled stays cancelled. Raises Customer.DoesNotExist, NotSuppressed; and
    StalePermission where the permission is older than the stop.
    """
    customer = Customer.objects.of(member).select_for_update(no_key=True).get(pk=customer_id)
    rows = Suppression.objects.of(member).select_for_update(no_key=True)
    suppression = rows.filter(of_person(customer)).first()
    if suppression is None:
        raise NotSuppressed("Nothing keeps them from being written to; there is nothing to lift.")
    if given.at < suppression.since - A_DAY:
        raise StalePermission(
            f"They were stopped on {suppression.since:%-d %B %Y}. Give the day since then on which "
            "they asked for letters again."
        )
    was = {"reason": suppression.reason, "since": suppression.since.isoformat()}
    suppression.delete()
    permission = _permit(member, customer, given)
    _say(
        member,
        customer,
        "customer.suppression_lifted",
        {"reason": reason, "was": was, "permission": permission.pk},
    )
    return permission


@action(Act.ADMINISTER)
def set_require_permission(member: Member, *, required: bool, understood: bool) -> bool:
    """Whether the workspace writes only to people whose permission is recorded.

    Switching it off needs `understood`: that the risk was read. Raises NotConfirmed. Returns
    whether anything changed.
    """
    # One change at a time; the row may not be there yet.
    Workspace.objects.select_for_update(no_key=True).get(pk=member.workspace_id)
    if requires_permission(member) == required:
        return False
    if not required and not understood:
        raise NotConfirmed("Tick that you know what this means, or leave it on.")
    ContactPolicy.objects.of(member).update_or_create(
        workspace_id=member.workspace_id, defaults={"require_permission": required}
    )
    record(
        "contact_policy.changed",
        target_kind="contact_policy",
        target_id=member.workspace_id,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details={"require_permission": required},
    )
    return True


def _say(member: Member, customer: Customer, verb: str, details: dict[str, Any]) -> None:
    record(
        verb,
        target_kind="customer",
        target_id=customer.pk,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details=details,
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
