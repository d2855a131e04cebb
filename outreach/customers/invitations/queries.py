"""Reads about invitations, and about who follows without being followed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, OuterRef
from django.urls import reverse

from accounts.access import Member
from outreach.customers.models import Invitation, OptIn, Relationship, Suppression
from outreach.ground.paging import Page, keyset
from outreach.ground.scope import Scope
from outreach.x.addresses import compose_address, follow_address

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Accepted:
    name: str
    handle: str
    url: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TheyFollow:
    """Somebody who follows the brand and is not followed; `address` is where that is mended."""

    name: str
    handle: str
    url: str
    account: str
    known_at: datetime
    address: str


def invitations(scope: Scope, *, older: str = "", newer: str = "") -> Page[Invitation]:
    """The workspace's invitations with `accepted`, newest first. One query."""
    rows = (
        Invitation.objects.of(scope).select_related("x_account").annotate(accepted=Count("opt_ins"))
    )
    return keyset(rows, by="created_at", older=older, newer=newer, size=30)


def invitation(scope: Scope, invitation_id: int) -> Invitation:
    """One invitation with `accepted`. One query. Raises Invitation.DoesNotExist."""
    rows = Invitation.objects.of(scope).select_related("x_account", "made_by", "writer")
    return rows.annotate(accepted=Count("opt_ins")).get(pk=invitation_id)


def address_of(invitation: Invitation) -> str:
    """The link that opens a DM to the brand with the word filled in."""
    return compose_address(invitation.x_account.x_user_id, invitation.word)


def accepted(member: Member, invitation: Invitation) -> list[Accepted]:
    """Who opted in by it, the newest few. One query."""
    rows = OptIn.objects.of(member).filter(invitation=invitation).select_related("customer")
    return [
        Accepted(
            row.customer.name,
            row.customer.handle,
            reverse("customers:show", args=[member.workspace.slug, row.customer_id]),
            row.at,
        )
        for row in rows.order_by("-at", "-pk")[:SHOWN]
    ]


def they_follow(
    member: Member, *, older: str = "", newer: str = ""
) -> tuple[list[TheyFollow], Page[Relationship]]:
    """Who follows an account that does not follow them, the newest known first. One query.

    Who said stop is left out: following them back would bring nobody a letter.
    """
    stopped = Suppression.everywhere.filter(
        workspace_id=OuterRef("workspace_id"), x_user_id=OuterRef("customer__x_user_id")
    )
    rows = (
        Relationship.objects.of(member)
        .filter(
            ~Exists(stopped),
            followed_by=True,
            following=False,
            reachable=True,
            customer__merged_into__isnull=True,
        )
        .select_related("customer", "x_account")
    )
    page = keyset(rows, by="id", older=older, newer=newer, size=50)
    found = [
        TheyFollow(
            name=row.customer.name,
            handle=row.customer.handle,
            url=reverse("customers:show", args=[member.workspace.slug, row.customer_id]),
            account=row.x_account.handle,
            known_at=row.known_at,
            address=follow_address(row.customer.handle),
        )
        for row in page.rows
    ]
    return found, page
