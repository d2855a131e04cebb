"""What the client claims is true, whatever goes wrong on the way: held against the sandbox's ledger.

Faults are drawn as scripts and seeds, so that a failing example, as Hypothesis prints it, replays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from outreach.x.client import (
    CallDeadline,
    DMPage,
    HandlesAnswer,
    Retries,
    SentDM,
    Timeouts,
    UserPage,
    UsersAnswer,
    XClient,
)
from outreach.x.errors import (
    LimitedUntil,
    NeverReason,
    NeverWill,
    NotCalled,
    NotSent,
    TryLater,
    Unknown,
    XError,
)
from tests.sandbox_server import Sandbox

BRAND, ANN, SHY, GONE = 1_000_000_000_000_000_001, 2, 3, 77
FOLLOWERS = {ANN, *range(100, 104)}
HANDLES = {BRAND: "brand", ANN: "ann", SHY: "shy"} | {n: f"f{n}" for n in range(100, 104)}
# As X counts, and never reached.
UNREACHED = [{"limit": 10**9, "seconds": 900, "per": "user"}]
READS = ("users", "users_by", "followers", "following", "dm_events", "dm_events_with", "me")

SHORT = Timeouts(connect=2.0, answer=0.2)
LATE = 0.3  # seconds: an answer that comes once the client has left
AT_ONCE = Retries(first_wait=0)

PATIENT = settings(
    max_examples=110,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def world(sandbox_server) -> Iterator[Sandbox]:
    sandbox_server.reset()
    for id_, handle in HANDLES.items():
        sandbox_server.add_user(id_, handle, accepts_dms=id_ != SHY)
    for id_ in FOLLOWERS:
        sandbox_server.befriend(BRAND, id_)
    sandbox_server.set_limits(dict.fromkeys(("send_dm", *READS), UNREACHED))
    yield sandbox_server
    sandbox_server.reset()


@pytest.fixture(scope="module")
def token(world) -> str:
    return world.issue_token(BRAND)


def client(world: Sandbox, token: str, timeouts: Timeouts = SHORT) -> XClient:
    return XClient(token, base_url=world.base_url, timeouts=timeouts, retries=AT_ONCE)


# --- sending -------------------------------------------------------------------------------------

ERRORS = st.sampled_from([500, 502, 503, 504, 520, 599])
SECONDS = st.integers(0, 900).map(float)
BEFORE = st.one_of(
    st.builds(lambda status: {"fault": "error_before", "status": status}, ERRORS),
    st.builds(lambda reset: {"fault": "drop_before", "reset": reset}, st.booleans()),
    st.builds(
        lambda headers, seconds: {"fault": "rate_limited", "headers": headers, "seconds": seconds},
        st.booleans(),
        SECONDS,
    ),
)
MALFORMED = [{"fault": "malformed", "how": how} for how in ("broken", "cut", "no_id", "html")]
AFTER = st.one_of(
    st.builds(lambda status: {"fault": "error_after", "status": status}, ERRORS),
    st.builds(lambda reset: {"fault": "drop_after", "reset": reset}, st.booleans()),
    st.sampled_from(MALFORMED),
)
DELAY: dict[str, Any] = {"fault": "delay", "seconds": LATE}


@dataclass(frozen=True)
class Letter:
    """One call: to whom, whether its deadline is over, and what goes wrong with it."""

    to: int = ANN
    too_late: bool = False
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    delayed: bool = False


LETTERS = st.lists(
    st.builds(
        Letter,
        to=st.sampled_from([ANN, ANN, ANN, SHY, GONE]),
        too_late=st.sampled_from([False, False, False, True]),
        before=st.none() | st.none() | BEFORE,
        after=st.none() | AFTER,
        delayed=st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=4,
)


def rules_for(letters: list[Letter]) -> list[dict[str, Any]]:
    """A rule for each moment; what comes later is not asked where the first struck, nor where the
    call never came."""
    called = [letter for letter in letters if not letter.too_late]
    looked_at = [letter for letter in called if letter.before is None]
    scripts = (
        [letter.before for letter in called],
        [letter.after for letter in looked_at],
        [DELAY if letter.delayed else None for letter in looked_at],
    )
    return [{"endpoint": "send_dm", "script": script} for script in scripts if any(script)]


def send(api: XClient, letter: Letter, text: str) -> SentDM | XError:
    deadline = CallDeadline.starting_now(-1 if letter.too_late else 60)
    try:
        return api.send_dm(letter.to, text, deadline=deadline)
    except XError as error:
        return error


def held_against_the_ledger(world: Sandbox, last: int, claims: list[tuple[Any, int, str]]) -> None:
    """Every claim is true, and no message is there twice."""
    taken = [dm for dm in world.dms() if int(dm["id"]) > last]
    for claim, to, text in claims:
        found = [dm for dm in taken if dm["text"] == text]
        assert len(found) <= 1, "sent twice"
        if isinstance(claim, SentDM):
            assert [dm["recipient"] for dm in found] == [str(to)], "said sent, and was not"
            assert claim.dm_event_id in (None, int(found[0]["id"]))
        elif isinstance(claim, NotSent):
            assert found == [], f"said {claim}, and was sent"
        else:
            assert type(claim) is Unknown


@PATIENT
@given(LETTERS)
@example([Letter(), Letter(to=SHY), Letter(to=GONE), Letter(too_late=True)])
@example([Letter(after=fault) for fault in MALFORMED])
@example([Letter(after={"fault": "drop_after"}), Letter(delayed=True, after=MALFORMED[0])])
def test_what_is_said_about_a_message_is_true(world, token, letters):
    last = max((int(dm["id"]) for dm in world.dms()), default=0)
    world.control("faults", rules=rules_for(letters))
    api = client(world, token)
    texts = [f"letter {last}/{n}" for n in range(len(letters))]
    claims = [
        (send(api, letter, text), letter.to, text)
        for letter, text in zip(letters, texts, strict=True)
    ]
    held_against_the_ledger(world, last, claims)


CHANCES = st.lists(
    st.builds(
        lambda fault, chance: {"endpoint": "*", "probability": chance} | fault,
        st.one_of(BEFORE, AFTER, st.just(DELAY)),
        st.sampled_from([0.1, 0.3, 0.5]),
    ),
    min_size=1,
    max_size=4,
)


@settings(PATIENT, max_examples=30)
@given(CHANCES, st.integers(0, 2**16))
def test_what_is_said_about_a_message_is_true_by_chance_too(world, token, rules, seed):
    last = max((int(dm["id"]) for dm in world.dms()), default=0)
    world.control("faults", rules=rules, seed=seed)
    api = client(world, token)
    texts = [f"chance {last}/{n}" for n in range(5)]
    claims = [(send(api, Letter(), text), ANN, text) for text in texts]
    held_against_the_ledger(world, last, claims)


def test_a_false_claim_is_found_out(world, token):
    """The judge of the properties above, judged."""
    world.control("faults", rules=[])
    last = max((int(dm["id"]) for dm in world.dms()), default=0)
    text = f"judged {last}"
    api = client(world, token, Timeouts(connect=2, answer=5))
    sent = api.send_dm(ANN, text)
    held_against_the_ledger(world, last, [(sent, ANN, text), (Unknown("test"), ANN, text)])
    other = replace(sent, dm_event_id=1)
    for lie in ((TryLater("test"), ANN, text), (sent, SHY, text), (other, ANN, text)):
        with pytest.raises(AssertionError):
            held_against_the_ledger(world, last, [lie])
    with pytest.raises(AssertionError):
        held_against_the_ledger(world, last, [(sent, ANN, "never sent")])
    api.send_dm(ANN, text)
    with pytest.raises(AssertionError, match="twice"):
        held_against_the_ledger(world, last, [(Unknown("test"), ANN, text)])


# What each fault alone comes to: so that the properties above do not hold for want of claims.
# Fault, whether the message is there, what the client says, and in which kind.
ALONE = [
    (None, True, SentDM, None),
    ({"fault": "error_before"}, False, Unknown, "server_error"),
    ({"fault": "error_before", "status": 502}, False, Unknown, "server_error"),
    ({"fault": "error_after"}, True, Unknown, "server_error"),
    ({"fault": "drop_before", "reset": True}, False, Unknown, "connection_lost"),
    ({"fault": "drop_before", "reset": False}, False, Unknown, "connection_lost"),
    ({"fault": "drop_after", "reset": True}, True, Unknown, "connection_lost"),
    ({"fault": "drop_after", "reset": False}, True, Unknown, "connection_lost"),
    ({"fault": "delay", "seconds": 3.0}, True, Unknown, "answer_timed_out"),
    ({"fault": "rate_limited", "headers": True}, False, LimitedUntil, "rate_limited"),
    ({"fault": "rate_limited", "headers": False}, False, LimitedUntil, "rate_limited"),
    *((fault, True, SentDM, None) for fault in MALFORMED),
]


@pytest.mark.parametrize(("fault", "there", "kind_of_claim", "kind"), ALONE)
def test_each_fault_alone_comes_to_this(world, token, fault, there, kind_of_claim, kind):
    world.control("faults", rules=[{"endpoint": "send_dm", "script": [fault]}] if fault else [])
    last = max((int(dm["id"]) for dm in world.dms()), default=0)
    api = client(world, token, Timeouts(connect=2, answer=1.5))
    said = send(api, Letter(), f"alone {last}")
    assert type(said) is kind_of_claim
    assert [dm["text"] for dm in world.dms() if int(dm["id"]) > last] == [f"alone {last}"] * there
    if isinstance(said, XError):
        assert said.kind == kind
    else:
        assert (said.dm_event_id is None) == (fault is not None)
    if isinstance(said, LimitedUntil) and fault:
        assert (said.until is not None) == fault["headers"]


# --- reading -------------------------------------------------------------------------------------

PARTIAL = st.builds(
    lambda how, fraction: {"fault": "partial", "how": how, "fraction": fraction},
    st.sampled_from(["errors", "unanswered"]),
    st.sampled_from([0.2, 0.5, 1.0]),
)
LAG: dict[str, Any] = {"fault": "lag", "seconds": 3600.0}
SCRIPTS = st.lists(
    st.none() | st.one_of(BEFORE, AFTER, PARTIAL, PARTIAL, st.sampled_from([LAG, DELAY])),
    min_size=1,
    max_size=4,
)


def check_users(answer: UsersAnswer) -> None:
    assert set(answer.missing) <= {GONE}, "said missing, and is there"
    assert answer.suspended == ()
    for user in answer.found:
        assert (user.handle, user.following) == (HANDLES[user.id], user.id in FOLLOWERS)
    named = [*answer.missing, *answer.unanswered, *(user.id for user in answer.found)]
    assert sorted(named) == sorted([ANN, SHY, 100, GONE])


def check_handles(answer: HandlesAnswer) -> None:
    assert set(answer.missing) <= {"nobody"}, "said missing, and is there"
    named = [*answer.missing, *answer.unanswered, *(user.handle for user in answer.found)]
    assert sorted(named) == ["ann", "nobody", "shy"]


def check_page(page: UserPage) -> None:
    ids = {user.id for user in page.users}
    assert ids <= FOLLOWERS
    if page.next_token is None and not page.unreadable:
        assert ids == FOLLOWERS, "said to be all, and was not"


Read = Callable[[XClient], Any]
CALLS: dict[str, tuple[Read, Callable[[Any], None]]] = {
    "users": (lambda api: api.users([ANN, SHY, 100, GONE]), check_users),
    "users_by": (lambda api: api.users_by(["ann", "shy", "nobody"]), check_handles),
    "followers": (lambda api: api.followers(BRAND), check_page),
    "following": (lambda api: api.following(BRAND), check_page),
}


@settings(PATIENT, max_examples=60)
@given(st.sampled_from(sorted(CALLS)), SCRIPTS)
@example("users", [{"fault": "partial", "how": "unanswered", "fraction": 1.0}])
@example("users", [{"fault": "partial", "how": "errors", "fraction": 1.0}])
@example("followers", [None, MALFORMED[2]])
def test_nobody_who_is_there_is_said_to_be_missing(world, token, name, script):
    world.control("faults", rules=[{"endpoint": "*", "script": script}])
    read, check = CALLS[name]
    # Nothing else may be raised: a read has no outcome to be unsure of, and nobody is gone.
    with suppress(TryLater, NotCalled, LimitedUntil):
        check(read(client(world, token)))
    # Whatever happened, the same client is well again as soon as X is.
    world.control("faults", rules=[])
    check(read(client(world, token, Timeouts(connect=2, answer=5))))


@settings(PATIENT, max_examples=60)
@given(st.booleans(), SCRIPTS)
@example(True, [MALFORMED[0], MALFORMED[2], None])
def test_no_message_is_shown_that_is_not_there_nor_one_left_out(world, token, of_all, script):
    world.control("faults", rules=[])
    api = client(world, token, Timeouts(connect=2, answer=5))
    sent = api.send_dm(ANN, "one more")
    api = client(world, token)
    world.control("faults", rules=[{"endpoint": "*", "script": script}])
    try:
        page: DMPage = api.dm_events() if of_all else api.dm_events_with(ANN)
    except (TryLater, NotCalled, LimitedUntil):
        return
    there = {int(dm["id"]): dm["text"] for dm in world.dms()}
    assert {event.id: there[event.id] for event in page.events} == {
        event.id: event.expanded_text for event in page.events
    }
    # While X itself lags, nothing that it does not show yet can be told from what is not there.
    if LAG not in script and not page.unreadable:
        assert [event.id for event in page.events][:1] == [sent.dm_event_id]


def test_who_one_is_survives_faults(world, token):
    for fault in (*MALFORMED, {"fault": "drop_after"}, {"fault": "error_before"}):
        world.control("faults", rules=[{"endpoint": "me", "script": [fault]}])
        assert client(world, token, Timeouts(connect=2, answer=5)).me().id == BRAND


def test_somebody_gone_is_said_to_be_gone_and_somebody_suspended_suspended(world, token):
    world.control("faults", rules=[])
    world.add_user(200, "soon_suspended")
    world.control("suspend", user_id="200", suspended=True)
    api = client(world, token, Timeouts(connect=2, answer=5))
    answer = api.users([ANN, GONE, 200])
    assert ([user.id for user in answer.found], answer.missing) == ([ANN], (GONE, 200))
    assert answer.suspended == (200,)
    assert api.users_by(["soon_suspended"]).suspended == ("soon_suspended",)
    with pytest.raises(NeverWill) as refused:
        api.followers(200)
    assert refused.value.reason == NeverReason.SUSPENDED
