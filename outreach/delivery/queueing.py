"""What a forecast goes by, read in five queries: accounts, letters, ledger, people, pauses.

Accounts that share an X app compete for its budget, also with those of other workspaces. Of these
only the times count here; nothing of them is shown to anybody.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import pairwise
from statistics import median
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from outreach.delivery.forecast import Account, App, Cap, Forecast, Letter, forecast
from outreach.delivery.statements import rows as found_rows
from outreach.delivery.windows import Hours
from outreach.ground.zones import known_zone
from outreach.x.models import AccountState

# So many accounts of an app are read, and so many lanes of each; more than that is said to be cut.
ACCOUNTS, LANES = 100, 20
NOT_READ = -1  # the lane of what is cut off whole
# How long a letter takes where none was sent lately; else the median of so many.
TAKES = timedelta(seconds=0.3)
TIMED = 50
# Whatever began later after the one before did not wait for it.
AT_ONCE = timedelta(seconds=2)
# An account is on hold with these until we ourselves or the month lift it; its own pauses, and
# those of its workspace, are read where they are set.
HOLDS = ("monthly_cap", "not_heard")

_ACCOUNTS = """
    /* forecast: accounts and their lanes */
    WITH clock AS MATERIALIZED (SELECT outreach_now() AS now),
    asked AS (SELECT id, app_id FROM x_xaccount WHERE id = ANY(%(accounts)s::bigint[])),
    others AS (
        SELECT account.id FROM delivery_accountqueue queue
        JOIN x_xaccount account ON account.id = queue.x_account_id
        WHERE %(shared)s::boolean AND queue.look_at IS NOT NULL AND account.state = 'connected'
            AND account.app_id IN (SELECT app_id FROM asked)
            AND account.id NOT IN (SELECT id FROM asked)
        ORDER BY queue.look_at, account.id LIMIT %(most)s::int + 1
    )
    SELECT clock.now, account.id, account.app_id, account.workspace_id, account.handle,
        account.state, account.paused_reason, account.id IN (SELECT id FROM asked) AS asked,
        workspace.time_zone, policy.cap_letters, policy.cap_days, policy.window_opens,
        policy.window_closes, policy.quiet_weekdays, policy.quiet_dates, policy.answer_days,
        pace.last_lane, pace.closed_until, pace.held_code, pace.held_reason, pace.wants_since,
        pace.narrowed, app_pace.closed_until AS app_closed_until,
        app_pace.narrowed AS app_narrowed, lanes.lanes
    FROM clock CROSS JOIN x_xaccount account
    JOIN accounts_workspace workspace ON workspace.id = account.workspace_id
    JOIN delivery_sendingpolicy policy ON policy.workspace_id = account.workspace_id
    LEFT JOIN delivery_accountpace pace ON pace.x_account_id = account.id
    LEFT JOIN delivery_apppace app_pace ON app_pace.app_id = account.app_id
    CROSS JOIN LATERAL (
        WITH RECURSIVE lane(number) AS (
            (SELECT lane FROM delivery_delivery
            WHERE x_account_id = account.id AND state = 'queued' ORDER BY lane LIMIT 1)
            UNION ALL
            SELECT (SELECT next.lane FROM delivery_delivery next
                WHERE next.x_account_id = account.id AND next.state = 'queued'
                    AND next.lane > lane.number ORDER BY next.lane LIMIT 1)
            FROM lane WHERE lane.number IS NOT NULL
        )
        SELECT array_agg(number) AS lanes
        FROM (SELECT number FROM lane WHERE number IS NOT NULL LIMIT %(lanes)s::int + 1) AS first_ones
    ) lanes
    WHERE account.id IN (SELECT id FROM asked UNION ALL SELECT id FROM others)
"""
_LETTERS = """
    /* forecast: the first letters of each lane */
    SELECT letter.*, customer.time_zone, customer.last_answered_at
    FROM unnest(%(accounts)s::bigint[], %(lanes)s::bigint[], %(most)s::int[])
        AS part(account, lane, most)
    CROSS JOIN LATERAL (
        SELECT id, x_account_id, lane, customer_id, recipient_x_user_id, look_at, leave_by
        FROM delivery_delivery
        WHERE x_account_id = part.account AND lane = part.lane AND state = 'queued'
        ORDER BY look_at, id LIMIT part.most + 1
    ) letter
    JOIN customers_customer customer ON customer.id = letter.customer_id
    ORDER BY letter.look_at, letter.id
"""
_LEDGER = """
    /* forecast: what counts in the windows */
    SELECT account.id AS x_account_id, NULL::bigint AS app_id, attempt.*
    FROM unnest(%(accounts)s::bigint[]) AS account(id)
    CROSS JOIN LATERAL (
        SELECT counts_until, started_at, ended_at FROM delivery_attempt
        WHERE x_account_id = account.id
            AND counts_until > %(now)s::timestamptz - make_interval(secs => %(account_seconds)s::int)
        ORDER BY counts_until DESC LIMIT %(account_most)s::int
    ) attempt
    UNION ALL
    SELECT NULL, app.id, attempt.*
    FROM unnest(%(apps)s::bigint[]) AS app(id)
    CROSS JOIN LATERAL (
        SELECT counts_until, started_at, ended_at FROM delivery_attempt
        WHERE app_id = app.id
            AND counts_until > %(now)s::timestamptz - make_interval(secs => %(app_seconds)s::int)
        ORDER BY counts_until DESC LIMIT %(app_most)s::int
    ) attempt
"""
_WRITTEN = """
    /* forecast: when these people were written to */
    SELECT letter.workspace_id, letter.recipient_x_user_id,
        coalesce(letter.sent_at, %(now)s::timestamptz) AS at
    FROM unnest(%(workspaces)s::bigint[], %(people)s::bigint[]) AS person(workspace, x_user_id)
    JOIN delivery_delivery letter ON letter.workspace_id = person.workspace
        AND letter.recipient_x_user_id = person.x_user_id
    WHERE letter.state IN ('sending', 'uncertain')
        OR letter.state = 'sent'
            AND letter.sent_at > %(now)s::timestamptz - make_interval(days => %(days)s::int)
"""
_PAUSES = """
    /* forecast: what people hold */
    SELECT workspace_id, campaign_id, reason FROM delivery_pause
    WHERE workspace_id IS NULL OR workspace_id = ANY(%(workspaces)s::bigint[])
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A letter that is not queued, for a forecast of what would be: to whom, and from when on."""

    account: int
    lane: int
    recipient_x_user_id: int | None
    time_zone: str
    last_answered_at: datetime | None
    look_at: datetime
    leave_by: datetime


@dataclass(slots=True)
class Queued:
    """Everything that forecasts of some accounts go by, at the moment `now`."""

    now: datetime
    accounts: dict[int, SimpleNamespace] = field(default_factory=dict)
    letters: dict[int, list[Letter]] = field(default_factory=lambda: defaultdict(list))  # by app
    cut: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))  # lanes, by account
    counted: dict[int, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    app_counted: dict[int, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    narrowed: dict[int, list[tuple[int, datetime]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    app_narrowed: dict[int, list[tuple[int, datetime]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    written: dict[tuple[int, int], list[datetime]] = field(
        default_factory=lambda: defaultdict(list)
    )
    held: dict[int, str] = field(default_factory=dict)  # by account
    takes: timedelta = TAKES
    apart: timedelta = TAKES

    def forecast(self) -> dict[int, Forecast]:
        """Each letter's forecast, by its id; those that were not read are not in it."""
        found: dict[int, Forecast] = {}
        for app_id in {account.app_id for account in self.accounts.values()}:
            mine = [each for each in self.accounts.values() if each.app_id == app_id]
            found |= forecast(
                self.now,
                self.letters[app_id],
                [self._account(each) for each in mine],
                App(
                    settings.X_APP_WINDOWS,
                    self.app_counted[app_id],
                    mine[0].app_closed_until,
                    self.app_narrowed[app_id],
                ),
                written=self.written,
                takes=self.takes,
                apart=self.apart,
            )
        return found

    def _account(self, row: SimpleNamespace) -> Account:
        return Account(
            row.id,
            windows=settings.X_ACCOUNT_WINDOWS,
            counted=self.counted[row.id],
            closed_until=row.closed_until,
            narrowed=self.narrowed[row.id],
            held=self.held.get(row.id, ""),
            last_lane=row.last_lane or 0,
            waits_since=row.wants_since,
            cut=frozenset(self.cut[row.id]),
        )


def read(
    x_account_ids: Iterable[int],
    *,
    most: int,
    wanted: Mapping[int, Wanted] | None = None,
    also_held: str = "",
) -> Queued:
    """What is queued from these accounts and before it, about `most` letters at most.

    `wanted`: letters as if they were queued as well, by an id of their own. `also_held`: why none
    of these accounts' letters would leave. Five queries.
    """
    asked = sorted(set(x_account_ids))
    accounts = found_rows(
        _ACCOUNTS,
        accounts=asked,
        shared=bool(settings.X_APP_WINDOWS),
        most=ACCOUNTS,
        lanes=LANES,
    )
    if not accounts:
        raise LookupError("None of these accounts is there.")
    queued = Queued(accounts[0].now)
    _keep_accounts(queued, accounts)
    pauses = found_rows(_PAUSES, workspaces=[each.workspace_id for each in accounts])
    _hold(queued, pauses, also_held)
    paused = {each.campaign_id: each.reason for each in pauses if each.campaign_id is not None}
    for row in _letters(queued, most):
        _take_on(queued, row.id, row, paused.get(row.lane, ""))
    for pk, extra in (wanted or {}).items():
        row = SimpleNamespace(x_account_id=extra.account, **_fields(extra))
        _take_on(queued, pk, row, paused.get(extra.lane, ""))
    _read_ledger(queued)
    _read_written(queued)
    return queued


def _keep_accounts(queued: Queued, rows: Sequence[SimpleNamespace]) -> None:
    others = [each for each in rows if not each.asked]
    for each in [each for each in rows if each.asked] + others[:ACCOUNTS]:
        queued.accounts[each.id] = each
        each.lanes = each.lanes or []
        if len(each.lanes) > LANES:
            queued.cut[each.id].add(NOT_READ)
    if len(others) > ACCOUNTS:
        queued.cut[others[0].id].add(NOT_READ)


def _hold(queued: Queued, pauses: Sequence[SimpleNamespace], also: str) -> None:
    whole = {each.workspace_id: each.reason for each in pauses if each.campaign_id is None}
    for pk, account in queued.accounts.items():
        reason = whole.get(None) or whole.get(account.workspace_id) or account.paused_reason
        if account.state == AccountState.DISCONNECTED:
            reason = f"@{account.handle} is not connected to X."
        if not reason and account.held_code in HOLDS:
            reason = account.held_reason
        queued.held[pk] = reason or (also if account.asked else "")


def _letters(queued: Queued, most: int) -> list[SimpleNamespace]:
    """The first letters of each lane: half of them of the accounts that were asked about."""
    parts: list[tuple[int, int, int]] = []
    accounts = queued.accounts.values()
    groups = [[each for each in accounts if each.asked is asked] for asked in (True, False)]
    share = most // sum(bool(group) for group in groups)
    for group in groups:
        lanes = [(each.id, lane) for each in group for lane in each.lanes[:LANES]]
        parts += [(pk, lane, max(1, share // len(lanes))) for pk, lane in lanes]
    found = found_rows(
        _LETTERS,
        accounts=[pk for pk, _, _ in parts],
        lanes=[lane for _, lane, _ in parts],
        most=[count for _, _, count in parts],
    )
    left = {(pk, lane): count for pk, lane, count in parts}
    kept = []
    for row in found:
        left[row.x_account_id, row.lane] -= 1
        if left[row.x_account_id, row.lane] >= 0:
            kept.append(row)
        else:
            queued.cut[row.x_account_id].add(row.lane)
    return kept


def _take_on(queued: Queued, pk: int, row: SimpleNamespace, held: str) -> None:
    account = queued.accounts[row.x_account_id]
    hours, cap = hours_of(account, row.time_zone), None
    # As facts.py: a campaign's letter is no answer.
    wrote_at = row.last_answered_at if row.lane == 0 else None
    if wrote_at and wrote_at > queued.now - timedelta(days=account.answer_days):
        hours = Hours(time(0), time(0), hours.zone)
    elif account.cap_letters:
        cap = Cap(account.cap_letters, timedelta(days=account.cap_days))
    person = None
    if row.recipient_x_user_id is not None:
        person = (account.workspace_id, row.recipient_x_user_id)
    queued.letters[account.app_id].append(
        Letter(
            pk, account.id, row.lane, row.look_at, row.leave_by, hours, person, cap, held
        )
    )  # fmt: skip


def hours_of(policy: Any, time_zone: str) -> Hours:
    """When somebody of that zone may be written to; without one, the workspace's holds."""
    return Hours.under(policy, known_zone(time_zone) or ZoneInfo(policy.time_zone))


def _read_ledger(queued: Queued) -> None:
    def bounds(windows: Sequence[tuple[int, int]]) -> tuple[int, int]:
        most = max((limit for limit, _ in windows), default=0)
        return max(most, TIMED), max((seconds for _, seconds in windows), default=0)

    account_most, account_seconds = bounds(settings.X_ACCOUNT_WINDOWS)
    app_most, app_seconds = bounds(settings.X_APP_WINDOWS)
    rows = found_rows(
        _LEDGER,
        now=queued.now,
        accounts=list(queued.accounts),
        account_most=account_most,
        account_seconds=account_seconds,
        apps=sorted({each.app_id for each in queued.accounts.values()}),
        app_most=app_most,
        app_seconds=app_seconds,
    )
    asked: dict[int, list[SimpleNamespace]] = defaultdict(list)
    for row in rows:
        if row.app_id is not None:
            queued.app_counted[row.app_id].append(row.counts_until)
            continue
        queued.counted[row.x_account_id].append(row.counts_until)
        if row.ended_at and queued.accounts[row.x_account_id].asked:
            asked[row.x_account_id].append(row)
    for account in queued.accounts.values():
        mine = (row.started_at for row in rows if row.x_account_id == account.id)
        queued.narrowed[account.id] = _narrowed(account.narrowed, mine, queued.now)
        ours = (row.started_at for row in rows if row.app_id == account.app_id)
        queued.app_narrowed[account.app_id] = _narrowed(account.app_narrowed, ours, queued.now)
    _time(queued, asked.values())


def _time(queued: Queued, ledgers: Iterable[list[SimpleNamespace]]) -> None:
    """How long letters took lately, and how far apart those of an account were that came at once."""
    took: list[float] = []
    apart: list[float] = []
    for ledger in ledgers:
        ledger.sort(key=lambda row: row.started_at)
        last = ledger[-TIMED:]
        took += [(row.ended_at - row.started_at).total_seconds() for row in last]
        apart += [
            (after.started_at - before.started_at).total_seconds()
            for before, after in pairwise(last)
            if after.started_at - before.ended_at < AT_ONCE
        ]
    if took:
        queued.takes = timedelta(seconds=median(took))
        queued.apart = max(queued.takes, timedelta(seconds=median(apart or took)))


def _narrowed(
    reports: str | None, started: Iterable[datetime], moment: datetime
) -> list[tuple[int, datetime]]:
    """As claim.py has it: so many more until then, by what X's headers said last."""
    known = [
        (
            each["remaining"],
            datetime.fromisoformat(each["since"]),
            datetime.fromisoformat(each["reset"]),
        )
        for each in json.loads(reports or "{}").values()
    ]
    known = [each for each in known if each[2] > moment]
    moments = list(started) if known else []
    return [(left - sum(each > since for each in moments), reset) for left, since, reset in known]


def _read_written(queued: Queued) -> None:
    letters = [each for mine in queued.letters.values() for each in mine if each.cap]
    people: list[Any] = sorted({each.person for each in letters if each.person is not None})
    rows = found_rows(
        _WRITTEN,
        now=queued.now,
        workspaces=[workspace for workspace, _ in people],
        people=[x_user_id for _, x_user_id in people],
        days=max((each.cap_days for each in queued.accounts.values()), default=0),
    )
    for row in rows:
        queued.written[row.workspace_id, row.recipient_x_user_id].append(row.at)


def _fields(extra: Wanted) -> dict[str, Any]:
    return {name: getattr(extra, name) for name in Wanted.__slots__ if name != "account"}
