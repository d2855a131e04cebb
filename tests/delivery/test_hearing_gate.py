"""Who cannot hear 'stop' does not speak: when an account counts as heard, case by case."""

from __future__ import annotations

import itertools
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from outreach.delivery import claim
from outreach.delivery.hearing import queries
from outreach.delivery.models import AccountPace, Attempt, Delivery, SendingPolicy
from outreach.ground.clock import now
from outreach.x.hooks import Heard
from outreach.x.models import Gap, Stream, Subscription, XAccount, XApp
from tests import factories

MINUTE = timedelta(minutes=1)
WITHIN = 15 * MINUTE
# When something was, in minutes before now; None: never.
STREAM = {"never": None, "alive": 14, "silent": 16}
READ = {"never": None, "lately": 14, "long ago": 16}
# Began and ended so many minutes ago; the third says whether somebody has filled it.
GAPS = {
    "none": None,
    "open": (20, None, False),
    "ended before any reading": (40, 17, False),
    "ended between the readings": (40, 15, False),
    "ended after all readings": (40, 13, False),
    "filled": (40, 13, True),
}
# When X was asked to tell of messages, and whether letters had left before that.
ASKED = {
    "never": (None, False),
    "always": (60, False),
    "before all readings": (17, True),
    "after all readings": (10, True),
}


@pytest.fixture
def account(house) -> XAccount:
    """Nobody ever heard it."""
    AccountPace.objects.update(heard_dms_at=None)
    return house.account


def arrange(
    house: factories.House,
    moment: datetime,
    stream: int | None,
    read: int | None,
    gap: tuple[int, int | None, bool] | None,
    asked: tuple[int | None, bool],
) -> None:
    """The rows say so, and no others do."""
    account = house.account
    for model in (Gap, Stream, Subscription):
        model.objects.all().delete()

    def ago(minutes: int | None) -> Any:
        return None if minutes is None else moment - minutes * MINUTE

    Stream.objects.create(app_id=account.app_id, heard_at=ago(stream))
    AccountPace.objects.filter(pk=account.pk).update(heard_dms_at=ago(read))
    if gap is not None:
        began, ended, filled = gap
        Gap.objects.create(
            app_id=account.app_id,
            began_at=ago(began),
            ended_at=ago(ended),
            filled_at=moment if filled else None,
        )
    if asked[0] is not None:
        Subscription.objects.create(account=account, kind="dm.received", made_at=ago(asked[0]))
    Attempt.objects.update(counts_until=ago(30) if asked[1] else moment)


def expected(
    stream: int | None,
    read: int | None,
    gap: tuple[int, int | None, bool] | None,
    asked: tuple[int | None, bool],
) -> bool:
    """The rule of promise 5, told anew."""
    unfilled = gap is not None and not gap[2]
    ended = gap[1] if gap is not None else None
    unread_end = unfilled and ended is not None and (read is None or read >= ended)
    is_open = unfilled and ended is None
    made, spoke_before = asked
    missed_before = spoke_before and (read is None or made is None or read > made)
    told = (
        stream == 14 and made is not None and not is_open and not unread_end and not missed_before
    )
    return told or (read == 14 and not unread_end)


def test_every_combination_is_heard_or_not_as_the_promise_says(house, account):
    _spoke(house)
    moment, seen = now(), []
    for names in itertools.product(STREAM, READ, GAPS, ASKED):
        case = (STREAM[names[0]], READ[names[1]], GAPS[names[2]], ASKED[names[3]])
        arrange(house, moment, *case)
        found = queries.heard(account.pk, moment)
        seen.append(found.heard)
        assert found.heard == expected(*case), names
        assert may_speak(account, moment) == expected(*case), names
        # Until when and since when: exactly one is said, but of who was never heard.
        assert (found.until is not None) == found.heard
        assert not (found.heard and found.since)
    assert len(seen) == 3 * 3 * 6 * 4
    assert 40 < sum(seen) < 120


def may_speak(account: XAccount, moment: datetime) -> bool:
    """What the claim asks."""
    question = f"""
        SELECT {queries.HEARD}
        FROM (SELECT %s::timestamptz AS now) clock
        CROSS JOIN x_xaccount account
        JOIN delivery_sendingpolicy policy ON policy.workspace_id = account.workspace_id
        JOIN delivery_accountpace pace ON pace.x_account_id = account.id
        WHERE account.id = %s
    """
    with connection.cursor() as cursor:
        cursor.execute(question, [moment, account.pk])
        answer: bool = cursor.fetchone()[0]
    assert answer is not None
    return answer


def test_an_account_that_nobody_hears_does_not_speak_until_it_is_heard(house, account):
    delivery = factories.delivery(house)
    answer = claim.claim(account.pk)
    assert isinstance(answer, claim.OnHold)
    assert answer.verdict.code == "not_heard"
    delivery.refresh_from_db()
    assert delivery.state == "queued"
    told(house, now())
    Delivery.everywhere.update(look_at=now())
    assert isinstance(claim.claim(account.pk), claim.Claimed)


def _spoke(house: factories.House) -> Attempt:
    """A letter that left; when, `arrange` says."""
    moment = now()
    delivery = factories.delivery(house)
    return Attempt.objects.create(
        delivery=delivery,
        x_account=house.account,
        app_id=house.account.app_id,
        claim_token=uuid.uuid4(),
        outcome="sent",
        started_at=moment,
        ended_at=moment,
        counts_until=moment,
        price=0,
    )


def told(house: factories.House, heard_at: datetime | None, **of_gap: datetime | None) -> None:
    account = house.account
    Stream.objects.update_or_create(app_id=account.app_id, defaults={"heard_at": heard_at})
    Subscription.objects.get_or_create(account=account, kind="dm.received")
    if of_gap:
        Gap.objects.create(app_id=account.app_id, **of_gap)


def test_a_keep_alive_makes_an_account_heard_for_the_minutes_of_the_policy(house, account):
    moment = now()
    told(house, moment)
    assert queries.heard(account.pk, moment) == Heard(True, moment + WITHIN, None)
    just, over = moment + WITHIN - timedelta(seconds=1), moment + WITHIN
    assert queries.heard(account.pk, just).heard
    assert queries.heard(account.pk, over) == Heard(False, None, moment)
    SendingPolicy.everywhere.filter(pk=house.workspace.pk).update(hear_minutes=30)
    assert queries.heard(account.pk, over).until == moment + 30 * MINUTE


def test_the_later_of_told_and_read_says_until_when(house, account):
    moment = now()
    told(house, moment - 5 * MINUTE)
    AccountPace.objects.filter(pk=account.pk).update(heard_dms_at=moment)
    assert queries.heard(account.pk, moment).until == moment + WITHIN
    assert queries.heard_until(account.pk) == moment + WITHIN


def test_what_is_missing_says_since_when(house, account):
    moment = now()
    told(house, moment, began_at=moment - 9 * MINUTE, ended_at=moment - MINUTE)
    assert queries.heard(account.pk, moment).since == moment - 9 * MINUTE
    AccountPace.objects.filter(pk=account.pk).update(heard_dms_at=moment - 3 * MINUTE)
    assert queries.heard(account.pk, moment).since == moment - 3 * MINUTE


def test_whoever_was_never_heard_has_no_since(account):
    assert queries.heard(account.pk, now()) == Heard(False, None, None)
    assert queries.heard_until(account.pk) is None


def test_what_is_missing_through_another_app_is_no_matter(house, account):
    other = factories.house()
    AccountPace.objects.update(heard_dms_at=None)
    XAccount.everywhere.filter(pk=other.account.pk).update(app=_another_app(house))
    other.account.refresh_from_db()
    moment = now()
    told(house, moment)
    told(other, None, began_at=moment - 9 * MINUTE)
    assert queries.heard(account.pk, moment).heard
    assert not queries.heard(other.account.pk, moment).heard


def _another_app(house: factories.House) -> XApp:
    return XApp.objects.create(workspace=house.workspace, name="Ours", client_id="ours")


def test_the_question_is_a_handful_of_index_looks_however_much_there_is(house, account):
    """By the plan, with sequential scans forbidden only where an index is there to take."""
    account_id = account.pk
    _spoke(house)
    moment = now()
    Gap.objects.bulk_create(
        Gap(app_id=account.app_id, began_at=moment, ended_at=moment, filled_at=moment)
        for _ in range(3_000)
    )
    question = f"""
        EXPLAIN (FORMAT TEXT) SELECT {queries.HEARD}
        FROM (SELECT outreach_now() AS now) clock
        CROSS JOIN x_xaccount account
        JOIN delivery_sendingpolicy policy ON policy.workspace_id = account.workspace_id
        JOIN delivery_accountpace pace ON pace.x_account_id = account.id
        WHERE account.id = {account_id}
    """
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE x_gap")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(question)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan" not in plan
    assert "gap_unfilled" in plan
    assert "x_subscription_account" in plan or "one_subscription_a_kind" in plan
    [attempts] = [line for line in plan.splitlines() if " on delivery_attempt" in line]
    assert "Index" in attempts
