"""`manage.py rotate_token_keys`: encrypt every stored secret anew under the newest of TOKEN_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from outreach.x.rotating import KINDS, rotate
from outreach.x.tokens import TokenKeyMissing, encrypt


class Command(BaseCommand):
    help = (
        "Encrypt every stored secret anew under the first of TOKEN_KEYS. Put the new key first, "
        "keep the old ones behind it, restart every process, run this, then take the old ones out."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            encrypt("")
        except TokenKeyMissing as missing:
            raise CommandError(str(missing)) from None
        unreadable = moving = 0
        for kind in KINDS:
            count = rotate(kind)
            unreadable += count.unreadable
            moving += count.moving
            line = f"{kind.name}: {count.renewed} encrypted anew, {count.current} already were"
            if count.unreadable:
                ids = ", ".join(map(str, count.ids[:20]))
                line += f", {count.unreadable} that no key opens (ids {ids})"
            self.stdout.write(line + ".")
        if unreadable:
            raise CommandError(
                f"{unreadable} rows are encrypted with a key that is not in TOKEN_KEYS; they are "
                "unchanged. Add that key at the end of TOKEN_KEYS and run this again, or connect "
                "their accounts (enter their secrets) again."
            )
        if moving:
            raise CommandError(f"{moving} rows changed all the while. Run this again.")
        self.stdout.write("Keys behind the first are no longer needed.")
