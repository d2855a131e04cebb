"""`manage.py create_workspace NAME --admin EMAIL`: a workspace and its first administrator."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.urls import reverse

from accounts import actions


class Command(BaseCommand):
    help = "Create a workspace and print the invitation link of its first administrator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the company's name, such as 'Ink & Loom'")
        parser.add_argument("--admin", required=True, metavar="EMAIL")
        parser.add_argument("--time-zone", default="UTC", help="such as Europe/Lisbon")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            validate_email(options["admin"])
        except ValidationError:
            raise CommandError(
                f"{options['admin']} is no e-mail address. Give one such as jo@example.com."
            ) from None
        try:
            workspace, token = actions.create_workspace(
                options["name"], admin_email=options["admin"], time_zone=options["time_zone"]
            )
        except actions.NameTaken as taken:
            raise CommandError(str(taken)) from None
        except ValidationError as wrong:
            raise CommandError(" ".join(wrong.messages)) from None
        link = settings.PUBLIC_URL + reverse("accounts:invitation", args=[token])
        self.stdout.write(f"Workspace {workspace.name} is at /w/{workspace.slug}/.")
        self.stdout.write(
            f"{options['admin']} becomes its administrator by opening, within "
            f"{actions.INVITATION_DAYS} days:\n{link}"
        )
