"""Who moves: several workers in threads of their own, of which one at a time takes one step.

Every SQL statement, every commit, every call to X and every look at a clock is a *step boundary*:
there the plan (a seed, or a list of what to try) says what happens and who goes on. A worker that
PostgreSQL lets wait for a lock is noticed in `pg_locks`, and another one goes on; since nothing else
runs meanwhile, what is seen there does not change by itself, and a run repeats exactly.
"""

from __future__ import annotations

import enum
import heapq
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import psycopg2
from django.db import InterfaceError, OperationalError, connection
from django.db.backends.signals import connection_created

from tests.delivery.simulation import steps
from tests.delivery.simulation.clock import Clock

# Real seconds. How long a statement may take before somebody looks whether it waits for a lock;
# after how long PostgreSQL ends a deadlock; after how long the simulation itself is broken.
STUCK = 0.002
DEADLOCK_MS = 40
PATIENCE = 30.0


class Killed(BaseException):
    """The worker's process is dead: nothing that it would have done happens."""


class Loss(enum.Enum):
    """The database connection of a statement or a commit is lost, and when."""

    BEFORE = "before it took effect"
    AFTER = "after it took effect"
    LATER = "after its answer came"


class State(enum.Enum):
    """What a worker is at."""

    IDLE = enum.auto()
    READY = enum.auto()  # stands at a boundary
    RUNNING = enum.auto()
    BLOCKED = enum.auto()  # waits for a lock in PostgreSQL
    FROZEN = enum.auto()  # stopped, until a moment


@dataclass(order=True, slots=True)
class Job:
    """Work that a worker takes on from `due` (true time, microseconds)."""

    due: int
    number: int
    name: str = field(compare=False)
    work: Callable[[], object] = field(compare=False)


class Plan(Protocol):
    """What decides: a seed, or a list of things to try."""

    def at(self, worker: Worker, step: str) -> Loss | None:
        """What happens at this boundary; may kill or freeze the worker, add jobs, move clocks."""
        ...

    def who(self, worker: Worker | None, others: list[Worker], due: list[Job]) -> Worker | Job:
        """Who goes on: the one that stands here (if any), another one, or new work."""
        ...

    def look_ahead(self) -> None:
        """Nobody moves: add a job for the moment at which there will be something to do, if any."""
        ...


class Worker:
    """One thread with its database connection; a new process after each time it was killed."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.state = State.IDLE
        self.job: Job | None = None
        self.dead = False
        self.thaws: int = 0
        self.pid = 0
        self.run = 0  # for which its connection was made
        self.may_wait = False  # is at a statement that may wait for a lock
        self.letter: int | None = None  # which one it calls X for
        self.go = threading.Semaphore(0)
        self.thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"worker {self.number} ({self.job.name if self.job else 'idle'})"


def _begin_anew() -> None:
    """What a new process has: no connection, and no transaction that anybody remembers."""
    here: Any = connection
    here.in_atomic_block, here.savepoint_ids, here.atomic_blocks = False, [], []
    here.needs_rollback, here.closed_in_transaction, here.run_on_commit = False, False, []
    connection.close()
    here.connection = None


class Broken(RuntimeError):  # noqa: N818 - says what it is
    """The simulation itself cannot go on."""


class Conductor:
    """Runs jobs to their end by a plan."""

    def __init__(self, *, workers: int) -> None:
        self.workers = [Worker(number) for number in range(workers)]
        self.trace: list[str] | None = None
        self._mutex = threading.Condition()
        self._running: Worker | None = None
        self._here = threading.local()
        self._over = False
        self._monitor: Any = None
        self._run = 0
        self._begin(Clock())

    def _begin(self, clock: Clock) -> None:
        self.clock = clock
        self.jobs: list[Job] = []
        self.steps, self.most_steps = 0, 0
        self.broken: list[str] = []  # what the product raised that it should not
        self.deadlocks = 0
        self._released = False  # whether somebody let go of locks since the last look
        self._numbers = iter(range(10**12))

    # --- for the plan and the world ----------------------------------------------------------------

    def add(self, name: str, work: Callable[[], object], *, due: int | None = None) -> None:
        """Have somebody do this from that moment on."""
        moment = self.clock.true if due is None else due
        heapq.heappush(self.jobs, Job(moment, next(self._numbers), name, work))

    @property
    def me(self) -> Worker | None:
        """The worker whose thread this is; None outside."""
        return getattr(self._here, "worker", None)

    def kill(self, worker: Worker) -> None:
        """As SIGKILL: its connection ends, and nothing that it would do afterwards happens."""
        worker.dead = True
        self.hang_up(worker)
        raise Killed

    def freeze(self, worker: Worker, until: int) -> None:
        """As SIGSTOP and, at that moment, SIGCONT."""
        worker.thaws = until
        worker.state = State.FROZEN

    def hang_up(self, worker: Worker) -> None:
        """End its database connection from the server's side; whatever was open is rolled back."""
        if worker.pid:
            self.ask("SELECT pg_terminate_backend(%s, 5000)", worker.pid)
            worker.pid = 0
            self._released = True

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database holds now, on a connection that is no worker's; no boundary."""
        with self._monitor.cursor() as cursor:
            cursor.execute(sql, values or None)
            return list(cursor.fetchall()) if cursor.description else []

    # --- boundaries --------------------------------------------------------------------------------

    def boundary(self, step: str) -> Loss | None:
        """A worker is about to take a step."""
        worker = self.me
        if worker is None:
            return None
        if self.steps >= self.most_steps:
            self.kill(worker)
        if worker.dead:
            raise Killed
        self.steps += 1
        self.clock.move(self.step_microseconds)
        if self.trace is not None:
            self.trace.append(f"{worker.number} {step}")
        self._let_come_back()
        loss = self.plan.at(worker, step)
        if worker.state is State.RUNNING:
            chosen = self.plan.who(worker, self._ready(), self._due())
            if chosen is worker:
                return loss
            worker.state = State.READY
            self._let(chosen)
        else:
            self._pass_on()
        self._wait(worker)
        return loss

    def statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Around every SQL statement of a worker: Django's execute wrapper."""
        worker = self.me
        if worker is None:
            return execute(sql, params, many, context)
        raw = context["connection"].connection
        if raw is not None and not raw.closed:
            worker.pid = raw.info.backend_pid
        step, may_wait = steps.name_of(sql), steps.may_wait(sql)
        loss = self.boundary(step)
        if loss is Loss.BEFORE:
            self.hang_up(worker)
        if many or context["cursor"].cursor.name:
            with self._sql(worker):
                execute(self.clock.offset_sql(), None, False, context)
        else:
            # One round trip. The session's clock stands at this step's moment.
            sql = f"{self.clock.offset_sql()} {sql}"
        with self._sql(worker, may_wait=may_wait):
            result = execute(sql, params, many, context)
        self._released |= not context["connection"].in_atomic_block or step.startswith("rollback")
        if loss is Loss.AFTER:
            self.hang_up(worker)
            raise OperationalError("server closed the connection unexpectedly")
        if loss is Loss.LATER:
            self.hang_up(worker)
        return result

    def commit(self, real: Callable[[], Any]) -> Any:
        """Around every commit of a worker."""
        worker = self.me
        if worker is None:
            return real()
        loss = self.boundary(steps.COMMIT)
        if loss is Loss.BEFORE:
            self.hang_up(worker)
        with self._sql(worker):
            result = real()
        self._released = True
        if loss is Loss.AFTER:
            self.hang_up(worker)
            raise OperationalError("server closed the connection unexpectedly")
        if loss is Loss.LATER:
            self.hang_up(worker)
        return result

    def rollback(self, real: Callable[[], Any]) -> Any:
        """Around every rollback: no boundary, since a worker that dies there rolls back too."""
        self._released = True
        return real()

    @contextmanager
    def _sql(self, worker: Worker, *, may_wait: bool = True) -> Iterator[None]:
        worker.may_wait = may_wait
        try:
            yield
        except OperationalError as error:
            if isinstance(error.__cause__, psycopg2.errors.DeadlockDetected):
                self.deadlocks += 1
            raise
        finally:
            with self._mutex:
                worker.may_wait = False
                blocked = worker.state is State.BLOCKED
                if blocked:
                    worker.state = State.READY
                    self._mutex.notify_all()
            if blocked:
                self._wait(worker)

    # --- who moves ---------------------------------------------------------------------------------

    def _ready(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.state is State.READY]

    def _due(self) -> list[Job]:
        """Jobs that may begin now, if somebody is free."""
        if not any(worker.state is State.IDLE for worker in self.workers):
            return []
        if not self.jobs or self.jobs[0].due > self.clock.true:
            return []
        return sorted(job for job in self.jobs if job.due <= self.clock.true)

    def _let(self, chosen: Worker | Job) -> None:
        """Give the next step to that worker, or to a free one with that job."""
        if isinstance(chosen, Job):
            self.jobs.remove(chosen)
            heapq.heapify(self.jobs)
            worker = next(each for each in self.workers if each.state is State.IDLE)
            worker.job = chosen
            chosen = worker
        with self._mutex:
            chosen.state = State.RUNNING
            self._running = chosen
            self._mutex.notify_all()
        chosen.go.release()

    def _wait(self, worker: Worker) -> None:
        worker.go.acquire()
        if self._over:
            worker.dead = True
        if worker.dead:
            raise Killed

    def _pass_on(self) -> None:
        """Nobody moves now: the conductor's own thread finds who goes on."""
        with self._mutex:
            self._running = None
            self._mutex.notify_all()

    def _let_come_back(self) -> None:
        """Wait for whoever waited for a lock that is free now, so that all stand still again."""
        if not self._released:
            return
        self._released = False
        while True:
            blocked = [worker for worker in self.workers if worker.state is State.BLOCKED]
            if not blocked:
                return
            waiting = self._waiting()
            with self._mutex:
                moving = [
                    worker
                    for worker in blocked
                    if worker.state is State.BLOCKED and worker.pid not in waiting
                ]
                if not moving:
                    return
                self._mutex.wait(0.0005)

    def _waiting(self) -> set[int]:
        return {row[0] for row in self.ask("SELECT pid FROM pg_locks WHERE NOT granted")}

    # --- the conductor's own thread ----------------------------------------------------------------

    def __enter__(self) -> Self:
        parameters = connection.get_connection_params()
        parameters.pop("cursor_factory", None)
        self._monitor = psycopg2.connect(**parameters)
        self._monitor.autocommit = True
        connection_created.connect(self._connected)
        for worker in self.workers:
            worker.thread = threading.Thread(target=self._live, args=(worker,), daemon=True)
            worker.thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._over = True
        for worker in self.workers:
            if worker.state is State.BLOCKED:
                self.hang_up(worker)
            worker.go.release()
        for worker in self.workers:
            assert worker.thread is not None
            worker.thread.join(PATIENCE)
        connection_created.disconnect(self._connected)
        self._monitor.close()

    def _connected(self, **told: Any) -> None:
        """A worker has a new connection."""
        if self.me is not None:
            with told["connection"].connection.cursor() as cursor:
                cursor.execute(f"SET deadlock_timeout = {DEADLOCK_MS}")

    def begin(
        self,
        clock: Clock,
        plan: Plan,
        *,
        step_microseconds: int,
        most_steps: int,
        fresh: bool = False,
    ) -> None:
        """Forget the run before, and be ready to be given jobs.

        A run that takes more than `most_steps` is broken, and ends; `fresh`: on new connections.
        """
        assert all(worker.state is State.IDLE for worker in self.workers)
        self._begin(clock)
        self.plan, self.step_microseconds = plan, step_microseconds
        self.most_steps = most_steps
        self._run += fresh

    def run(self) -> None:
        """Go on until nothing is to be done any more."""
        while self._move():
            self._watch()
        if self.steps >= self.most_steps:
            self.broken.append(f"it did not come to an end within {self.steps} steps")

    def _move(self) -> bool:
        """Let somebody go on; False where nothing is left to do."""
        while True:
            self._let_come_back()
            over = self.steps >= self.most_steps
            if over:
                self.jobs.clear()
            for worker in self.workers:
                thaws = worker.thaws <= self.clock.true or over
                if worker.state is State.FROZEN and thaws:
                    worker.state = State.READY
            ready, due = self._ready(), self._due()
            if ready or due:
                self._let(self.plan.who(None, ready, due))
                return True
            if any(worker.state is State.BLOCKED for worker in self.workers):
                frozen = [w.thaws for w in self.workers if w.state is State.FROZEN]
                if frozen:
                    self.clock.move_to(min(frozen))
                    continue
                self._await_deadlock()
                continue
            if over or not self._let_time_pass():
                return False

    def _let_time_pass(self) -> bool:
        moments = [worker.thaws for worker in self.workers if worker.state is State.FROZEN]
        if any(worker.state is State.IDLE for worker in self.workers):
            self.plan.look_ahead()
            moments += [self.jobs[0].due] if self.jobs else []
        if not moments:
            return False
        self.clock.move_to(min(moments))
        return True

    def _await_deadlock(self) -> None:
        """All wait for each other: PostgreSQL ends it."""
        with self._mutex:
            ready = any(worker.state is State.READY for worker in self.workers)
            if not ready and not self._mutex.wait(PATIENCE):
                raise Broken(f"all wait for ever: {self.workers}")

    def _watch(self) -> None:
        """Until nobody moves; whoever waits for a lock meanwhile is set aside."""
        patience = PATIENCE / STUCK
        while True:
            with self._mutex:
                worker, steps_before = self._running, self.steps
                if worker is None:
                    return
                self._mutex.wait(STUCK)
                if self._running is not worker or self.steps != steps_before:
                    continue
                if not worker.may_wait:
                    continue
            if worker.pid not in self._waiting():
                patience -= 1
                if patience < 0:
                    raise Broken(f"{worker} does not come to a next step")
                continue
            with self._mutex:
                if self._running is worker and worker.may_wait and self.steps == steps_before:
                    worker.state = State.BLOCKED
                    self._running = None
                    return

    # --- a worker's thread -------------------------------------------------------------------------

    def _live(self, worker: Worker) -> None:
        self._here.worker = worker
        connection.execute_wrappers.append(self.statement)
        here: Any = connection
        commit, rollback = here._commit, here._rollback
        here._commit = lambda: self.commit(commit)
        here._rollback = lambda: self.rollback(rollback)
        while True:
            worker.go.acquire()
            if self._over:
                break
            self._do(worker)
            worker.job = None
            with self._mutex:
                worker.state = State.IDLE
                self._running = None
                self._mutex.notify_all()
        connection.close()

    def _do(self, worker: Worker) -> None:
        assert worker.job is not None
        if worker.run != self._run:
            # What was prepared or cached on the old one would make this run another one.
            connection.close()
            worker.run = self._run
        try:
            worker.job.work()
        except Killed:
            pass
        except (OperationalError, InterfaceError):
            # The task failed, as Celery would log it; what it did not finish is found by the tick.
            connection.close()
        except Exception:
            if not worker.dead:  # what a dead worker would raise, it does not
                self.broken.append(f"{worker}: {traceback.format_exc(limit=-6)}")
        finally:
            self._released = True
            if worker.dead or connection.in_atomic_block:
                if not worker.dead:
                    self.broken.append(f"{worker} left a transaction open")
                worker.dead = False
                _begin_anew()
