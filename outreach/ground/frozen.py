"""Locks of a process that froze, or of a machine that is gone, are given back after a while.

A claim holds the app's pace row, an outcome the letter that the tick wants to rescue: whoever freezes
there would stop all sending until somebody thaws or kills it, and where its machine lost its power
nobody would tell PostgreSQL for hours.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper


def end_with_who_freezes(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Have PostgreSQL end this session where it says nothing for so long inside a transaction.

    Whoever wakes up again finds the connection gone and nothing of the transaction done.
    """
    milliseconds = int(settings.IDLE_TRANSACTION_SECONDS * 1000)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, false)",
            [str(milliseconds)],
        )
