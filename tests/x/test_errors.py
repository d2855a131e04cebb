"""The table from X's answers to errors, row by row."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from outreach.x.errors import (
    TABLE,
    AccountLocked,
    LimitedUntil,
    NeverReason,
    NeverWill,
    NotSent,
    PaymentNeeded,
    Row,
    TokenRefused,
    TryLater,
    Unknown,
    XError,
    error_for,
    read_answer,
)
from outreach.x.limits import Limit, Limits

T = "https://api.twitter.com/2/problems/"
X = "https://api.x.com/2/problems/"
REFUSED: dict[str, Any] = {"title": "Forbidden", "type": "about:blank", "status": 403}


def legacy(code: int, message: str = "") -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message}]}


# One example for each row of TABLE, in its order: status, body, error, kind.
EXAMPLES: list[tuple[int, Any, type[XError], str]] = [
    (409, {"title": "Conflict", "status": 409}, Unknown, "ambiguous_status"),
    (402, None, PaymentNeeded, "payment_needed"),
    (403, {"title": "CreditsDepleted", "type": T + "credits"}, PaymentNeeded, "credits_used_up"),
    (429, {"title": "UsageCapExceeded", "type": X + "usage-capped"}, PaymentNeeded, "usage_capped"),
    (429, {"detail": "Usage cap exceeded: Monthly product cap"}, PaymentNeeded, "usage_capped"),
    (403, {"detail": "Your account reached its Spend Cap."}, PaymentNeeded, "spending_capped"),
    (429, {"title": "Too Many Requests", "status": 429}, LimitedUntil, "rate_limited"),
    (400, legacy(88, "Rate limit exceeded"), LimitedUntil, "rate_limited"),
    (403, legacy(326), AccountLocked, "account_locked"),
    (403, legacy(64), AccountLocked, "account_suspended"),
    (
        403,
        REFUSED | {"detail": "This account is temporarily locked. Log in to unlock it."},
        AccountLocked,
        "account_locked",
    ),
    (403, REFUSED | {"detail": "Your account is suspended."}, AccountLocked, "account_suspended"),
    (401, {"title": "Unauthorized", "type": "about:blank"}, TokenRefused, "token_refused"),
    (403, legacy(89, "Invalid or expired token"), TokenRefused, "token_refused"),
    (403, {"type": T + "client-forbidden"}, NeverWill, "no_access"),
    (403, {"type": T + "unsupported-authentication"}, NeverWill, "no_access"),
    (403, {"type": T + "oauth1-permissions"}, NeverWill, "no_access"),
    (403, legacy(93), NeverWill, "no_access"),
    (403, REFUSED | {"detail": "The token lacks the Scope dm.write"}, NeverWill, "no_access"),
    (403, legacy(226), NeverWill, "spam"),
    (
        403,
        REFUSED | {"detail": "This request looks like it might be automated."},
        NeverWill,
        "spam",
    ),
    (403, REFUSED | {"detail": "Flagged as spam"}, NeverWill, "spam"),
    (403, legacy(187), NeverWill, "duplicate"),
    (403, REFUSED | {"detail": "Duplicate content"}, NeverWill, "duplicate"),
    (403, legacy(63), NeverWill, "suspended"),
    (
        404,
        {"type": T + "resource-not-found", "detail": "User has been suspended: [12]."},
        NeverWill,
        "suspended",
    ),
    (400, legacy(108), NeverWill, "gone"),
    (400, {"type": X + "resource-not-found"}, NeverWill, "gone"),
    (403, legacy(136), NeverWill, "blocked"),
    (403, REFUSED | {"detail": "You have been blocked from messaging them"}, NeverWill, "blocked"),
    (403, legacy(349), NeverWill, "no_dms"),
    (
        403,
        REFUSED | {"detail": "You do not have permission to DM one or more participants."},
        NeverWill,
        "no_dms",
    ),
    (403, REFUSED | {"detail": "You cannot send messages to this user."}, NeverWill, "no_dms"),
    (403, REFUSED | {"detail": "Forbidden"}, NeverWill, "refused"),
    (404, {"title": "Not Found", "type": "about:blank"}, NeverWill, "gone"),
    (403, None, TryLater, "not_from_x"),
    (421, None, TryLater, "gateway"),
    (400, {"type": X + "invalid-request"}, NeverWill, "bad_request"),
    (503, {"title": "Service Unavailable"}, Unknown, "server_error"),
    (302, None, Unknown, "unexpected_status"),
]


def body(document: Any) -> bytes:
    return b"<html>" if document is None else json.dumps(document).encode()


def read(status: int, document: Any, *, writes: bool = True, limits: Limits = Limits()) -> XError:  # noqa: B008
    return error_for(status, body(document), limits=limits, request_id="r1", writes=writes)


def test_every_row_has_an_example_that_it_decides():
    decided = [
        next(row for row in TABLE if row.holds(read_answer(status, body(document))))
        for status, document, _, _ in EXAMPLES
    ]
    assert decided == list(TABLE)


@pytest.mark.parametrize(("status", "document", "error", "kind"), EXAMPLES)
def test_the_example_becomes_the_error(status, document, error, kind):
    found = read(status, document)
    assert type(found) is error
    assert (found.kind, found.status, found.request_id) == (kind, status, "r1")
    if isinstance(found, NeverWill):
        assert found.reason == NeverReason(kind)


def test_every_never_will_row_names_its_reason():
    assert [row for row in TABLE if row.error is NeverWill and row.reason is None] == []


@pytest.mark.parametrize("status", [408, 409, 425, 499, 500, 502, 503, 504, 599, 200, 301, 103])
def test_what_x_may_have_taken_is_unknown_whatever_the_body_says(status):
    says_otherwise = {"type": T + "client-forbidden", "errors": [{"code": 326, "message": "x"}]}
    assert type(read(status, says_otherwise)) is Unknown
    assert type(read(status, None)) is Unknown


@pytest.mark.parametrize("status", sorted(set(range(400, 500)) - {408, 409, 425, 499}))
def test_every_other_4xx_is_not_sent(status):
    odd: list[Any] = [None, {}, {"errors": "odd"}, [], {"type": 5, "detail": ["x"], "code": "88"}]
    for document in odd:
        assert isinstance(read(status, document), NotSent)


@pytest.mark.parametrize("status", [408, 500, 503, 302])
def test_a_read_whose_outcome_is_unknown_may_be_tried_again(status):
    assert type(read(status, None, writes=False)) is TryLater


@pytest.mark.parametrize("odd", [b"", b"null", b"[1]", b'"x"', b"{", b"\xff\xfe", b"[" * 100_000])
def test_any_body_is_readable(odd):
    assert read_answer(403, odd).documented is False


def test_both_of_x_s_hosts_name_the_same_problem_types():
    assert [read(403, {"type": host + "client-forbidden"}).kind for host in (T, X)] == [
        "no_access",
        "no_access",
    ]


def at(minute: int) -> datetime:
    return datetime(2026, 11, 1, 12, minute, tzinfo=UTC)


def test_a_429_closes_the_limit_that_its_headers_call_used_up():
    limits = Limits((Limit("endpoint", 15, 3, at(5)), Limit("app", 1440, 0, at(40))))
    error = read(429, {}, limits=limits)
    assert isinstance(error, LimitedUntil)
    assert (error.scope, error.until) == ("app", at(40))


def test_of_two_used_up_limits_the_later_reset_counts():
    limits = Limits((Limit("endpoint", 15, 0, at(5)), Limit("user", 1440, 0, at(50))))
    error = read(429, {}, limits=limits)
    assert isinstance(error, LimitedUntil)
    assert (error.scope, error.until) == ("user", at(50))


def test_a_429_whose_headers_call_no_limit_used_up_says_no_time():
    error = read(429, {}, limits=Limits((Limit("endpoint", 15, 3, at(5)),)))
    assert isinstance(error, LimitedUntil)
    assert error.until is None


def test_an_error_carries_nothing_that_x_wrote_in_words():
    error = read(403, {"detail": "secret words", "errors": [{"code": 349, "message": "secret"}]})
    assert "secret" not in repr(vars(error)) + str(error) + repr(error)
    assert error.codes == (349,)


def test_a_row_without_conditions_speaks_only_about_4xx():
    row = Row(TryLater, "any")
    assert [row.holds(read_answer(status, b"")) for status in (399, 400, 499, 500)] == [
        False,
        True,
        True,
        False,
    ]
