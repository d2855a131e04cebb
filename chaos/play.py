"""The course of a run, once its services stand: letters, harm, rest, and the verdict."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from django.core.management import call_command

from chaos import letters, witness
from chaos.faults import rules
from chaos.harm import Harm
from chaos.house import House, wait_for
from chaos.scale import Scale
from chaos.verdict import Verdict, judge

SAY_EVERY = 5.0
# The harm ends when so few letters in a hundred have still to leave, or so few in all.
LEFT, FEW = 3, 15
TO_LEAVE = ("queued", "sending")
# Seconds after which what has not moved will not.
STILL = 45.0
OPEN = ("queued", "sending", "uncertain")
# A letter that failed waits for at least so long; at the end we do not wait with it.
HURRY_EVERY = 2.0


class Play:
    """One run; `began` is when it did, on the monotonic clock."""

    def __init__(self, house: House, scale: Scale, began: float) -> None:
        self._house = house
        self._scale = scale
        self._began = began
        self._said = 0.0
        self._letters = letters.plan(scale)
        self._harm = Harm(house, scale, self._letters)

    def run(self) -> Verdict:
        """Do all of it. Raises TimeoutError where the product does not even start."""
        self._prepare()
        try:
            self._start()
            self._do_harm()
            self._come_to_rest()
            return judge(self._letters, self._house.sandbox, self._harm)
        finally:
            self._harm.end()

    def _prepare(self) -> None:
        call_command("migrate", verbosity=0)
        witness.set_up()
        self._say("the database is ready")
        self._house.sandbox.set_limits(self._scale.limits())
        self._tokens = letters.people_the_sandbox(self._house.sandbox, self._scale)
        letters.found(self._tokens, self._scale)
        self._say(f"{self._scale.accounts} accounts, {len(self._letters)} letters planned")

    def _start(self) -> None:
        """Start the product; hand it the letters once X tells about every account."""
        self._harm.start()
        wait_for("subscriptions and a stream that is heard", witness.is_heard)
        self._house.sandbox.set_faults(*rules(), seed=self._scale.seed)
        letters.approve(self._letters)
        self._say("all letters are approved; the harm begins")

    def _do_harm(self) -> None:
        self._harm.begin()
        few = max(FEW, len(self._letters) * LEFT // 100)
        self._go_on(lambda: self._count(TO_LEAVE) <= few, self._scale.harm_within, self._harm.go_on)
        self._harm.cease()
        self._say("the harm is over")

    def _come_to_rest(self) -> None:
        """Without faults: everything that is open settles, or is named by the verdict."""
        self._house.sandbox.set_faults()
        hurried = 0.0

        def go_on() -> None:
            nonlocal hurried
            if time.monotonic() - hurried > HURRY_EVERY:
                witness.hurry()
                hurried = time.monotonic()
            time.sleep(0.1)

        self._go_on(lambda: not self._count(OPEN), self._scale.rest_within, go_on)
        self._say("everything is at rest" if not self._count(OPEN) else "it does not come to rest")

    def _go_on(self, done: Callable[[], bool], within: float, act: Callable[[], None]) -> None:
        """Act until it is done, or nothing moves any more, or the time (seconds) is over.

        Looks, and says how it stands, now and then.
        """
        looked, until = 0.0, time.monotonic() + within
        moved, stands = time.monotonic(), ""
        while True:
            act()
            if time.monotonic() - looked < 1.0:
                continue
            looked = time.monotonic()
            self._harm.look_after()
            if (stands_now := str(witness.states())) != stands:
                moved, stands = looked, stands_now
            if done() or looked > min(until, moved + STILL):
                return
            if looked - self._said > SAY_EVERY:
                self._say(f"{stands} {dict(self._harm.done)}")

    @staticmethod
    def _count(states: tuple[str, ...]) -> int:
        found = witness.states()
        return sum(found.get(state, 0) for state in states)

    def _say(self, words: str) -> None:
        self._said = time.monotonic()
        print(f"{self._said - self._began:6.1f} s  {words}", file=sys.stderr, flush=True)
