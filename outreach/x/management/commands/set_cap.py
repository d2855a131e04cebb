"""`manage.py set_cap DOLLARS`: what a month of the installation's own X app may cost."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from outreach.x import actions
from outreach.x.cap_form import CapForm
from outreach.x.caps import cap_of
from outreach.x.models import XApp


class Command(BaseCommand):
    """Workspaces share the installation's app, so none of them sets its cap; its operator does."""

    help = "Set the monthly cap of the installation's own X app, in US dollars."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dollars", help="such as 25 or 12.50")
        parser.add_argument(
            "--warn",
            type=int,
            metavar="PERCENT",
            help="of the cap: from here on a warning is shown and syncs stop (as it was)",
        )
        parser.add_argument("--app", metavar="NAME", default=actions.INSTALLATION_APP)

    def handle(self, *args: Any, **options: Any) -> None:
        app = XApp.objects.filter(workspace=None, name=options["app"]).first()
        if app is None and options["app"] != actions.INSTALLATION_APP:
            raise CommandError(
                f"This installation has no X app of its own called {options['app']}."
            )
        warn = options["warn"] if options["warn"] is not None else app.warn_percent if app else 80
        form = CapForm({"monthly_cap": _plain(options["dollars"]), "warn_percent": warn})
        if not form.is_valid():
            raise CommandError(
                " ".join(str(each) for found in form.errors.values() for each in found)
            )
        app_id = actions.set_installation_cap(
            options["app"],
            monthly_cap=form.cleaned_data["monthly_cap"],
            warn_percent=form.cleaned_data["warn_percent"],
        )
        self.stdout.write(cap_of(app_id).words)


def _plain(words: str) -> str:
    """'$1,000' as '1000'; what is no number is left for the form to refuse."""
    plain = words.strip().removeprefix("$").replace(",", "")
    try:
        return str(Decimal(plain))
    except InvalidOperation:
        return plain
