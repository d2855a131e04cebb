"""Writes about streams: who holds one, what was heard on it, and what may have been missed.

Holding is a lease in the stream's row: it ends by itself when its holder dies or freezes, and
another process takes over. Every write of a holder's says that it is still the holder.
"""

from __future__ import annotations

import math
import uuid
from datetime import datetime, timedelta

from django.db.models import Min, Q
from django.db.models.functions import Coalesce, Greatest

from outreach.ground.clock import Now, now
from outreach.ground.writes import engine_action
from outreach.x.app_client import MOST_BACKFILL_MINUTES
from outreach.x.models import Gap, Stream, Subscription

# Asked for again on reconnecting, beyond what was missed: X promises no order between an event and
# a keep-alive, and delivers within some seconds.
OVERLAP = timedelta(seconds=30)
COVERED = timedelta(minutes=MOST_BACKFILL_MINUTES)


@engine_action
def take(app_id: int, holder: uuid.UUID, seconds: float) -> bool:
    """Take the stream's lease, or prolong it; whether it is ours until `seconds` from now."""
    Stream.objects.bulk_create([Stream(app_id=app_id)], ignore_conflicts=True)
    until = Now() + timedelta(seconds=seconds)
    if Stream.objects.filter(pk=app_id, holder=holder).update(held_until=until):
        return True
    free = Q(held_until__isnull=True) | Q(held_until__lte=Now())
    taken = Stream.objects.filter(free, pk=app_id)
    return taken.update(holder=holder, held_until=until, connected_at=None) == 1


@engine_action
def give_back(app_id: int, holder: uuid.UUID) -> None:
    """Let another process take the stream at once."""
    ours = Stream.objects.filter(pk=app_id, holder=holder)
    ours.update(holder=None, held_until=None, connected_at=None)


@engine_action
def connected(app_id: int, holder: uuid.UUID) -> bool:
    """A connection stands; whether we may read on."""
    ours = Stream.objects.filter(pk=app_id, holder=holder)
    return ours.update(connected_at=Now(), failure="") == 1


@engine_action
def lost(app_id: int, holder: uuid.UUID, failure: str) -> bool:
    """No connection stands, and why, in words for the page; whether we may try again.

    Opens a gap once more was missed than X can tell again.
    """
    ours = Stream.objects.filter(pk=app_id, holder=holder)
    if not ours.update(connected_at=None, failure=failure[:200]):
        return False
    note_gap(app_id)
    return True


@engine_action
def cannot(app_id: int, failure: str) -> None:
    """Say why an app is not even tried."""
    Stream.objects.bulk_create([Stream(app_id=app_id)], ignore_conflicts=True)
    Stream.objects.filter(pk=app_id).exclude(failure=failure).update(failure=failure[:200])


def note_gap(app_id: int) -> None:
    """Open a gap where nothing was heard for longer than X can tell again. Needs no lease."""
    since = _told_since(app_id)
    if since is not None and since < now() - COVERED + OVERLAP:
        Gap.objects.bulk_create([Gap(app_id=app_id, began_at=since)], ignore_conflicts=True)


@engine_action
def heard(app_id: int, holder: uuid.UUID, seconds_ago: float) -> bool:
    """Something was heard so long ago, and all before it is stored; whether we may read on."""
    moment = Now() - timedelta(seconds=seconds_ago)
    ours = Stream.objects.filter(pk=app_id, holder=holder)
    return ours.update(heard_at=Greatest(Coalesce("heard_at", moment), moment)) == 1


def minutes_missed(app_id: int) -> int:
    """How many minutes to ask X to tell again: 1 to 5."""
    since = _told_since(app_id)
    missed = OVERLAP if since is None else now() - since + OVERLAP
    return min(math.ceil(missed / timedelta(minutes=1)), MOST_BACKFILL_MINUTES)


def _told_since(app_id: int) -> datetime | None:
    """From when on something may be missing: when we last heard, else when X was first asked."""
    heard_at = Stream.objects.filter(pk=app_id).values_list("heard_at", flat=True).first()
    if heard_at is not None:
        return heard_at
    asked = Subscription.objects.filter(account__app=app_id)
    first: datetime | None = asked.aggregate(first=Min("made_at"))["first"]
    return first


@engine_action
def caught_up(app_id: int, holder: uuid.UUID, covered_from: datetime) -> bool:
    """What X told again, from `covered_from` on, is stored: what lies before it is a gap.

    Closes the open gap, or forgets it where X told all of it again. Returns whether we may read on.
    """
    stream = Stream.objects.select_for_update(no_key=True).filter(pk=app_id, holder=holder).first()
    if stream is None:
        return False
    gap = Gap.objects.select_for_update(no_key=True).filter(app_id=app_id, ended_at=None).first()
    began_at = gap.began_at if gap else _told_since(app_id)
    if began_at is not None and began_at < covered_from:
        gap = gap or Gap(app_id=app_id, began_at=began_at)
        gap.ended_at = covered_from
        gap.save()
    elif gap is not None:
        gap.delete()
    stream.heard_at = now()
    stream.save(update_fields=["heard_at"])
    return True
