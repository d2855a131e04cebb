"""The forecast: when each queued letter of one X app's accounts will leave. Pure: facts in, times out.

It plays what the engine does (claim.py, gates.py, budget.py) ahead of time. An account goes round
its lanes, in a lane by (look_at, id); a letter whose gate is closed is looked at again when that
opens; accounts that share the app's budget take turns, the one that waits longest next. A letter
counts in every window from its leaving until one window after its call has ended.

What nobody can know is left out: answers of X that hold a letter up, and what people do meanwhile.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right, insort
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from outreach.delivery.windows import Hours, Openings

Windows = Sequence[tuple[int, int]]
Narrowed = Sequence[tuple[int, datetime]]
LONG_AGO = datetime.min.replace(tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)

# Why a letter leaves later than it is due, or does not.
LIMITS, APP_LIMITS, HOURS, CAP, HELD = "limits", "app_limits", "hours", "cap", "held"
WHY = {
    LIMITS: "X allows an account only so many, and others are before it.",
    APP_LIMITS: "Accounts of one X app share what X allows, and take turns.",
    HOURS: "It waits for the hours and days on which they may be written to.",
    CAP: "They were written to lately, and the house rule lets it go then.",
}


@dataclass(frozen=True, slots=True)
class Cap:
    """So many letters to one person in so long."""

    letters: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Letter:
    """What the engine goes by for one queued letter.

    `person`: whom the frequency cap counts for; None: nobody. No `cap`: an answer, which is counted
    and never waits for it. `held`: why it does not leave until somebody lets
    it, in words; empty: nothing holds it.
    """

    id: int
    account: int
    lane: int
    look_at: datetime
    leave_by: datetime
    hours: Hours
    person: Hashable = None
    cap: Cap | None = None
    held: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """An X account: its windows, when what counts in them ended, and what closes it.

    `narrowed`: what X reported beyond that: so many more until then. `waits_since`: its ticket in the
    queue for the app's budget. `cut`: lanes in which more letters are queued than are given, behind
    those.
    """

    id: int
    windows: Windows = ()
    counted: Sequence[datetime] = ()
    closed_until: datetime | None = None
    narrowed: Narrowed = ()
    held: str = ""
    last_lane: int = 0
    waits_since: datetime | None = None
    cut: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class App:
    """The X app that the accounts share."""

    windows: Windows = ()
    counted: Sequence[datetime] = ()
    closed_until: datetime | None = None
    narrowed: Narrowed = ()


@dataclass(frozen=True, slots=True)
class Forecast:
    """When one letter leaves; None: not before its *leave by*, or not until somebody lets it.

    `code` says what it waits for beyond its time (empty: nothing), `held` who holds it, in words.
    Not `exact`: more was queued than was read, so it leaves then or later.
    """

    leaves_at: datetime | None
    code: str = ""
    held: str = ""
    exact: bool = True

    @property
    def why(self) -> str:
        """What it waits for, in a sentence; empty where it leaves when it is due."""
        return self.held or WHY.get(self.code, "")


def forecast(
    now: datetime,
    letters: Iterable[Letter],
    accounts: Iterable[Account],
    app: App,
    *,
    written: Mapping[Any, Sequence[datetime]] | None = None,
    takes: timedelta = timedelta(),
    apart: timedelta | None = None,
) -> dict[int, Forecast]:
    """When each letter leaves, by its id.

    `written`: when letters to a person were sent, as far as a cap looks back. `takes`: how long one
    letter takes from its claim to its outcome; `apart`: from its claim to that of the account's next
    (as long, unless said otherwise). For n letters about n·log n, once for each day on which they
    wait for hours.
    """
    apart = takes if apart is None else apart
    return _Play(now, letters, accounts, app, written or {}, takes, apart).run()


class _Budget:
    """Sliding windows over moments from which on an attempt counts for one window more."""

    def __init__(self, of: Account | App) -> None:
        self._windows = [(limit, timedelta(seconds=seconds)) for limit, seconds in of.windows]
        self._counted = sorted(of.counted)
        self._closed = of.closed_until or LONG_AGO
        self._narrowed = list(of.narrowed)

    def free_at(self) -> datetime:
        """The first moment at which every window has room; it may be over."""
        free = self._closed
        for limit, window in self._windows:
            if limit <= 0:
                return NEVER
            if len(self._counted) >= limit:
                free = max(free, self._counted[-limit] + window)
        for left, reset in self._narrowed:
            if left <= 0:
                free = max(free, reset)
        return free

    def add(self, ended: datetime) -> None:
        insort(self._counted, ended)
        self._narrowed = [(left - 1, reset) for left, reset in self._narrowed if ended < reset]


Entry = tuple[datetime, int, Letter]  # looked at when; its id; the letter


@dataclass(slots=True)
class _Queue:
    """One account's letters: those to be looked at later, and by lane those that are due."""

    account: Account
    budget: _Budget
    last_lane: int
    busy_until: datetime
    later: list[Entry] = field(default_factory=list)
    due: dict[int, list[Entry]] = field(default_factory=dict)
    lanes: list[int] = field(default_factory=list)  # those with something due, in order
    unseen: dict[int, int] = field(default_factory=dict)  # letters of a cut lane not looked at yet
    is_cut: bool = False  # from here on, letters that are not given may leave, too

    def wants_at(self, now: datetime) -> datetime | None:
        """When it would send next, were there no app's budget; None: it has nothing to send."""
        if not self.lanes and not self.later:
            return None
        looks_at = now if self.lanes else self.later[0][0]
        return max(now, looks_at, self.busy_until, self.budget.free_at())

    def next(self, moment: datetime) -> Entry | None:
        """Take the letter whose turn it is out of the queue; None: nothing is due."""
        while self.later and self.later[0][0] <= moment:
            entry = heapq.heappop(self.later)
            lane = self.due.setdefault(entry[2].lane, [])
            if not lane:
                insort(self.lanes, entry[2].lane)
            heapq.heappush(lane, entry)
        if not self.lanes:
            return None
        at = bisect_right(self.lanes, self.last_lane) % len(self.lanes)
        lane = self.due[self.lanes[at]]
        entry = heapq.heappop(lane)
        if not lane:
            del self.lanes[at]
        return entry


class _Play:
    """One forecast being reckoned."""

    def __init__(
        self,
        now: datetime,
        letters: Iterable[Letter],
        accounts: Iterable[Account],
        app: App,
        written: Mapping[Any, Sequence[datetime]],
        takes: timedelta,
        apart: timedelta,
    ) -> None:
        self.now, self.takes, self.apart = now, takes, apart
        self.app = _Budget(app)
        self.shared = bool(app.windows)
        self.written = {person: sorted(moments) for person, moments in written.items()}
        self.openings: dict[Hours, Openings] = {}
        self.found: dict[int, Forecast] = {}
        self.waited: dict[int, str] = {}  # which gate a letter met last, by its id
        self.queues = {each.id: self._queue(each) for each in accounts}
        for letter in letters:
            self._take_on(letter)
        for queue in self.queues.values():
            heapq.heapify(queue.later)
            queue.is_cut = 0 in queue.unseen.values()
        self.is_cut = any(queue.is_cut for queue in self.queues.values())

    def _queue(self, account: Account) -> _Queue:
        unseen = {} if account.held else dict.fromkeys(account.cut, 0)
        return _Queue(account, _Budget(account), account.last_lane, self.now, unseen=unseen)

    def _take_on(self, letter: Letter) -> None:
        queue = self.queues[letter.account]
        if held := letter.held or queue.account.held:
            self.found[letter.id] = Forecast(None, HELD, held)
            return
        queue.later.append((letter.look_at, letter.id, letter))
        if letter.lane in queue.unseen:
            queue.unseen[letter.lane] += 1

    def run(self) -> dict[int, Forecast]:
        turns: list[tuple[datetime, int, int]] = []  # since when it waits, whose turn before, whose
        taken = count()
        for pk, queue in self.queues.items():
            wants = queue.wants_at(self.now)
            if wants is not None:
                if wants == self.now:
                    # Whoever has a ticket waits since then; who has none, since its letter was due.
                    wants = queue.account.waits_since or queue.later[0][0]
                heapq.heappush(turns, (wants, next(taken), pk))
        while turns:
            pk = heapq.heappop(turns)[2]
            queue = self.queues[pk]
            wants = queue.wants_at(self.now)
            assert wants is not None  # only its own turns change what it wants
            moment = max(wants, self.app.free_at())
            self._turn(queue, moment)
            wants = queue.wants_at(moment)
            if wants is not None:
                heapq.heappush(turns, (wants, next(taken), pk))
        return self.found

    def _turn(self, queue: _Queue, moment: datetime) -> None:
        """Send the account's next letter that may leave at this moment, if there is one."""
        while entry := queue.next(moment):
            looked_at, pk, letter = entry
            if letter.lane in queue.unseen and pk not in self.waited:
                queue.unseen[letter.lane] -= 1
            again, code = self._gate(letter, moment) if moment < letter.leave_by else (moment, "")
            self.waited[pk] = code = code or self.waited.get(pk, "")
            if again >= letter.leave_by:
                self.found[pk] = Forecast(None, code or self._limit(moment))
            elif again > moment:
                heapq.heappush(queue.later, (again, pk, letter))
            else:
                late = moment > max(looked_at, self.now)
                self._leaves(queue, letter, moment, self._limit(moment) if late else code)
            if queue.unseen.get(letter.lane) == 0:
                queue.is_cut = self.is_cut = True
            if again == moment < letter.leave_by:
                return

    def _gate(self, letter: Letter, moment: datetime) -> tuple[datetime, str]:
        """As gates.judge: `moment` where it may leave, else when to look again, and for what."""
        openings = self.openings.get(letter.hours)
        if openings is None:
            openings = self.openings[letter.hours] = Openings(letter.hours, self.now)
        opens_at = openings.next_open(moment)
        free_at = moment
        if letter.cap is not None and letter.cap.letters:
            recent = self.written.get(letter.person, [])
            if len(recent) >= letter.cap.letters:
                free_at = max(moment, recent[-letter.cap.letters] + letter.cap.within)
        if free_at > opens_at:
            return free_at, CAP
        return opens_at, HOURS if opens_at > moment else ""

    def _limit(self, moment: datetime) -> str:
        """What held up a letter that is due and may leave: the app's budget, or the account's."""
        return APP_LIMITS if self.app.free_at() >= moment else LIMITS

    def _leaves(self, queue: _Queue, letter: Letter, moment: datetime, code: str) -> None:
        exact = not queue.is_cut and not (self.shared and self.is_cut)
        self.found[letter.id] = Forecast(moment, code, exact=exact)
        ended = moment + self.takes
        queue.budget.add(ended)
        self.app.add(ended)
        queue.last_lane, queue.busy_until = letter.lane, moment + self.apart
        if letter.person is not None:
            insort(self.written.setdefault(letter.person, []), moment)
