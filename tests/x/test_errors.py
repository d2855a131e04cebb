"""The table from X's answers to errors, row by row."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from outreach.x.errors import (
    TABLE,
    About,
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
    error_within,
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
    (
        403,
        {
            "title": "SpendCapReached",
            "detail": "Your enrolled account has reached its billing cycle spend cap.",
            "type": T + "credits",
        },
        PaymentNeeded,
        "spending_capped",
    ),
    (403, REFUSED | {"detail": "The spending limit is reached."}, PaymentNeeded, "spending_capped"),
    (403, {"title": "CreditsDepleted", "type": T + "credits"}, PaymentNeeded, "credits_used_up"),
    (402, None, PaymentNeeded, "payment_needed"),
    (429, {"title": "UsageCapExceeded", "type": X + "usage-capped"}, PaymentNeeded, "usage_capped"),
    (429, {"detail": "Usage cap exceeded: Monthly product cap"}, PaymentNeeded, "usage_capped"),
    (
        403,
        {
            "title": "Client Forbidden",
            "detail": "Use keys of an app that is attached to a Project.",
            "reason": "client-not-enrolled",
            "required_enrollment": "Appropriate Level of API Access",
            "type": T + "client-forbidden",
        },
        PaymentNeeded,
        "not_enrolled",
    ),
    (
        429,
        {
            "title": "ConnectionException",
            "connection_issue": "TooManyConnections",
            "type": X + "streaming-connection",
        },
        TryLater,
        "too_many_streams",
    ),
    (429, {"title": "Too Many Requests", "status": 429}, LimitedUntil, "rate_limited"),
    (403, {"type": X + "rate-limit-exceeded"}, LimitedUntil, "rate_limited"),
    (400, legacy(88, "Rate limit exceeded"), LimitedUntil, "rate_limited"),
    (403, legacy(326), AccountLocked, "account_locked"),
    (403, legacy(64), AccountLocked, "account_suspended"),
    (
        403,
        REFUSED
        | {
            "detail": "To protect our users from spam and other malicious activity, this account is"
            " temporarily locked. Log in to unlock it."
        },
        AccountLocked,
        "account_locked",
    ),
    (403, REFUSED | {"detail": "Your account is suspended."}, AccountLocked, "account_suspended"),
    (401, {"title": "Unauthorized", "type": "about:blank"}, TokenRefused, "token_refused"),
    (403, legacy(89, "Invalid or expired token"), TokenRefused, "token_refused"),
    (403, {"type": T + "client-forbidden"}, NeverWill, "no_access"),
    (403, {"type": T + "unsupported-authentication"}, NeverWill, "no_access"),
    (403, {"type": X + "not-authorized-for-field"}, NeverWill, "no_access"),
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
    (
        403,
        legacy(151, "There was an error sending your message: You already said that."),
        NeverWill,
        "duplicate",
    ),
    (403, legacy(354), NeverWill, "bad_request"),
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
    (400, legacy(151, "There was an error sending your message."), NeverWill, "refused"),
    (400, {"type": X + "disallowed-resource"}, NeverWill, "refused"),
    (403, {"type": X + "invalid-request"}, NeverWill, "bad_request"),
    (403, {"type": X + "resource-unavailable"}, TryLater, "unavailable"),
    (404, legacy(34, "Sorry, that page does not exist."), TryLater, "no_such_address"),
    (421, None, TryLater, "gateway"),
    (403, None, TryLater, "not_from_x"),
    (403, REFUSED | {"detail": "Forbidden"}, NeverWill, "refused"),
    (404, {"title": "Not Found", "type": "about:blank"}, NeverWill, "gone"),
    (400, {"title": "Bad Request", "type": "about:blank"}, NeverWill, "bad_request"),
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


PERSONAL = [
    {"type": X + "resource-not-found", "detail": "Could not find user with id: [2]."},
    {"type": X + "resource-not-found", "detail": "User has been suspended: [2]."},
    legacy(136),
    legacy(349),
]


@pytest.mark.parametrize("document", PERSONAL)
def test_a_refusal_of_a_call_about_many_says_nothing_about_one_of_them(document):
    error = error_for(404, body(document), limits=Limits(), writes=False, about=About.MANY)
    assert (type(error), error.kind) == (TryLater, "unclear")


@pytest.mark.parametrize("document", [PERSONAL[1], legacy(63)])
def test_the_suspended_user_of_a_call_about_the_caller_is_the_caller(document):
    error = error_for(403, body(document), limits=Limits(), writes=False, about=About.CALLER)
    assert (type(error), error.kind) == (AccountLocked, "account_suspended")


def test_the_sender_s_suspension_is_told_from_the_recipient_s():
    sender = REFUSED | {"detail": "Your account is suspended and is not permitted to do this."}
    recipient = REFUSED | {"detail": "User has been suspended: [2]."}
    assert type(read(403, sender)) is AccountLocked
    refused = read(403, recipient)
    assert isinstance(refused, NeverWill)
    assert refused.reason == NeverReason.SUSPENDED


QUOTED = "usage cap, spend cap, your account is suspended, spam, duplicate, scope, permission to DM"


def test_words_that_x_quotes_from_a_request_decide_nothing():
    quoting = {
        "type": X + "invalid-request",
        "errors": [{"message": f"The text [{QUOTED}] is odd"}],
    }
    assert read(400, quoting).kind == "bad_request"


@pytest.mark.parametrize(
    ("problem", "error", "kind"),
    [
        ("disallowed-resource", NeverWill, "refused"),
        ("field-hydration-failure", TryLater, "unavailable"),
        ("field-unauthorized", NeverWill, "no_access"),
        ("internal-error", TryLater, "unavailable"),
        ("invalid-request", NeverWill, "bad_request"),
        ("not-authorized-for-field", NeverWill, "no_access"),
        ("not-authorized-for-resource", NeverWill, "refused"),
        ("resource-not-found", NeverWill, "gone"),
        ("resource-unavailable", TryLater, "unavailable"),
    ],
)
def test_each_problem_of_x_s_description_means_the_same_whatever_the_4xx(problem, error, kind):
    for status in (400, 403, 404, 422):
        found = read(status, {"type": X + problem, "title": "T", "detail": "D"})
        assert (type(found), found.kind) == (error, kind)


@pytest.mark.parametrize(
    ("document", "error", "kind"),
    [
        ({"errors": [PERSONAL[0]]}, NeverWill, "gone"),
        ({"errors": [PERSONAL[1]]}, NeverWill, "suspended"),
        ({"errors": [{"type": X + "not-authorized-for-resource"}]}, NeverWill, "refused"),
        ({"errors": [{"type": X + "internal-error"}]}, TryLater, "unavailable"),
        ({"errors": [{"type": X + "something-new"}]}, TryLater, "unreadable_answer"),
        ({"errors": [{"title": "Forbidden"}]}, TryLater, "unreadable_answer"),
        ({}, TryLater, "unreadable_answer"),
        (None, TryLater, "unreadable_answer"),
    ],
)
def test_a_success_that_carries_problems_alone_is_what_they_say(document, error, kind):
    found = error_within(200, body(document), limits=Limits(), request_id="r1")
    assert type(found) is error
    assert (found.kind, found.status, found.request_id) == (kind, 200, "r1")


def test_a_row_without_conditions_speaks_only_about_4xx():
    row = Row(TryLater, "any")
    assert [row.holds(read_answer(status, b"")) for status in (399, 400, 499, 500)] == [
        False,
        True,
        True,
        False,
    ]
