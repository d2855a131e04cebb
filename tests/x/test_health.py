"""How an account's calls go: what is kept, how seldom it is written, what a page says of it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from outreach.ground.clock import now
from outreach.x import errors, health, scopes
from outreach.x.calls import CallReport
from outreach.x.client import XClient
from outreach.x.errors import LimitedUntil, NeverReason, TryLater, XError
from outreach.x.limits import Limit, Limits
from outreach.x.models import AccountHealth
from tests import factories
from tests.delivery.meanwhile import threads

USERS, SEND = "GET /2/users", "POST /2/dm_conversations/with/:participant_id/messages"
RESET = datetime(2026, 11, 23, 15, tzinfo=UTC)


class Clock:
    """The monotonic clock of the process, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def ticking(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(health, "time", clock)
    monkeypatch.setattr(health, "_noted", {})
    return clock


@pytest.fixture
def account(house):
    return house.account


def report(
    error: XError | None = None, *, call: str = USERS, left: int | None = None, status: int = 200
) -> CallReport:
    windows = () if left is None else (Limit("endpoint", 15, left, RESET),)
    return CallReport(call, error, status, "abc-1", Limits(windows))


def kept(account) -> AccountHealth:
    return AccountHealth.objects.get(pk=account.pk)


def remaining(account) -> dict[str, int]:
    return {call: found["windows"][0]["remaining"] for call, found in kept(account).limits.items()}


# --- keeping it ------------------------------------------------------------------------------


def test_a_success_and_its_limits_are_kept(account, ticking):
    before = now()
    health.note(account.pk)(report(left=14))
    row = kept(account)
    assert row.last_success_at is not None
    assert before <= row.last_success_at <= now()
    assert (row.last_success_call, row.last_error_at, row.last_error_kind) == (USERS, None, "")
    assert row.limits == {
        USERS: {
            "at": row.last_success_at.isoformat(),
            "windows": [
                {"scope": "endpoint", "limit": 15, "remaining": 14, "reset": RESET.isoformat()}
            ],
        }
    }


def test_an_error_is_kept_beside_the_last_success(account, ticking):
    observe = health.note(account.pk)
    observe(report())
    success = kept(account)
    observe(report(LimitedUntil("rate_limited"), call=SEND, left=0, status=429))
    row = kept(account)
    assert (row.last_success_at, row.last_success_call) == (success.last_success_at, USERS)
    assert (row.last_error_call, row.last_error_kind, row.last_error_request_id) == (
        SEND,
        "rate_limited",
        "abc-1",
    )
    assert remaining(account) == {SEND: 0}
    observe(report(left=3))
    after = kept(account)
    assert (after.last_error_at, after.last_error_kind) == (row.last_error_at, "rate_limited")
    assert after.last_success_at is not None
    assert after.last_success_at > row.last_error_at
    assert remaining(account) == {SEND: 0, USERS: 3}


def test_a_process_writes_at_most_once_in_five_seconds(account, ticking, django_assert_num_queries):
    observe = health.note(account.pk)
    with django_assert_num_queries(2):
        observe(report(left=14))
    with django_assert_num_queries(0):
        for left in range(13, 3, -1):
            ticking.seconds += 0.4
            observe(report(left=left))
            health.note(account.pk)(report(left=left))
    assert remaining(account) == {USERS: 14}
    ticking.seconds += 1.1
    with django_assert_num_queries(2):
        observe(report())
    assert remaining(account) == {USERS: 4}  # what was said meanwhile is not lost


def test_a_turn_from_success_to_error_or_back_is_written_at_once(account, ticking):
    observe = health.note(account.pk)
    observe(report())
    observe(report(TryLater("server_error")))
    first = kept(account)
    assert first.last_error_kind == "server_error"
    observe(report(TryLater("gateway")))
    assert kept(account).last_error_kind == "server_error"
    observe(report())
    assert kept(account).last_success_at > first.last_error_at


def test_a_call_seen_for_the_first_time_is_written_at_once(account, ticking):
    observe = health.note(account.pk)
    observe(report(left=14))
    observe(report(call=SEND, left=9))
    observe(report(call=SEND, left=8))
    assert remaining(account) == {USERS: 14, SEND: 9}


def test_accounts_are_kept_apart(house, ticking):
    other = factories.account(house.workspace)
    health.note(house.account.pk)(report(left=1))
    health.note(other.pk)(report(TryLater("gateway"), left=2))
    assert (remaining(house.account), remaining(other)) == ({USERS: 1}, {USERS: 2})
    assert (kept(house.account).last_error_kind, kept(other).last_error_kind) == ("", "gateway")


def test_it_never_writes_inside_a_transaction_nor_raises(transactional_db, ticking, caplog):
    account = factories.house().account
    with transaction.atomic():
        health.note(account.pk)(report())
    assert not AccountHealth.objects.exists()
    assert caplog.messages == [f"health of account {account.pk} not written: RuntimeError"]


def test_a_database_that_is_away_is_no_trouble(transactional_db, ticking, caplog, monkeypatch):
    account = factories.house().account

    def away():
        raise ConnectionError("a text that must not be logged")

    monkeypatch.setattr(health, "now", away)
    with caplog.at_level(logging.DEBUG):
        health.note(account.pk)(report())
    assert caplog.messages == [f"health of account {account.pk} not written: ConnectionError"]
    assert connection.is_usable()


def test_an_account_that_is_gone_is_no_trouble(transactional_db, ticking):
    health.note(10**9)(report())
    assert not AccountHealth.objects.exists()


def test_many_threads_keep_one_row(transactional_db, ticking):
    account = factories.house().account

    def work(number: int) -> None:
        observe = health.note(account.pk)
        observe(report(None if number % 2 else TryLater("gateway"), left=number))

    with threads(8) as start:
        for working in [start(work, number) for number in range(40)]:
            working.result()
    row = kept(account)
    assert (row.last_success_call, row.last_error_kind) == (USERS, "gateway")


def test_what_is_longer_than_its_column_is_cut(account, ticking):
    long = CallReport("GET /" + "x" * 200, TryLater("k" * 99), None, "r" * 300, Limits())
    health.note(account.pk)(long)
    row = kept(account)
    assert [
        len(each) for each in (row.last_error_call, row.last_error_kind, row.last_error_request_id)
    ] == [80, 48, 100]


def test_the_client_tells_it_of_real_calls(sandbox, house, ticking):
    brand = sandbox.add_user(2244994945, "inkandloom")
    token = sandbox.issue_token(brand)
    observe = health.note(house.account.pk)
    XClient(token, base_url=sandbox.base_url, on_call=observe).users([brand])
    assert kept(house.account).last_success_call == USERS
    (line,) = health.in_words(kept(house.account), now()).limits
    assert (line.call, line.limit - line.remaining, line.stale) == ("Looking people up", 1, False)
    sandbox.revoke_token(token)
    with pytest.raises(XError):
        XClient(token, base_url=sandbox.base_url, on_call=observe).users([brand])
    assert kept(house.account).last_error_kind == "token_refused"


# --- what a page says ------------------------------------------------------------------------


def test_an_account_without_calls_has_nothing_to_say():
    assert health.in_words(None, RESET) == health.Health()
    assert not health.Health().failing


def test_the_last_calls_in_words(account, ticking):
    observe = health.note(account.pk)
    observe(report(left=14))
    observe(report(LimitedUntil("rate_limited"), call=SEND, left=0))
    said = health.in_words(kept(account), RESET - timedelta(minutes=1))
    assert (said.success_call, said.error_call, said.error, said.error_request_id) == (
        "Looking people up",
        "Sending a letter",
        "A limit of X was reached; it opens again by itself.",
        "abc-1",
    )
    assert said.failing
    assert [(line.call, line.remaining, line.used, line.stale) for line in said.limits] == [
        ("Sending a letter", 0, 15, False),
        ("Looking people up", 14, 1, False),
    ]
    assert all(line.stale for line in health.in_words(kept(account), RESET).limits)
    observe(report())
    assert not health.in_words(kept(account), RESET).failing


def kinds() -> set[str]:
    """Every kind of error that an answer of X's, or the lack of one, can have."""
    table = {row.kind for row in errors.TABLE} | {errors.UNREADABLE.kind}
    table |= {reason.value for reason in NeverReason}
    return table | {"no_connection", "deadline_passed", "answer_timed_out", "connection_lost"}


def test_every_kind_of_error_has_a_sentence():
    assert {kind for kind in kinds() if kind not in health.ERROR_WORDS} == set()
    for words in health.ERROR_WORDS.values():
        assert words.endswith(".")
        assert words[0].isupper()
    assert health.error_words("something new") == "X did not do what was asked."


def test_every_scope_that_is_asked_for_has_words(settings):
    assert set(settings.X_SCOPES) == set(scopes.SCOPE_WORDS)
    assert scopes.in_words(["new.scope", "dm.read", "dm.write"]) == [
        "send messages",
        "read its messages",
        "new.scope",
    ]
    assert scopes.missing(settings.X_SCOPES[1:]) == ["send messages"]
    assert scopes.in_words([]) == []
