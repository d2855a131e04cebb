"""Writes about X accounts."""

from __future__ import annotations

from accounts.access import Act, Member, action
from accounts.models import Workspace
from outreach.audit.actions import record
from outreach.ground.writes import engine_action, step
from outreach.x.models import AccountState, XAccount, XApp
from outreach.x.tokens import encrypt

INSTALLATION_APP = "installation"


@step
def installation_app() -> XApp:
    """The installation's own X app; its row is made when it is first needed."""
    app, _ = XApp.objects.get_or_create(workspace=None, name=INSTALLATION_APP)
    return app


@step
def add_account(
    workspace: Workspace,
    *,
    x_user_id: int,
    handle: str,
    name: str,
    access_token: str,
    scopes: list[str],
    actor_id: int | None,
) -> XAccount:
    """Store a connected account; the token is encrypted here and nowhere kept in the clear."""
    account = XAccount.objects.create(
        workspace=workspace,
        app=installation_app(),
        x_user_id=x_user_id,
        handle=handle,
        name=name,
        access_token=encrypt(access_token),
        scopes=scopes,
    )
    record(
        "x_account.connected",
        target_kind="x_account",
        target_id=account.pk,
        workspace_id=workspace.pk,
        actor_id=actor_id,
        details={"handle": handle, "scopes": scopes},
    )
    return account


@step
def replace_token(account: XAccount, *, access_token: str, actor_id: int | None) -> None:
    """Store another token of an account that was connected before; its limits go on."""
    account.access_token = encrypt(access_token)
    account.save(update_fields=["access_token"])
    record(
        "x_account.connected",
        target_kind="x_account",
        target_id=account.pk,
        workspace_id=account.workspace_id,
        actor_id=actor_id,
        details={"handle": account.handle, "scopes": account.scopes, "again": True},
    )


@engine_action
def pause_account_itself(account_id: int, *, reason: str) -> None:
    """The product pauses an account, with a reason in plain words; its letters wait."""
    account = XAccount.everywhere.select_for_update(no_key=True).get(pk=account_id)
    _pause(account, reason, actor_id=None)


@action(Act.REVIEW)
def pause_account(member: Member, account_id: int) -> None:
    """A manager pauses an account; takes effect before the next claim."""
    account = XAccount.objects.of(member).select_for_update(no_key=True).get(pk=account_id)
    _pause(account, f"Paused by {member.name}.", actor_id=member.user_id)


@action(Act.REVIEW)
def resume_account(member: Member, account_id: int) -> None:
    """A manager lets a paused account send again."""
    account = XAccount.objects.of(member).select_for_update(no_key=True).get(pk=account_id)
    if account.state != AccountState.PAUSED:
        return
    account.state, account.paused_reason = AccountState.CONNECTED, ""
    account.save(update_fields=["state", "paused_reason"])
    _said(account, "x_account.resumed", member.user_id, {})


@step
def _pause(account: XAccount, reason: str, *, actor_id: int | None) -> None:
    if account.state == AccountState.PAUSED:
        return
    account.state, account.paused_reason = AccountState.PAUSED, reason
    account.save(update_fields=["state", "paused_reason"])
    _said(account, "x_account.paused", actor_id, {"reason": reason})


def _said(account: XAccount, verb: str, actor_id: int | None, details: dict[str, str]) -> None:
    record(
        verb,
        target_kind="x_account",
        target_id=account.pk,
        workspace_id=account.workspace_id,
        actor_id=actor_id,
        details=details,
    )
