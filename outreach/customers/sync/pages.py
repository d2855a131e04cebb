"""Pages that a sync has read: copied into a table of their own until both lists are whole."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from outreach.customers.sync.names import LONGEST_HANDLE, LONGEST_NAME, clean
from outreach.ground.writes import step
from outreach.x.client import XUser

COPY = """
    COPY customers_synceduser (workspace_id, run_id, reading, x_user_id, handle, name, following,
        followed_by, accepts_dms, seen_at) FROM STDIN
"""
# What COPY's text form gives a meaning to.
ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
SAID = {True: "t", False: "f", None: "\\N"}


@step
def keep(
    users: Iterable[XUser], seen_at: datetime, *, workspace_id: int, run_id: int, reading: str
) -> None:
    """Copy one page in."""
    before, after = f"{workspace_id}\t{run_id}\t{reading}\t", f"\t{seen_at.isoformat()}\n"
    lines = [
        f"{before}{user.id}"
        f"\t{clean(user.handle, LONGEST_HANDLE).translate(ESCAPED)}"
        f"\t{clean(user.name, LONGEST_NAME).translate(ESCAPED)}"
        f"\t{SAID[user.following]}\t{SAID[user.followed_by]}\t{SAID[user.accepts_dms]}{after}"
        for user in users
    ]
    with connection.cursor() as cursor:
        cursor.copy_expert(COPY, io.StringIO("".join(lines)))
