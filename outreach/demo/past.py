"""One transaction around many actions, and the clock set back inside it.

The demo's letters were written over the last weeks, and its revisions, reviews, attempts and
audit events never change once they are there. So they are made in the order in which they
happened, by the same actions as everywhere, while this one session's `outreach_now()` is set back.
Like tests, and unlike anything in production, where the demo is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection, transaction

OFFSET = "outreach.clock_offset"
# One load at a time: an arbitrary number that names this advisory lock.
LOADER_LOCK = 0x0A0DE0


@contextmanager
def one_transaction() -> Iterator[None]:
    """All that happens inside is committed at its end, or none of it.

    Actions insist on being outermost (`durable`), which says that what they return is committed.
    Here it is not, and nobody acts on it before the end: with autocommit switched off, Django
    treats each action as outermost while the transaction stays ours.
    """
    if connection.in_atomic_block:  # a test's own transaction is one already
        yield
        return
    transaction.set_autocommit(False)
    try:
        yield
    except BaseException:
        transaction.rollback()
        raise
    else:
        transaction.commit()
    finally:
        transaction.set_autocommit(True)


def wait_for_other_loads() -> None:
    """Hold the loader's lock until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOADER_LOCK])


def set_clock_back(ago: timedelta) -> None:
    """Let this transaction's `outreach_now()` read `ago` less than the time is."""
    with connection.cursor() as cursor:
        # Local to the transaction, so that a pooled connection cannot keep it.
        seconds = f"-{ago.total_seconds():.6f} seconds" if ago else ""
        cursor.execute("SELECT set_config(%s, %s, true)", [OFFSET, seconds])
