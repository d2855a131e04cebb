"""`manage.py sync_account HANDLE`: read from X who follows an account, here and now."""

from __future__ import annotations

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from outreach.customers.models import SyncKind, SyncRun
from outreach.customers.sync import actions, queries, words
from outreach.customers.sync.counting import count_at_x
from outreach.customers.sync.errors import SyncRefused
from outreach.customers.sync.working import work
from outreach.ground.clock import now
from outreach.x.errors import XError
from outreach.x.expenses import CapReached
from outreach.x.models import XAccount, XToken
from outreach.x.tokens import TokenKeyMissing

KINDS = [kind.value for kind in SyncKind]


class Command(BaseCommand):
    help = (
        "Read from X who follows an account. Says the calls, minutes and dollars first and begins "
        "with --yes only; what waits for a limit is waited for."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("handle", help="of the X account, such as inkandloom")
        parser.add_argument("--only", choices=KINDS, default=SyncKind.LISTS.value, dest="kind")
        parser.add_argument("--adopt", action="store_true", help="make mutuals customers")
        parser.add_argument("--yes", action="store_true", help="begin at the price that is said")
        parser.add_argument("--json", action="store_true", help="say the outcome as one JSON line")

    def handle(self, *args: Any, **options: Any) -> None:
        account = _account(options["handle"])
        kind = SyncKind(options["kind"])
        if kind == SyncKind.LISTS and queries.choice_of(account).followers is None:
            if not options["yes"]:
                raise CommandError(
                    "X was not asked yet how many they are, which costs one look-up. "
                    "With --yes it is asked, and the sync begins."
                )
            _count(account)
        found = queries.way(account, queries.choice_of(account), kind, queries.room(account))
        if found.why_not or found.estimate is None:
            raise CommandError(found.why_not)
        if not options["json"]:
            self.stdout.write(f"{found.estimate.people:,} people: {found.estimate.words}.")
        if not options["yes"]:
            self.stdout.write("Nothing was begun. Begin it with --yes.")
            return
        try:
            run = actions.start_from_outside(account.pk, kind=kind, adopt=options["adopt"])
        except SyncRefused as refused:
            raise CommandError(str(refused)) from None
        self._work(run)
        if options["json"]:
            self.stdout.write(json.dumps(_outcome(run)))
        else:
            self.stdout.write(words.result(run))
        if run.state != "done":
            raise CommandError(words.result(run))

    def _work(self, run: SyncRun) -> None:
        """Work until it ends; another worker may take it as well, and both are done then."""
        said = ""
        while run.is_open:
            if not work(run.pk):
                run.refresh_from_db()
                if run.is_open and words.progress(run) != said:
                    said = words.progress(run)
                    self.stderr.write(said)
                if run.is_open:
                    time.sleep(min(max((run.look_at - now()).total_seconds(), 0.2), 5.0))
            run.refresh_from_db()


def _account(handle: str) -> XAccount:
    rows = XAccount.everywhere.select_related("app").filter(handle__iexact=handle.lstrip("@"))
    account: XAccount | None = rows.first()
    if account is None:
        raise CommandError(f"No X account called @{handle.lstrip('@')} is known here.")
    return account


def _count(account: XAccount) -> None:
    try:
        count_at_x(account)
    except (SyncRefused, CapReached, XError, XToken.DoesNotExist, TokenKeyMissing) as error:
        raise CommandError(f"X could not be asked how many they are: {error}") from None


def _outcome(run: SyncRun) -> dict[str, Any]:
    names = ("calls", "followers", "following", "began", "ceased", "renamed", "found", "missing")
    counts = {name: getattr(run, name) for name in (*names, "strangers", "adopted")}
    return {"state": run.state, "problem": run.problem} | counts
