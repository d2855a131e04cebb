"""What X's refusals mean: one table from an answer to an error, and the errors themselves.

An error says what may be done next, so its claim must be true: `NotSent` promises that X did not
take the message, `Unknown` that nobody can tell. What is which is fixed by the design, section 5.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum, auto

from outreach.x.limits import Limits, Scope


class NeverReason(StrEnum):
    """Why X will never take this message as it is."""

    NO_DMS = "no_dms"  # this person does not take DMs from this account
    BLOCKED = "blocked"  # this person blocked the account
    GONE = "gone"  # there is no such person any more
    SUSPENDED = "suspended"  # the person's account is suspended
    SPAM = "spam"  # X took the message for spam or automation
    DUPLICATE = "duplicate"  # X has the same words already
    NO_ACCESS = "no_access"  # the X app, or its token's scopes, may not make this call
    BAD_REQUEST = "bad_request"  # X does not accept the request as it was written
    REFUSED = "refused"  # X said no and gave no reason that we know


class XError(Exception):
    """A call that X did not answer with what was asked for.

    It carries no token, no text and none of X's prose (which may quote either): only the status,
    X's id of the request, the limits named in the answer, and X's own problem type and codes.
    """

    def __init__(
        self,
        kind: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        limits: Limits | None = None,
        problem: str | None = None,
        codes: tuple[int, ...] = (),
    ) -> None:
        self.kind = kind
        self.status = status
        self.request_id = request_id
        self.limits = limits if limits is not None else Limits()
        self.problem = problem
        self.codes = codes
        super().__init__(kind, status, request_id)

    def __str__(self) -> str:
        return f"{self.kind} (status {self.status or '-'}, request {self.request_id or '-'})"


class NotSent(XError):  # noqa: N818 - the family is named by what is known
    """X did not take the message: nothing was sent by this call."""


class TryLater(NotSent):
    """Not sent; the same call may succeed later."""


class NotCalled(NotSent):
    """Not sent: no byte of the request left us (no connection, or the call deadline passed)."""


class TokenRefused(NotSent):
    """Not sent: the access token is expired, revoked or unknown to X."""


class AccountLocked(NotSent):
    """Not sent: X locked or suspended the account that writes."""


class PaymentNeeded(NotSent):
    """Not sent: the X app's credits, spending limit or usage cap are used up, or it has no plan.

    It concerns everything that goes through the app, and an administrator mends it at X.
    """


class NeverWill(NotSent):
    """Not sent, and never will be as it is; `reason` says why."""

    reason: NeverReason = NeverReason.REFUSED


class LimitedUntil(NotSent):
    """Not sent: a limit is reached. `until` is None where X did not say when it opens again."""

    until: datetime | None = None
    scope: Scope = "endpoint"


class Unknown(XError):  # noqa: N818 - see NotSent
    """Nobody knows whether X took the message. Never call again because of this error."""


class About(Enum):
    """Whom a call is about, and so whom a refusal speaks of that says 'the user'."""

    PERSON = auto()  # the one person whom the call names
    CALLER = auto()  # the account that makes the call
    MANY = auto()  # many at once: what is refused as a whole says nothing about one of them


_ABOUT_A_PERSON = frozenset(
    {NeverReason.NO_DMS, NeverReason.BLOCKED, NeverReason.GONE, NeverReason.SUSPENDED}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an error is read from: the status and the problem document, if there was one."""

    status: int
    documented: bool  # the body was a JSON object, so it came from X and not from something between
    types: frozenset[str]  # last segments of the problem types: X uses two hosts for the same ones
    codes: frozenset[int]
    words: str  # titles, details, messages and reasons, in lower case


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: all conditions that are given must hold; empty ones always do."""

    error: type[XError]
    kind: str
    statuses: range | frozenset[int] = range(400, 500)
    types: frozenset[str] = frozenset()
    codes: frozenset[int] = frozenset()
    phrase: str = ""
    documented: bool | None = None
    reason: NeverReason | None = None

    def holds(self, answer: Answer) -> bool:
        """Tell whether the row speaks about this answer."""
        return (
            answer.status in self.statuses
            and (not self.types or not self.types.isdisjoint(answer.types))
            and (not self.codes or not self.codes.isdisjoint(answer.codes))
            and self.phrase in answer.words
            and (self.documented is None or self.documented == answer.documented)
        )


# The properties of a problem in which X says in words what is wrong.
WORDS = ("title", "detail", "message", "reason")


def _set(*values: int) -> frozenset[int]:
    return frozenset(values)


def _named(*types: str) -> frozenset[str]:
    return frozenset(types)


def _never(reason: NeverReason, **conditions: object) -> Row:
    return Row(NeverWill, reason.value, reason=reason, **conditions)  # type: ignore[arg-type]


# The first row that holds decides. Sources: X's "Response codes and errors" and its OpenAPI
# description (problem types), and the legacy codes still seen in bodies. A phrase counts only in
# refusals whose prose is X's own: that of a 400 may quote what was asked for.
TABLE: tuple[Row, ...] = (
    # May have reached X's store before something between gave up: nobody can tell.
    Row(Unknown, "ambiguous_status", statuses=_set(408, 409, 425, 499)),
    # Money and caps, whatever the status: X has used 402, 403 and 429 for them.
    Row(PaymentNeeded, "spending_capped", statuses=_set(402, 403, 429), phrase="spend cap"),
    Row(PaymentNeeded, "spending_capped", statuses=_set(402, 403, 429), phrase="spending limit"),
    Row(PaymentNeeded, "credits_used_up", types=_named("credits")),
    Row(PaymentNeeded, "payment_needed", statuses=_set(402)),
    Row(PaymentNeeded, "usage_capped", types=_named("usage-capped")),
    Row(PaymentNeeded, "usage_capped", statuses=_set(403, 429), phrase="usage cap"),
    # The app stands outside X's paid plan: as with money, no call of it works until that changes.
    Row(PaymentNeeded, "not_enrolled", statuses=_set(403), phrase="client-not-enrolled"),
    # Too many streams at once comes as a 429 too, and closes no limit.
    Row(TryLater, "too_many_streams", types=_named("streaming-connection")),
    # Limits.
    Row(LimitedUntil, "rate_limited", statuses=_set(420, 429)),
    Row(LimitedUntil, "rate_limited", types=_named("rate-limit-exceeded")),
    Row(LimitedUntil, "rate_limited", codes=_set(88, 185, 344)),
    # The account that writes.
    Row(AccountLocked, "account_locked", codes=_set(231, 326)),
    Row(AccountLocked, "account_suspended", codes=_set(64)),
    Row(
        AccountLocked,
        "account_locked",
        statuses=_set(401, 403),
        phrase="account is temporarily locked",
    ),
    Row(
        AccountLocked,
        "account_suspended",
        statuses=_set(401, 403),
        phrase="your account is suspended",
    ),
    # The token.
    Row(TokenRefused, "token_refused", statuses=_set(401)),
    Row(TokenRefused, "token_refused", codes=_set(32, 89, 99, 215)),
    # The app and its scopes.
    _never(NeverReason.NO_ACCESS, types=_named("client-forbidden")),
    _never(NeverReason.NO_ACCESS, types=_named("unsupported-authentication", "oauth1-permissions")),
    _never(NeverReason.NO_ACCESS, types=_named("not-authorized-for-field", "field-unauthorized")),
    _never(NeverReason.NO_ACCESS, codes=_set(87, 93, 220, 261, 416, 453)),
    _never(NeverReason.NO_ACCESS, statuses=_set(403), phrase="scope"),
    # The words.
    _never(NeverReason.SPAM, codes=_set(226)),
    _never(NeverReason.SPAM, statuses=_set(403), phrase="automated"),
    _never(NeverReason.SPAM, statuses=_set(403), phrase="spam"),
    _never(NeverReason.DUPLICATE, codes=_set(187)),
    _never(NeverReason.DUPLICATE, statuses=_set(403), phrase="duplicate"),
    # As code 151 says it, which stands for any trouble with a message.
    _never(NeverReason.DUPLICATE, statuses=_set(403), phrase="already said that"),
    _never(NeverReason.BAD_REQUEST, codes=_set(354, 386)),
    # The person. That somebody is suspended comes as 'not found' too, and as a title of its own.
    _never(NeverReason.SUSPENDED, codes=_set(63)),
    _never(NeverReason.SUSPENDED, statuses=_set(403, 404), phrase="user has been suspended"),
    _never(NeverReason.GONE, codes=_set(17, 50, 108)),
    _never(NeverReason.GONE, types=_named("resource-not-found")),
    _never(NeverReason.BLOCKED, codes=_set(136, 162)),
    _never(NeverReason.BLOCKED, statuses=_set(403), phrase="have been blocked"),
    _never(NeverReason.NO_DMS, codes=_set(150, 349, 476)),
    _never(NeverReason.NO_DMS, statuses=_set(403), phrase="permission to dm"),
    _never(NeverReason.NO_DMS, statuses=_set(403), phrase="cannot send messages to this user"),
    _never(NeverReason.REFUSED, codes=_set(151)),
    # X's own kinds of problem that name neither the words nor the person.
    _never(NeverReason.REFUSED, types=_named("disallowed-resource", "not-authorized-for-resource")),
    _never(NeverReason.BAD_REQUEST, types=_named("invalid-request")),
    Row(
        TryLater,
        "unavailable",
        types=_named("internal-error", "resource-unavailable", "field-hydration-failure"),
    ),
    # An address that X does not have: ours is wrong, and says nothing about anybody.
    Row(TryLater, "no_such_address", codes=_set(34)),
    # What is left of the statuses. X explains its refusals: without a document it was something
    # between us (a gateway, a wrong address), and no reason to give up on a letter.
    Row(TryLater, "gateway", statuses=_set(407, 421, 423, 424, 426)),
    Row(TryLater, "not_from_x", documented=False),
    _never(NeverReason.REFUSED, statuses=_set(403)),
    _never(NeverReason.GONE, statuses=_set(404, 410)),
    _never(NeverReason.BAD_REQUEST),
    # Everything else, redirects and 5xx too: X may have taken it.
    Row(Unknown, "server_error", statuses=range(500, 600)),
    Row(Unknown, "unexpected_status", statuses=range(1000)),
)


def read_answer(status: int, body: bytes) -> Answer:
    """Gather what the table needs from an answer; any body is readable, down to none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return Answer(status, False, frozenset(), frozenset(), "")
    parts = [document, *_objects(document.get("errors"))]
    types = {part["type"].rstrip("/").rsplit("/", 1)[-1] for part in parts if _is(part, "type")}
    codes = {part["code"] for part in parts if type(part.get("code")) is int}
    words = [part[key] for part in parts for key in WORDS if _is(part, key)]
    types.discard("about:blank")
    return Answer(status, True, frozenset(types), frozenset(codes), "\n".join(words).lower())


def error_for(
    status: int,
    body: bytes,
    *,
    limits: Limits,
    request_id: str | None = None,
    writes: bool,
    about: About = About.PERSON,
) -> XError:
    """Return the error that an answer means, by the first row of TABLE that holds.

    Where nothing was to be written, not knowing is no danger: `Unknown` becomes `TryLater`.
    """
    answer = read_answer(status, body)
    return _made(_row(answer), answer, status, limits, request_id, writes, about)


def error_within(
    status: int,
    body: bytes,
    *,
    limits: Limits,
    request_id: str | None = None,
    about: About = About.PERSON,
) -> XError:
    """Return the error of a read whose success carries no data: what its problems say, if X's.

    X answers 200 with problems alone where the one thing asked about is not there or not to be
    seen. An answer that does not say so in a way we know is unreadable, and may be tried again.
    """
    answer = read_answer(403, body)
    row = _row(answer)
    if not (row.types or row.codes or row.phrase):
        row = UNREADABLE
    return _made(row, answer, status, limits, request_id, False, about)


# A success that is not understandable.
UNREADABLE = Row(TryLater, "unreadable_answer", statuses=range(200, 300))


def _row(answer: Answer) -> Row:
    return next(row for row in TABLE if row.holds(answer))


def _made(
    row: Row,
    answer: Answer,
    status: int,
    limits: Limits,
    request_id: str | None,
    writes: bool,
    about: About,
) -> XError:
    kind, name = row.error, row.kind
    if about is About.CALLER and row.reason == NeverReason.SUSPENDED:
        kind, name = AccountLocked, "account_suspended"
    elif about is not About.PERSON and row.reason in _ABOUT_A_PERSON:
        kind, name = TryLater, "unclear"
    if kind is Unknown and not writes:
        kind = TryLater
    error = kind(
        name,
        status=status,
        request_id=request_id,
        limits=limits,
        problem=min(answer.types, default=None),
        codes=tuple(sorted(answer.codes)),
    )
    if isinstance(error, NeverWill) and row.reason is not None:
        error.reason = row.reason
    if isinstance(error, LimitedUntil):
        # Only a limit that the headers call used up is the one that refused us: the reset of
        # another would open the gate too early, or keep it shut for nothing.
        closed = limits.closed()
        error.until = closed.reset if closed else None
        error.scope = closed.scope if closed else "endpoint"
    return error


def is_suspended(problem: dict[str, object]) -> bool:
    """Tell whether a problem about a user says that they are suspended, not gone."""
    words = [str(problem[key]).lower() for key in WORDS if _is(problem, key)]
    return problem.get("code") == 63 or any("has been suspended" in text for text in words)


def _objects(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is(part: dict[str, object], key: str) -> bool:
    return isinstance(part.get(key), str)
