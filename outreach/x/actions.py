"""Writes about X accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import F

from accounts.access import Act, Member, action
from accounts.models import Workspace
from outreach.audit.actions import record
from outreach.ground.clock import now
from outreach.ground.writes import engine_action, step
from outreach.x.models import AccountState, PausedBy, XAccount, XApp, XToken
from outreach.x.tokens import encrypt

INSTALLATION_APP = "installation"


@step
def installation_app() -> XApp:
    """The installation's own X app; its row is made when it is first needed."""
    app, _ = XApp.objects.get_or_create(workspace=None, name=INSTALLATION_APP)
    return app


@dataclass(frozen=True, slots=True)
class Pair:
    """What X hands out at the end of a consent or of a refresh: the secrets are in the clear."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None


@step
def add_account(
    workspace: Workspace,
    *,
    x_user_id: int,
    handle: str,
    name: str,
    pair: Pair,
    actor_id: int | None,
    app: XApp | None = None,
) -> XAccount:
    """Store a connected account; its tokens are encrypted here and nowhere kept in the clear.

    `app`: the X app it is connected through, the installation's own unless given.
    """
    account = XAccount.objects.create(
        workspace=workspace,
        app=app or installation_app(),
        x_user_id=x_user_id,
        handle=handle,
        name=name,
    )
    store_pair(account, pair)
    _connected(account, pair, actor_id, again=False)
    return account


@step
def store_pair(account: XAccount, pair: Pair) -> None:
    """Store another pair of tokens; nobody's lease on the old ones counts any more."""
    values = {
        "access_token": encrypt(pair.access_token),
        "refresh_token": encrypt(pair.refresh_token) if pair.refresh_token else b"",
        "scopes": list(pair.scopes),
        "expires_at": pair.expires_at,
        "stored_at": now(),
        "lease": None,
        "leased_until": None,
    }
    updated = XToken.objects.filter(pk=account.pk).update(generation=F("generation") + 1, **values)
    if not updated:
        XToken.objects.create(account=account, **values)


@step
def replace_token(account: XAccount, *, pair: Pair, actor_id: int | None) -> None:
    """Store another token of an account that was connected before; its limits go on."""
    store_pair(account, pair)
    _connected(account, pair, actor_id, again=True)


def _connected(account: XAccount, pair: Pair, actor_id: int | None, *, again: bool) -> None:
    details = {"handle": account.handle, "scopes": list(pair.scopes)}
    record(
        "x_account.connected",
        target_kind="x_account",
        target_id=account.pk,
        workspace_id=account.workspace_id,
        actor_id=actor_id,
        details=details | ({"again": True} if again else {}),
    )


@engine_action
def pause_account_itself(account_id: int, *, by: PausedBy, reason: str) -> None:
    """The product pauses an account, with a reason in plain words; its letters wait."""
    account = XAccount.everywhere.select_for_update(no_key=True).get(pk=account_id)
    pause(account, by, reason, actor_id=None)


@action(Act.REVIEW)
def pause_account(member: Member, account_id: int) -> None:
    """A manager pauses an account; takes effect before the next claim."""
    account = XAccount.objects.of(member).select_for_update(no_key=True).get(pk=account_id)
    pause(account, PausedBy.MEMBER, f"Paused by {member.name}.", actor_id=member.user_id)


@action(Act.REVIEW)
def resume_account(member: Member, account_id: int) -> None:
    """A manager lets a paused account send again."""
    account = XAccount.objects.of(member).select_for_update(no_key=True).get(pk=account_id)
    if account.state != AccountState.PAUSED:
        return
    account.state, account.paused_by = AccountState.CONNECTED, PausedBy.NOBODY
    account.paused_reason = ""
    account.save(update_fields=["state", "paused_by", "paused_reason"])
    _said(account, "x_account.resumed", member.user_id, {})


@step
def pause(account: XAccount, by: PausedBy, reason: str, *, actor_id: int | None) -> None:
    """Pause a connected account, whose row the caller has locked; one paused already stays so."""
    if account.state != AccountState.CONNECTED:
        return
    account.state, account.paused_by, account.paused_reason = AccountState.PAUSED, by, reason
    account.save(update_fields=["state", "paused_by", "paused_reason"])
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
