"""`manage.py forecast`: when what is queued will leave, and what it costs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Workspace
from outreach.delivery import forecasting
from outreach.drafts.models import Campaign
from outreach.x.caps import cents


@dataclass(frozen=True, slots=True)
class Whole:
    """All of a workspace, for whoever runs the installation."""

    workspace_id: int


class Command(BaseCommand):
    help = (
        "Say when the queued letters of a workspace leave, the last one last, and what they cost."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, metavar="SLUG")
        parser.add_argument("--campaign", type=int, metavar="ID", help="only its letters")
        parser.add_argument(
            "--json", action="store_true", help="one JSON object, with every letter, for words"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug, campaign = options["workspace"], options["campaign"]
        workspace = Workspace.objects.filter(slug=slug).first()
        if workspace is None:
            raise CommandError(f"There is no workspace at /w/{slug}/.")
        try:
            found = forecasting.forecast_queued(Whole(workspace.pk), campaign_id=campaign)
        except Campaign.DoesNotExist:
            raise CommandError(f"There is no campaign {campaign} in {workspace.name}.") from None
        self.stdout.write(as_json(found) if options["json"] else in_words(found))


def in_words(found: forecasting.Group) -> str:
    """Two or three sentences; times are UTC."""
    if not found.leave and not found.stay:
        return "Nothing is queued."
    said = []
    if found.first and found.last:
        letters = "1 letter leaves" if found.leave == 1 else f"{found.leave:,} letters leave"
        later = "" if found.exact else " or later"
        said.append(
            f"{letters}, the first at {found.first:%Y-%m-%d %H:%M:%S} UTC, the last at "
            f"{found.last:%Y-%m-%d %H:%M:%S} UTC{later}. About {cents(found.price)} to X."
        )
    if found.stay:
        said.append(f"{found.stay:,} do not leave before their time is over. {found.why}")
    return " ".join(said)


def as_json(found: forecasting.Group) -> str:
    """The same with each letter, the first to leave first."""
    letters = [
        {
            "delivery": pk,
            "leaves_at": each.leaves_at.isoformat() if each.leaves_at else None,
            "exact": each.exact,
            "why": each.why,
        }
        for pk, each in found.each.items()
    ]
    letters.sort(key=lambda letter: str(letter["leaves_at"] or "~"))
    whole = {
        "leave": found.leave,
        "stay": found.stay,
        "first": found.first.isoformat() if found.first else None,
        "last": found.last.isoformat() if found.last else None,
        "exact": found.exact,
        "dollars": str(found.price),
        "letters": letters,
    }
    return json.dumps(whole)
