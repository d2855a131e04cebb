"""The gates of promise 5: what each says, what it lets through, and when to look again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.delivery.gates import NOT_HEARD, Block, Facts, Go, Hold, Wait, judge

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OPEN = Facts(
    now=NOW,
    leave_by=NOW + 3 * DAY,
    customer="Maria",
    approved=True,
    guidance_stops="",
    paused="",
    suppressed="",
    has_permission=True,
    require_permission=True,
    relationship_known=True,
    following=True,
    followed_by=True,
    accepts_dms=True,
    reachable=True,
    checked_at=NOW - HOUR,
    fresh_for=DAY,
    recent=(),
    unsettled=0,
    cap_letters=1,
    cap_for=7 * DAY,
    in_the_air=False,
    opens=time(9),
    closes=time(18),
    zone=ZoneInfo("UTC"),
)


def test_a_letter_that_nothing_holds_goes():
    assert judge(OPEN) == Go()


@pytest.mark.parametrize(
    ("facts", "code", "reason"),
    [
        ({"approved": False}, "not_approved", "The approval was taken back."),
        (
            {"suppressed": "They wrote 'stop'."},
            "suppressed",
            "Maria must not be written to: They wrote 'stop'.",
        ),
        (
            {"has_permission": False},
            "no_permission",
            "No permission of Maria is recorded. Record how they asked for letters.",
        ),
        (
            {"guidance_stops": "“Fox” is a phrase that this workspace avoids."},
            "guidance",
            (
                "Your guidance policy changed after the approval, so this letter needs mending "
                "and a new review. “Fox” is a phrase that this workspace avoids."
            ),
        ),
        (
            {"leave_by": NOW},
            "too_late",
            "It should have left by now and could not. Give it a new time.",
        ),
        ({"reachable": False}, "gone", "X knows no such account as Maria's any more."),
        ({"followed_by": False}, "not_followed", "Maria does not follow you."),
        (
            {"following": False},
            "not_following",
            "You do not follow Maria. Follow back at X first.",
        ),
        ({"accepts_dms": False}, "no_dms", "Maria does not take messages from you."),
    ],
)
def test_what_a_person_must_lift_blocks(facts, code, reason):
    assert judge(replace(OPEN, **facts)) == Block(code, reason)


@pytest.mark.parametrize(
    ("facts", "code", "reason", "after"),
    [
        (
            {"relationship_known": False, "checked_at": None},
            "relationship_unknown",
            "We are asking X whether Maria still follows you.",
            timedelta(seconds=30),
        ),
        (
            {"checked_at": NOW - DAY},
            "relationship_unknown",
            "We are asking X whether Maria still follows you.",
            timedelta(seconds=30),
        ),
        (
            {"in_the_air": True},
            "one_at_a_time",
            "Another letter to Maria is being sent.",
            timedelta(seconds=30),
        ),
        (
            {"recent": (NOW - 6 * DAY,)},
            "frequency_cap",
            "You wrote to Maria lately. The house rule is 1 letter in 7 days.",
            DAY,
        ),
        (
            # Of three the two newest fill the cap; it opens when the older of these is past it.
            {
                "recent": (NOW - 2 * DAY, NOW - 6 * DAY, NOW - 4 * DAY),
                "cap_letters": 2,
            },
            "frequency_cap",
            "You wrote to Maria lately. The house rule is 2 letters in 7 days.",
            3 * DAY,
        ),
        (
            {"unsettled": 1},
            "frequency_cap",
            "You wrote to Maria lately. The house rule is 1 letter in 7 days.",
            timedelta(seconds=30),
        ),
        (
            {"zone": ZoneInfo("America/New_York"), "now": NOW - HOUR},
            "send_window",
            "It is 08:00 in New York. Your hours for Maria are 09:00 to 18:00.",
            HOUR,
        ),
    ],
)
def test_what_time_or_we_lift_waits(facts, code, reason, after):
    facts = replace(OPEN, **facts)
    assert judge(facts) == Wait(code, reason, facts.now + after)


def test_the_longest_wait_is_the_one_that_is_named():
    facts = replace(OPEN, in_the_air=True, recent=(NOW - DAY,))
    assert judge(facts) == Wait(
        "frequency_cap",
        "You wrote to Maria lately. The house rule is 1 letter in 7 days.",
        NOW + 6 * DAY,
    )


@pytest.mark.parametrize(
    ("facts", "code", "reason", "after"),
    [
        ({"paused": "Paused by Ruth."}, "paused", "Paused by Ruth.", timedelta(minutes=1)),
        ({"heard": False}, "not_heard", NOT_HEARD, timedelta(seconds=30)),
        ({"cap_reached": "Spent."}, "monthly_cap", "Spent.", timedelta(minutes=10)),
    ],
)
def test_what_keeps_everything_here_holds_the_whole_account(facts, code, reason, after):
    facts = replace(OPEN, **facts)
    assert judge(facts) == Hold(code, reason, facts.now + after)
    # whatever else X would have to be asked, or the letter would wait for
    assert judge(replace(facts, checked_at=None)).code == code
    assert judge(replace(facts, recent=(NOW - DAY,))).code == code
    # and what a person must lift is said first
    assert judge(replace(facts, approved=False)).code == "not_approved"


def test_a_paused_campaign_keeps_only_its_own_letters():
    facts = replace(OPEN, campaign_paused="Paused by Ruth.")
    assert judge(facts) == Wait("campaign_paused", "Paused by Ruth.", NOW + timedelta(minutes=1))


def test_nobody_is_written_to_on_a_quiet_day():
    facts = replace(OPEN, quiet_weekdays=[NOW.weekday()])
    verdict = judge(facts)
    assert isinstance(verdict, Wait)
    assert verdict.code == "quiet_day"
    assert verdict.look_at > NOW + HOUR
    assert judge(replace(OPEN, quiet_dates=[NOW.date()])) == verdict


@pytest.mark.parametrize(
    "facts",
    [
        {"following": False, "followed_by": False},
        {"checked_at": None, "relationship_known": False},
        {"recent": (NOW - DAY,)},
        {"zone": ZoneInfo("America/New_York"), "now": NOW - HOUR},
        {"quiet_weekdays": [NOW.weekday()]},
    ],
)
def test_an_answer_needs_no_mutual_follow_and_ignores_cap_and_window(facts):
    assert judge(replace(OPEN, **facts)) != Go()
    assert judge(replace(OPEN, answer=True, **facts)) == Go()


@pytest.mark.parametrize(
    "facts",
    [
        {"accepts_dms": False},
        {"suppressed": "Said stop."},
        {"has_permission": False},
        {"in_the_air": True},
        {"heard": False},
        {"leave_by": NOW},
    ],
)
def test_an_answer_passes_all_other_gates(facts):
    assert judge(replace(OPEN, answer=True, **facts)) != Go()


def test_a_zone_that_is_not_known_is_said_to_be_ours():
    zone = {"zone": ZoneInfo("America/New_York"), "zone_known": False, "now": NOW - HOUR}
    assert "your time zone: theirs is not known" in judge(replace(OPEN, **zone)).reason


def test_a_workspace_may_do_without_permissions():
    assert judge(replace(OPEN, has_permission=False, require_permission=False)) == Go()


def test_no_cap_is_no_cap():
    assert judge(replace(OPEN, cap_letters=0, recent=(NOW,) * 5, unsettled=3)) == Go()


moments = st.timedeltas(min_value=-9 * DAY, max_value=timedelta()).map(lambda ago: NOW + ago)
yes = st.sampled_from([True, True, True, False])
facts_of_any_kind = st.builds(
    Facts,
    now=st.just(NOW),
    leave_by=st.sampled_from([NOW - HOUR, NOW, NOW + timedelta(seconds=1), NOW + DAY]),
    customer=st.just("Maria"),
    approved=yes,
    guidance_stops=st.sampled_from(["", "", "", "“Fox” is a phrase that this workspace avoids."]),
    paused=st.sampled_from(["", "", "", "Paused by Ruth."]),
    suppressed=st.sampled_from(["", "", "", "They wrote 'stop'."]),
    has_permission=yes,
    require_permission=st.booleans(),
    relationship_known=yes,
    following=yes,
    followed_by=yes,
    accepts_dms=yes,
    reachable=yes,
    checked_at=st.none() | moments,
    fresh_for=st.sampled_from([HOUR, DAY, 30 * DAY, 30 * DAY]),
    recent=st.lists(moments, max_size=4).map(tuple),
    unsettled=st.sampled_from([0, 0, 0, 1]),
    cap_letters=st.integers(min_value=0, max_value=4),
    cap_for=st.sampled_from([timedelta(), DAY, 7 * DAY]),
    in_the_air=st.sampled_from([False, False, False, True]),
    opens=st.sampled_from([time(0), time(9), time(14), time(15)]),
    closes=st.sampled_from([time(0), time(2), time(14), time(18)]),
    zone=st.sampled_from([ZoneInfo("UTC"), ZoneInfo("Asia/Tokyo")]),
)


def may_go(facts: Facts) -> bool:
    """Promise 5, said once more and plainly."""
    fresh = facts.checked_at is not None and facts.now < facts.checked_at + facts.fresh_for
    lately = sum(facts.now < moment + facts.cap_for for moment in facts.recent)
    local = facts.now.astimezone(facts.zone).time()
    if facts.opens < facts.closes:
        inside = facts.opens <= local < facts.closes
    else:
        inside = local >= facts.opens or local < facts.closes
    return (
        facts.approved
        and not facts.guidance_stops
        and not facts.suppressed
        and (facts.has_permission or not facts.require_permission)
        and facts.now < facts.leave_by
        and facts.relationship_known
        and fresh
        and facts.reachable
        and facts.following
        and facts.followed_by
        and facts.accepts_dms
        and not facts.paused
        and not facts.in_the_air
        and (facts.cap_letters == 0 or lately + facts.unsettled < facts.cap_letters)
        and inside
    )


@given(facts_of_any_kind)
@settings(deadline=None)
def test_it_goes_only_and_always_when_promise_5_lets_it(facts):
    # As the claim reads them: `recent` holds what lies within the cap's days.
    recent = tuple(moment for moment in facts.recent if moment > facts.now - facts.cap_for)
    facts = replace(facts, recent=recent)
    verdict = judge(facts)
    assert (verdict == Go()) == may_go(facts)
    if isinstance(verdict, Wait):
        # or the sender would look at it for ever
        assert verdict.look_at > facts.now
    if not isinstance(verdict, Go):
        assert verdict.reason


@given(facts_of_any_kind)
@settings(deadline=None)
def test_no_wait_hides_what_a_person_must_lift(facts):
    lasting = replace(
        facts, paused="", in_the_air=False, recent=(), unsettled=0, opens=time(0),
        closes=time(0), checked_at=NOW, relationship_known=True, fresh_for=DAY,
    )  # fmt: skip
    alone = judge(lasting)
    known = facts.relationship_known and facts.checked_at is not None
    fresh = known and facts.checked_at + facts.fresh_for > facts.now
    if isinstance(alone, Block) and fresh:
        assert judge(facts) == alone
