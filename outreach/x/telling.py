"""Word by e-mail to the administrators: an account stopped, or the month nears its cap."""

from __future__ import annotations

import logging
from datetime import date
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse

from accounts.models import Membership, Role
from outreach.ground.writes import engine_action, outside_transactions
from outreach.x.caps import cap_of
from outreach.x.models import XAccount, XApp

log = logging.getLogger("outreach.x")


@outside_transactions
def tell_administrators(account_id: int, reason: str) -> None:
    """Write to each administrator of the account's workspace. Never raises for a mail that failed:
    the pages say the same.
    """
    account = XAccount.everywhere.select_related("workspace").get(pk=account_id)
    words = (
        f"Letters from @{account.handle} ({account.workspace.name}) wait.\n\n{reason}\n\n"
        f"Nothing is lost: approved letters leave once the account is connected again, here:\n"
        f"{_page_of(account)}\n"
    )
    _mail(account, f"@{account.handle} must be connected again", words)


@outside_transactions
def warn_of_caps() -> None:
    """Tell the administrators once a month that an X app's spending reached its warning level."""
    for app in XApp.objects.filter(accounts__isnull=False).distinct():
        state = cap_of(app.pk)
        if state.spent < state.warn_at or not _is_first_warning(app.pk, state.month.since.date()):
            continue
        # One letter a workspace, whichever of its accounts it names.
        for account in (
            XAccount.everywhere.filter(app=app)
            .order_by("workspace_id", "pk")
            .distinct("workspace_id")
            .select_related("workspace")
        ):
            words = f"{state.words}\n\nWhat it went for, and the cap:\n{_page_of(account)}\n"
            _mail(account, "This month's cost at X nears its cap", words)


@engine_action
def _is_first_warning(app_id: int, month: date) -> bool:
    return bool(XApp.objects.filter(pk=app_id).exclude(warned_for=month).update(warned_for=month))


def _page_of(account: XAccount) -> str:
    page = reverse("x:account", args=[account.workspace.slug, account.pk])
    return f"{settings.PUBLIC_URL}{page}"


def _mail(account: XAccount, subject: str, words: str) -> None:
    addresses = (
        Membership.objects.filter(
            workspace_id=account.workspace_id, role=Role.ADMINISTRATOR, user__is_active=True
        )
        .order_by("pk")
        .values_list("user__email", flat=True)
    )
    for address in addresses:
        try:
            EmailMessage(subject, words, to=[address]).send()
        except (SMTPException, OSError) as error:
            kind = type(error).__name__
            log.error("account %s: no word to an administrator: %s", account.pk, kind)
