"""Who was erased, and what is known about somebody who was not."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from django.db.models import Q

from outreach.audit.queries import events_about
from outreach.customers.erasing import hashes
from outreach.customers.hooks import Whom, known
from outreach.customers.imports.queries import count_open
from outreach.customers.models import (
    Customer,
    ErasedPerson,
    EvidenceFile,
    HeardMessage,
    Permission,
    Relationship,
    Suppression,
)
from outreach.customers.queries import rows_of
from outreach.ground.scope import Scope
from outreach.x.erasing import dms_of, told_about

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
    """A person by their rows, as other rooms are told of them. Two queries, or more where some rows
    were folded into others.
    """
    ids = tuple(row.x_user_id for row in rows if row.x_user_id is not None)
    gone = _folded_into(scope, {row.pk for row in rows})
    gone_handles = tuple(dict.fromkeys(filter(None, gone.values())))
    handles = tuple(dict.fromkeys([*(row.handle for row in rows), *gone_handles]))
    names = [*handles, *(row.name for row in rows), *map(str, ids)]
    return Whom(
        workspace_id=scope.workspace_id,
        customer_ids=tuple(row.pk for row in rows),
        x_user_ids=ids,
        handles=handles,
        gone_ids=tuple(gone),
        gone_handles=gone_handles,
        names=tuple(dict.fromkeys(filter(None, names))),
    )


def _folded_into(scope: Scope, ids: set[int]) -> dict[int, str]:
    """Rows known by handle alone that were folded into these, by what the audit log says of it.

    Customer ids, and the handle where a person merged them; where X told whose handle it was, the
    handle is that of the row that stayed. What is said of those rows is about this person.
    """
    found: dict[int, str] = {}
    looked_at: set[int] = set()
    while left := {*ids, *found} - looked_at:
        looked_at |= left
        for _, merged in events_about(scope, "customer", left, verb="customer.merged"):
            if merged and not merged["other"]["x_user_id"]:
                found[int(merged["other"]["id"])] = merged["other"]["handle"]
        for _, folded in events_about(
            scope, "workspace", [scope.workspace_id], verb="customers.folded"
        ):
            for gone, kept in folded["pairs"] if folded else ():
                if kept in left:
                    found.setdefault(gone, "")
    return found


def stops_of(whom: Whom) -> Q:
    """The suppressions of a person: by X user id, and by handles that X was not asked about."""
    by_handle = Q(pk__in=())
    for handle in whom.handles:
        by_handle |= Q(x_user_id__isnull=True, handle__iexact=handle)
    return Q(x_user_id__in=whom.x_user_ids) | by_handle


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
        "suppressions": [_suppression(each) for each in _suppressions(whom)],
        "told_by_x": list(_told(whom)),
        "messages_known": list(_messages(whom)),
        "audit": audited(scope, "customer", [*whom.customer_ids, *whom.gone_ids]),
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
    counts["imports"] = count_open(scope)
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


def _suppressions(whom: Whom) -> Iterator[Suppression]:
    yield from Suppression.objects.of(whom).filter(stops_of(whom)).select_related("recorded_by")


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


def _messages(whom: Whom) -> Iterator[dict[str, Any]]:
    """X's numbers of messages, kept so that none counts twice."""
    for x_user_id in whom.x_user_ids:
        for dm in dms_of(whom, x_user_id).select_related("account"):
            yield {
                "message": str(dm.dm_event_id),
                "x_user_id": str(dm.x_user_id),
                "account": f"@{dm.account.handle}",
                "heard_at": dm.heard_at.isoformat(),
            }


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
