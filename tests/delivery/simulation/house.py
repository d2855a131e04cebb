"""What happens in a run around the engine: wake-ups, what X tells, and what people do.

Everything here calls the product's own functions, each as a job that a worker takes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from unittest import mock

from django.conf import settings
from django.test import override_settings

from outreach.customers import actions as customers
from outreach.delivery import claim, facts, sender, tasks
from outreach.delivery.hearing import tasks as hearing
from outreach.drafts import actions as drafts
from outreach.drafts.errors import NotEditable, OnItsWay
from outreach.x import caps, events, queries, transport
from outreach.x.models import Via, XAccount
from outreach.x.payloads import Told
from outreach.x.transport import Timeouts
from tests.delivery.simulation import modules, steps
from tests.delivery.simulation.clock import SECOND, Clock
from tests.delivery.simulation.conductor import Conductor
from tests.delivery.simulation.world import World
from tests.delivery.simulation.x import Client, X

# Seconds after which the tick looks again where it found nothing to do though something waits;
# each time longer, as in a house where nothing happens.
FIRST_LOOK, LONGEST_LOOK = 1, 64
KEEP_ALIVE = 20 * SECOND
QUIET = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}

# How long a claim waits for its locks is real time, which a run must not depend on: here it is
# the simulation's. Where each statement looks at that clock.
REAL, SIMULATED = "clock_timestamp() AS ", "outreach_now() AS "
LOOKS = [(claim, "LOCK_PACE"), (facts, "_FACTS")]
assert all(REAL in getattr(module, name) for module, name in LOOKS)

# When the engine has something to do next: the moments that its tick looks for.
NEXT = """
    SELECT min(moment) FROM (
        SELECT min(look_at) FROM delivery_delivery WHERE state = 'queued'
        UNION ALL SELECT min(settle_at) FROM delivery_attempt WHERE settle_at IS NOT NULL
        UNION ALL SELECT min(started_at) + %s FROM delivery_attempt WHERE outcome = 'posting'
        UNION ALL SELECT min(coalesce(try_at, received_at)) FROM x_activityevent
            WHERE handled_at IS NULL AND account_id IS NOT NULL
    ) AS moments (moment)
"""
KEEP_HEARING = """
    UPDATE x_stream SET heard_at = %s
    WHERE app_id IN (SELECT app_id FROM x_stream FOR NO KEY UPDATE SKIP LOCKED)
"""


@dataclass
class Deeds:
    """What people did in a run, for the invariants."""

    orders: dict[int, int] = field(default_factory=dict)  # delivery → how often it may be sent
    edits: int = 0
    stops: int = 0
    unfollows: int = 0


@dataclass
class House:
    """One run: the world's rows, X, the clocks, and who moves."""

    world: World
    clock: Clock
    conductor: Conductor
    x: X
    deeds: Deeds = field(default_factory=Deeds)
    hears: bool = True  # whether the stream stands
    reads: bool = False  # whether accounts that nobody hears are read
    _look: int = FIRST_LOOK
    _looked: tuple[int, int] = (0, 0)
    _kept_alive: int = 0

    # --- what wakes the engine ---------------------------------------------------------------------

    def wake(self, x_account_id: int, seconds: float = 0) -> None:
        """A wake-up call for an account."""
        self.ask(tasks.send_due, x_account_id, seconds)

    def send_due_of_first(self) -> None:
        """What a worker does that is woken for the first account."""
        tasks.send_due(self.world.accounts[0].pk)

    def ask(self, task: Any, pk: int, seconds: float) -> None:
        """In the place of `outreach.delivery.tasks._ask`: what Celery would carry."""
        due, name = self.clock.true + int(seconds * SECOND), f"{task.__name__} {pk}"
        # As the cache's key does it in the product: one wake-up for one moment.
        if not any(job.name == name and abs(job.due - due) < SECOND for job in self.conductor.jobs):
            self.conductor.add(name, lambda: task(pk), due=due)

    def tick(self, *, due: int | None = None) -> None:
        """The beat."""
        self.conductor.add("tick", tasks.tick, due=due)

    def listen(self, x_account_id: int) -> None:
        """In the place of the hearing's `wake`."""
        self.conductor.add(f"hear {x_account_id}", lambda: hearing.read_messages(x_account_id))

    def told(self, told: Told, due: int) -> None:
        """X tells something: it is stored, then handed on."""

        def work() -> None:
            stored = events.store(self.world.app_id, [told], Via.STREAM)
            for account_id in sorted(stored.waiting):
                events.handle(account_id)

        self.conductor.add(f"told {told.kind}", work, due=due)

    def keep_alive(self) -> None:
        """The stream says every few seconds that it stands."""
        if self.hears and self.clock.true - self._kept_alive >= KEEP_ALIVE:
            self._kept_alive = self.clock.true
            self.conductor.ask(KEEP_HEARING, self.clock.now())

    def look_ahead(self) -> None:
        """Let the beat tick when the engine has something to do next, unless it will anyway."""
        if any(job.name == "tick" for job in self.conductor.jobs):
            return
        slack = claim.longest_call().total_seconds() + 5
        found = self.conductor.ask(NEXT, f"{slack} seconds")[0][0]
        moments = [self.clock.true_of(found)] if isinstance(found, datetime) else []
        moments += [self.x.late[0][0]] if self.x.late else []
        if not moments:
            return
        happened = (len(self.x.arrivals), len(self.x.messages))
        self._look = FIRST_LOOK if happened != self._looked else min(self._look * 2, LONGEST_LOOK)
        self._looked = happened
        moment = max(min(moments), self.clock.true + self._look * SECOND)
        self.conductor.add("tick", tasks.tick, due=moment)
        self.conductor.add("hand on", self._hand_on, due=moment)
        if self.reads:
            self.conductor.add("hear", hearing.tick, due=moment)

    def _hand_on(self) -> None:
        for account_id in events.with_waiting_events():
            events.handle(account_id)

    # --- what people do ----------------------------------------------------------------------------

    def stop(self, customer_id: int) -> None:
        """A customer says stop, and somebody writes it down."""
        self.deeds.stops += 1
        marketer = self.world.house.marketer
        self.conductor.add(
            "stop", lambda: customers.suppress(marketer, customer_id, reason="They said stop.")
        )

    def say_stop(self, x_account_id: int, customer_id: int) -> None:
        """A customer writes it, and X tells of the message."""
        self.deeds.stops += 1
        brand = self.world.account_of(x_account_id).x_user_id
        self.x.by_hand(self.world.people[customer_id], brand, "STOP")

    def write_by_hand(self, x_account_id: int, customer_id: int) -> None:
        """Somebody writes from the account on the phone, other words than any letter."""
        brand = self.world.account_of(x_account_id).x_user_id
        self.x.by_hand(brand, self.world.people[customer_id], "One more thing, by hand.")

    def unfollow(self, x_account_id: int, customer_id: int) -> None:
        """A customer unfollows a brand at X; X tells of it as it tells of anything."""
        self.deeds.unfollows += 1
        brand = self.world.account_of(x_account_id).x_user_id
        self.x.unfollow(self.world.people[customer_id], brand)

    def edit(self, draft_id: int) -> None:
        """The author opens an approved letter again: its approval is withdrawn."""

        def work() -> None:
            try:
                drafts.take_back(self.world.house.marketer, draft_id)
                self.deeds.edits += 1
            except (OnItsWay, NotEditable):
                pass  # as the page would say

        self.conductor.add("edit", work)

    # --- in the place of what is real ----------------------------------------------------------------

    def client(self, account: XAccount, **_: object) -> Client:
        """In the place of `outreach.x.queries.client_for`."""
        timeouts = Timeouts(settings.CALL_CONNECT_TIMEOUT, settings.CALL_ANSWER_TIMEOUT)
        return Client(self.x, account.x_user_id, account.app_id, timeouts, self._letter)

    def _letter(self) -> int | None:
        worker = self.conductor.me
        return worker.letter if worker is not None else None

    def send(self, claimed: claim.Claimed, *rest: Any, **more: Any) -> Any:
        """Around `sender._send`: for the invariants, which letter a call to X is for."""
        worker = self.conductor.me
        if worker is not None:
            worker.letter = claimed.delivery_id
        return SEND(claimed, *rest, **more)

    def boot_seconds(self) -> float:
        """In the place of the machine's boot clock."""
        self.conductor.boundary(steps.BOOT_CLOCK)
        return self.clock.boot_seconds()

    def sleep(self, seconds: float) -> None:
        """In the place of time.sleep."""
        self.clock.move(int(seconds * SECOND))

    @contextmanager
    def instead(self) -> Iterator[None]:
        """Let the product meet this house: X, wake-ups and the boot clock are the simulation's."""
        with ExitStack() as stack:
            for replaced, by in self._replaced():
                for module, name in modules.that_hold(replaced):
                    stack.enter_context(mock.patch.object(module, name, by))
            stack.enter_context(mock.patch.object(sender, "time", self))
            for module, name in LOOKS:
                simulated = getattr(module, name).replace(REAL, SIMULATED)
                stack.enter_context(mock.patch.object(module, name, simulated))
            stack.enter_context(override_settings(CACHES=QUIET))
            caps._spent_before.cache_clear()
            yield

    def _replaced(self) -> list[tuple[Callable[..., Any], Callable[..., Any]]]:
        return [
            (queries.client_for, self.client),
            (tasks._ask, self.ask),
            (SEND, self.send),
            (hearing.wake, self.listen),
            (transport.boot_seconds, self.boot_seconds),
        ]


SEND = sender._send
