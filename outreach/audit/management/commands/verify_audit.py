"""`manage.py verify_audit`: prove that no audit event was altered or removed."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from outreach.audit import queries


class Command(BaseCommand):
    help = "Walk the audit chain from its beginning; exit 1 where something was altered or removed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of words")

    def handle(self, *args: Any, **options: Any) -> None:
        found = queries.verify()
        if options["json"]:
            oldest = found.oldest_unsealed.isoformat() if found.oldest_unsealed else None
            line = {
                "sealed": found.sealed,
                "head": found.head,
                "unsealed": found.unsealed,
                "oldest_unsealed": oldest,
                "erased_details": found.erased_details,
                "faults": found.faults,
            }
            self.stdout.write(json.dumps(line))
        else:
            for fault in found.faults:
                self.stdout.write(fault)
            whole = "altered" if found.faults else "whole"
            self.stdout.write(
                f"The chain is {whole}: {found.sealed} events sealed, "
                f"{found.erased_details} with erased details."
            )
            self.stdout.write(f"Its head is {found.head}; keep it elsewhere to prove the end too.")
            if found.unsealed:
                self.stdout.write(
                    f"{found.unsealed} events are not sealed yet, the oldest from "
                    f"{found.oldest_unsealed:%Y-%m-%d %H:%M:%S %Z}."
                )
        if found.faults:
            sys.exit(1)
