"""Beginning to read an account's last 30 days of messages, and ending it."""

from __future__ import annotations

from functools import partial

from django.db import IntegrityError, transaction

from accounts.access import Act, Member, action
from outreach.audit.actions import record
from outreach.customers.history.tasks import wake
from outreach.customers.models import HistoryPerson, HistoryRun
from outreach.ground.runs import OPEN, RunState, ask_to_cancel
from outreach.x.models import AccountState, XAccount


class CannotRead(Exception):  # noqa: N818  says what is refused
    """The reading cannot begin; `str()` says why and what to do."""


@action(Act.ADMINISTER)
def start(member: Member, account_id: int, *, most: int) -> HistoryRun:
    """Have a worker read at most so many messages of the last 30 days; it costs money.

    Raises XAccount.DoesNotExist, and CannotRead where the account is not connected. One that is
    open already goes on as it is and is returned.
    """
    account = XAccount.objects.of(member).get(pk=account_id)
    if account.state == AccountState.DISCONNECTED:
        raise CannotRead(f"@{account.handle} is not connected. Connect it, then read.")
    try:
        with transaction.atomic():
            run = HistoryRun.objects.create(
                workspace_id=member.workspace_id,
                x_account=account,
                started_by_id=member.user_id,
                most=most,
                of=most,
            )
    except IntegrityError:
        found: HistoryRun = HistoryRun.objects.of(member).get(x_account=account, state__in=OPEN)
        return found
    _say(member, run, "history.started", {"most": most})
    transaction.on_commit(partial(wake, run.pk))
    return run


@action(Act.ADMINISTER)
def cancel(member: Member, run_id: int) -> None:
    """End it: at once where nobody works on it, else after the page that is being read.

    What was read is forgotten; whoever said stop stays suppressed. Raises HistoryRun.DoesNotExist.
    """
    rows = HistoryRun.objects.of(member).filter(pk=run_id)
    run = rows.get()
    if ask_to_cancel(rows):
        _say(member, run, "history.cancelled", {})
    HistoryPerson.objects.of(member).filter(run_id=run_id, run__state=RunState.CANCELLED).delete()


def _say(member: Member, run: HistoryRun, verb: str, details: dict[str, object]) -> None:
    record(
        verb,
        target_kind="x_account",
        target_id=run.x_account_id,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details={"run": run.pk, **details},
    )
