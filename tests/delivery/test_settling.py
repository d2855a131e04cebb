"""A message of ours that X tells about settles the letter it belongs to, whatever was thought of it."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import pytest

from outreach.audit.models import AuditEvent
from outreach.customers.erasing import actions as erasing
from outreach.delivery import actions, arrival, meaning, outcomes, tasks
from outreach.delivery.claim import NothingDue
from outreach.delivery.models import Attempt, Delivery, SeenDM
from outreach.delivery.reconcile import Found, conclude
from outreach.drafts import actions as drafts
from outreach.ground.clock import now
from outreach.x import events
from outreach.x.client import SentDM
from outreach.x.errors import NeverReason, NotCalled
from outreach.x.limits import Limits
from outreach.x.models import ActivityEvent
from tests import factories
from tests.delivery.letters import (
    SECOND,
    WELL_APART,
    absent,
    accepted,
    claim_for,
    claimed_letter,
    judge_absent,
    never,
    new_id,
    no_cap,
    outcome,
    state,
    tell,
    unsure,
)


@pytest.fixture
def maria(house):
    no_cap(house)
    return house.customer()


@pytest.fixture
def delivery(house, maria):
    return factories.delivery(house, maria)


def said_sent(delivery) -> int:
    return AuditEvent.objects.filter(verb="delivery.sent", target_id=delivery.pk).count()


# --- whatever state the letter is in ---------------------------------------------------------------


def test_while_it_is_sending_an_event_is_faster_than_the_answer(house, delivery):
    claimed = claimed_letter(house, delivery)
    id_ = new_id()
    tell(house, claimed, id_)
    assert (state(delivery), delivery.dm_event_id, delivery.contradiction) == ("sent", id_, "")
    assert outcome(claimed) == ("sent", id_)
    seen = SeenDM.objects.get()
    assert (seen.dm_event_id, seen.via) == (id_, "event")


def test_what_was_unsure_is_sent(house, delivery):
    claimed = unsure(house, delivery)
    tell(house, claimed, new_id())
    assert (state(delivery), delivery.reason_code, delivery.contradiction) == ("sent", "", "")
    assert Attempt.objects.get().settle_at is None
    assert claim_for(house) == NothingDue(None)


def test_what_was_queued_again_is_sent_and_does_not_leave_twice(house, delivery, clock):
    claimed = absent(house, delivery, clock)
    assert state(delivery) == "queued"
    tell(house, claimed, new_id())
    assert state(delivery) == "sent"
    assert delivery.contradiction == arrival.CONTRADICTIONS["queued"]
    assert claim_for(house) == NothingDue(None)


def test_what_was_sent_again_meanwhile_says_that_it_arrived_twice(house, delivery, clock):
    first = absent(house, delivery, clock)
    again = claimed_letter(house, delivery)
    theirs, late = new_id(), new_id()
    outcomes.record_sent(again, accepted(theirs))
    sent_at = Delivery.everywhere.get().sent_at
    tell(house, first, late)
    assert (state(delivery), delivery.dm_event_id, delivery.sent_at) == ("sent", theirs, sent_at)
    assert delivery.contradiction == arrival.TWICE
    assert (outcome(first), outcome(again)) == (("sent", late), ("sent", theirs))
    assert AuditEvent.objects.filter(verb="delivery.sent_twice", target_id=delivery.pk).count() == 1


def test_the_attempt_under_way_is_taken_before_one_that_was_judged_absent(house, delivery, clock):
    first = absent(house, delivery, clock)
    again = claimed_letter(house, delivery)
    id_ = new_id()
    tell(house, again, id_)
    assert (state(delivery), outcome(first), outcome(again)) == (
        "sent", ("absent", None), ("sent", id_),
    )  # fmt: skip


@pytest.mark.parametrize("state_by_then", ["blocked", "cancelled", "failed"])
def test_what_counted_as_not_sent_is_sent_and_says_so(house, delivery, clock, state_by_then):
    claimed = absent(house, delivery, clock)
    Delivery.everywhere.update(state=state_by_then, reason_code="x", reason="So it seemed.")
    tell(house, claimed, new_id())
    assert (state(delivery), delivery.reason) == ("sent", "")
    assert delivery.contradiction == arrival.CONTRADICTIONS[state_by_then]
    assert said_sent(delivery) == 1


def test_what_a_person_cancelled_is_sent_all_the_same(house, delivery, clock):
    claimed = absent(house, delivery, clock)
    actions.cancel(house.marketer, delivery.pk)
    tell(house, claimed, new_id())
    assert state(delivery) == "sent"


@pytest.mark.parametrize("error", [NotCalled("deadline_passed"), never(NeverReason.SPAM)])
def test_an_attempt_that_certainly_did_not_arrive_takes_no_message(house, delivery, error):
    claimed = claimed_letter(house, delivery)
    outcomes.record_not_sent(claimed, error)
    before = state(delivery)
    tell(house, claimed, new_id())
    assert (state(delivery), outcome(claimed)[1]) == (before, None)


# --- by its words ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown", "urls"),
    [
        ("Ink & paper, 5 < 6", "Ink &amp; paper, 5 &lt; 6", {}),
        ("Say &amp; aloud", "Say &amp;amp; aloud", {}),
        ("See https://example.com/ink", "See https://t.co/a1", {"a1": "https://example.com/ink"}),
        ("See example.com for it", "See https://t.co/a1 for it", {"a1": "http://example.com"}),
        ("See Example.com.", "See https://t.co/a1.", {"a1": "http://example.com"}),
        ("See example.com", "See https://t.co/a1", {"a1": "http://example.com/"}),
        ("See example.com, or (ink.io)!", "See https://t.co/a1, or (https://t.co/b2)!",
         {"a1": "http://example.com/", "b2": "http://ink.io/"}),
        ("See example.com/a and ink.io/b", "See https://t.co/a1 and https://t.co/b2",
         {"a1": "http://example.com/a", "b2": "https://ink.io/b"}),
        (unicodedata.normalize("NFD", "Café"), unicodedata.normalize("NFC", "Café"), {}),
        (unicodedata.normalize("NFC", "Café"), unicodedata.normalize("NFD", "Café"), {}),
        ("  Hello \n", "Hello", {}),
        ("One\r\ntwo", "One\ntwo", {}),
    ],
)  # fmt: skip
def test_x_may_show_the_same_words_in_another_form(house, delivery, text, shown, urls):
    claimed = _with_words(house, delivery, text)
    tell(house, claimed, new_id(), shown, **urls)
    assert state(delivery) == "sent"


@pytest.mark.parametrize(
    ("text", "shown", "urls"),
    [
        ("Ink and paper", "Ink and papers", {}),
        ("Ink and paper", "ink and paper", {}),
        ("Ink and paper", "Ink  and paper", {}),
        ("Ink\n\nand paper", "Ink\nand paper", {}),
        ("See example.com/a", "See https://t.co/a1", {"a1": "http://example.com/b"}),
        ("See example.com/a", "See https://t.co/a1", {"a1": "http://example.com/A"}),
        ("See example.com/a", "See https://t.co/a1", {}),
        ("Say &amp; aloud", "Say &amp; aloud", {}),
        ("Hello", "", {}),
        ("\N{SUPERSCRIPT TWO} inks", "2 inks", {}),
    ],
)
def test_other_words_settle_nothing(house, delivery, text, shown, urls):
    claimed = _with_words(house, delivery, text)
    tell(house, claimed, new_id(), shown, **urls)
    assert (state(delivery), outcome(claimed)) == ("uncertain", ("uncertain", None))
    assert SeenDM.objects.count() == 1  # a person is shown it


def _with_words(house, delivery, text):
    """An unsure letter with just these words; the frozen text of a queued one cannot be changed."""
    actions.cancel(house.marketer, delivery.pk)
    review = factories.decided(
        house,
        factories.submitted(house, delivery.customer, words=text, disagreement="a test"),
        sided_with="writer",
    )
    made = factories.on_its_way(review)
    delivery.pk = made.pk
    return unsure(house, made)


# --- by account, recipient and time ----------------------------------------------------------------


def test_the_same_words_to_somebody_else_settle_nothing(house, delivery):
    claimed = unsure(house, delivery)
    other = factories.delivery(house)
    theirs = claimed_letter(house, other)
    outcomes.record_not_sent(theirs, never(NeverReason.SPAM))
    tell(house, theirs, new_id(), claimed.text, at=now())
    assert (state(delivery), state(other)) == ("uncertain", "failed")


def test_the_same_words_from_another_account_settle_nothing(house, delivery):
    claimed = unsure(house, delivery)
    house.account = factories.account(house.workspace)
    tell(house, claimed, new_id())
    assert state(delivery) == "uncertain"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    # X stamps whole milliseconds at most.
    [(-60.001, "uncertain"), (-59.999, "sent"), (0, "sent"), (60, "sent"), (86_400, "sent")],
)
def test_it_is_stamped_no_earlier_than_a_minute_before_the_attempt(
    house, delivery, seconds, expected
):
    claimed = unsure(house, delivery)
    started = Attempt.objects.get().started_at
    tell(house, claimed, new_id(), at=started + seconds * SECOND)
    assert state(delivery) == expected


def test_of_two_attempts_the_newest_that_matches_has_it(house, delivery, clock):
    first = absent(house, delivery, clock)
    second = absent(house, delivery, clock, at=WELL_APART + 10)
    newer, older = new_id(), new_id()
    tell(house, second, newer)
    tell(house, first, older)
    assert (outcome(second), outcome(first)) == (("sent", newer), ("sent", older))


def test_a_message_from_before_the_newer_attempt_is_the_older_one_s(house, delivery, clock):
    first = absent(house, delivery, clock)
    second = absent(house, delivery, clock, at=WELL_APART + 10)
    id_ = new_id()
    tell(house, first, id_)  # stamped ten minutes before the second began
    assert (outcome(first), outcome(second)) == (("sent", id_), ("absent", None))


def test_letters_that_are_not_sent_yet_come_first(house, maria, delivery, clock):
    unsent = absent(house, delivery, clock)
    other = factories.delivery(house, maria)
    newer = absent(house, other, clock, at=WELL_APART + 10)
    outcomes.record_sent(claimed_letter(house, other), accepted())
    id_ = new_id()
    tell(house, newer, id_)
    assert (outcome(unsent), outcome(newer)) == (("sent", id_), ("absent", None))


# --- once ------------------------------------------------------------------------------------------


def test_told_twice_it_is_sent_once(house, delivery):
    claimed = unsure(house, delivery)
    id_ = new_id()
    tell(house, claimed, id_)
    before = Delivery.everywhere.values().get(pk=delivery.pk)
    tell(house, claimed, id_)
    assert Delivery.everywhere.values().get(pk=delivery.pk) == before
    assert (said_sent(delivery), SeenDM.objects.count()) == (1, 1)


def test_one_message_settles_one_of_two_letters_with_the_same_words(house, maria, delivery, clock):
    first = absent(house, delivery, clock)
    second = unsure(house, factories.delivery(house, maria))
    id_ = new_id()
    tell(house, second, id_)
    tell(house, second, id_)
    assert (outcome(second), outcome(first)) == (("sent", id_), ("absent", None))
    assert state(delivery) == "queued"


def test_an_event_before_the_201_and_after_it_and_the_201_twice(house, delivery):
    claimed = claimed_letter(house, delivery)
    id_ = new_id()
    tell(house, claimed, id_)
    outcomes.record_sent(claimed, accepted(id_))
    outcomes.record_sent(claimed, accepted(id_))
    tell(house, claimed, id_)
    assert (state(delivery), delivery.dm_event_id, delivery.contradiction) == ("sent", id_, "")
    assert said_sent(delivery) == 1


def test_the_answer_to_what_was_matched_before_is_written_down_as_its_own(house, delivery):
    """Else another attempt's answer could outrank it, as it outranks a match."""
    claimed = claimed_letter(house, delivery)
    id_ = new_id()
    tell(house, claimed, id_)
    outcomes.record_sent(claimed, accepted(id_))
    attempt = Attempt.objects.get()
    assert (attempt.kind, attempt.status, attempt.request_id) == ("accepted", 201, "r-1")


# --- an own answer outranks a match ----------------------------------------------------------------


def test_an_answer_takes_its_message_and_the_one_that_this_frees_finds_its_letter(
    house, maria, delivery, clock
):
    first = absent(house, delivery, clock)
    other = factories.delivery(house, maria)
    second = claimed_letter(house, other)
    late, own = new_id(), new_id()
    tell(house, first, late, at=now())  # shown so late that it looks like the second's
    assert outcome(second) == ("sent", late)
    outcomes.record_sent(second, accepted(own))
    assert (outcome(first), outcome(second)) == (("sent", late), ("sent", own))
    assert (state(delivery), delivery.dm_event_id) == ("sent", late)
    assert (state(other), other.dm_event_id, other.contradiction) == ("sent", own, "")


def test_a_letter_whose_message_turns_out_another_s_is_unsure_again(house, maria, delivery, clock):
    """Two letters with the same words whose messages are swapped, by a clock of X that is behind."""
    first = absent(house, delivery, clock)
    other = factories.delivery(house, maria)
    second = claimed_letter(house, other)
    own, late = new_id(), new_id()
    tell(house, second, own, at=now() - 90 * SECOND)
    assert (outcome(first), outcome(second)) == (("sent", own), ("posting", None))
    outcomes.record_sent(second, accepted(own))
    assert (outcome(first), outcome(second)) == (("uncertain", None), ("sent", own))
    assert (state(delivery), delivery.dm_event_id) == ("uncertain", None)
    assert delivery.contradiction == outcomes.UNPROVEN_WORDS
    assert Attempt.objects.get(pk=first.attempt_id).settle_at > now()
    tell(house, first, late)
    assert (state(delivery), delivery.dm_event_id, state(other)) == ("sent", late, "sent")


def test_it_stays_sent_and_says_so_where_another_letter_to_them_is_in_the_air(
    house, maria, delivery, clock
):
    first = absent(house, delivery, clock)
    other = factories.delivery(house, maria)
    late_answer = claimed_letter(house, other)
    outcomes.rescue(late_answer.attempt_id)
    Attempt.objects.filter(pk=late_answer.attempt_id).update(outcome="not_sent", settle_at=None)
    Delivery.everywhere.filter(pk=other.pk).update(state="queued", look_at=now() + 3600 * SECOND)
    own = new_id()
    tell(house, first, own)
    assert outcome(first) == ("sent", own)
    third = claimed_letter(house, factories.delivery(house, maria))
    outcomes.record_sent(late_answer, accepted(own))
    assert (outcome(first), outcome(late_answer)) == (("absent", None), ("sent", own))
    assert (state(delivery), delivery.contradiction) == ("sent", outcomes.UNPROVEN_WORDS)
    assert outcome(third) == ("posting", None)


def test_two_attempts_at_one_letter_whose_messages_are_swapped_leave_it_sent(
    house, delivery, clock
):
    """What X accepted is sent, though its message was taken for the attempt's before."""
    first = absent(house, delivery, clock)
    second = claimed_letter(house, delivery)
    own = new_id()
    tell(house, second, own, at=now() - 90 * SECOND)
    assert outcome(first) == ("sent", own)
    outcomes.record_sent(second, accepted(own))
    assert (state(delivery), delivery.dm_event_id) == ("sent", own)
    assert (outcome(first), outcome(second)) == (("absent", None), ("sent", own))


def test_what_waits_for_a_person_goes_on_waiting_where_its_reason_was_another_s_message(
    house, maria, delivery, clock
):
    first = absent(house, delivery, clock)
    newer = approved_anew(house, delivery)
    other = factories.delivery(house, maria)
    second = claimed_letter(house, other)
    own = new_id()
    tell(house, second, own, at=now() - 90 * SECOND)
    assert (outcome(first), state(newer)) == (("sent", own), "blocked")
    outcomes.record_sent(second, accepted(own))
    assert (outcome(second), state(other)) == (("sent", own), "sent")
    assert (state(delivery), delivery.contradiction) == ("uncertain", outcomes.UNPROVEN_WORDS)
    assert state(newer) == "blocked"


def test_a_refusal_frees_the_message_that_was_taken_for_its_own(house, maria, delivery, clock):
    """X refused the second letter for certain, so what it shows is the first one."""
    first = absent(house, delivery, clock)
    other = factories.delivery(house, maria)
    second = claimed_letter(house, other)
    late = new_id()
    tell(house, first, late, at=now())
    assert outcome(second) == ("sent", late)
    outcomes.record_not_sent(second, never(NeverReason.SPAM))
    assert (outcome(first), outcome(second)) == (("sent", late), ("not_sent", None))
    assert (state(delivery), delivery.dm_event_id) == ("sent", late)
    assert (state(other), other.dm_event_id, other.sent_at) == ("failed", None, None)


# --- a newer letter of the same draft --------------------------------------------------------------


def approved_anew(house, delivery) -> Delivery:
    """Its approval undone, and given again: another delivery of the same words."""
    drafts.take_back(house.marketer, delivery.revision.draft_id)
    draft = delivery.revision.draft
    draft.refresh_from_db()
    revision = drafts.submit(
        house.marketer, draft.pk, version=draft.version, words=drafts.Words(factories.WORDS)
    ).revision
    return factories.on_its_way(factories.decided(house, revision))


def test_a_newer_delivery_of_the_same_draft_waits_for_a_person(house, maria, delivery, clock):
    claimed = absent(house, delivery, clock)
    unrelated = factories.delivery(house, maria, due=False)
    newer = approved_anew(house, delivery)
    assert (state(delivery), state(newer)) == ("cancelled", "queued")
    tell(house, claimed, new_id())
    assert (state(delivery), state(newer), state(unrelated)) == ("sent", "blocked", "queued")
    assert (newer.reason_code, newer.reason) == ("arrived_before", arrival.ARRIVED_BEFORE)
    audited = AuditEvent.objects.filter(verb="delivery.blocked", target_id=newer.pk)
    assert audited.count() == 1
    assert claim_for(house) == NothingDue(unrelated.look_at)
    actions.try_again(house.marketer, newer.pk)
    assert state(newer) == "queued"


# --- the claim looks once more ---------------------------------------------------------------------


def test_a_stored_event_that_nobody_handled_yet_stops_the_claim(house, delivery, clock):
    claimed = absent(house, delivery, clock)
    id_ = new_id()
    tell(house, claimed, id_, handled=False)
    assert ActivityEvent.objects.get().handled_at is None
    answer = claim_for(house)
    assert isinstance(answer, NothingDue)
    assert (state(delivery), outcome(claimed)) == ("sent", ("sent", id_))
    assert Attempt.objects.count() == 1
    assert claim_for(house) == NothingDue(None)


def test_one_with_other_words_does_not_stop_it(house, delivery, clock):
    claimed = absent(house, delivery, clock)
    tell(house, claimed, new_id(), "Other words", handled=False)
    again = claim_for(house)
    assert again.delivery_id == delivery.pk


def test_one_that_another_attempt_has_does_not_stop_it(house, maria, delivery, clock):
    first = absent(house, delivery, clock)
    second = claimed_letter(house, factories.delivery(house, maria))
    id_ = new_id()
    outcomes.record_sent(second, accepted(id_))
    tell(house, first, id_, at=now(), handled=False)
    assert claim_for(house).delivery_id == delivery.pk


# --- erased people ---------------------------------------------------------------------------------


def test_nothing_of_the_erased_is_kept_when_x_tells_of_it_later(house, maria, delivery):
    claimed = unsure(house, delivery)
    erasing.erase(house.administrator, maria.pk)
    tell(house, claimed, new_id())
    assert (state(delivery), SeenDM.objects.count()) == ("failed", 0)
    assert ActivityEvent.objects.get().payload == {}


def test_an_event_stored_before_and_handled_after_the_erasure_leaves_nothing(
    house, maria, delivery
):
    claimed = unsure(house, delivery)
    tell(house, claimed, new_id(), handled=False)
    assert SeenDM.objects.count() == 1
    erasing.erase(house.administrator, maria.pk)
    events.handle(house.account.pk)
    assert (state(delivery), SeenDM.objects.count()) == ("failed", 0)


def test_a_late_201_for_somebody_erased_is_sent_and_names_nothing(house, maria, delivery):
    claimed = unsure(house, delivery)
    erasing.erase(house.administrator, maria.pk)
    outcomes.record_sent(claimed, accepted(new_id()))
    outcomes.record_sent(claimed, accepted(new_id()))
    assert (state(delivery), delivery.dm_event_id, delivery.contradiction) == ("sent", None, "")
    assert outcome(claimed) == ("sent", None)
    assert Attempt.objects.get().request_id == ""


def test_messages_that_x_shows_no_more_are_forgotten(house):
    for days in (31, 33):
        SeenDM.objects.create(
            dm_event_id=days,
            x_account=house.account,
            recipient_x_user_id=1,
            words_sha256=b"",
            stamped_at=now(),
            seen_at=now() - timedelta(days=days),
            via="event",
        )
    tasks.forget_messages()
    assert [seen.dm_event_id for seen in SeenDM.objects.all()] == [31]


# --- a 403 for a duplicate -------------------------------------------------------------------------


def test_a_duplicate_without_an_attempt_before_fails(house, delivery):
    claimed = claimed_letter(house, delivery)
    outcomes.record_not_sent(claimed, never(NeverReason.DUPLICATE))
    assert (state(delivery), delivery.reason_code) == ("failed", "duplicate")


def test_a_duplicate_after_an_attempt_judged_absent_is_unsure_until_that_one_is_found(
    house, delivery, clock
):
    first = absent(house, delivery, clock)
    second = claimed_letter(house, delivery)
    outcomes.record_not_sent(second, never(NeverReason.DUPLICATE))
    assert (state(delivery), delivery.reason) == ("uncertain", meaning.DUPLICATE)
    assert (outcome(first), outcome(second)) == (("uncertain", None), ("not_sent", None))
    id_ = new_id()
    tell(house, first, id_)
    assert (state(delivery), delivery.dm_event_id, outcome(first)) == ("sent", id_, ("sent", id_))
    assert delivery.contradiction == ""


def test_a_duplicate_s_first_attempt_is_never_judged_absent_again(house, delivery, clock):
    first = absent(house, delivery, clock)
    outcomes.record_not_sent(claimed_letter(house, delivery), never(NeverReason.DUPLICATE))
    for seconds in (2_000, 4_000, 6_000):
        clock(seconds)
        conclude(first.attempt_id, now(), Found([], True))
    assert (state(delivery), outcome(first)) == ("uncertain", ("uncertain", None))


def test_a_duplicate_after_x_told_of_the_message_leaves_it_with_the_attempt_before(
    house, delivery, clock
):
    """Shown so late that it was taken for the second attempt's: nothing is left to look for."""
    first = absent(house, delivery, clock)
    second = claimed_letter(house, delivery)
    id_ = new_id()
    tell(house, first, id_, at=now())
    outcomes.record_not_sent(second, never(NeverReason.DUPLICATE))
    assert (state(delivery), delivery.dm_event_id) == ("sent", id_)
    assert (outcome(first), outcome(second)) == (("sent", id_), ("not_sent", None))
    assert not Attempt.objects.filter(settle_at__isnull=False).exists()


# --- a 201 without an id ---------------------------------------------------------------------------


def test_a_late_201_without_an_id_is_never_judged_absent(house, delivery, clock):
    claimed = absent(house, delivery, clock)
    outcomes.record_sent(claimed, SentDM(None, None, Limits(), "r-1"))
    assert (state(delivery), outcome(claimed)) == ("uncertain", ("uncertain", None))
    with pytest.raises(AssertionError):
        judge_absent(claimed.attempt_id, clock, at=2_000)
    assert state(delivery) == "uncertain"
    id_ = new_id()
    tell(house, claimed, id_)
    assert (state(delivery), delivery.dm_event_id) == ("sent", id_)


def test_one_that_x_took_and_another_is_in_the_air_is_not_tried_again_by_a_person(
    house, maria, delivery, clock
):
    """It waits until the other one has landed; and it cannot be queued while it may have arrived."""
    first = absent(house, delivery, clock)
    other = claimed_letter(house, factories.delivery(house, maria))
    outcomes.record_sent(first, SentDM(None, None, Limits(), "r-1"))
    assert (state(delivery), delivery.reason) == ("blocked", meaning.UNNAMED)
    outcomes.record_sent(other, accepted())
    with pytest.raises(actions.CannotMove):
        actions.try_again(house.marketer, delivery.pk)
    with pytest.raises(actions.CannotMove):
        actions.reschedule(house.marketer, delivery.pk, now())
    assert state(delivery) == "blocked"
    assert claim_for(house) == NothingDue(None)
