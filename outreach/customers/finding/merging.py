"""Two rows of one person become one.

Everything is kept, and where it is about stopping the stricter wins: a stop of either holds for
both. Letters are frozen to the row, and to the X user, that they were written for. So a row that X
knows stays, says into which it was merged, is found no more and is not written to; one that is
known by handle alone has no letters and goes.
"""

from __future__ import annotations

from django.db.models import Q

from outreach.audit.actions import record
from outreach.customers.actions import suppress_step
from outreach.customers.finding.errors import CannotMerge
from outreach.customers.hooks import merged
from outreach.customers.models import (
    Customer,
    FollowChange,
    OptIn,
    Permission,
    Relationship,
    Suppression,
)
from outreach.customers.queries import of_person


def merge(workspace_id: int, kept_id: int, other_id: int, *, actor_id: int | None) -> Customer:
    """Merge in the caller's transaction. Raises Customer.DoesNotExist, CannotMerge."""
    kept, other = _lock(workspace_id, kept_id, other_id)
    _refuse(kept, other)
    details = {
        "kept": {"handle": kept.handle, "tags": list(kept.tags)},
        "other": {
            "id": str(other.pk),
            "x_user_id": str(other.x_user_id or ""),
            "handle": other.handle,
            "name": other.name,
            "tags": list(other.tags),
        },
    }
    stays = other.x_user_id is not None
    _move(kept, other, stays=stays)
    _fill(kept, other)
    _stop_both(workspace_id, kept, other, actor_id)
    if stays:
        merged(workspace_id, other_id, f"Merged with @{kept.handle}, who is the same person.")
        other.merged_into = kept
        other.save(update_fields=["merged_into"])
    else:
        other.delete()
    record(
        "customer.merged",
        target_kind="customer",
        target_id=kept_id,
        workspace_id=workspace_id,
        actor_id=actor_id,
        details=details,
    )
    return kept


def _lock(workspace_id: int, kept_id: int, other_id: int) -> tuple[Customer, Customer]:
    """Both rows, locked in one order whoever asks."""
    rows = Customer.everywhere.select_for_update(no_key=True, of=("self",)).filter(
        workspace_id=workspace_id, pk__in={kept_id, other_id}, erased_at__isnull=True
    )
    found = {row.pk: row for row in rows.order_by("pk")}
    if kept_id not in found or other_id not in found:
        raise Customer.DoesNotExist("There is no such customer in this workspace.")
    return found[kept_id], found[other_id]


def _refuse(kept: Customer, other: Customer) -> None:
    if kept.pk == other.pk:
        raise CannotMerge("These are one row already. Choose another one to merge with it.")
    if kept.merged_into_id or other.merged_into_id:
        raise CannotMerge("One of them was merged already. Look at the list again.")
    if kept.x_user_id is None and other.x_user_id is not None:
        raise CannotMerge(
            f"X knows who @{other.handle} is, and was not asked yet who @{kept.handle} is. "
            f"Keep @{other.handle}."
        )


def _move(kept: Customer, other: Customer, *, stays: bool) -> None:
    # With a permission goes the message that gave it, and its evidence.
    Permission.everywhere.filter(customer=other).update(customer=kept)
    FollowChange.everywhere.filter(customer=other).update(customer=kept)
    accepted = OptIn.everywhere.filter(customer=kept).values("invitation")
    # One person accepts an invitation once.
    OptIn.everywhere.filter(customer=other, invitation__in=accepted).delete()
    OptIn.everywhere.filter(customer=other).update(customer=kept)
    Customer.everywhere.filter(merged_into=other).update(merged_into=kept)
    if not stays:
        # What X says of a row that stays is about its own X user, and stays with it.
        has = Relationship.everywhere.filter(customer=kept).values("x_account")
        theirs = Relationship.everywhere.filter(customer=other)
        theirs.filter(~Q(x_account__in=has)).update(customer=kept)


def _fill(kept: Customer, other: Customer) -> None:
    kept.tags = list(dict.fromkeys([*kept.tags, *other.tags]))
    kept.attributes = {**other.attributes, **kept.attributes}
    kept.first_name = kept.first_name or other.first_name
    kept.time_zone = kept.time_zone or other.time_zone
    for name in ("last_written_at", "last_answered_at"):
        moments = [at for at in (getattr(kept, name), getattr(other, name)) if at is not None]
        setattr(kept, name, max(moments, default=None))
    kept.save(
        update_fields=[
            "tags", "attributes", "first_name", "time_zone", "last_written_at",
            "last_answered_at",
        ]
    )  # fmt: skip


def _stop_both(workspace_id: int, kept: Customer, other: Customer, actor_id: int | None) -> None:
    """Whoever of the two said stop, said it for both."""
    stops = Suppression.everywhere.filter(workspace_id=workspace_id)
    stop = stops.filter(of_person(kept) | of_person(other)).order_by("since", "pk").first()
    if stop is None:
        return
    for row in (kept, other):
        if row.x_user_id is not None:
            suppress_step(workspace_id, row.x_user_id, stop.reason, actor_id=actor_id)
        elif not stops.filter(of_person(row)).exists():
            Suppression.everywhere.create(
                workspace_id=workspace_id,
                handle=row.handle,
                reason=stop.reason,
                recorded_by_id=actor_id,
            )
