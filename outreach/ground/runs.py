"""Long work that can be left and come back to: a row that says how far it is and who works on it.

A worker *takes* a run with a lease and a token of its own, works in committed steps, and in each
of their transactions says how far it is, which renews the lease. A worker that dies leaves a lease
that ends by itself; the tick finds the run and another worker takes it. Whoever lost the lease
meanwhile learns so by the token, inside the transaction of its step, which then commits nothing.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, TypeVar

from django.db import models
from django.db.models import F, Q, QuerySet

from outreach.ground.clock import Now
from outreach.ground.scope import WorkspaceRow
from outreach.ground.writes import engine_action, step

# Longer than any step may take; a dead worker's run waits so long for another one.
LEASE = timedelta(seconds=60)

R = TypeVar("R", bound="Run")


class RunLost(Exception):  # noqa: N818  says what happened
    """Another worker has the run, or it ended: nothing of this step may be kept."""


class RunState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OPEN = (RunState.WAITING, RunState.RUNNING)
# Nobody has it, or whoever had it died.
_FREE = Q(leased_until__isnull=True) | Q(leased_until__lt=Now())


class Run(WorkspaceRow):
    """What every kind of long work knows of itself. Its kinds add what they work on."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    started_by = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(max_length=12, choices=RunState, default=RunState.WAITING)
    problem = models.CharField(max_length=300, blank=True, help_text="why it failed, in words")
    done = models.BigIntegerField(default=0)
    of = models.BigIntegerField(null=True, help_text="empty: not known yet")
    look_at = models.DateTimeField(db_default=Now(), help_text="not before then")
    cancel_asked = models.BooleanField(default=False)
    token = models.UUIDField(null=True, help_text="of the worker that has it")
    leased_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta(WorkspaceRow.Meta):
        abstract = True

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def percent(self) -> int | None:
        """Whole percent done; None where nobody knows yet of how much."""
        if not self.of:
            return None
        return min(100, self.done * 100 // self.of)


@engine_action
def take(kind: type[R], pk: int, lease: timedelta = LEASE) -> uuid.UUID | None:
    """The token of whoever may work on the run now; None where another one does, or none is to.

    A row that is locked is not waited for: a step longer than the lease holds it to its end.
    """
    token = uuid.uuid4()
    free = kind.everywhere.select_for_update(skip_locked=True, no_key=True).filter(
        _FREE, pk=pk, state__in=OPEN, look_at__lte=Now()
    )
    if free.first() is None:
        return None
    kind.everywhere.filter(pk=pk).update(
        state=RunState.RUNNING, token=token, leased_until=Now() + lease, changed_at=Now()
    )
    return token


@step
def keep(kind: type[R], pk: int, token: uuid.UUID, lease: timedelta = LEASE, **values: Any) -> bool:
    """Say how far it is (`done`, `of`, what its kind adds) in the step's own transaction.

    Returns whether somebody asked to cancel it. Raises RunLost where the run is not ours any more.
    """
    mine = kind.everywhere.filter(pk=pk, token=token, state=RunState.RUNNING)
    if not mine.update(leased_until=Now() + lease, changed_at=Now(), **values):
        raise RunLost
    return bool(mine.values_list("cancel_asked", flat=True).get())


@step
def end(
    kind: type[R], pk: int, token: uuid.UUID, state: RunState, *, problem: str = "", **values: Any
) -> None:
    """It is over. Raises RunLost where the run is not ours any more."""
    mine = kind.everywhere.filter(pk=pk, token=token, state=RunState.RUNNING)
    ended: dict[str, Any] = {
        "state": state,
        "problem": problem,
        "token": None,
        "leased_until": None,
        "changed_at": Now(),
        "ended_at": Now(),
    }
    if not mine.update(**ended, **values):
        raise RunLost


@step
def put_off(kind: type[R], pk: int, token: uuid.UUID, look_at: Any, **values: Any) -> None:
    """Let it go until `look_at`, such as when a limit opens. Raises RunLost."""
    mine = kind.everywhere.filter(pk=pk, token=token, state=RunState.RUNNING)
    let_go: dict[str, Any] = {
        "state": RunState.WAITING,
        "token": None,
        "leased_until": None,
        "look_at": look_at,
    }
    if not mine.update(**let_go, changed_at=Now(), **values):
        raise RunLost


@step
def ask_to_cancel(rows: QuerySet[R, R]) -> int:
    """Have the open ones among these end: now where nobody works on them, else after a step.

    One whose row is locked is within its last step, or a long one, and is not waited for: it is
    not counted.
    """
    locked = rows.filter(state__in=OPEN).select_for_update(skip_locked=True, no_key=True)
    ids = list(locked.values_list("pk", flat=True))
    mine = rows.model.everywhere.filter(pk__in=ids)
    mine.filter(_FREE).update(
        state=RunState.CANCELLED,
        cancel_asked=True,
        token=None,
        leased_until=None,
        changed_at=Now(),
        ended_at=Now(),
    )
    mine.filter(state__in=OPEN).update(cancel_asked=True, changed_at=Now())
    return len(ids)


@step
def cancel_at_once(rows: QuerySet[R, R], *, problem: str = "", **values: Any) -> list[int]:
    """End the open ones among these now, whoever works on them: they have lost the run.

    Waits for a step that is under way. Returns their ids.
    """
    locked = rows.filter(state__in=OPEN).select_for_update(no_key=True).order_by("pk")
    ids = list(locked.values_list("pk", flat=True))
    ended: dict[str, Any] = {
        "state": RunState.CANCELLED,
        "cancel_asked": True,
        "problem": problem,
        "token": None,
        "leased_until": None,
        "changed_at": Now(),
        "ended_at": Now(),
    }
    rows.model.everywhere.filter(pk__in=ids).update(**ended, **values)
    return ids


def waiting(kind: type[R], most: int = 100) -> list[int]:
    """Runs that nobody works on and that are to be looked at, the oldest first. One query."""
    rows = kind.everywhere.filter(_FREE, state__in=OPEN, look_at__lte=Now())
    return list(rows.order_by(F("look_at"), "pk").values_list("pk", flat=True)[:most])
