"""The committed steps of a sync: each in a transaction of its own that also says how far it is.

A worker that dies between two of them leaves what the last one left. Each raises RunLost, and then
keeps nothing, where another worker has the run.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from outreach.audit.actions import record
from outreach.customers.actions import store_relationships_step
from outreach.customers.erasing.queries import erased_among, erased_handles_among
from outreach.customers.models import Reading, SyncedUser, SyncKind, SyncRun, SyncToAsk
from outreach.customers.sync import adopting, handles, merging, names, pages
from outreach.ground import runs
from outreach.ground.runs import LEASE, RunState, keep, put_off
from outreach.ground.writes import engine_action, step
from outreach.x.client import HandlesAnswer, UserPage, UsersAnswer, XUser

# Merging so many people takes no longer than a second, whatever else the machine does.
MERGED_A_SECOND = 1_000
AFTER = {
    Reading.FOLLOWERS.value: Reading.FOLLOWING.value,
    Reading.FOLLOWING.value: Reading.NOTHING.value,
}


@engine_action
def begin(
    run: SyncRun,
    token: uuid.UUID,
    *,
    at: datetime,
    of: int,
    user_ids: Sequence[int] = (),
    asked_handles: Sequence[str] = (),
) -> bool:
    """The run knows whom it is about; `at`: before X is asked. Whether to cancel it."""
    cancel = keep(SyncRun, run.pk, token, began_at=at, of=of, waits_for="")
    if run.kind == SyncKind.HANDLES:
        handles.not_possible(run.workspace_id, at)
    # Whoever was erased since is not written down: an erasure holds the run (`keep` waits for it).
    erased_ids = erased_among(run.workspace_id, user_ids)
    erased_handles = erased_handles_among(run.workspace_id, asked_handles)
    ask = [
        SyncToAsk(workspace_id=run.workspace_id, run=run, x_user_id=each)
        for each in user_ids
        if each not in erased_ids
    ]
    ask += [
        SyncToAsk(workspace_id=run.workspace_id, run=run, handle=each)
        for each in asked_handles
        if each not in erased_handles
    ]
    SyncToAsk.objects.of(run).bulk_create(ask, batch_size=5_000)
    return cancel


@engine_action
def keep_page(run: SyncRun, token: uuid.UUID, page: UserPage, seen_at: datetime) -> bool:
    """A page that was read, and where to go on. Whether to cancel the run."""
    values: dict[str, Any] = {
        "done": F("done") + len(page.users) + page.unreadable,
        "calls": F("calls") + 1,
        "unreadable": F("unreadable") + page.unreadable,
        "next_token": page.next_token or "",
        "reading": run.reading if page.next_token else AFTER[run.reading],
        "failures": 0,
        "waits_for": "",
    }
    cancel = keep(SyncRun, run.pk, token, **values)
    erased = erased_among(run.workspace_id, [user.id for user in page.users])
    pages.keep(
        [user for user in page.users if user.id not in erased],
        seen_at,
        workspace_id=run.workspace_id,
        run_id=run.pk,
        reading=run.reading,
    )
    return cancel


@engine_action
def begin_list_again(run: SyncRun, token: uuid.UUID) -> bool:
    """X does not know the next page's token any more: the list is read from its start."""
    rows = SyncedUser.everywhere.filter(run=run, reading=run.reading)
    count = rows.count()
    cancel = keep(
        SyncRun, run.pk, token, next_token="", restarts=F("restarts") + 1, done=F("done") - count
    )
    rows.delete()
    return cancel


@engine_action
def ready_to_merge(run: SyncRun, token: uuid.UUID) -> bool:
    """Take time enough for the one step that may be long. Whether to cancel the run."""
    lease = LEASE + timedelta(seconds=run.done / MERGED_A_SECOND)
    return keep(SyncRun, run.pk, token, lease, waits_for="")


@engine_action
def merge(run: SyncRun, token: uuid.UUID) -> None:
    """Both lists are taken over, and the run ends: all of it or nothing."""
    keep(SyncRun, run.pk, token, LEASE + timedelta(seconds=run.done / MERGED_A_SECOND))
    came_of_it: dict[str, Any] = merging.merge(run)
    _end(run, token, RunState.DONE, **came_of_it)


@engine_action
def adopt(run: SyncRun, token: uuid.UUID) -> None:
    """Whom the last sync put aside become customers, and the run ends."""
    keep(SyncRun, run.pk, token)
    _end(run, token, RunState.DONE, adopted=adopting.adopt_seen(run))


@engine_action
def keep_look_up(
    run: SyncRun, token: uuid.UUID, asked: Sequence[SyncToAsk], answer: UsersAnswer, at: datetime
) -> bool:
    """What X said of people whom we know by id. Whether to cancel the run."""
    cancel = _looked_up(run, token, asked, len(answer.missing))
    _relationships(run, token, answer.found, answer.missing, at)
    return cancel


@engine_action
def keep_handles(
    run: SyncRun, token: uuid.UUID, asked: Sequence[SyncToAsk], answer: HandlesAnswer, at: datetime
) -> bool:
    """Who the handles are that X knows; and which it does not. Whether to cancel the run."""
    cancel = _looked_up(run, token, asked, len(answer.missing))
    shown = names.shown(answer.found, at)
    found = handles.resolve(names.USERS, shown, run.workspace_id)
    handles.not_found(run.workspace_id, answer.missing, at)
    _relationships(run, token, answer.found, (), at)
    keep(SyncRun, run.pk, token, found=F("found") + found)
    return cancel


@engine_action
def later(run: SyncRun, token: uuid.UUID, look_at: Any, **values: Any) -> None:
    """Let the run go until `look_at`, such as when a limit opens."""
    put_off(SyncRun, run.pk, token, look_at, **values)


@engine_action
def end(run: SyncRun, token: uuid.UUID, state: RunState, *, problem: str = "") -> None:
    """It is over; what it read and did not take over goes."""
    _end(run, token, state, problem=problem)


@step
def forget_pages(run_id: int) -> None:
    """Drop what a run that ended has read or was to ask."""
    SyncedUser.everywhere.filter(run_id=run_id).delete()
    SyncToAsk.everywhere.filter(run_id=run_id).delete()


def _end(
    run: SyncRun, token: uuid.UUID, state: RunState, *, problem: str = "", **values: Any
) -> None:
    runs.end(SyncRun, run.pk, token, state, problem=problem[:300], waits_for="", **values)
    forget_pages(run.pk)
    record(
        "sync.ended",
        target_kind="x_account",
        target_id=run.x_account_id,
        workspace_id=run.workspace_id,
        details={"run": run.pk, "kind": run.kind, "state": state.value, "problem": problem}
        | {name: value for name, value in values.items() if value},
    )


def _looked_up(
    run: SyncRun, token: uuid.UUID, asked: Sequence[SyncToAsk], missing: int
) -> bool:  # fmt: skip
    cancel = keep(
        SyncRun,
        run.pk,
        token,
        done=F("done") + len(asked),
        calls=F("calls") + 1,
        missing=F("missing") + missing,
        failures=0,
        waits_for="",
    )
    SyncToAsk.everywhere.filter(pk__in=[each.pk for each in asked]).delete()
    return cancel


def _relationships(
    run: SyncRun,
    token: uuid.UUID,
    found: Sequence[XUser],
    missing: Sequence[int],
    at: datetime,
) -> None:
    # What X did not say is not known, and is not 'no'.
    said = [
        user for user in found if None not in (user.following, user.followed_by, user.accepts_dms)
    ]
    silent = [user for user in found if user not in said]
    names.keep_of(silent, at, run.workspace_id)
    stored = store_relationships_step(
        run.x_account_id,
        [*(user.id for user in said), *missing],
        said,
        looked_at=at,
        run_id=run.pk,
    )
    keep(
        SyncRun,
        run.pk,
        token,
        began=F("began") + stored.began,
        ceased=F("ceased") + stored.ceased,
    )
