"""What becomes of a letter after each answer, and after answers that come late or twice."""

from __future__ import annotations

import itertools
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from outreach.audit.models import AuditEvent
from outreach.delivery import claim, meaning, outcomes, sender, tasks
from outreach.delivery.models import AccountPace, AppPace, Attempt, Delivery
from outreach.ground.clock import now
from outreach.x import refreshing
from outreach.x.client import CallDeadline, SentDM
from outreach.x.errors import (
    AccountLocked,
    LimitedUntil,
    NeverReason,
    NeverWill,
    NotCalled,
    PaymentNeeded,
    TokenRefused,
    TryLater,
    Unknown,
)
from outreach.x.limits import Limits
from outreach.x.queries import client_for
from tests import factories
from tests.x.awkward import TAKEN, Awkward, answering

_ids = itertools.count(2 * 10**17)
SECOND = timedelta(seconds=1)


def accepted(event_id: int | None = None) -> SentDM:
    return SentDM(event_id or next(_ids), None, Limits(), "r-1")


def never(reason: NeverReason) -> NeverWill:
    error = NeverWill(reason.value, status=403)
    error.reason = reason
    return error


def limited(until=None, scope="endpoint") -> LimitedUntil:
    error = LimitedUntil("rate_limited", status=429)
    error.until, error.scope = until, scope
    return error


def claim_for(house) -> Any:
    """Whatever the claim answers about the house's account."""
    return claim.claim(house.account.pk)


@pytest.fixture
def delivery(house):
    return factories.delivery(house)


@pytest.fixture
def claimed(house, delivery):
    found = claim_for(house)
    assert isinstance(found, claim.Claimed)
    return found


def seen(delivery) -> tuple[str, str, str]:
    delivery.refresh_from_db()
    return (delivery.state, delivery.reason_code, Attempt.objects.latest("pk").outcome)


def closed_until(house) -> tuple:
    account = AccountPace.objects.get(pk=house.account.pk)
    app = AppPace.objects.get(pk=house.account.app_id)
    return (account.closed_until, app.closed_until)


# --- X took it -------------------------------------------------------------------------------


def test_a_201_is_sent(delivery, claimed):
    outcomes.record_sent(claimed, accepted(77))
    assert seen(delivery) == ("sent", "", "sent")
    attempt = Attempt.objects.get()
    assert (delivery.dm_event_id, attempt.dm_event_id) == (77, 77)
    assert (attempt.status, attempt.request_id) == (201, "r-1")
    assert delivery.sent_at == attempt.ended_at == attempt.counts_until


STATES = ["queued", "sending", "failed", "blocked", "cancelled", "uncertain"]


@pytest.mark.parametrize("state", STATES)
def test_a_201_makes_it_sent_from_every_state(delivery, claimed, state):
    Delivery.everywhere.update(state=state, reason_code="x", reason="So it seemed.")
    outcomes.record_sent(claimed, accepted(78))
    assert seen(delivery) == ("sent", "", "sent")
    assert (delivery.reason, delivery.dm_event_id) == ("", 78)


@pytest.mark.parametrize("state", STATES)
def test_a_201_needs_no_claim_token(delivery, claimed, state):
    Delivery.everywhere.update(state=state, reason="So it seemed.", claim_token=uuid.uuid4())
    outcomes.record_sent(claimed, accepted(79))
    assert seen(delivery) == ("sent", "", "sent")


def test_the_same_201_twice_is_one_success(delivery, claimed):
    outcomes.record_sent(claimed, accepted(80))
    ended = Attempt.objects.get().ended_at
    outcomes.record_sent(claimed, accepted(80))
    assert Attempt.objects.get().ended_at == ended
    assert seen(delivery) == ("sent", "", "sent")
    events = AuditEvent.objects.filter(verb="delivery.sent", target_id=delivery.pk)
    assert events.count() == 1


def test_a_201_without_an_id_is_unsure(house, delivery, claimed):
    outcomes.record_sent(claimed, SentDM(None, None, Limits(), None))
    assert seen(delivery) == ("uncertain", "accepted_without_id", "uncertain")
    assert Attempt.objects.get().status == 201
    assert claim_for(house) == claim.NothingDue(None)


def test_two_attempts_never_share_one_message(house, delivery, claimed):
    outcomes.record_sent(claimed, accepted(81))
    factories.delivery(house)
    second = claim_for(house)
    outcomes.record_sent(second, accepted(81))
    attempt = Attempt.objects.get(pk=second.attempt_id)
    assert (attempt.outcome, attempt.kind, attempt.dm_event_id) == (
        "uncertain", "accepted_without_id", None,
    )  # fmt: skip
    delivery.refresh_from_db()
    assert (delivery.state, delivery.dm_event_id) == ("sent", 81)
    with pytest.raises(IntegrityError), transaction.atomic():
        Attempt.objects.filter(pk=second.attempt_id).update(dm_event_id=81)


# --- X did not take it, or nobody knows --------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "state", "code", "outcome", "reason"),
    [
        (Unknown("server_error", status=503), "uncertain", "server_error", "uncertain",
         meaning.UNSURE),
        (Unknown("answer_timed_out"), "uncertain", "answer_timed_out", "uncertain",
         meaning.UNSURE),
        (TryLater("not_from_x", status=404), "queued", "not_from_x", "not_sent",
         "X had a problem; we try again."),
        (NotCalled("deadline_passed"), "queued", "deadline_passed", "not_called",
         "X could not be reached."),
        (TokenRefused("token_refused", status=401), "queued", "token_refused", "not_sent",
         meaning.RENEWING),
        (AccountLocked("account_locked", status=403), "queued", "account_locked", "not_sent",
         meaning.LOCKED),
        (PaymentNeeded("payment_needed", status=402), "queued", "payment_needed", "not_sent",
         "X wants its credits topped up before it takes more letters."),
        (limited(), "queued", "rate_limited", "not_sent", "X asks us to wait."),
        (never(NeverReason.NO_DMS), "blocked", "no_dms", "not_sent",
         "X says this person takes no messages from you."),
        (never(NeverReason.BLOCKED), "blocked", "blocked", "not_sent",
         "This person blocked you at X."),
        (never(NeverReason.GONE), "blocked", "gone", "not_sent",
         "X knows no such account any more."),
        (never(NeverReason.SUSPENDED), "blocked", "suspended", "not_sent",
         "X suspended this person's account."),
        (never(NeverReason.SPAM), "failed", "spam", "not_sent",
         "X refused it as spam or automated."),
        (never(NeverReason.DUPLICATE), "failed", "duplicate", "not_sent",
         "X refused it as the same words again."),
        (never(NeverReason.NO_ACCESS), "blocked", "no_access", "not_sent",
         meaning.NEVER[NeverReason.NO_ACCESS][1]),
        (never(NeverReason.BAD_REQUEST), "failed", "bad_request", "not_sent",
         "X did not accept the letter as it was sent."),
        (never(NeverReason.REFUSED), "failed", "refused", "not_sent",
         "X refused it and did not say why."),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)  # fmt: skip
def test_each_answer_has_one_consequence(delivery, claimed, error, state, code, outcome, reason):
    outcomes.record_not_sent(claimed, error)
    assert seen(delivery) == (state, code, outcome)
    assert delivery.reason == reason
    attempt = Attempt.objects.get()
    assert (attempt.kind, attempt.status) == (error.kind, error.status)
    if state == "queued":
        assert delivery.look_at > now()
        assert delivery.look_at <= delivery.leave_by


def test_every_reason_for_never_has_its_words():
    assert set(meaning.NEVER) == set(NeverReason)


def test_tries_come_less_and_less_often_and_not_in_step(monkeypatch):
    monkeypatch.setattr(meaning.random, "random", lambda: 1.0)
    longest = [meaning.backoff(tries).total_seconds() for tries in (1, 2, 3, 8, 500)]
    assert longest == [30, 60, 120, 3600, 3600]
    monkeypatch.setattr(meaning.random, "random", lambda: 0.0)
    assert meaning.backoff(3).total_seconds() == 15


def test_a_try_later_than_leave_by_is_looked_at_by_then(delivery, claimed):
    Delivery.everywhere.update(leave_by=now() + 5 * SECOND)
    outcomes.record_not_sent(claimed, TryLater("gateway", status=502))
    delivery.refresh_from_db()
    assert delivery.look_at == delivery.leave_by


# --- what it closes --------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["user", "endpoint"])
def test_a_limit_of_the_account_closes_the_account(house, delivery, claimed, scope):
    until = now() + 90 * SECOND
    outcomes.record_not_sent(claimed, limited(until, scope))
    assert closed_until(house) == (until, None)
    delivery.refresh_from_db()
    assert delivery.look_at == until
    factories.delivery(house)
    assert claim_for(house) == claim.Closed(until)


def test_a_limit_of_the_app_closes_every_account_of_the_app(house, claimed):
    until = now() + 90 * SECOND
    outcomes.record_not_sent(claimed, limited(until, "app"))
    assert closed_until(house) == (None, until)
    other = factories.house()
    factories.delivery(other)
    assert claim_for(other) == claim.Closed(until)


def test_a_limit_that_says_no_time_closes_for_a_while(house, claimed):
    outcomes.record_not_sent(claimed, limited())
    account, app = closed_until(house)
    assert (account > now() + 10 * SECOND, app) == (True, None)


def test_a_limit_that_opened_already_by_our_clock_is_not_run_against_at_once(
    house, delivery, claimed
):
    outcomes.record_not_sent(claimed, limited(now() - 3 * SECOND))
    account, _ = closed_until(house)
    delivery.refresh_from_db()
    assert account > now() + 10 * SECOND
    assert delivery.look_at > now() + 10 * SECOND


def test_a_limit_never_opens_what_is_closed_for_longer(house, claimed):
    later = now() + timedelta(hours=2)
    AccountPace.objects.filter(pk=house.account.pk).update(closed_until=later)
    outcomes.record_not_sent(claimed, limited(now() + 60 * SECOND))
    assert closed_until(house) == (later, None)


def test_an_unpaid_app_never_opens_before_its_limit_does(house, claimed):
    later = now() + timedelta(hours=20)
    AppPace.objects.filter(pk=house.account.app_id).update(closed_until=later)
    outcomes.record_not_sent(claimed, PaymentNeeded("payment_needed", status=402))
    assert closed_until(house) == (None, later)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        # Its account has no refresh token.
        (TokenRefused("token_refused", status=401), refreshing.REVOKED),
        (AccountLocked("account_locked", status=403), meaning.LOCKED),
    ],
)
def test_what_no_letter_of_the_account_can_pass_pauses_it(house, claimed, error, reason):
    outcomes.stop_for(error, house.account, generation=house.account.token.generation)
    house.account.refresh_from_db()
    assert (house.account.state, house.account.paused_reason) == ("paused", reason)


def test_other_answers_leave_the_account_alone(house, claimed):
    for error in (Unknown("server_error"), never(NeverReason.SPAM), limited(), NotCalled("x")):
        outcomes.stop_for(error, house.account, generation=house.account.token.generation)
    house.account.refresh_from_db()
    assert house.account.state == "connected"


# --- late --------------------------------------------------------------------------------------


def test_a_worker_that_died_leaves_the_letter_unsure(delivery, claimed):
    counts_until = Attempt.objects.get().counts_until
    assert outcomes.rescue(claimed.attempt_id)
    assert seen(delivery) == ("uncertain", "worker_died", "uncertain")
    # It may still be on its way to X, so it counts as long as it did.
    assert Attempt.objects.get().counts_until == counts_until


def test_a_rescue_comes_too_late_for_what_was_recorded(delivery, claimed):
    outcomes.record_sent(claimed, accepted())
    assert not outcomes.rescue(claimed.attempt_id)
    assert seen(delivery) == ("sent", "", "sent")


def test_only_an_attempt_past_deadline_and_timeouts_is_overdue(claimed, settings):
    settings.CALL_DEADLINE, settings.CALL_ANSWER_TIMEOUT = 5, 15
    started = Attempt.objects.get().started_at
    assert outcomes.overdue(started + 25 * SECOND) == []
    assert outcomes.overdue(started + 25.1 * SECOND) == [claimed.attempt_id]


@pytest.mark.parametrize(
    ("error", "state", "outcome"),
    [
        (NotCalled("deadline_passed"), "queued", "not_called"),
        (never(NeverReason.BLOCKED), "blocked", "not_sent"),
        (never(NeverReason.SPAM), "failed", "not_sent"),
        (Unknown("server_error", status=500), "uncertain", "uncertain"),
    ],
)
def test_a_worker_thought_dead_may_still_say_for_certain(delivery, claimed, error, state, outcome):
    outcomes.rescue(claimed.attempt_id)
    outcomes.record_not_sent(claimed, error)
    assert (seen(delivery)[0], seen(delivery)[2]) == (state, outcome)


def test_a_worker_thought_dead_may_still_say_that_it_was_sent(delivery, claimed):
    outcomes.rescue(claimed.attempt_id)
    outcomes.record_sent(claimed, accepted(90))
    assert seen(delivery) == ("sent", "", "sent")


def claim_again(house, claimed):
    """The letter was judged not to have left, and another worker has it now."""
    outcomes.rescue(claimed.attempt_id)
    Attempt.objects.filter(pk=claimed.attempt_id).update(outcome="not_sent")
    Delivery.everywhere.update(state="queued", look_at=now())
    again = claim_for(house)
    assert isinstance(again, claim.Claimed)
    return again


@pytest.mark.parametrize(
    "error",
    [
        Unknown("server_error", status=500),
        NotCalled("deadline_passed"),
        TryLater("gateway"),
        never(NeverReason.SPAM),
        never(NeverReason.BLOCKED),
        TokenRefused("token_refused"),
    ],
    ids=lambda error: error.kind,
)
def test_an_outcome_whose_claim_is_over_changes_nothing(house, delivery, claimed, error):
    again = claim_again(house, claimed)
    before = Delivery.everywhere.values().get()
    outcomes.record_not_sent(claimed, error)
    assert Delivery.everywhere.values().get() == before
    assert Attempt.objects.get(pk=again.attempt_id).outcome == "posting"
    assert Attempt.objects.get(pk=claimed.attempt_id).outcome == "not_sent"


def test_a_rescue_of_the_first_claim_leaves_the_second_alone(house, delivery, claimed):
    claim_again(house, claimed)
    assert not outcomes.rescue(claimed.attempt_id)
    assert seen(delivery)[0] == "sending"


def test_after_a_late_201_the_second_worker_s_answer_changes_nothing(house, delivery, claimed):
    again = claim_again(house, claimed)
    outcomes.record_sent(claimed, accepted(91))
    outcomes.record_not_sent(again, never(NeverReason.DUPLICATE))
    assert seen(delivery) == ("sent", "", "not_sent")
    assert delivery.dm_event_id == 91


def test_two_201s_are_both_kept(house, delivery, claimed):
    """It should not happen; if it does, the ledger shows it."""
    again = claim_again(house, claimed)
    outcomes.record_sent(claimed, accepted(92))
    outcomes.record_sent(again, accepted(93))
    assert (seen(delivery)[0], delivery.dm_event_id) == ("sent", 92)
    ids = Attempt.objects.order_by("pk").values_list("dm_event_id", flat=True)
    assert list(ids) == [92, 93]


# --- over HTTP ---------------------------------------------------------------------------------


def read_and_hang_up(visit) -> None:
    visit.read_request()


def start_an_answer_and_hang_up(visit) -> None:
    visit.read_request()
    visit.sock.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{")


@pytest.mark.parametrize(
    ("script", "state", "kind", "status"),
    [
        (answering("201 Created", TAKEN), "sent", "accepted", 201),
        (answering("201 Created", b'{"data": {}}'), "uncertain", "accepted_without_id", 201),
        (answering("201 Created", b"<html>"), "uncertain", "accepted_without_id", 201),
        (start_an_answer_and_hang_up, "uncertain", "accepted_without_id", 201),
        (answering("200 OK", b"<html>"), "uncertain", "unexpected_success", 200),
        (answering("500 Oops"), "uncertain", "server_error", 500),
        (answering("408 Late"), "uncertain", "ambiguous_status", 408),
        (answering("302 Over there", b"", "Location: /elsewhere"), "uncertain",
         "unexpected_status", 302),
        (read_and_hang_up, "uncertain", "connection_lost", None),
        (answering("403 No", b'{"detail": "spam"}'), "failed", "spam", 403),
        (answering("403 No"), "queued", "not_from_x", 403),
        (answering("429 Wait", b"{}"), "queued", "rate_limited", 429),
    ],
)  # fmt: skip
def test_each_answer_over_http_is_called_once_and_recorded(
    house, delivery, settings, script, state, kind, status
):
    with Awkward(script) as server:
        settings.X_API_URL = server.base_url
        sender.send_due(house.account.pk)
        sender.send_due(house.account.pk)
        assert len(server.requests) == 1
    attempt = Attempt.objects.get()
    assert (seen(delivery)[0], attempt.kind, attempt.status) == (state, kind, status)


def test_an_answer_that_takes_too_long_is_unsure(house, delivery, settings):
    settings.CALL_ANSWER_TIMEOUT = 0.2

    def read_and_keep_silent(visit) -> None:
        visit.read_request()
        visit.wait_for_the_end()

    with Awkward(read_and_keep_silent) as server:
        settings.X_API_URL = server.base_url
        sender.send_due(house.account.pk)
    assert seen(delivery) == ("uncertain", "answer_timed_out", "uncertain")


def test_where_nobody_listens_nothing_was_called(house, delivery, settings):
    with Awkward(read_and_hang_up) as server:
        settings.X_API_URL = server.base_url
    sender.send_due(house.account.pk)
    state, _, outcome = seen(delivery)
    assert (state, outcome) == ("queued", "not_called")


def test_past_the_call_deadline_nothing_is_written(house, delivery, settings):
    with Awkward(answering("201 Created", TAKEN)) as server:
        settings.X_API_URL = server.base_url
        claimed = claim_for(house)
        sender.call_and_record(claimed, client_for(house.account), CallDeadline.starting_now(-1))
        assert server.requests == []
    assert seen(delivery) == ("queued", "deadline_passed", "not_called")


def test_a_fault_of_ours_around_the_call_is_never_tried_again(house, delivery, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(sender.XClient, "send_dm", broken)
    with pytest.raises(ZeroDivisionError):
        sender.send_due(house.account.pk)
    assert seen(delivery) == ("uncertain", "internal", "uncertain")


def test_the_tick_makes_unsure_what_its_worker_left_behind(delivery, claimed, clock):
    tasks.tick()
    assert seen(delivery) == ("sending", "", "posting")
    clock(26)
    tasks.tick()
    assert seen(delivery) == ("uncertain", "worker_died", "uncertain")
