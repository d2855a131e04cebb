"""The listener: one stream an X app, held by one process, with another standing by.

For each app there is an *ear*, a thread that holds the lease, connects, and stores what it hears;
beside it a second thread does nothing but read lines, so that neither a slow database nor a slow
handler keeps X waiting. Nothing that happens to one app, to X or to the database ends the process.
"""

from __future__ import annotations

import logging
import queue
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Exists, OuterRef

from outreach.ground.clock import now
from outreach.x import events, payloads, streams
from outreach.x.app_client import AppClient
from outreach.x.app_keys import keys_of
from outreach.x.caps import Purpose, may_spend
from outreach.x.errors import NeverWill, XError
from outreach.x.models import AccountState, Via, XAccount, XApp
from outreach.x.pace import Backoff, Pace, words_for
from outreach.x.streaming import EventStream, StreamEnded
from outreach.x.tasks import wake_subscribing
from outreach.x.tokens import TokenKeyMissing
from outreach.x.transport import Timeouts, boot_seconds

log = logging.getLogger("outreach.x")

NO_KEY = "Its bearer token cannot be read: the key that it was encrypted with is not in TOKEN_KEYS."
CAP_REACHED = "The X app's monthly cap is used up, so nothing is heard until it is raised."
DATABASE_DOWN = "the database does not answer"
DISCONNECTED = AccountState.DISCONNECTED
BATCH = 500
# A reader that gets so far ahead of the database is dropped; what it missed is asked for again.
MOST_LINES = 20_000


@dataclass(frozen=True, slots=True)
class _Line:
    at: float  # boot clock
    text: bytes


class Ear(threading.Thread):
    """Listens for one app until told to stop. `bearer_token`: what it was started with."""

    def __init__(self, app_id: int, bearer_token: str, pace: Pace) -> None:
        super().__init__(name=f"ear of app {app_id}", daemon=True)
        self.app_id = app_id
        self.bearer_token = bearer_token
        self._pace = pace
        self._me = uuid.uuid4()
        self._stop_asked = threading.Event()
        self._stream: EventStream | None = None
        self._backoff = Backoff(pace)
        self._renew_at = 0.0
        self._backfill_refused = False

    def end(self) -> None:
        """Stop soon; what is read and not stored yet is told again to whoever listens next."""
        self._stop_asked.set()
        stream = self._stream
        if stream is not None:
            stream.close()

    def run(self) -> None:
        """Hold the lease and listen, whatever happens."""
        while not self._stop_asked.is_set():
            try:
                self._hold_and_listen()
            except DatabaseError as error:
                log.warning("app %d: %s: %s", self.app_id, DATABASE_DOWN, type(error).__name__)
                connection.close()
                self._stop_asked.wait(self._pace.lease / 10)
            except Exception as error:
                # A bug of ours about one app must not end the others'. No words: they may quote.
                log.error("app %d: the ear stumbled: %s", self.app_id, type(error).__name__)
                connection.close()
                self._stop_asked.wait(self._pace.refused)
        try:
            streams.give_back(self.app_id, self._me)
        except DatabaseError:
            pass  # the lease ends by itself
        connection.close()

    def _hold_and_listen(self) -> None:
        if not self._held():
            self._stop_asked.wait(self._pace.lease / 3)  # another process listens
            return
        if not may_spend(self.app_id, Purpose.SETTLE):
            self._wait(self._pace.limited, CAP_REACHED)
            return
        began = boot_seconds()
        try:
            self._listen()
        except (XError, StreamEnded) as error:
            if self._stop_asked.is_set():
                return
            if isinstance(error, StreamEnded) and boot_seconds() - began > self._pace.stall:
                self._backoff.reset()
            seconds = self._backoff.after(error)
            log.warning("app %d: %s; again in %.1f s", self.app_id, _name(error), seconds)
            self._wait(seconds, words_for(error))

    def _listen(self) -> None:
        """Connect and store what is heard. Raises XError, StreamEnded."""
        asked_at = now()
        stream, minutes = self._open()
        self._stream = stream
        try:
            if self._stop_asked.is_set() or not streams.connected(self.app_id, self._me):
                return
            log.info("app %d: listening, %d minutes are told again", self.app_id, minutes)
            lines: queue.SimpleQueue[_Line | StreamEnded] = queue.SimpleQueue()
            reader = threading.Thread(target=_read, args=(stream, lines), daemon=True)
            reader.start()
            # A little less than X was asked for: its clock is not ours.
            covered_from = asked_at - timedelta(minutes=minutes) + timedelta(seconds=1)
            self._store_lines(lines, covered_from, minutes)
        finally:
            self._stream = None
            stream.close()

    def _open(self) -> tuple[EventStream, int]:
        """The stream, and how many minutes X tells again on it."""
        client = AppClient(
            _Bearer(self.bearer_token),
            base_url=settings.X_API_URL,
            timeouts=Timeouts(settings.CALL_CONNECT_TIMEOUT, settings.CALL_ANSWER_TIMEOUT),
            stall=self._pace.stall,
        )
        minutes = 0 if self._backfill_refused else streams.minutes_missed(self.app_id)
        if minutes:
            try:
                return client.stream(backfill_minutes=minutes), minutes
            except NeverWill:
                pass  # X may grant backfill to some apps only: all that was missed is a gap then
        stream = client.stream()
        if minutes:
            self._backfill_refused = True
            log.warning("app %d: X does not tell again what was missed", self.app_id)
        return stream, 0

    def _store_lines(
        self, lines: queue.SimpleQueue[_Line | StreamEnded], covered_from: datetime, minutes: int
    ) -> None:
        """Store what comes until the stream ends, or is not ours to read any more."""
        began = last = boot_seconds()
        ask_cap_at = began + self._pace.limited
        # What X tells again comes first; before all of it is stored, nothing counts as heard.
        behind = minutes > 0
        if not behind and not streams.caught_up(self.app_id, self._me, covered_from):
            return
        while not self._stop_asked.is_set():
            batch = _next_lines(lines, min(self._pace.lease / 3, self._pace.quiet))
            ended = next((item for item in batch if isinstance(item, StreamEnded)), None)
            read = [item for item in batch if isinstance(item, _Line)]
            for line in read:
                if line.at - last > self._pace.stall * 1.2:
                    # We were frozen, and read what was sent before. What X sent since then may
                    # not be among it, so nothing of this counts as heard.
                    ended = StreamEnded("stalled")
                last = line.at
            waiting = self._store(read)
            if ended is None and behind:
                quiet = not read and boot_seconds() - last >= self._pace.quiet
                alive = any(not line.text for line in read)
                if quiet or alive or boot_seconds() - began >= self._pace.stall:
                    behind = not streams.caught_up(self.app_id, self._me, covered_from)
            elif ended is None and read:
                streams.heard(self.app_id, self._me, boot_seconds() - last)
            for account_id in waiting:
                events.handle(account_id)
                if not self._held():
                    break
            if ended is not None:
                raise ended
            if not self._held():
                log.warning("app %d: another process listens now", self.app_id)
                return
            if boot_seconds() >= ask_cap_at:
                ask_cap_at = boot_seconds() + self._pace.limited
                if not may_spend(self.app_id, Purpose.SETTLE):
                    return

    def _store(self, lines: list[_Line]) -> list[int]:
        """Store what the lines tell; return the accounts with something to handle."""
        told: list[payloads.Told] = []
        for line in lines:
            found = payloads.read(line.text) if line.text else []
            if found is not None:
                told += found
            elif reason := payloads.disconnect_reason(line.text):
                log.warning("app %d: X ends the stream: %s", self.app_id, reason)
            else:
                log.warning("app %d: a line of %d bytes is no event", self.app_id, len(line.text))
        return sorted(events.store(self.app_id, told, Via.STREAM).waiting)

    def _held(self) -> bool:
        """Whether the lease is ours; prolongs it where a third of it has passed."""
        if boot_seconds() < self._renew_at:
            return True
        held = streams.take(self.app_id, self._me, self._pace.lease)
        self._renew_at = boot_seconds() + self._pace.lease / 3 if held else 0.0
        return held

    def _wait(self, seconds: float, failure: str) -> None:
        """Wait as the one who holds the stream but hears nothing."""
        until = boot_seconds() + seconds
        while streams.lost(self.app_id, self._me, failure) and self._held():
            left = until - boot_seconds()
            if left <= 0 or self._stop_asked.wait(min(left, self._pace.lease / 3)):
                return


@dataclass(frozen=True, slots=True)
class _Bearer:
    bearer_token: str


def _name(error: Exception) -> str:
    return error.kind if isinstance(error, XError | StreamEnded) else type(error).__name__


def _read(stream: EventStream, lines: queue.SimpleQueue[_Line | StreamEnded]) -> None:
    """Read until the stream ends: the whole of the reader's thread."""
    try:
        for text in stream.lines():
            lines.put(_Line(boot_seconds(), text))
            if lines.qsize() > MOST_LINES:
                raise StreamEnded("too_slow")
    except StreamEnded as ended:
        lines.put(ended)
    except Exception as error:
        log.error("a stream's reader stumbled: %s", type(error).__name__)
        lines.put(StreamEnded("stumbled"))


def _next_lines(
    lines: queue.SimpleQueue[_Line | StreamEnded], seconds: float
) -> list[_Line | StreamEnded]:
    """Wait so long for a line; return it with all that came with it, up to a batch."""
    found: list[_Line | StreamEnded] = []
    try:
        found.append(lines.get(timeout=seconds))
        while len(found) < BATCH:
            found.append(lines.get_nowait())
    except queue.Empty:
        pass
    return found


# --- the process ---------------------------------------------------------------------------------


class Listener:
    """All ears of this process."""

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._ears: dict[int, Ear] = {}
        self._said_nothing = False

    def run(self, stop: threading.Event) -> None:
        """Listen for every app that can be listened for, until `stop`; then end within seconds."""
        try:
            while not stop.is_set():
                try:
                    self._look()
                except DatabaseError as error:
                    log.warning("%s: %s", DATABASE_DOWN, type(error).__name__)
                    connection.close()
                except Exception as error:
                    log.error("looking for apps stumbled: %s", type(error).__name__)
                    connection.close()
                stop.wait(self._pace.look)
        finally:
            self._end(list(self._ears))
            connection.close()

    def _look(self) -> None:
        """Begin with apps that are new, end with those that are gone or have another token."""
        wanted = apps_to_listen_to()
        if not wanted and not self._said_nothing:
            log.info("nothing to listen to: no X account is connected, or no bearer token is set")
        self._said_nothing = not wanted
        self._end(
            app_id
            for app_id, ear in self._ears.items()
            if not ear.is_alive() or ear.bearer_token != wanted.get(app_id)
        )
        for app_id in wanted.keys() - self._ears.keys():
            self._ears[app_id] = ear = Ear(app_id, wanted[app_id], self._pace)
            ear.start()
            wake_subscribing()  # there would be nothing to hear

    def _end(self, app_ids: Iterable[int]) -> None:
        ending = [self._ears.pop(app_id) for app_id in list(app_ids)]
        for ear in ending:
            ear.end()
        until = boot_seconds() + self._pace.end
        for ear in ending:
            ear.join(max(until - boot_seconds(), 0.0))


def apps_to_listen_to() -> dict[int, str]:
    """App id → bearer token, of every app with a connected account and a bearer token."""
    apps = XApp.objects.filter(
        Exists(XAccount.everywhere.filter(app=OuterRef("pk")).exclude(state=DISCONNECTED))
    )
    tokens: dict[int, str] = {}
    for app in apps:
        try:
            tokens[app.pk] = keys_of(app).bearer_token
        except TokenKeyMissing:
            streams.cannot(app.pk, NO_KEY)
    return {app_id: token for app_id, token in tokens.items() if token}
