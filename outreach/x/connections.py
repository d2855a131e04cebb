"""Writes about connections: the way to X's consent page and back, accounts, and brought X apps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.access import Act, Member, action
from outreach.audit.actions import record
from outreach.ground.clock import now
from outreach.x.actions import Pair, add_account, installation_app, replace_token
from outreach.x.hooks import app_chosen, goes_on
from outreach.x.models import (
    MENDED_BY_CONNECTING,
    AccountState,
    Consent,
    PausedBy,
    XAccount,
    XApp,
    XToken,
)
from outreach.x.queries import apps_of
from outreach.x.tokens import encrypt

KEEP_CONSENTS = timedelta(days=1)


class ConsentUsed(Exception):  # noqa: N818  says what happened
    """The way back from X was taken before; it serves once."""


class ConsentExpired(Exception):  # noqa: N818
    """X's consent page stood open for too long."""


class ConnectedElsewhere(Exception):  # noqa: N818
    """The account belongs to another workspace, connected or not: its limits are counted there."""


class AppTaken(Exception):  # noqa: N818
    """The X app of this client id is known here already: X counts one limit for it."""


@action(Act.ADMINISTER)
def begin_consent(
    member: Member, *, app_id: int | None, account_id: int | None, state: str, verifier: str
) -> Consent:
    """Note that an administrator goes to X's consent page; only the state's hash is kept.

    `app_id` None: the installation's own app. `account_id`: the account to connect again. Raises
    XApp.DoesNotExist, XAccount.DoesNotExist.
    """
    # What nobody came back from is of no use to anybody.
    Consent.everywhere.filter(started_at__lt=now() - KEEP_CONSENTS).delete()
    app = installation_app() if app_id is None else apps_of(member).get(pk=app_id)
    account = XAccount.objects.of(member).get(pk=account_id) if account_id is not None else None
    return Consent.objects.create(
        workspace=member.workspace,
        user=member.user,
        app=app,
        account=account,
        state_sha256=Consent.hashed(state),
        verifier=encrypt(verifier),
    )


@action(Act.ADMINISTER)
def use_consent(member: Member, consent_id: int) -> Consent:
    """Use up the way back from X, which serves once. Raises ConsentUsed, ConsentExpired."""
    rows = Consent.objects.of(member).filter(user=member.user).select_for_update(no_key=True)
    consent = rows.get(pk=consent_id)
    if consent.used_at is not None:
        raise ConsentUsed
    moment = now()
    consent.used_at = moment
    if moment > consent.started_at + timedelta(seconds=settings.X_CONSENT_SECONDS):
        raise ConsentExpired
    consent.save(update_fields=["used_at"])
    return consent


@action(Act.ADMINISTER)
def connect_account(
    member: Member,
    *,
    app_id: int,
    x_user_id: int,
    handle: str,
    name: str,
    pair: Pair,
    avatar: tuple[bytes, str] | None = None,
) -> XAccount:
    """Connect an account, or connect it again: its row, limits and letters are those it had.

    Lifts only the pauses that a connection mends. `avatar`: its bytes and type; None keeps what is
    there. Raises ConnectedElsewhere.
    """
    app = apps_of(member).get(pk=app_id)
    values: dict[str, Any] = {"app": app, "handle": handle[:50], "name": name[:100]}
    if avatar is not None:
        values["avatar"], values["avatar_type"] = avatar
    rows = XAccount.everywhere.select_for_update(no_key=True).filter(x_user_id=x_user_id)
    account = rows.first()
    if account is None:
        try:
            with transaction.atomic():
                return add_account(
                    member.workspace,
                    x_user_id=x_user_id,
                    pair=pair,
                    actor_id=member.user_id,
                    **values,
                )
        except IntegrityError:
            account = rows.get()  # of somebody who connected it in this very moment
    if account.workspace_id != member.workspace_id:
        raise ConnectedElsewhere
    for column, value in values.items():
        setattr(account, column, value)
    account.connected_at, account.disconnected_at = now(), None
    if account.state == AccountState.DISCONNECTED or account.paused_by in MENDED_BY_CONNECTING:
        account.state, account.paused_by = AccountState.CONNECTED, PausedBy.NOBODY
        account.paused_reason = ""
    account.save()
    app_chosen(app.pk)
    goes_on(account.pk)
    replace_token(account, pair=pair, actor_id=member.user_id)
    return account


@action(Act.ADMINISTER)
def erase_tokens(member: Member, account_id: int) -> tuple[bytes, ...]:
    """Disconnect an account: its tokens are gone, its row and ledger stay.

    Returns the ciphertexts that were erased, for whoever has X forget them.
    """
    account = XAccount.objects.of(member).select_for_update(no_key=True).get(pk=account_id)
    tokens = XToken.objects.filter(pk=account_id)
    columns = ("refresh_token", "access_token")
    erased = [bytes(each) for row in tokens.values_list(*columns) for each in row]
    tokens.delete()
    if account.state != AccountState.DISCONNECTED:
        account.state, account.paused_by = AccountState.DISCONNECTED, PausedBy.NOBODY
        account.paused_reason, account.disconnected_at = "", now()
        account.save(update_fields=["state", "paused_by", "paused_reason", "disconnected_at"])
        record(
            "x_account.disconnected",
            target_kind="x_account",
            target_id=account.pk,
            workspace_id=account.workspace_id,
            actor_id=member.user_id,
            details={"handle": account.handle},
        )
    return tuple(filter(None, erased))


@action(Act.ADMINISTER)
def bring_app(
    member: Member,
    *,
    name: str,
    client_id: str,
    client_secret: str,
    bearer_token: str = "",
    consumer_secret: str = "",
) -> XApp:
    """A workspace brings an X app of its own; its secrets are encrypted here. Raises AppTaken."""
    if client_id == settings.X_CLIENT_ID:
        raise AppTaken
    try:
        with transaction.atomic():
            app = XApp.objects.create(
                workspace=member.workspace,
                name=name,
                client_id=client_id,
                client_secret=encrypt(client_secret),
                bearer_token=encrypt(bearer_token) if bearer_token else b"",
                consumer_secret=encrypt(consumer_secret) if consumer_secret else b"",
            )
    except IntegrityError:
        raise AppTaken from None
    _of_app(app, "x_app.brought", member)
    return app


@action(Act.ADMINISTER)
def change_app(member: Member, app_id: int, *, name: str, secrets: dict[str, str]) -> XApp:
    """Change a brought app's name and replace its secrets; one that is empty stays as it is."""
    app = XApp.objects.select_for_update(no_key=True).get(
        pk=app_id, workspace_id=member.workspace_id
    )
    replaced = sorted(column for column, secret in secrets.items() if secret)
    app.name = name
    for column in replaced:
        setattr(app, column, encrypt(secrets[column]))
    app.save(update_fields=["name", *replaced])
    _of_app(app, "x_app.changed", member, replaced=", ".join(replaced))
    return app


def _of_app(app: XApp, verb: str, member: Member, **details: str) -> None:
    record(
        verb,
        target_kind="x_app",
        target_id=app.pk,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details={"name": app.name, "client_id": app.client_id} | details,
    )
