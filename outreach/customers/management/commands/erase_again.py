"""`manage.py erase_again`: erase whoever was erased before and is back, as from a backup."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from outreach.customers.erasing.actions import erase_again
from outreach.customers.erasing.queries import back_again
from outreach.customers.errors import InTheAir
from outreach.x.tokens import TokenKeyMissing


class Command(BaseCommand):
    help = (
        "Erase every customer who was erased before and is there all the same, as after a backup was "
        "restored; by the keyed hashes in customers_erasedperson."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        erased = waiting = 0
        try:
            for workspace_id, customer_id in list(back_again()):
                try:
                    erase_again(workspace_id, customer_id)
                    erased += 1
                except InTheAir:
                    waiting += 1
        except TokenKeyMissing as missing:
            raise CommandError(str(missing)) from None
        self.stdout.write(f"{erased} erased again.")
        if waiting:
            raise CommandError(
                f"{waiting} have a letter that is being sent just now. Run this again in a minute."
            )
