"""What is done to the processes, to the services and by the people, on an agenda drawn from the seed.

Each kind of harm draws from a sequence of its own, so that the same seed plans the same harm; what
it meets depends on real processes and on the machine.
"""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from redis.exceptions import RedisError

from chaos import scale as times
from chaos import witness
from chaos.house import House
from chaos.letters import Letter
from chaos.processes import Nursery, Process, Running, beat, worker
from chaos.scale import THREADS, WORKERS, Scale

Act = Callable[[], None]
# Seconds between two of a kind: shortest and longest.
KILLS = (1.0, 3.0)
FREEZES = (0.1, 1.5)
VALKEYS = (12.0, 40.0)
POSTGRESES = (25.0, 90.0)
BEATS = (5.0, 15.0)
LISTENERS = (20.0, 60.0)
LOOK_AGAIN = 0.1
# How many of a hundred people unfollow, are unfollowed or say stop.
LEAVERS = 6
# A call that was under way when its process was frozen has reached X after so long, or never will.
LANDED = 0.2


@dataclass
class Frozen:
    """A worker that stands still, and the attempts that it holds."""

    process: Running
    attempts: list[int] = field(default_factory=list)
    until: float = 0.0


class Harm:
    """The agenda of one run, and what came of it."""

    def __init__(self, house: House, scale: Scale, letters: list[Letter]) -> None:
        self._house = house
        self._scale = scale
        self._letters = letters
        self._agenda: list[tuple[float, int, Act]] = []
        self._numbers = itertools.count(1)
        self._draws: dict[str, random.Random] = {}
        self.workers: list[Running] = []
        self.beats: list[Running] = []
        self.others: list[Running] = []
        self.frozen: list[Frozen] = []
        self.done: Counter[str] = Counter()
        self.gone: set[tuple[int, int]] = set()  # (account, person) of whom one unfollowed
        self.stopped: set[int] = set()  # people who said stop

    # --- processes -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything."""
        self._nursery = Nursery(self._house.environment, self._house.logs)
        self.others = [self._listener(), self._rest()]
        self._man()
        self._beat(1)

    def end(self) -> None:
        """End everything that was started here."""
        for process in [*self.workers, *self.beats, *self.others]:
            process.kill()
        for each in self.frozen:
            each.process.kill()
        self._nursery.close()

    def _name(self, kind: str) -> str:
        """A name that no other process of this run has."""
        return f"{kind}{next(self._numbers)}"

    def _listener(self) -> Running:
        command = ["manage.py", "listen"]
        house = self._house
        return Process(self._name("listener"), command, house.environment, house.logs)

    def _rest(self) -> Running:
        """The worker of everything that is no letter."""
        name = self._name("rest")
        return self._nursery.start(name, worker(name, "celery", 2))

    def _man(self) -> None:
        """As many workers as there should be at work, those that stand frozen apart."""
        self.workers = [process for process in self.workers if process.alive]
        while len(self.workers) < WORKERS:
            name = self._name("worker")
            self.workers.append(self._nursery.start(name, worker(name, "send", THREADS)))

    def _beat(self, count: int) -> None:
        """Have so many beats run."""
        while len(self.beats) > count:
            self.beats.pop().kill()
        while len(self.beats) < count:
            name = self._name("beat")
            self.beats.append(self._nursery.start(name, beat(self._house.place / name)))

    def look_after(self) -> None:
        """Start anew what ended by itself; count it, for it should not have."""
        for process in self.workers:
            if not process.alive:
                self.done["ended by themselves"] += 1
        self._man()
        for place, make in enumerate((self._listener, self._rest)):
            if not self.others[place].alive:
                self.done["ended by themselves"] += 1
                self.others[place] = make()

    # --- the agenda ----------------------------------------------------------------------------

    def begin(self) -> None:
        """Plan the first harm of each kind, and all that people do."""
        for kind, act, pause in (
            ("kill", self._kill, KILLS),
            ("valkey", self._valkey, VALKEYS),
            ("postgres", self._postgres, POSTGRESES),
            ("beat", self._beats, BEATS),
            ("listener", self._kill_listener, LISTENERS),
        ):
            self._again(kind, act, pause)
        for _ in range(self._scale.frozen_at_once):
            self._freeze_soon()
        self._plan_people()

    def go_on(self) -> None:
        """Do what is due; return within a few seconds."""
        while self._agenda and self._agenda[0][0] <= time.monotonic():
            heapq.heappop(self._agenda)[2]()
        time.sleep(0.02)

    def cease(self) -> None:
        """Plan nothing more: thaw who is frozen, and have everything run as it should."""
        self._agenda.clear()
        for each in list(self.frozen):
            self._thaw(each)
        for process in self.workers:
            if process.frozen:
                process.thaw()
        self._beat(1)
        self._man()

    def _draw(self, kind: str) -> random.Random:
        return self._draws.setdefault(kind, random.Random(f"{self._scale.seed}/{kind}"))

    def _at(self, seconds: float, act: Act) -> None:
        moment = time.monotonic() + seconds
        heapq.heappush(self._agenda, (moment, next(self._numbers), act))

    def _again(self, kind: str, act: Act, pause: tuple[float, float]) -> None:
        """Do it after a while, and again and again."""

        def do() -> None:
            act()
            self._again(kind, act, pause)

        self._at(self._draw(kind).uniform(*pause), do)

    # --- what is done --------------------------------------------------------------------------

    def _kill(self) -> None:
        victims = [process for process in self.workers if not process.frozen]
        if victims:
            self._draw("kill victim").choice(victims).kill()
            self.done["kills"] += 1
        self._man()

    def _kill_listener(self) -> None:
        self.others[0].kill()
        self.done["listener kills"] += 1
        self.others[0] = self._listener()

    def _beats(self) -> None:
        self._beat(self._draw("beats").choice((0, 1, 1, 2, 2)))
        self.done["beat changes"] += 1

    def _valkey(self) -> None:
        if self._draw("how valkey").randrange(2):
            self._house.restart_valkey()
            self.done["valkey restarts"] += 1
            return
        try:
            self._house.flush_valkey()
        except RedisError:
            return  # it is slow to answer now, and will be flushed another time
        self.done["valkey flushes"] += 1

    def _postgres(self) -> None:
        self._house.crash_postgres()
        self.done["postgres restarts"] += 1

    def _plan_people(self) -> None:
        """Some unfollow, some are unfollowed, some say stop, while letters are on their way.

        X itself refuses what is for people who unfollowed, but not for those whom the brand did.
        """
        draw = self._draw("people")
        known = sorted({(letter.sender, letter.recipient) for letter in self._letters})
        ways = (self._unfollow, self._be_unfollowed, self._stop)
        some = draw.sample(known, max(len(ways), len(known) * LEAVERS // 100))
        for place, (account, person) in enumerate(some):
            moment = draw.uniform(1.0, self._scale.lasts)
            self._at(moment, partial(ways[place % len(ways)], account, person))

    def _unfollow(self, account: int, person: int) -> None:
        self._house.sandbox.unfollow(person, account)
        self.gone.add((account, person))
        self.done["unfollows"] += 1

    def _be_unfollowed(self, account: int, person: int) -> None:
        self._house.sandbox.unfollow(account, person)
        self.gone.add((account, person))
        self.done["unfollowed"] += 1

    def _stop(self, account: int, person: int) -> None:
        words = self._draw("words of stop").choice(("stop", "STOP", "Stop.", "unsubscribe"))
        self._house.sandbox.write(person, account, words)
        self.stopped.add(person)
        self.done["stops"] += 1

    # --- frozen --------------------------------------------------------------------------------

    def _freeze_soon(self) -> None:
        self._at(self._draw("freeze").uniform(*FREEZES), self._freeze)

    def _freeze(self) -> None:
        """Stop a worker that calls; after a moment see whether it still has its letter in hand."""
        calling = witness.with_a_call()
        victims = [
            process
            for process in self.workers
            if process.alive and not process.frozen and process.name in calling
        ]
        if not victims:
            self._at(LOOK_AGAIN, self._freeze)
            return
        process = self._draw("freeze victim").choice(victims)
        process.freeze()
        self.done["freezes tried"] += 1
        each = Frozen(process)
        self._at(LANDED, lambda: self._keep_or_let_go(each))

    def _keep_or_let_go(self, each: Frozen) -> None:
        """It stays frozen where X does not have a letter that it was about to hand over."""
        each.attempts = [
            attempt
            for attempt, account, person in witness.held_by(each.process.name)
            if not self._is_at_x(account, person)
        ]
        if not each.attempts:
            each.process.thaw()
            self._freeze_soon()
            return
        self.workers.remove(each.process)
        self.frozen.append(each)
        self._man()  # like a supervisor that replaces a worker which hangs
        each.until = time.monotonic() + times.FROZEN_FOR + times.FROZEN_LONGER
        self.done["frozen"] += 1
        self._at(times.FROZEN_FOR, lambda: self._thaw_when_requeued(each))

    def _is_at_x(self, account: int, person: int) -> bool:
        """Whether X has taken anything from the account to the person yet."""
        return any(
            (int(dm["sender"]), int(dm["recipient"])) == (account, person)
            for dm in self._house.sandbox.dms(person)
        )

    def _thaw_when_requeued(self, each: Frozen) -> None:
        if not witness.requeued(each.attempts) and time.monotonic() < each.until:
            self._at(0.5, lambda: self._thaw_when_requeued(each))
            return
        self._thaw(each)
        self._freeze_soon()

    def _thaw(self, each: Frozen) -> None:
        if witness.requeued(each.attempts):
            self.done["thawed after requeue"] += 1
        self.frozen.remove(each)
        each.process.thaw()
        self.workers.append(each.process)
