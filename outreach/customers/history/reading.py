"""The reading itself: page by page, then who those people are, then one merge.

Until the merge, what was found lies in HistoryPerson, so that a worker that dies leaves the
customers as they were; the merge is one transaction. Only a stop takes effect at once.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection
from django.db.models import F

from outreach.audit.actions import record
from outreach.customers.actions import suppress_step
from outreach.customers.finding.actions import answered_many_step, answered_step
from outreach.customers.hooks import reads_as_stop
from outreach.customers.invitations.hearing import place_of, stop_reason
from outreach.customers.models import Customer, HistoryPerson, HistoryRun, Suppression
from outreach.customers.newcomers import Somebody, not_erased, welcome
from outreach.ground.clock import now
from outreach.ground.runs import RunLost, RunState, end, keep, put_off, take
from outreach.ground.writes import engine_action, outside_transactions
from outreach.x.client import EVENTS_PER_PAGE, USERS_PER_CALL, DMEvent, DMPage, UsersAnswer
from outreach.x.errors import (
    AccountLocked,
    LimitedUntil,
    NeverReason,
    NeverWill,
    NotCalled,
    PaymentNeeded,
    TokenRefused,
    TryLater,
    XError,
)
from outreach.x.expenses import CapReached, Purpose, open_tab
from outreach.x.models import AccountState, XAccount, XToken
from outreach.x.payloads import storable
from outreach.x.queries import reading
from outreach.x.tokens import TokenKeyMissing

log = logging.getLogger("outreach.customers")

# Longer than two reads with their retries and a refresh between them.
LEASE = timedelta(seconds=120)
PERIOD = timedelta(days=30)
# Source: X's rate limits, 15 calls of dm_events in 15 minutes; where X does not say when.
LIMIT_OPENS = timedelta(minutes=15)
# After so many times in a row without an answer it is given up: about an hour and a half.
MOST_TRIES = 10
LONGEST_WAIT = timedelta(minutes=15)

_FOUND = """
    INSERT INTO customers_historyperson AS known (workspace_id, run_id, x_user_id, dm_event_id,
        text, written_at, said_stop, handle, name, asked)
    SELECT %(workspace)s, %(run)s, said.id, said.dm_event_id, said.text, said.written_at,
        said.said_stop, '', '', false
    FROM unnest(%(ids)s::bigint[], %(dm_event_ids)s::bigint[], %(texts)s::text[],
            %(times)s::timestamptz[], %(stops)s::boolean[])
        AS said(id, dm_event_id, text, written_at, said_stop)
    ON CONFLICT ON CONSTRAINT history_person_once DO UPDATE SET
        said_stop = known.said_stop OR EXCLUDED.said_stop,
        (dm_event_id, text, written_at) = (
            SELECT newest.dm_event_id, newest.text, newest.written_at
            FROM (VALUES (known.dm_event_id, known.text, known.written_at),
                    (EXCLUDED.dm_event_id, EXCLUDED.text, EXCLUDED.written_at))
                AS newest(dm_event_id, text, written_at)
            ORDER BY newest.written_at DESC NULLS LAST LIMIT 1)
"""
# One for each person who wrote, with their newest message: who said stop gets none, nor who is
# suppressed, nor a message that gave one already, nor whoever was heard that day or later.
_PERMIT = """
    WITH due AS (
        SELECT DISTINCT ON (coalesce(customer.merged_into_id, customer.id))
            coalesce(customer.merged_into_id, customer.id) AS customer_id,
            person.dm_event_id, person.text, person.written_at
        FROM customers_historyperson person
        JOIN customers_customer customer ON customer.workspace_id = person.workspace_id
            AND customer.x_user_id = person.x_user_id
        WHERE person.run_id = %(run)s AND NOT person.said_stop AND person.dm_event_id IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM customers_suppression suppression
                WHERE suppression.workspace_id = person.workspace_id
                    AND suppression.x_user_id = person.x_user_id)
            AND NOT EXISTS (SELECT 1 FROM customers_heardmessage heard
                WHERE heard.workspace_id = person.workspace_id
                    AND heard.dm_event_id = person.dm_event_id)
            AND NOT EXISTS (SELECT 1 FROM customers_permission given
                JOIN customers_heardmessage heard ON heard.permission_id = given.id
                WHERE given.customer_id = coalesce(customer.merged_into_id, customer.id)
                    AND given.basis = 'wrote_to_us'
                    AND given.withdrawn_at IS NULL AND given.given_at
                        >= date_trunc('day', person.written_at, 'UTC'))
        ORDER BY coalesce(customer.merged_into_id, customer.id), person.written_at DESC
    ), made AS (
        INSERT INTO customers_permission
            (workspace_id, customer_id, basis, given_at, place, evidence)
        SELECT %(workspace)s, customer_id, 'wrote_to_us', written_at, %(place)s, text FROM due
        RETURNING id, customer_id
    )
    INSERT INTO customers_heardmessage (permission_id, workspace_id, dm_event_id)
    SELECT made.id, %(workspace)s, due.dm_event_id FROM made JOIN due USING (customer_id)
"""


class _Over(Exception):  # noqa: N818  how a step ends the run
    """The run failed; `str()` says why, for an administrator."""


@outside_transactions
def work(run_id: int) -> None:
    """Go on with a run, unless somebody does, until it ends or X wants it to wait."""
    token = take(HistoryRun, run_id, LEASE)
    if token is None:
        return
    try:
        while _step(run_id, token):
            pass
    except RunLost:
        log.info("history %s: another worker has it, or it ended", run_id)


def _step(run_id: int, token: uuid.UUID) -> bool:
    """One step; whether there is another one now."""
    run = HistoryRun.everywhere.select_related("x_account").get(pk=run_id)
    if run.cancel_asked:  # while X kept us waiting
        _end(run, token, RunState.CANCELLED)
        return False
    try:
        if run.x_account.state == AccountState.DISCONNECTED:
            raise _Over(f"@{run.x_account.handle} is not connected any more.")
        if not run.all_read:
            return _read_a_page(run, token)
        asked = list(
            HistoryPerson.everywhere.filter(run=run, asked=False)
            .order_by("x_user_id")
            .values_list("x_user_id", flat=True)[:USERS_PER_CALL]
        )
        if asked:
            return _look_up(run, token, asked)
        _merge(run, token)
    except _Over as error:
        _end(run, token, RunState.FAILED, str(error))
    except (XToken.DoesNotExist, TokenKeyMissing):
        _end(run, token, RunState.FAILED, "The account has no token that serves. Connect it again.")
    except XError as error:
        _after_an_error(run, token, error)
    return False


# --- reading -------------------------------------------------------------------------------------


def _read_a_page(run: HistoryRun, token: uuid.UUID) -> bool:
    account = run.x_account
    wanted = min(EVENTS_PER_PAGE, run.most - run.done)
    try:
        with open_tab(account.app_id, account.pk, "dm_event", wanted, purpose=Purpose.SYNC) as tab:
            page: DMPage = reading(
                account,
                lambda client: client.dm_events(
                    page_token=run.page_token or None, max_results=tab.left
                ),
            )
            tab.spend(len(page.events) + page.unreadable)
    except CapReached:
        return _carry_on(run, token, _all_read, problem=CAP_WORDS.format("reading"))
    since = now() - PERIOD
    theirs = [
        event
        for event in page.events
        if event.created_at >= since and _is_to_the_brand(account, event)
    ]
    found = _sifted(theirs)
    for person in found:
        if person.said_stop:
            _suppress(account, person)
    done = run.done + len(page.events) + page.unreadable
    older = any(event.created_at < since for event in page.events)
    over = page.next_token is None or done >= run.most or older
    then = partial(_store_page, found=found, over=over)
    return _carry_on(run, token, then, done=done, page_token=page.next_token or "")


@dataclass(slots=True)
class _Found:
    """What somebody wrote on one page: their newest message that is no stop, and whether one was."""

    x_user_id: int
    dm_event_id: int | None = None
    text: str = ""
    written_at: datetime | None = None
    said_stop: bool = False
    stopped_at: datetime | None = None


def _sifted(events: list[DMEvent]) -> list[_Found]:
    found: dict[int, _Found] = {}
    for event in sorted(events, key=lambda event: event.created_at, reverse=True):
        stop = reads_as_stop(event.expanded_text)
        if stop is None:  # may be one: no permission, and nobody is suppressed for it
            continue
        person = found.setdefault(event.sender_id, _Found(event.sender_id))
        if stop:
            person.said_stop = True
            person.stopped_at = person.stopped_at or event.created_at
        elif person.dm_event_id is None:
            person.dm_event_id, person.written_at = event.id, event.created_at
            person.text = storable(event.expanded_text)
    return list(found.values())


def _is_to_the_brand(account: XAccount, event: DMEvent) -> bool:
    """From somebody else, in a conversation of two."""
    return event.other_end(account.x_user_id) == event.sender_id


@engine_action
def _suppress(account: XAccount, person: _Found) -> None:
    assert person.stopped_at is not None
    reason = stop_reason(account, person.stopped_at)
    suppress_step(account.workspace_id, person.x_user_id, reason, actor_id=None)
    last = max(filter(None, (person.stopped_at, person.written_at)))
    answered_step(account.workspace_id, person.x_user_id, last)


def _store_page(run: HistoryRun, *, found: list[_Found], over: bool) -> dict[str, Any]:
    # An erasure holds the run, so whoever is being erased is erased by now, or in these rows then.
    welcome_here = not_erased(run.workspace_id, [each.x_user_id for each in found])
    found = [each for each in found if each.x_user_id in welcome_here]
    values: dict[str, Any] = {
        "workspace": run.workspace_id,
        "run": run.pk,
        "ids": [each.x_user_id for each in found],
        "dm_event_ids": [each.dm_event_id for each in found],
        "texts": [each.text for each in found],
        "times": [each.written_at for each in found],
        "stops": [each.said_stop for each in found],
    }
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, values)
    return _all_read(run) if over else {}


def _all_read(run: HistoryRun) -> dict[str, Any]:
    """From here on it is about who they are: X is asked only about those who are to be customers."""
    people = HistoryPerson.everywhere.filter(run=run)
    wanted = set(
        people.filter(said_stop=False, dm_event_id__isnull=False).values_list(
            "x_user_id", flat=True
        )
    )
    for rows in (Customer.everywhere, Suppression.everywhere):
        of_workspace = rows.filter(workspace_id=run.workspace_id, x_user_id__in=wanted)
        wanted -= set(of_workspace.values_list("x_user_id", flat=True))
    wanted = not_erased(run.workspace_id, wanted)
    people.exclude(x_user_id__in=wanted).update(asked=True)
    stopped = people.filter(said_stop=True).count()
    return {"all_read": True, "wrote": people.count(), "stopped": stopped}


# --- who they are --------------------------------------------------------------------------------


def _look_up(run: HistoryRun, token: uuid.UUID, ids: list[int]) -> bool:
    account = run.x_account
    try:
        with open_tab(account.app_id, account.pk, "user", len(ids), purpose=Purpose.SYNC) as tab:
            answer: UsersAnswer = reading(account, lambda client: client.users(ids[: tab.left]))
            tab.spend(len(answer.found))
    except CapReached:
        return _carry_on(run, token, _leave_out_the_rest, problem=CAP_WORDS.format("looking up"))
    return _carry_on(run, token, partial(_store_answer, answer=answer))


def _store_answer(run: HistoryRun, *, answer: UsersAnswer) -> dict[str, Any]:
    people = HistoryPerson.everywhere.filter(run=run)
    named = {user.id: user for user in answer.found}
    rows = list(people.filter(x_user_id__in=named))
    for row in rows:
        row.handle = storable(named[row.x_user_id].handle)[:50]
        row.name = storable(named[row.x_user_id].name)[:100]
        row.asked = True
    HistoryPerson.everywhere.bulk_update(rows, ["handle", "name", "asked"])
    nameless = [*answer.missing, *answer.unanswered]
    people.filter(x_user_id__in=nameless).update(asked=True)
    return {
        "looked_up": F("looked_up") + len(rows),
        "left_out": F("left_out") + len(nameless),
    }


def _leave_out_the_rest(run: HistoryRun) -> dict[str, Any]:
    rest = HistoryPerson.everywhere.filter(run=run, asked=False).update(asked=True)
    return {"left_out": F("left_out") + rest}


CAP_WORDS = (
    "This month’s cap stopped the {}. Raise it on the account’s page, or read again next month."
)


# --- the end -------------------------------------------------------------------------------------


@engine_action
def _merge(run: HistoryRun, token: uuid.UUID) -> None:
    """Everybody at once: customers, permissions, and the run's end."""
    keep(HistoryRun, run.pk, token, LEASE)  # nobody else merges it meanwhile
    people = HistoryPerson.everywhere.filter(run=run, said_stop=False, dm_event_id__isnull=False)
    welcomed = welcome(
        run.workspace_id,
        [Somebody(*row) for row in people.values_list("x_user_id", "handle", "name")],
        unnamed=False,
    )
    values: dict[str, Any] = {
        "run": run.pk,
        "workspace": run.workspace_id,
        "place": place_of(run.x_account),
    }
    wrote = people.filter(x_user_id__in=welcomed.customers)
    answered_many_step(
        run.workspace_id,
        [(each, at) for each, at in wrote.values_list("x_user_id", "written_at") if at is not None],
    )
    with connection.cursor() as cursor:
        cursor.execute(_PERMIT, values)
        permitted = int(cursor.rowcount)
    came = {"permitted": permitted, "added": welcomed.made}
    record(
        "history.read",
        target_kind="x_account",
        target_id=run.x_account_id,
        workspace_id=run.workspace_id,
        actor_id=run.started_by_id,
        details={"run": run.pk, "messages": run.done, "stopped": run.stopped, **came},
    )
    HistoryPerson.everywhere.filter(run=run).delete()
    end(HistoryRun, run.pk, token, RunState.DONE, problem=run.problem, waits_for="", **came)


@engine_action
def _end(run: HistoryRun, token: uuid.UUID, state: RunState, problem: str = "") -> None:
    """End it without effect; what was read is forgotten."""
    HistoryPerson.everywhere.filter(run=run).delete()
    end(HistoryRun, run.pk, token, state, problem=problem, waits_for="")


def _carry_on(
    run: HistoryRun,
    token: uuid.UUID,
    then: Callable[[HistoryRun], dict[str, Any]],
    **values: Any,
) -> bool:
    """Commit a step with where the run is; whether it goes on."""
    if not _kept(run, token, then, values):
        return True
    _end(run, token, RunState.CANCELLED)
    return False


@engine_action
def _kept(
    run: HistoryRun,
    token: uuid.UUID,
    then: Callable[[HistoryRun], dict[str, Any]],
    values: dict[str, Any],
) -> bool:
    """Whether somebody asked to cancel it. Raises RunLost, which takes the step back."""
    keep(HistoryRun, run.pk, token, LEASE)  # the row first: whoever lost it writes nothing
    return keep(HistoryRun, run.pk, token, LEASE, tries=0, waits_for="", **values, **then(run))


@engine_action
def _wait(run: HistoryRun, token: uuid.UUID, until: datetime, words: str, **values: Any) -> None:
    put_off(HistoryRun, run.pk, token, until, waits_for=words, **values)


def _after_an_error(run: HistoryRun, token: uuid.UUID, error: XError) -> None:
    """Wait where waiting may help; begin anew where X forgot the page; else fail in words."""
    if isinstance(error, LimitedUntil):
        until = error.until or now() + LIMIT_OPENS
        _wait(run, token, until, "X’s limit for these calls is used up.", tries=0)
    elif isinstance(error, TryLater | NotCalled | TokenRefused):
        if run.tries >= MOST_TRIES:
            words = "X did not answer for too long. Read again later; what was read costs nothing more today."
            _end(run, token, RunState.FAILED, words)
            return
        pause = min(timedelta(seconds=10 * 2**run.tries), LONGEST_WAIT)
        _wait(run, token, now() + pause, "X did not answer.", tries=run.tries + 1)
    elif (
        isinstance(error, NeverWill) and error.reason == NeverReason.BAD_REQUEST and run.page_token
    ):
        # A page's token that X does not take any more. The bound on messages holds all the same.
        _wait(run, token, now(), "X forgot where we were, so it begins anew.", page_token="")
    else:
        _end(run, token, RunState.FAILED, _why(error))


def _why(error: XError) -> str:
    if isinstance(error, PaymentNeeded):
        return "The X app’s credits or usage at X are used up. Mend that at X, then read again."
    if isinstance(error, AccountLocked):
        return "X locked the account. Sign in to X as the brand, then read again."
    if isinstance(error, NeverWill) and error.reason == NeverReason.NO_ACCESS:
        return "The account may not read messages. Connect it again and leave everything ticked."
    return "X refuses to show the messages, and does not say why."
