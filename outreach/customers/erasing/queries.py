"""Who was erased, and what is known about somebody who was not."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from outreach.audit.queries import events_about
from outreach.customers.erasing import hashes
from outreach.customers.hooks import Whom, known
from outreach.customers.models import (
    Customer,
    ErasedPerson,
    EvidenceFile,
    HeardMessage,
    Permission,
    Relationship,
    Suppression,
)
from outreach.customers.queries import of_person, rows_of
from outreach.ground.scope import Scope
from outreach.x.erasing import told_about

T = TypeVar("T")


# --- who was erased --------------------------------------------------------------------------


def erased_among(workspace_id: int, x_user_ids: Iterable[int]) -> set[int]:
    """Those X user ids of people whom this workspace erased: they never come back.

    Two queries, whatever there is. Raises TokenKeyMissing where none of TOKEN_KEYS opens the key
    of the hashes: then nobody can tell, and nobody is let in.
    """
    return _among(workspace_id, x_user_ids, hashes.of_id)


def anybody_erased(workspace_id: int) -> bool:
    """Whether there is anybody to look for. One query."""
    return ErasedPerson.everywhere.filter(workspace_id=workspace_id).exists()


def erased_handles_among(workspace_id: int, handles: Iterable[str]) -> set[str]:
    """Those handles of people who were erased before X was asked who they are."""
    return _among(workspace_id, handles, hashes.of_handle)


def living_among(workspace_id: int, people: Iterable[tuple[int, str]]) -> list[int]:
    """X user ids of those people, as (X user id, handle), whom nobody erased here.

    Whoever was erased by handle, before X was asked, stays erased when X shows that handle: handles
    seldom change owners, and to be wrong about a stranger does less harm than to bring back whom
    somebody asked us to forget. Four queries, whatever there is.
    """
    by_id = dict(people)
    erased = erased_among(workspace_id, by_id)
    handles = erased_handles_among(workspace_id, {handle for handle in by_id.values() if handle})
    return [each for each, handle in by_id.items() if each not in erased and handle not in handles]


def _among(workspace_id: int, people: Iterable[T], of: Callable[[bytes, T], bytes]) -> set[T]:
    rows = ErasedPerson.everywhere.filter(workspace_id=workspace_id)
    erased = {bytes(found) for found in rows.values_list("person_hash", flat=True)}
    if not erased:
        return set()
    secret = hashes.key()
    assert secret is not None  # made before the first hash
    return {person for person in people if of(secret, person) in erased}


def back_again() -> Iterator[tuple[int, int]]:
    """Customers who were erased before and are there all the same: (workspace id, customer id).

    Reads every customer of the workspaces that erased anybody.
    """
    for workspace_id in ErasedPerson.everywhere.values_list("workspace_id", flat=True).distinct():
        rows = Customer.everywhere.filter(workspace_id=workspace_id, erased_at__isnull=True)
        people = list(rows.values_list("pk", "x_user_id", "handle"))
        ids = erased_among(workspace_id, {x_user_id for _, x_user_id, _ in people if x_user_id})
        handles = erased_handles_among(
            workspace_id, {handle for _, x_user_id, handle in people if x_user_id is None}
        )
        for pk, x_user_id, handle in people:
            if x_user_id in ids or (x_user_id is None and handle in handles):
                yield workspace_id, pk


# --- everything that is known ----------------------------------------------------------------


def whom_of(scope: Scope, rows: Sequence[Customer]) -> Whom:
    """A person by their rows, as other rooms are told of them."""
    ids = tuple(row.x_user_id for row in rows if row.x_user_id is not None)
    handles = tuple(dict.fromkeys(row.handle for row in rows))
    names = [*handles, *(row.name for row in rows), *map(str, ids)]
    return Whom(
        workspace_id=scope.workspace_id,
        customer_ids=tuple(row.pk for row in rows),
        x_user_ids=ids,
        handles=handles,
        names=tuple(dict.fromkeys(filter(None, names))),
    )


def rows_before(whom: Whom) -> set[int]:
    """Customer ids that a person had: of rows known by handle alone that were folded into theirs.

    Those rows are gone, and what the audit log says of them is about this person.
    """
    found: set[int] = set()
    looked_at: set[int] = set()
    while left := {*whom.customer_ids, *found} - looked_at:
        looked_at |= left
        for _, merged in events_about(whom, "customer", left, verb="customer.merged"):
            found |= {int(merged["other"]["id"])} if merged else set()
        for _, folded in events_about(
            whom, "workspace", [whom.workspace_id], verb="customers.folded"
        ):
            found |= {gone for gone, kept in folded["pairs"] if kept in left} if folded else set()
    return found


def known_about(scope: Scope, customer_id: int) -> dict[str, Any]:
    """Everything that is kept about one person, in the words of the product.

    This room's part, what X told, what the audit log says of the customer, and each other room's
    part under a name of its own; of rows merged into theirs as well. Raises Customer.DoesNotExist.
    """
    rows = rows_of(scope, customer_id)
    whom = whom_of(scope, rows)
    about: dict[str, Any] = {
        "person": _person(rows[0]),
        "merged": [_person(row) for row in rows[1:]],
        "relationships": [_relationship(each) for each in _relationships(whom)],
        "permissions": [_permission(each) for each in _permissions(whom)],
        "suppressions": [_suppression(each) for each in _suppressions(scope, rows)],
        "told_by_x": list(_told(whom)),
        "audit": audited(scope, "customer", sorted({*whom.customer_ids, *rows_before(whom)})),
    }
    for part in known.all(whom):
        about |= part
    return about


def lost_with(scope: Scope, customer_id: int) -> Counter[str]:
    """What erasing a person takes away, counted: letters, permissions, evidence files and so on."""
    about = known_about(scope, customer_id)
    counts = Counter(
        {name: len(found) for name, found in about.items() if isinstance(found, list) and found}
    )
    counts["evidence_files"] = sum(1 for each in about["permissions"] if each["file"])
    return +counts


def audited(scope: Scope, target_kind: str, target_ids: Iterable[int]) -> list[dict[str, Any]]:
    """What the audit log says of these, oldest first."""
    return [
        {
            "what": event.verb,
            "of": f"{event.target_kind} {event.target_id}",
            "by": event.actor.name if event.actor else "Outreach",
            "at": event.at.isoformat(),
            "details": details,
        }
        for event, details in events_about(scope, target_kind, target_ids)
    ]


def _person(customer: Customer) -> dict[str, Any]:
    return {
        "x_user_id": str(customer.x_user_id) if customer.x_user_id else None,
        "handle": customer.handle,
        "name": customer.name,
        "first_name": customer.first_name,
        "time_zone": customer.time_zone,
        "tags": customer.tags,
        "attributes": customer.attributes,
        "known_since": customer.created_at.isoformat(),
    }


def _relationships(whom: Whom) -> Iterator[Relationship]:
    rows = Relationship.objects.of(whom).filter(customer__in=whom.customer_ids)
    rows = rows.select_related("x_account")
    yield from rows.order_by("pk")


def _relationship(relationship: Relationship) -> dict[str, Any]:
    return {
        "with": f"@{relationship.x_account.handle}",
        "you_follow_them": relationship.following,
        "they_follow_you": relationship.followed_by,
        "takes_messages": relationship.accepts_dms,
        "found_at_x": relationship.reachable,
        "checked_at": relationship.checked_at.isoformat(),
        "follow_heard_at": _iso(relationship.following_heard_at),
        "followed_heard_at": _iso(relationship.followed_by_heard_at),
    }


def _permissions(whom: Whom) -> Iterator[Permission]:
    rows = Permission.objects.of(whom).filter(customer__in=whom.customer_ids)
    rows = rows.select_related("recorded_by", "withdrawn_by", "evidence_file", "message")
    yield from rows.order_by("given_at", "pk")


def _permission(permission: Permission) -> dict[str, Any]:
    file: EvidenceFile | None = getattr(permission, "evidence_file", None)
    message: HeardMessage | None = getattr(permission, "message", None)
    return {
        "basis": permission.get_basis_display(),
        "given_at": permission.given_at.isoformat(),
        "place": permission.place,
        "evidence": permission.evidence,
        "dm": str(message.dm_event_id) if message else None,
        "file": {
            "name": file.name,
            "kind": file.kind,
            "content_base64": base64.b64encode(bytes(file.content)).decode(),
        }
        if file
        else None,
        "recorded_by": permission.recorded_by.name if permission.recorded_by else "Outreach",
        "recorded_at": permission.recorded_at.isoformat(),
        "withdrawn_at": _iso(permission.withdrawn_at),
        "withdrawn_by": permission.withdrawn_by.name if permission.withdrawn_by else None,
    }


def _suppressions(scope: Scope, rows: Sequence[Customer]) -> Iterator[Suppression]:
    theirs = of_person(rows[0])
    for row in rows[1:]:
        theirs |= of_person(row)
    yield from Suppression.objects.of(scope).filter(theirs).select_related("recorded_by")


def _suppression(suppression: Suppression) -> dict[str, Any]:
    return {
        "x_user_id": str(suppression.x_user_id) if suppression.x_user_id else None,
        "handle": suppression.handle,
        "reason": suppression.reason,
        "since": suppression.since.isoformat(),
        "recorded_by": suppression.recorded_by.name if suppression.recorded_by else "Outreach",
    }


def _told(whom: Whom) -> Iterator[dict[str, Any]]:
    for x_user_id in whom.x_user_ids:
        for event in told_about(whom, x_user_id):
            yield {
                "what": event.kind,
                "received_at": event.received_at.isoformat(),
                "said": event.payload,
            }


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
