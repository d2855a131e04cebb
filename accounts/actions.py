"""Writes about people: workspaces, invitations, profiles."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils.text import slugify

from accounts.access import Act, Member, action
from accounts.hooks import workspace_created
from accounts.models import Invitation, Membership, Role, User, Workspace
from outreach.audit.actions import record
from outreach.ground.clock import now
from outreach.ground.writes import engine_action, step

INVITATION_DAYS = 7


class InvitationGone(Exception):  # noqa: N818  says what happened
    """The link was used, has expired, or never was one."""


class NameTaken(Exception):  # noqa: N818
    """A workspace of this address exists already."""


class AlreadyMember(Exception):  # noqa: N818
    """The invited address belongs to a member."""


class PasswordNeeded(Exception):  # noqa: N818
    """The invited person has a log-in already and gave another password than its own."""


@engine_action
def create_workspace(
    name: str, *, admin_email: str, time_zone: str = "UTC"
) -> tuple[Workspace, str]:
    """A new workspace and the token of its first administrator's invitation.

    Raises NameTaken. Called by the operator's command, so for no member.
    """
    slug = slugify(name)[:50].strip("-") or "workspace"
    workspace, token = create_workspace_step(name, slug, admin_email, time_zone)
    return workspace, token


@step
def create_workspace_step(
    name: str, slug: str, admin_email: str, time_zone: str
) -> tuple[Workspace, str]:
    """The rows of a new workspace; see `create_workspace`."""
    if Workspace.objects.filter(slug=slug).exists():
        raise NameTaken(f"There is a workspace at /w/{slug}/ already. Choose another name.")
    workspace = Workspace(name=name, slug=slug, time_zone=time_zone)
    workspace.full_clean()
    workspace.save()
    record(
        "workspace.created",
        target_kind="workspace",
        target_id=workspace.pk,
        workspace_id=workspace.pk,
        details={"name": name, "slug": slug},
    )
    workspace_created(workspace.pk)
    token = _invite(workspace, admin_email, Role.ADMINISTRATOR, invited_by=None)
    return workspace, token


@engine_action
def accept_invitation(token: str, *, name: str, password: str) -> tuple[User, Workspace]:
    """Make the invited person a member, with a log-in if they have none.

    Raises InvitationGone; PasswordNeeded where the address has a log-in and the password is not
    its own (an invitation must not be a way into somebody's account).
    """
    invitation = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("workspace")
        .filter(token_sha256=Invitation.hashed(token))
        .first()
    )
    if invitation is None or invitation.accepted_at or invitation.expires_at <= now():
        raise InvitationGone
    email = invitation.email.strip().lower()
    user = User.objects.filter(email=email).first()
    if user is None:
        zone = invitation.workspace.time_zone
        user = User.objects.create_user(email, password, name=name, time_zone=zone)
    elif not user.is_active or not user.check_password(password):
        raise PasswordNeeded
    membership, made = Membership.objects.get_or_create(
        workspace=invitation.workspace, user=user, defaults={"role": invitation.role}
    )
    invitation.accepted_at = now()
    invitation.save(update_fields=["accepted_at"])
    record(
        "member.joined",
        target_kind="user",
        target_id=user.pk,
        workspace_id=invitation.workspace_id,
        actor_id=user.pk,
        details={"role": membership.role, "new_member": made},
    )
    return user, invitation.workspace


@action(Act.ADMINISTER)
def invite(member: Member, *, email: str, role: Role) -> str:
    """An administrator invites somebody; returns the token of the link, which is shown once.

    Raises AlreadyMember.
    """
    address = email.strip().lower()
    if Membership.objects.filter(workspace=member.workspace, user__email=address).exists():
        raise AlreadyMember(f"{address} is a member of this workspace already.")
    return _invite(member.workspace, address, role, invited_by=member.user_id)


@action(Act.LOOK)
def change_profile(member: Member, *, name: str, time_zone: str) -> None:
    """A member changes their own name and time zone."""
    user = User.objects.select_for_update().get(pk=member.user_id)
    was = {"name": user.name, "time_zone": user.time_zone}
    user.name, user.time_zone = name, time_zone
    user.full_clean(exclude=["password", "email"])
    user.save(update_fields=["name", "time_zone"])
    record(
        "profile.changed",
        target_kind="user",
        target_id=user.pk,
        workspace_id=member.workspace_id,
        actor_id=user.pk,
        details={"was": was, "is": {"name": name, "time_zone": time_zone}},
    )


def _invite(workspace: Workspace, email: str, role: Role, *, invited_by: int | None) -> str:
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        workspace=workspace,
        email=email.strip().lower(),
        role=role,
        token_sha256=Invitation.hashed(token),
        invited_by_id=invited_by,
        expires_at=now() + timedelta(days=INVITATION_DAYS),
    )
    record(
        "member.invited",
        target_kind="invitation",
        target_id=invitation.pk,
        workspace_id=workspace.pk,
        actor_id=invited_by,
        details={"email": invitation.email, "role": role},
    )
    return token


@step
def enrol(workspace: Workspace, user: User, role: Role) -> Membership:
    """Make `user` a member without an invitation (the demo workspace's people)."""
    membership = Membership.objects.create(workspace=workspace, user=user, role=role)
    record(
        "member.joined",
        target_kind="user",
        target_id=user.pk,
        workspace_id=workspace.pk,
        actor_id=user.pk,
        details={"role": role},
    )
    return membership


@step
def forget_in_sessions(words: Iterable[str]) -> int:
    """Take messages and offers that name somebody out of every session. Returns how many had one.

    What a page has still to say lies in its reader's session until it is read, perhaps for good. A
    session that changes meanwhile is read anew by its own request, and stays as that leaves it.
    """
    needles = [word.casefold() for word in words if word]

    def names(value: object) -> bool:
        said = json.dumps(value, ensure_ascii=False).casefold()
        return any(needle in said for needle in needles)

    found = 0
    for session in Session.objects.iterator():
        kept = session.get_decoded()
        spoken = {}
        for key, value in kept.items():
            if key.startswith("_") and key != "_messages":
                spoken[key] = value  # who is signed in
            elif isinstance(value, list):
                spoken[key] = [each for each in value if not names(each)]
            elif not names(value):
                spoken[key] = value
        if spoken != kept:
            found += Session.objects.filter(
                pk=session.pk, session_data=session.session_data
            ).update(session_data=SessionStore().encode(spoken))
    return found
