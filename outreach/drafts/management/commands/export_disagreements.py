"""`manage.py export_disagreements`: letters that managers judged, as JSON lines for evaluation."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Workspace
from outreach.drafts.policy_queries import labelled_messages


class Command(BaseCommand):
    help = (
        "Write letters whose authors disagreed with guidance, one JSON object a line, labelled as "
        "managers decided. They are words to customers: keep them as you keep the database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--workspace", default="", metavar="SLUG", help="only of this one; without: of all"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["workspace"]
        if slug and not Workspace.objects.filter(slug=slug).exists():
            raise CommandError(f"There is no workspace at /w/{slug}/.")
        for message in labelled_messages(slug):
            self.stdout.write(json.dumps(message, ensure_ascii=False))
