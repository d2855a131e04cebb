"""Where X's headers say less than our ledger, they hold, until their reset; more is never believed."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from outreach.delivery import narrowing, outcomes, sender
from outreach.delivery.claim import SINCE, Claimed, Closed
from outreach.delivery.models import AccountPace, AppPace, Attempt
from outreach.ground.clock import now
from outreach.x.errors import TryLater
from outreach.x.limits import Limit, Limits, Scope
from tests import factories
from tests.delivery.conftest import befriended
from tests.delivery.letters import accepted, claim_for, claimed_of

MINUTE = timedelta(minutes=1)
SCOPES = ["endpoint", "user", "app"]


@pytest.fixture(autouse=True)
def _windows(settings):
    settings.X_ACCOUNT_WINDOWS = [(15, 900), (20, 86_400)]
    settings.X_APP_WINDOWS = [(30, 86_400)]


def limits(scope: Scope, remaining: int, *, minutes: float = 10, limit: int = 15) -> Limits:
    """What one answer says of one limit; X's resets are whole seconds."""
    reset = (now() + minutes * MINUTE).replace(microsecond=0)
    return Limits((Limit(scope, limit, remaining, reset),))


def answered(house, said: Limits) -> None:
    """A letter leaves, and X's answer has these headers."""
    factories.delivery(house)
    outcomes.record_sent(claimed_of(house), accepted(limits=said))


def narrowed(house) -> tuple[dict[str, Any], dict[str, Any]]:
    account = AccountPace.objects.get(pk=house.account.pk)
    return account.narrowed, AppPace.objects.get(pk=house.account.app_id).narrowed


@pytest.mark.parametrize("scope", SCOPES)
def test_as_many_leave_as_x_has_left_until_its_reset(house, clock, scope):
    said = limits(scope, 2)
    answered(house, said)
    for _ in range(3):
        factories.delivery(house)
    assert [type(claim_for(house)) for _ in range(2)] == [Claimed, Claimed]
    assert claim_for(house) == Closed(said.windows[0].reset)
    clock(10 * 60 + 1)
    assert isinstance(claim_for(house), Claimed)


@pytest.mark.parametrize("scope", SCOPES)
def test_an_answer_that_leaves_nothing_closes_at_once(house, scope):
    said = limits(scope, 0)
    answered(house, said)
    factories.delivery(house)
    assert claim_for(house) == Closed(said.windows[0].reset)


def test_each_scope_is_noted_where_it_belongs(house):
    for scope in SCOPES:
        answered(house, limits(scope, 5))
    account, app = narrowed(house)
    assert (sorted(account), sorted(app)) == (["endpoint", "user"], ["app"])
    started = Attempt.objects.order_by("pk").first().started_at
    assert account["endpoint"]["since"] == started.isoformat()


def test_the_app_s_limit_holds_for_its_other_accounts(house):
    other = factories.house()
    said = limits("app", 1)
    answered(house, said)
    for _ in range(2):
        factories.delivery(other)
    assert isinstance(claim_for(other), Claimed)
    assert claim_for(other) == Closed(said.windows[0].reset)


def test_an_account_s_limit_does_not(house):
    other = factories.house()
    answered(house, limits("user", 0))
    factories.delivery(other)
    assert isinstance(claim_for(other), Claimed)


def test_what_was_under_way_before_the_answer_is_not_counted_twice(house):
    """X's number is after the one it answered."""
    for _ in range(3):
        factories.delivery(house)
    before = claimed_of(house)
    outcomes.record_sent(before, accepted())
    outcomes.record_sent(claimed_of(house), accepted(limits=limits("endpoint", 1)))
    assert isinstance(claim_for(house), Claimed)
    factories.delivery(house)
    assert isinstance(claim_for(house), Closed)


# --- more is never believed --------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
def test_headers_that_agree_or_say_more_change_no_row(house, scope):
    ours = {"endpoint": 14, "user": 19, "app": 29}[scope]
    for remaining in (ours, ours + 1):
        factories.delivery(house)
        claimed = claimed_of(house)
        before = versions()
        outcomes.record_sent(claimed, accepted(limits=limits(scope, remaining)))
        assert versions() == before
        ours -= 1
    assert narrowed(house) == ({}, {})


def versions() -> list[str]:
    """The pace rows as they lie in the database: every write makes another version."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT x_account_id, ctid, xmin FROM delivery_accountpace "
            "UNION ALL SELECT app_id, ctid, xmin FROM delivery_apppace"
        )
        return sorted(str(row) for row in cursor.fetchall())


def test_headers_that_say_more_do_not_open_what_our_ledger_closes(house, settings):
    settings.X_ACCOUNT_WINDOWS = [(1, 900)]
    answered(house, limits("endpoint", 14))
    factories.delivery(house)
    assert isinstance(claim_for(house), Closed)
    assert narrowed(house) == ({}, {})


def test_one_that_says_more_later_does_not_widen_what_an_earlier_one_narrowed(house):
    said = limits("endpoint", 2)
    answered(house, said)
    before = narrowed(house)
    answered(house, limits("endpoint", 14))
    assert narrowed(house) == before
    for _ in range(2):
        factories.delivery(house)
    assert isinstance(claim_for(house), Claimed)
    assert claim_for(house) == Closed(said.windows[0].reset)


def test_a_reset_that_is_over_says_nothing(house):
    answered(house, limits("endpoint", 0, minutes=-1))
    assert narrowed(house) == ({}, {})
    factories.delivery(house)
    assert isinstance(claim_for(house), Claimed)


def test_far_from_the_limit_nothing_is_written(house, settings):
    settings.X_ACCOUNT_WINDOWS = [(1000, 900)]
    answered(house, limits("endpoint", narrowing.NEAR + 1, limit=1000))
    assert narrowed(house) == ({}, {})
    answered(house, limits("endpoint", narrowing.NEAR, limit=1000))
    assert list(narrowed(house)[0]) == ["endpoint"]


def test_where_the_app_has_no_window_of_ours_its_headers_are_left_to_x(house, settings):
    settings.X_APP_WINDOWS = []
    answered(house, limits("app", 0))
    assert narrowed(house) == ({}, {})


def test_a_refusal_s_headers_count_too(house):
    factories.delivery(house)
    error = TryLater("not_from_x", status=404, limits=limits("user", 0))
    outcomes.record_not_sent(claimed_of(house), error)
    assert list(narrowed(house)[0]) == ["user"]
    factories.delivery(house)
    assert isinstance(claim_for(house), Closed)


def test_counting_since_a_report_reads_the_ledger_by_its_index(house):
    """However long an account has been writing."""
    factories.delivery(house)
    claimed = claimed_of(house)
    ago = now() - timedelta(days=2)
    Attempt.objects.bulk_create(
        Attempt(
            delivery_id=claimed.delivery_id,
            x_account_id=claimed.x_account_id,
            app_id=claimed.app_id,
            claim_token=uuid.uuid4(),
            outcome="not_sent",
            started_at=ago,
            ended_at=ago,
            counts_until=ago,
            price=0,
        )
        for _ in range(2_000)
    )
    question = SINCE.format(owner="x_account_id").replace("/*", "EXPLAIN /*", 1)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE delivery_attempt")
        cursor.execute(question, {"owner": house.account.pk, "since": now() - MINUTE})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "ledger_of_account" in plan
    assert "counts_until" in plan.split("Index Cond")[1].split("\n")[0]


# --- over HTTP ---------------------------------------------------------------------------------------


def test_x_that_allows_less_than_we_thought_is_never_run_against(world, sandbox):
    window = {"limit": 2, "seconds": 900, "per": "user"}
    sandbox.set_limits({"send_dm": [window]})
    for number in range(3):
        befriended(sandbox, world, 900_000 + number)
    for customer in world.customers:
        factories.delivery(world, customer)
    until = sender.send_due(world.account.pk)
    assert len(sandbox.dms()) == 2
    assert list(Attempt.objects.values_list("outcome", flat=True)) == ["sent", "sent"]
    # X rounds its reset up to whole seconds.
    assert timedelta() < until - now() <= 15 * MINUTE + timedelta(seconds=1)
