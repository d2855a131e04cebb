"""A worker's part of a sync: take the run, ask X, keep what it says, step by step.

PostgreSQL holds how far it is; whoever calls this (a wake-up, the tick, a test) may do so at any
time and any number of times. No transaction is open while X is asked.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F

from outreach.customers.models import SyncChoice, SyncKind, SyncRun, SyncToAsk
from outreach.customers.sync import estimates, handles, queries, steps, troubles
from outreach.customers.sync.counting import count_at_x
from outreach.customers.sync.errors import NotCounted
from outreach.ground.clock import Now, now
from outreach.ground.runs import RunLost, RunState, take
from outreach.ground.writes import outside_transactions
from outreach.x import actions as x_actions
from outreach.x.client import USERS_PER_CALL, USERS_PER_PAGE, UserPage, XClient
from outreach.x.errors import NeverReason, NeverWill, XError
from outreach.x.expenses import CapReached, Purpose, Tab, open_tab
from outreach.x.models import PausedBy, XAccount, XToken
from outreach.x.queries import reading
from outreach.x.refreshing import UNREADABLE
from outreach.x.tokens import TokenKeyMissing
from outreach.x.transport import boot_seconds

log = logging.getLogger("outreach.customers")

# Seconds at a time; then letters that are due have their turn with this worker.
STINT = 10.0
# What was read so long ago is not taken over any more.
TOO_OLD = timedelta(days=7)
MOST_RESTARTS = 3
# So many may have begun to follow since X counted, without a call more.
MAY_BE_MORE = 100


@dataclass(slots=True)
class Job:
    """A run that this process works on, until its stint is over."""

    run: SyncRun
    token: uuid.UUID
    until: float

    @property
    def account(self) -> XAccount:
        return self.run.x_account

    @property
    def is_over(self) -> bool:
        return boot_seconds() >= self.until

    def go_on(self, cancel: bool) -> None:
        """After a step: what the row says now. Raises Ended where somebody asked to cancel it."""
        if cancel:
            raise troubles.Ended("", RunState.CANCELLED)
        self.run.refresh_from_db(
            fields=[
                "done",
                "of",
                "reading",
                "next_token",
                "restarts",
                "failures",
                "began_at",
                "unreadable",
            ]
        )


@outside_transactions
def work(run_id: int) -> bool:
    """Work on a run for a while. Whether there is more to do at once."""
    token = take(SyncRun, run_id)
    if token is None:
        return False
    run = SyncRun.everywhere.select_related("x_account__app").get(pk=run_id)
    job = Job(run, token, boot_seconds() + STINT)
    try:
        try:
            return _work(job)
        except troubles.Ended as ended:
            steps.end(run, token, ended.state, problem=ended.words)
        except Exception as error:
            # A bug of ours, or the database: the run waits, and ends where that does not help.
            if isinstance(error, RunLost):
                raise
            log.error("sync %s: %s", run_id, type(error).__name__)
            _put_off(job, lambda: troubles.failed(troubles.OURS, run.failures))
            raise
    except RunLost:
        log.warning("sync %s: another worker has it, or it ended", run_id)
    return False


def _work(job: Job) -> bool:
    """The same; raises Ended, RunLost, and what is a bug."""
    run, account = job.run, job.account
    if run.cancel_asked:
        raise troubles.Ended("", RunState.CANCELLED)
    if run.created_at < now() - TOO_OLD:
        raise troubles.Ended("It could not be finished within a week. Start it again.")
    try:
        done = WAYS[SyncKind(run.kind)](job)
    except CapReached as reached:
        level = reached.level
        _put_off(job, lambda: troubles.capped(level))
    except XError as error:
        log.info("sync %s: %s", run.pk, error)
        refused = error
        _put_off(job, lambda: troubles.after(refused, account, run.failures))
    except XToken.DoesNotExist:
        raise troubles.Ended(f"The account is not connected. {troubles.CONNECT}") from None
    except TokenKeyMissing:
        x_actions.pause_account_itself(account.pk, by=PausedBy.KEY, reason=UNREADABLE)
        raise troubles.Ended(troubles.KEY_MISSING) from None
    else:
        if not done:
            steps.later(run, job.token, Now())
        return not done
    return False


def _put_off(job: Job, decide: Callable[[], troubles.Later]) -> None:
    """Let the run wait as decided, or end where that says so."""
    try:
        wait = decide()
    except troubles.Ended as ended:
        steps.end(job.run, job.token, ended.state, problem=ended.words)
        return
    failures = F("failures") + 1 if wait.failed else F("failures")
    steps.later(job.run, job.token, wait.look_at, waits_for=wait.words[:300], failures=failures)


@contextmanager
def _tab(account: XAccount, kind: str, chunk: int) -> Iterator[Tab]:
    """A tab for a stint of reads. What X answered is counted before it is kept, so that a run which
    was cancelled, or lost to another worker, costs what it cost.
    """
    with open_tab(account.app_id, account.pk, kind, chunk, purpose=Purpose.SYNC) as tab:
        try:
            yield tab
        except (troubles.Ended, RunLost):
            tab.close()
            raise


# --- both lists ----------------------------------------------------------------------------------


def _lists(job: Job) -> bool:
    """Read both lists, page by page, and take them over; whether that is done."""
    if job.run.began_at is None:
        _begin_lists(job)
    if job.run.reading:
        _read_pages(job)
    if job.run.reading:
        return False
    if steps.ready_to_merge(job.run, job.token):
        raise troubles.Ended("", RunState.CANCELLED)
    steps.merge(job.run, job.token)
    return True


def _begin_lists(job: Job) -> None:
    choice = queries.choice_of(job.account)
    if choice.followers is None or choice.following is None:
        try:
            count_at_x(job.account)  # scheduled before anybody looked
        except NotCounted as unknown:
            raise troubles.Ended(str(unknown)) from None
        choice = queries.choice_of(job.account)
    moment = now()
    estimate = queries.estimate_of_lists(choice, moment)
    assert estimate is not None  # counted above
    room = queries.room(job.account)
    if estimate.dollars > room:
        raise troubles.Ended(queries.beyond_cap(estimate, room))
    job.go_on(steps.begin(job.run, job.token, at=moment, of=estimate.people))


def _read_pages(job: Job) -> None:
    """Read on from the last page that was kept until both lists are whole or the stint is over."""
    run, account = job.run, job.account
    choice = queries.choice_of(account)
    kind = estimates.kind_of_read(owns_app=choice.owns_app)
    with _tab(account, kind, _wanted(run, choice)) as tab:
        while run.reading and not job.is_over:
            # Near the cap it pays for fewer.
            size = tab.reserve(_wanted(run, choice))
            seen_at = now()
            try:
                page = _page(run, account, size)
            except NeverWill as error:
                if error.reason != NeverReason.BAD_REQUEST or not run.next_token:
                    raise
                if run.restarts >= MOST_RESTARTS:
                    raise
                log.warning("sync %s: X forgot where the list goes on; it is read anew", run.pk)
                job.go_on(steps.begin_list_again(run, job.token))
                continue
            tab.spend(len(page.users) + page.unreadable)
            again = page.next_token is not None and page.next_token == run.next_token
            if again:
                raise troubles.Ended("X led from one page to the same page. Start the sync again.")
            job.go_on(steps.keep_page(run, job.token, page, seen_at))


def _wanted(run: SyncRun, choice: SyncChoice) -> int:
    """How many people to ask for: of a list that is nearly read no more than may be left.

    What is reserved counts as spent until X answered, and letters are not to wait for that.
    """
    on_both = run.of or 0
    listed = (choice.followers or 0) if run.reading == "followers" else on_both
    left = listed - run.done
    return min(left + MAY_BE_MORE, USERS_PER_PAGE) if left > 0 else USERS_PER_PAGE


def _page(run: SyncRun, account: XAccount, size: int) -> UserPage:
    def call(client: XClient) -> UserPage:
        read = client.followers if run.reading == "followers" else client.following
        return read(account.x_user_id, page_token=run.next_token or None, max_results=size)

    return reading(account, call)


# --- look-ups ------------------------------------------------------------------------------------


def _recipients(job: Job) -> bool:
    """Look up those about to be written to whom we know too little of, the soonest first."""
    run, account = job.run, job.account
    if run.began_at is None:
        ids = queries.stale_recipients(account)
        job.go_on(steps.begin(run, job.token, at=now(), of=len(ids), user_ids=ids))
    return _look_up(job, _ask_about_ids)


def _handles(job: Job) -> bool:
    """Ask who those are whom we know by handle alone."""
    run = job.run
    if run.began_at is None:
        moment = now()
        asked = handles.due(run.workspace_id, moment)
        job.go_on(steps.begin(run, job.token, at=moment, of=len(asked), asked_handles=asked))
    return _look_up(job, _ask_about_handles)


Asking = Callable[[Job, Tab, list[SyncToAsk]], None]


def _look_up(job: Job, ask: Asking) -> bool:
    run, account = job.run, job.account
    rows = SyncToAsk.everywhere.filter(run=run).order_by("pk")
    batch = list(rows[:USERS_PER_CALL])
    if batch:
        with _tab(account, estimates.LOOK_UP, len(batch)) as tab:
            while batch and not job.is_over:
                ask(job, tab, batch[: tab.reserve(len(batch))])
                batch = list(rows[:USERS_PER_CALL])
    if batch:
        return False
    steps.end(run, job.token, RunState.DONE)
    return True


def _ask_about_ids(job: Job, tab: Tab, asked: list[SyncToAsk]) -> None:
    """One look-up by ids, kept. X charges for whom it finds, or may have."""
    ids = [each.x_user_id for each in asked if each.x_user_id is not None]
    looked_at = now()
    answer = reading(job.account, lambda client: client.users(ids))
    tab.spend(len(ids) - len(answer.missing))
    job.go_on(steps.keep_look_up(job.run, job.token, asked, answer, looked_at))


def _ask_about_handles(job: Job, tab: Tab, asked: list[SyncToAsk]) -> None:
    """One look-up by handles, kept. X charges for whom it finds, or may have."""
    wanted = [each.handle for each in asked]
    looked_at = now()
    answer = reading(job.account, lambda client: client.users_by(wanted))
    tab.spend(len(wanted) - len(answer.missing))
    job.go_on(steps.keep_handles(job.run, job.token, asked, answer, looked_at))


def _adopt(job: Job) -> bool:
    steps.adopt(job.run, job.token)
    return True


WAYS: dict[SyncKind, Callable[[Job], bool]] = {
    SyncKind.LISTS: _lists,
    SyncKind.RECIPIENTS: _recipients,
    SyncKind.HANDLES: _handles,
    SyncKind.ADOPT: _adopt,
}
