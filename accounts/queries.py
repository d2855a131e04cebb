"""Reads about people."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import Invitation, Membership, Role, User
from outreach.ground.clock import now
from outreach.ground.scope import Scope


@dataclass(frozen=True, slots=True)
class MemberRow:
    user_id: int
    name: str
    email: str
    role: str


def members_of(scope: Scope) -> list[MemberRow]:
    """The workspace's members by name. One query."""
    rows = (
        Membership.objects.filter(workspace_id=scope.workspace_id)
        .select_related("user")
        .order_by("user__name", "pk")
    )
    return [MemberRow(m.user_id, m.user.name, m.user.email, Role(m.role).label) for m in rows]


def reviewers_beside(scope: Scope, user_id: int) -> int:
    """How many members other than `user_id` may decide on letters."""
    return (
        Membership.objects.filter(
            workspace_id=scope.workspace_id, role__in=[Role.MANAGER, Role.ADMINISTRATOR]
        )
        .exclude(user_id=user_id)
        .count()
    )


def member_or_administrator(workspace_id: int, user_id: int) -> int:
    """The user's id while they are a member, else that of who administers the workspace longest."""
    members = Membership.objects.filter(workspace_id=workspace_id)
    found = members.filter(user_id=user_id).values_list("user_id", flat=True).first()
    if found is None:
        found = (
            members.filter(role=Role.ADMINISTRATOR)
            .order_by("pk")
            .values_list("user_id", flat=True)[0]
        )
    return int(found)


def memberships_of(user: User) -> list[Membership]:
    """Every workspace the user is in, by name, each with its role."""
    return list(
        Membership.objects.filter(user=user)
        .select_related("workspace")
        .order_by("workspace__name", "pk")
    )


def newcomer(email: str, name: str) -> User | None:
    """A user not yet stored, whose password can be judged; None where the address has a log-in."""
    if User.objects.filter(email=email.lower()).exists():
        return None
    return User(email=email, name=name)


def open_invitation(token: str) -> Invitation | None:
    """The invitation behind a link, while it can be used."""
    return (
        Invitation.objects.select_related("workspace")
        .filter(
            token_sha256=Invitation.hashed(token), accepted_at__isnull=True, expires_at__gt=now()
        )
        .first()
    )
