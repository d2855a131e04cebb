"""The budget against a count by hand."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outreach.delivery import budget
from outreach.delivery.models import Attempt, Outcome
from outreach.delivery.statements import one
from tests import factories

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def attempt(
    delivery, ended_ago: float, outcome: str = Outcome.NOT_SENT, took: float = 1
) -> Attempt:
    ended = NOW - ended_ago * SECOND
    return Attempt.objects.create(
        delivery=delivery,
        x_account_id=delivery.x_account_id,
        app_id=delivery.x_account.app_id,
        claim_token=uuid.uuid4(),
        outcome=outcome,
        started_at=ended - took * SECOND,
        ended_at=None if outcome == Outcome.POSTING else ended,
        counts_until=ended,
        price="0.0150",
    )


@pytest.fixture
def delivery(house):
    return factories.delivery(house)


def next_allowed(delivery, windows, now=NOW) -> datetime:
    return budget.next_allowed("x_account_id", delivery.x_account_id, windows, now)


def test_an_empty_ledger_allows_at_once(delivery):
    assert next_allowed(delivery, [(1, 60)]) == NOW


@pytest.mark.parametrize("outcome", Outcome.values)
def test_an_attempt_of_any_outcome_counts(delivery, outcome):
    attempt(delivery, 10, outcome)
    assert next_allowed(delivery, [(1, 60)]) == NOW + 50 * SECOND
    (use,) = budget.use_of_accounts([delivery.x_account_id], [(1, 60)], NOW)[delivery.x_account_id]
    assert (use.used, use.left, use.free_at) == (1, 0, NOW + 50 * SECOND)


def test_an_attempt_counts_until_one_window_after_its_end(delivery):
    attempt(delivery, 60 - 1e-6, took=300)
    assert next_allowed(delivery, [(1, 60)]) == NOW + timedelta(microseconds=1)


def test_one_window_after_its_end_it_counts_no_more(delivery):
    attempt(delivery, 60, took=300)
    assert next_allowed(delivery, [(1, 60)]) == NOW


def test_one_that_may_still_arrive_counts_beyond_now(delivery):
    attempt(delivery, -20, Outcome.POSTING)
    assert next_allowed(delivery, [(1, 60)]) == NOW + 80 * SECOND


def test_another_account_s_attempts_count_for_the_app_alone(house, delivery):
    other = factories.house()
    attempt(factories.delivery(other), 10)
    assert next_allowed(delivery, [(1, 60)]) == NOW
    app = budget.next_allowed("app_id", house.account.app_id, [(1, 60)], NOW)
    assert app == NOW + 50 * SECOND


# Half seconds, so that 'at the same moment' comes up.
ages = st.lists(st.integers(min_value=-40, max_value=130).map(lambda n: n / 2), max_size=14)
windows_of_any_kind = st.lists(
    st.tuples(st.integers(min_value=1, max_value=6), st.sampled_from([1, 5, 20, 60])),
    max_size=4,
    unique=True,
)


def fits(ends: list[datetime], windows, moment: datetime, ahead: int = 0) -> bool:
    """Count by hand: each window holds fewer than its limit, with room for those ahead.

    Where more are ahead than a window holds, whoever finds it empty may go.
    """
    return all(
        sum(moment < end + seconds * SECOND for end in ends) < max(limit - ahead, 1)
        for limit, seconds in windows
    )


@given(ages=ages, windows=windows_of_any_kind, ahead=st.integers(min_value=0, max_value=7))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_next_attempt_is_allowed_at_the_first_moment_at_which_it_fits(
    delivery, ages, windows, ahead
):
    ends = [NOW - age * SECOND for age in ages]
    # Attempts are never removed, so each example is taken back instead.
    with transaction.atomic():
        attempts_that_end(delivery, ends)
        agrees_with_a_count_by_hand(delivery, ends, windows)
        waits_for_those_ahead(delivery, ends, windows, ahead)
        transaction.set_rollback(True)


def attempts_that_end(delivery, ends: list[datetime]) -> None:
    under_way = ends.index(max(ends)) if ends and max(ends) > NOW else None
    Attempt.objects.bulk_create(
        Attempt(
            delivery=delivery,
            x_account_id=delivery.x_account_id,
            app_id=delivery.x_account.app_id,
            claim_token=uuid.uuid4(),
            # One is under way, if any can be: the one that counts longest.
            outcome=Outcome.POSTING if under_way == number else Outcome.NOT_SENT,
            started_at=end - 30 * SECOND,
            ended_at=None if under_way == number else end,
            counts_until=end,
            price="0.0150",
        )
        for number, end in enumerate(ends)
    )


def first_fit(ends: list[datetime], windows, ahead: int = 0) -> datetime:
    # It can only begin to fit when one of them leaves a window.
    leaving = {end + seconds * SECOND for end, (_, seconds) in itertools.product(ends, windows)}
    return next(
        moment
        for moment in sorted({NOW, *(moment for moment in leaving if moment > NOW)})
        if fits(ends, windows, moment, ahead)
    )


def waits_for_those_ahead(delivery, ends: list[datetime], windows, ahead: int) -> None:
    """What the claim asks about an app's windows."""
    sql = budget.free_at("app_id = %(app)s", windows, "%(ahead)s::int")
    found = one(
        f"SELECT greatest(clock.now, {sql}) AS at FROM (SELECT %(now)s::timestamptz AS now) clock",
        app=delivery.x_account.app_id,
        ahead=ahead,
        now=NOW,
    )
    assert found is not None
    assert found.at == first_fit(ends, windows, ahead)


def agrees_with_a_count_by_hand(delivery, ends: list[datetime], windows) -> None:
    expected = first_fit(ends, windows)
    owners: list[tuple[budget.Owner, int]] = [
        ("x_account_id", delivery.x_account_id),
        ("app_id", delivery.x_account.app_id),
    ]
    for owner, pk in owners:
        assert budget.next_allowed(owner, pk, windows, NOW) == expected
    uses = budget.use_of_accounts([delivery.x_account_id], windows, NOW)[delivery.x_account_id]
    assert [(use.limit, use.seconds) for use in uses] == windows
    assert [use.used for use in uses] == [
        sum(end + seconds * SECOND > NOW for end in ends) for _, seconds in windows
    ]
    assert max((use.free_at for use in uses), default=NOW) == expected


def test_the_use_of_many_accounts_is_one_query(house, delivery, django_assert_num_queries):
    others = [factories.account(house.workspace) for _ in range(2)]
    attempt(delivery, 10)
    ids = [house.account.pk, *(other.pk for other in others)]
    with django_assert_num_queries(1):
        uses = budget.use_of_accounts(ids, [(15, 900), (1440, 86400)], NOW)
    assert [[use.used for use in uses[pk]] for pk in ids] == [[1, 1], [0, 0], [0, 0]]
