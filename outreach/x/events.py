"""What X tells us: each event stored once, then handed on in order, account by account.

Storing and handing on are two transactions. The first has to be quick, since X waits for it: only
what nobody may act without knowing of takes effect there (hooks.on_store: a stop). The second may
fail and be tried again, and what it does commits together with the mark that it was done. So an
event takes effect once, although it may be told late, twice, or by two processes. A message of an
account counts once too, under however many events it is told or read.
"""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import DataError, connection, transaction
from django.db.models import F, Min, Q

from outreach.ground.clock import Now, now
from outreach.ground.writes import engine_action, outside_transactions, step
from outreach.x import hooks
from outreach.x.actions import pause
from outreach.x.expenses import open_tab
from outreach.x.models import ActivityEvent, PausedBy, Stream, Via, XAccount, XToken
from outreach.x.payloads import RECEIVED, Told, received_dms_of, revoked_at, without_dms
from outreach.x.prices import price

log = logging.getLogger("outreach.x")

# A handler that fails is tried again after 1, 2, 4, 8 and 16 s, each times 1 to 2; the account's
# later events wait meanwhile. After that they go on without it.
MOST_TRIES = 6

# Rows of one app become visible in the order of their ids: the app's stream row is locked first.
STORE = """
    INSERT INTO x_activityevent
        (event_uuid, app_id, account_id, kind, payload, via, received_at, handled_at, tries, failure)
    SELECT told.event_uuid, %(app)s, told.account_id, told.kind, told.payload, %(via)s,
        outreach_now(),
        CASE WHEN told.account_id IS NULL OR told.known OR told.kind <> ALL (%(asked)s::text[])
            THEN outreach_now() END,
        0, ''
    FROM unnest(%(names)s::text[], %(accounts)s::bigint[], %(kinds)s::text[],
            %(payloads)s::jsonb[], %(known)s::boolean[])
        WITH ORDINALITY AS told (event_uuid, account_id, kind, payload, known, place)
    ORDER BY told.place
    ON CONFLICT ON CONSTRAINT one_row_an_event DO NOTHING
    RETURNING id, account_id, kind, handled_at IS NULL
"""
# Which of these messages nobody knew of.
HEAR = """
    /* store: which messages are news */
    INSERT INTO x_hearddm (account_id, dm_event_id, x_user_id, heard_at)
    SELECT account_id, dm_event_id, x_user_id, outreach_now()
    FROM unnest(%(accounts)s::bigint[], %(ids)s::bigint[], %(people)s::bigint[])
        AS said (account_id, dm_event_id, x_user_id)
    ON CONFLICT ON CONSTRAINT one_row_a_dm DO NOTHING
    RETURNING account_id, dm_event_id
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of storing: how many events were new, and which accounts have some to handle."""

    new: int
    waiting: frozenset[int]


@outside_transactions
def store(app_id: int, told: Sequence[Told], via: Via) -> Stored:
    """Store what an app was told, each event once, and reckon what it costs.

    Events of accounts that are not connected through this app are kept, but are nobody's: an app
    that a workspace brings must not speak about another workspace's accounts. Kinds that nobody
    asked for are kept and count as handled.
    """
    if not told:
        return Stored(0, frozenset())
    of_app = XAccount.everywhere.filter(
        app_id=app_id, x_user_id__in={event.user_id for event in told if event.user_id}
    )
    accounts = dict(of_app.values_list("x_user_id", "pk"))
    rows = [(event, accounts.get(event.user_id or 0)) for event in told]
    today = now().date()
    # What was read is paid for as a reading.
    pushed = () if via == Via.READ else rows
    dear = Counter((account, event.kind) for event, account in pushed if price(event.kind, today))
    with ExitStack() as open_tabs:
        # Reserved first: a process that dies here leaves the month looking dearer, not cheaper.
        tabs = {
            (account, kind): open_tabs.enter_context(open_tab(app_id, account, kind, count))
            for (account, kind), count in dear.items()
        }
        stored = _insert_or_sift(app_id, rows, via)
        # X charges a resource once in a UTC day, however often it is delivered.
        new = Counter((account, kind) for account, kind, _ in stored)
        for key, tab in tabs.items():
            if new[key]:
                tab.spend(new[key])
    waiting = frozenset(account for account, _, waits in stored if waits and account)
    return Stored(len(stored), waiting)


Row = tuple[Told, int | None]
StoredRow = tuple[int | None, str, bool]


def _insert_or_sift(app_id: int, rows: Sequence[Row], via: Via) -> list[StoredRow]:
    """Store them all at once, or one by one where PostgreSQL cannot hold one of them."""
    try:
        return _insert(app_id, rows, via)
    except DataError:
        if len(rows) == 1:
            # X would tell it again and again, and nothing behind it would ever be stored.
            log.error("an event of kind %s cannot be stored", rows[0][0].kind)
            return []
    return [stored for row in rows for stored in _insert_or_sift(app_id, [row], via)]


@engine_action
def _insert(app_id: int, rows: Sequence[Row], via: Via) -> list[StoredRow]:
    Stream.objects.bulk_create([Stream(app_id=app_id)], ignore_conflicts=True)
    Stream.objects.select_for_update(no_key=True).get(pk=app_id)
    sifted = _sifted(rows)
    if via == Via.READ:
        # X would be told of as saying it twice; a message that is known is no news.
        sifted = [row for row in sifted if not row.known]
    values: dict[str, Any] = {
        "app": app_id,
        "via": via.value,
        "asked": list(hooks.handlers),
        "names": [row.told.event_uuid for row in sifted],
        "accounts": [row.account_id for row in sifted],
        "kinds": [row.told.kind for row in sifted],
        "payloads": [json.dumps(row.payload) for row in sifted],
        "known": [row.known for row in sifted],
    }
    with connection.cursor() as cursor:
        cursor.execute(STORE, values)
        stored = cursor.fetchall()
    _take_effect([row for row in stored if row[1] is not None and row[3]])
    return [(account_id, kind, waits) for _, account_id, kind, waits in stored]


@dataclass(frozen=True, slots=True)
class _Sifted:
    """An event with the messages in it that are news; `known`: it has messages, and none is."""

    told: Told
    account_id: int | None
    payload: dict[str, Any]
    known: bool = False


def _sifted(rows: Sequence[Row]) -> list[_Sifted]:
    """Leave out of incoming messages what was told or read before. No query where there are none.

    The app's stream row is locked, so nobody hears the same message meanwhile.
    """
    said = {
        (account_id, dm.dm_event_id): dm.sender_id
        for event, account_id in rows
        if account_id is not None and event.kind == RECEIVED
        for dm in received_dms_of(event)
    }
    news: set[tuple[int, int]] = set()
    if said:
        values: dict[str, Any] = {
            "accounts": [account_id for account_id, _ in said],
            "ids": [dm_event_id for _, dm_event_id in said],
            "people": list(said.values()),
        }
        with connection.cursor() as cursor:
            cursor.execute(HEAR, values)
            news = set(cursor.fetchall())
    return [_sift(event, account_id, news) for event, account_id in rows]


def _sift(event: Told, account_id: int | None, news: set[tuple[int, int]]) -> _Sifted:
    whole = _Sifted(event, account_id, event.payload)
    if account_id is None or event.kind != RECEIVED:
        return whole
    ids = {dm.dm_event_id for dm in received_dms_of(event)}
    old = {each for each in ids if (account_id, each) not in news}
    # The first of two in a batch has it.
    news -= {(account_id, each) for each in ids}
    if not old:
        return whole
    return _Sifted(event, account_id, without_dms(event.payload, old), known=old == ids)


# --- what cannot wait ----------------------------------------------------------------------------


def _take_effect(stored: Sequence[tuple[int, int | None, str, bool]]) -> None:
    """Have done what must hold when the storing commits. No query where no event asks for it."""
    for kind, asked in hooks.at_once.items():
        ids = [id_ for id_, _, of_kind, _ in stored if of_kind == kind]
        if ids:
            _at_once(list(ActivityEvent.objects.filter(pk__in=ids).order_by("pk")), asked)


def _at_once(news: Sequence[ActivityEvent], asked: Sequence[hooks.StoreHandler]) -> None:
    """All of them in one go, so that locks are taken in one order; else each by itself.

    A handler that fails costs nobody the event, and keeps nothing else from being stored: whoever
    is handed the event afterwards does it then.
    """
    try:
        with transaction.atomic():
            for handler in asked:
                handler(news)
            done = ActivityEvent.objects.filter(pk__in=[event.pk for event in news])
            done.update(took_effect_at=Now())
    except Exception as error:
        # Whatever it is. Its words may quote the event: its name only.
        log.error("%d events did not take effect at once: %s", len(news), type(error).__name__)
        if len(news) > 1:
            for event in news:
                _at_once([event], asked)


# --- handing on ----------------------------------------------------------------------------------


def handle(account_id: int) -> int:
    """Hand an account's waiting events to whoever asked for them, oldest first.

    Ends at an event whose next try is not due yet, and where another process is at it, which will
    see what waits behind. Returns how many were handled or given up.
    """
    done = 0
    while _handle_next(account_id):
        done += 1
    return done


def with_waiting_events() -> list[int]:
    """The accounts that have an event to handle now, the one that waits longest first."""
    waiting = ActivityEvent.objects.filter(handled_at__isnull=True, account__isnull=False)
    firsts = waiting.values("account_id").annotate(first=Min("id")).values("first")
    due = ActivityEvent.objects.filter(Q(try_at__isnull=True) | Q(try_at__lte=now()), pk__in=firsts)
    return [
        account for account in due.order_by("id").values_list("account_id", flat=True) if account
    ]


@engine_action
def _handle_next(account_id: int) -> bool:
    """Handle the account's oldest waiting event; whether to go on with the next."""
    waiting = ActivityEvent.objects.filter(account_id=account_id, handled_at__isnull=True)
    head = waiting.order_by("id").values_list("id", flat=True).first()
    # The oldest event is the lock of the account: who cannot have it must not take a later one.
    if head is None:
        return False
    event = waiting.select_for_update(no_key=True, skip_locked=True).filter(pk=head).first()
    if event is None:
        # Handled between the two looks: go on. Locked by another: it goes on after its commit.
        return not waiting.filter(pk=head).exists()
    moment = now()
    if event.try_at is not None and event.try_at > moment:
        return False
    try:
        with transaction.atomic():
            for handler in hooks.handlers.get(event.kind, ()):
                handler(event)
    except Exception as error:
        # Whatever it is, it must not stop the account. Its words may quote the event: its name only.
        event.tries += 1
        event.failure = type(error).__name__[:100]
        gave_up = event.tries >= MOST_TRIES
        event.handled_at = moment if gave_up else None
        wait = timedelta(seconds=2 ** (event.tries - 1) * random.uniform(1, 2))
        event.try_at = None if gave_up else moment + wait
        log.log(
            logging.ERROR if gave_up else logging.WARNING,
            "event %s (%s) of account %s: try %d failed with %s",
            *(event.pk, event.kind, account_id, event.tries, event.failure),
        )
        event.save(update_fields=["tries", "failure", "handled_at", "try_at"])
        return gave_up
    ActivityEvent.objects.filter(pk=event.pk).update(
        handled_at=moment, tries=F("tries") + 1, try_at=None, failure=""
    )
    return True


# --- what this room does itself ------------------------------------------------------------------


@step
def revoked(event: ActivityEvent) -> None:
    """The consent was revoked at X: pause the account, unless it was given anew since then."""
    assert event.account_id is not None  # nobody's events are not handed on
    account = XAccount.everywhere.select_for_update(no_key=True).get(pk=event.account_id)
    moment = revoked_at(event)
    token = XToken.objects.filter(pk=account.pk).first()
    if token is None or (moment is not None and moment < token.stored_at):
        return
    reason = (
        "On X, somebody withdrew Outreach's access to this account. "
        "An administrator must connect it again."
    )
    pause(account, PausedBy.REVOKED, reason, actor_id=None)
