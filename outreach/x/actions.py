"""Writes about X accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial

from django.db import transaction
from django.db.models import F

from accounts.access import Act, Member, action
from accounts.models import Workspace
from outreach.audit.actions import record
from outreach.ground.clock import now
from outreach.ground.writes import engine_action, step
from outreach.x.hooks import app_chosen, goes_on
from outreach.x.models import (
    MENDED_BY_CONNECTING,
    AccountState,
    PausedBy,
    XAccount,
    XApp,
    XToken,
)
from outreach.x.telling import tell_administrators
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
    avatar: bytes = b"",
    avatar_type: str = "",
) -> XAccount:
    """Store a connected account; its tokens are encrypted here and nowhere kept in the clear.

    `app`: the X app it is connected through, the installation's own unless given.
    """
    app = app or installation_app()
    account = XAccount.objects.create(
        workspace=workspace,
        app=app,
        x_user_id=x_user_id,
        handle=handle,
        name=name,
        avatar=avatar,
        avatar_type=avatar_type,
    )
    app_chosen(app.pk)
    store_pair(account, pair)
    _connected(account, pair, actor_id, again=False)
    return account


@step
def store_pair(account: XAccount, pair: Pair) -> None:
    """Store another pair of tokens; nobody's lease on the old ones counts any more."""
    moment = now()
    values = {
        "access_token": encrypt(pair.access_token),
        "refresh_token": encrypt(pair.refresh_token) if pair.refresh_token else b"",
        "scopes": list(pair.scopes),
        "expires_at": pair.expires_at,
        "stored_at": moment,
        "refused_at": None,
        "lease": None,
        "leased_until": None,
    }
    updated = XToken.objects.filter(pk=account.pk).update(generation=F("generation") + 1, **values)
    if not updated:
        # Never a number that an erased row had: a refresh of that one may still be under way.
        first = int(moment.timestamp() * 1000)
        XToken.objects.create(account=account, generation=first, **values)


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
def store_refreshed(account_id: int, *, pair: Pair, generation: int) -> bool:
    """Store what a refresh brought for the pair of that generation; False where another is there.

    Not the lease counts but the generation: a process that slept past its lease still has the only
    pair that X knows. Who found the old pair refused meanwhile has paused the account for nothing.
    """
    account = XAccount.everywhere.select_for_update(no_key=True).get(pk=account_id)
    token = XToken.objects.filter(pk=account_id, generation=generation).first()
    if token is None:
        return False
    kept = bytes(token.refresh_token)
    values = {
        "access_token": encrypt(pair.access_token),
        # X may leave out what did not change.
        "refresh_token": encrypt(pair.refresh_token) if pair.refresh_token else kept,
        "scopes": list(pair.scopes) or token.scopes,
        "expires_at": pair.expires_at,
        "stored_at": now(),
        "generation": generation + 1,
        "lease": None,
        "leased_until": None,
    }
    stored = XToken.objects.filter(pk=account_id, generation=generation).update(**values)
    if stored and account.paused_by == PausedBy.TOKEN:
        _let_go_on(account)
        _said(account, "x_account.resumed", None, {"reason": "X gave another token"})
    return bool(stored)


@engine_action
def pause_refused(account_id: int, *, generation: int, by: PausedBy, reason: str) -> bool:
    """Pause an account whose pair of that generation is of no use; False where another is there."""
    account = XAccount.everywhere.select_for_update(no_key=True).get(pk=account_id)
    values: dict[str, object] = {"lease": None, "leased_until": None}
    if by == PausedBy.TOKEN:
        # X takes it no more, so nobody is to try it again.
        values["refresh_token"] = b""
    if not XToken.objects.filter(pk=account_id, generation=generation).update(**values):
        return False
    if account.state == AccountState.CONNECTED:
        pause(account, by, reason, actor_id=None)
    elif account.paused_by not in MENDED_BY_CONNECTING:
        # Somebody paused it before, which stays so; the connection ended all the same.
        _said(account, "x_account.token_refused", None, {"reason": reason})
        transaction.on_commit(partial(tell_administrators, account_id, reason))
    return True


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
def resume_account(member: Member, account_id: int) -> bool:
    """A manager lets a paused account send again; False where it must be connected again first."""
    account = XAccount.objects.of(member).select_for_update(no_key=True).get(pk=account_id)
    if account.mended_by_connecting or account.state == AccountState.DISCONNECTED:
        return False
    if account.state == AccountState.PAUSED:
        _let_go_on(account)
        _said(account, "x_account.resumed", member.user_id, {})
    return True


@step
def pause(account: XAccount, by: PausedBy, reason: str, *, actor_id: int | None) -> None:
    """Pause a connected account, whose row the caller has locked; one paused already stays so."""
    if account.state != AccountState.CONNECTED:
        return
    account.state, account.paused_by, account.paused_reason = AccountState.PAUSED, by, reason
    account.save(update_fields=["state", "paused_by", "paused_reason"])
    _said(account, "x_account.paused", actor_id, {"reason": reason})
    if by in MENDED_BY_CONNECTING:
        transaction.on_commit(partial(tell_administrators, account.pk, reason))


@action(Act.ADMINISTER)
def set_cap(member: Member, account_id: int, *, monthly_cap: Decimal, warn_percent: int) -> XApp:
    """An administrator sets the monthly cap of the X app that an account goes through.

    Only of one that the workspace brought: the installation's own is shared by workspaces. Raises
    XAccount.DoesNotExist, XApp.DoesNotExist.
    """
    account = XAccount.objects.of(member).get(pk=account_id)
    app = XApp.objects.select_for_update(no_key=True).get(
        pk=account.app_id, workspace_id=member.workspace_id
    )
    _set_cap(app, monthly_cap, warn_percent, actor_id=member.user_id)
    return app


@engine_action
def set_installation_cap(name: str, *, monthly_cap: Decimal, warn_percent: int) -> int:
    """The operator sets the cap of the installation's own X app, which is made if need be.

    Returns its id. Raises XApp.DoesNotExist for a name that only a row could make known.
    """
    if name == INSTALLATION_APP:
        installation_app()
    app = XApp.objects.select_for_update(no_key=True).get(workspace=None, name=name)
    _set_cap(app, monthly_cap, warn_percent, actor_id=None)
    return app.pk


def _set_cap(app: XApp, monthly_cap: Decimal, warn_percent: int, *, actor_id: int | None) -> None:
    was = app.monthly_cap
    app.monthly_cap, app.warn_percent = monthly_cap, warn_percent
    app.save(update_fields=["monthly_cap", "warn_percent"])
    record(
        "x_app.cap_set",
        target_kind="x_app",
        target_id=app.pk,
        workspace_id=app.workspace_id,
        actor_id=actor_id,
        details={"cap": str(monthly_cap), "was": str(was), "warn_percent": warn_percent},
    )


def _let_go_on(account: XAccount) -> None:
    account.state, account.paused_by = AccountState.CONNECTED, PausedBy.NOBODY
    account.paused_reason = ""
    account.save(update_fields=["state", "paused_by", "paused_reason"])
    goes_on(account.pk)


def _said(account: XAccount, verb: str, actor_id: int | None, details: dict[str, str]) -> None:
    record(
        verb,
        target_kind="x_account",
        target_id=account.pk,
        workspace_id=account.workspace_id,
        actor_id=actor_id,
        details=details,
    )
