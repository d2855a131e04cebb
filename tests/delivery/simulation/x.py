"""X in this process: what it accepts, shows and tells, and how it goes wrong.

The faults are the sandbox's own: their names, moments, options and draws. What they do to an answer
is what `outreach.sandbox.faulty` does to it, told as the errors that the real client raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from requests.structures import CaseInsensitiveDict

import outreach.sandbox.api  # noqa: F401 - names the endpoints that faults speak of
from outreach.sandbox import problems
from outreach.sandbox.faults import CALL, EVENT, Fault, Plan, Rule, parse_rule
from outreach.sandbox.links import as_handed_out, as_pushed
from outreach.x.answers import DMEvent, DMPage, SentDM, UsersAnswer, XUser
from outreach.x.client import XClient
from outreach.x.errors import About, NotCalled, TryLater, Unknown, XError, error_for
from outreach.x.limits import Limits, limits_from
from outreach.x.links import expanded
from outreach.x.payloads import Told
from outreach.x.transport import CallDeadline, DeadlinePassed, Exchange, Timeouts
from tests.delivery.simulation.clock import SECOND, Clock

FIRST_ID = 1_990_000_000_000_000_000
Windows = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Message:
    """What X accepted, or what somebody wrote by hand (`app` None)."""

    id: int
    sender: int
    recipient: int
    text: str
    stamp: datetime  # X's clock
    accepted: int  # true time
    shown: int  # true time from which reads find it
    app: int | None
    letter: int | None  # for which letter the engine called; X does not know


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call that reached X: what X counts, whatever it answers."""

    at: int
    sender: int
    app: int


@dataclass(slots=True)
class Rules:
    """The sandbox's rules in memory: asked as `sandbox.faults.Faults.ask` asks them."""

    seed: str = ""
    rules: list[Rule] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    fired: list[int] = field(default_factory=list)
    on: bool = True

    @classmethod
    def of(cls, items: Sequence[dict[str, Any]], seed: str) -> Rules:
        """The rules as the sandbox's control interface takes them."""
        rules = [parse_rule(item) for item in items]
        return cls(seed, rules, [0] * len(rules), [0] * len(rules))

    def add(self, item: dict[str, Any]) -> None:
        """One more rule, asked before all others."""
        self.rules.insert(0, parse_rule(item))
        self.asked.insert(0, 0)
        self.fired.insert(0, 0)

    def ask(self, endpoint: str, moments: frozenset[str] = CALL) -> Plan:
        """What goes wrong with this call."""
        plan: Plan = {}
        for place, rule in enumerate(self.rules) if self.on else ():
            if not rule.concerns(endpoint, moments):
                continue
            fault = rule.strikes(self.seed, place, self.asked[place], self.fired[place])
            self.asked[place] += 1
            if fault is None or not fault.may_act_on(endpoint):
                continue
            if fault.moment not in moments - plan.keys():
                continue
            self.fired[place] += 1
            plan[fault.moment] = fault
            if fault.moment == "before":
                return {"before": fault}
        return plan


@dataclass
class X:
    """The whole of X. `tell` is given each event with the true time at which it is delivered."""

    clock: Clock
    random: Random
    faults: Rules
    account_windows: Windows
    app_windows: Windows
    boundary: Callable[[str], object]
    tell: Callable[[Told, int], None]
    page: int = 100  # messages on a page
    names_limits: bool = True  # whether answers carry the limits' headers
    refuses_duplicates: bool = False
    open_dms: bool = False  # whether people take messages from whom they do not follow
    late_share: float = 0.0  # of what X took and lost: how much of it is accepted later after all
    late_seconds: float = 20.0
    brands: frozenset[int] = frozenset()  # the accounts that we are told about
    follows: set[tuple[int, int]] = field(default_factory=set)
    messages: list[Message] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    late: list[tuple[int, tuple[int, int, str, int, int | None]]] = field(default_factory=list)
    untold: list[Told] = field(default_factory=list)
    answers_lost: int = 0
    _ids: int = FIRST_ID
    _told: int = 0

    @property
    def accepted(self) -> list[Message]:
        """What X took from us, oldest first; nothing that was written by hand."""
        return [message for message in self.messages if message.app is not None]

    def accept(
        self,
        sender: int,
        recipient: int,
        text: str,
        app: int | None,
        letter: int | None,
        *,
        lag: float = 0.0,
    ) -> Message:
        """Take a message, and tell of it."""
        self._ids += 1
        message = Message(
            id=self._ids,
            sender=sender,
            recipient=recipient,
            text=text,
            stamp=self.clock.stamp(),
            accepted=self.clock.true,
            shown=self.clock.true + int(lag * SECOND),
            app=app,
            letter=letter,
        )
        self.messages.append(message)
        self._tell_of(message)
        return message

    def catch_up(self) -> None:
        """Accept what X had lost track of, once its time has come."""
        while self.late and self.late[0][0] <= self.clock.true:
            _, call = self.late.pop(0)
            self.accept(*call)

    def by_hand(self, writer: int, reader: int, text: str) -> None:
        """A person writes to an account, or somebody from an account, on the phone."""
        self.accept(writer, reader, text, None, None)

    def unfollow(self, source: int, target: int) -> None:
        """Somebody follows somebody no longer; told as all events are."""
        self.follows.discard((source, target))
        users = {"source": {"data": {"id": str(source)}}, "target": {"data": {"id": str(target)}}}
        self._event("follow.unfollow", target, users)

    def tell_untold(self) -> None:
        """Tell at last of what nobody was to be told."""
        for told in self.untold:
            self.tell(told, self.clock.true)
        self.untold.clear()

    def _tell_of(self, message: Message) -> None:
        text, entities = as_pushed(message.text)
        created = (message.stamp - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
        ends = {
            "target": {"recipient_id": str(message.recipient)},
            "sender_id": str(message.sender),
        }
        event = {
            "type": "message_create",
            "id": str(message.id),
            "created_timestamp": str(created),
            "message_create": ends | {"message_data": {"text": text, "entities": entities}},
        }
        ours = message.sender in self.brands
        kind, about = ("dm.sent", message.sender) if ours else ("dm.received", message.recipient)
        self._event(kind, about, {"direct_message_events": [event]})

    def _event(self, kind: str, about: int, payload: dict[str, Any]) -> None:
        fault = self.faults.ask(kind, EVENT).get("event")
        if fault is not None and fault.name == "event_never":
            self._told += 1
            self.untold.append(Told(str(self._told), kind, about, payload))
            return
        late = fault.option("seconds") if fault is not None and fault.name == "event_late" else 0.0
        self._told += 1
        due = self.clock.true + int(late * SECOND)
        self.tell(Told(str(self._told), kind, about, payload), due)
        if fault is not None and fault.name == "event_twice":
            # By another delivery of the same, which has another name.
            self.tell(Told(f"{self._told}-again", kind, about, payload), due + SECOND)

    # --- limits ------------------------------------------------------------------------------------

    def arrive(self, sender: int, app: int) -> Limits:
        """Count a call, and say what X's headers say of the limits then."""
        self.arrivals.append(Arrival(self.clock.true, sender, app))
        if not self.names_limits:
            return Limits()
        headers: dict[str, str] = {}
        of_account = [each.at for each in self.arrivals if each.sender == sender]
        of_app = [each.at for each in self.arrivals if each.app == app]
        headers |= self._headers("x-rate-limit", of_account, self.account_windows)
        headers |= self._headers("x-app-limit-24hour", of_app, self.app_windows)
        return limits_from(CaseInsensitiveDict(headers))

    def _headers(self, prefix: str, times: list[int], windows: Windows) -> dict[str, str]:
        if not windows:
            return {}
        limit, seconds = windows[0]
        inside = [at for at in times if at > self.clock.true - seconds * SECOND]
        opens = (inside[0] if inside else self.clock.true) + seconds * SECOND
        return {
            f"{prefix}-limit": str(limit),
            f"{prefix}-remaining": str(max(0, limit - len(inside))),
            f"{prefix}-reset": str(self.unix(opens)),
        }

    def unix(self, true: int) -> int:
        """That moment by X's clock, as its headers say it: whole seconds, rounded up."""
        now = self.clock.stamp().timestamp() + (true - self.clock.true) / SECOND
        return math.ceil(now)


class Client(XClient):
    """X as one account sees it: the real client, with X itself in the place of its connection."""

    def __init__(
        self, x: X, account: int, app: int, timeouts: Timeouts, letter: Callable[[], int | None]
    ) -> None:
        self.x = x
        self.account = account  # X user id
        self.app = app
        self.timeouts = timeouts
        self.letter = letter  # which one the worker is at that calls
        self.generation = 1

    def send_dm(
        self, recipient_id: int, text: str, *, deadline: CallDeadline | None = None
    ) -> SentDM:
        """Send one message, as XClient.send_dm does."""
        x = self.x
        x.boundary("X: send_dm")
        exchange = Exchange(self.timeouts, deadline)
        exchange.begin_connecting()
        try:
            exchange.begin_writing()
        except DeadlinePassed:
            raise NotCalled("deadline_passed") from None
        # Nothing lies between that look and the arrival: what remains there, the design says so.
        limits = x.arrive(self.account, self.app)
        plan = x.faults.ask("send_dm")
        answer: SentDM | XError
        if "before" in plan:
            answer = self._refused(plan["before"], writes=True, limits=limits)
            if isinstance(answer, Unknown):
                self._later(recipient_id, text)
        else:
            answer = self._taken(recipient_id, text, plan, limits)
        x.boundary("X: answered")
        if isinstance(answer, XError):
            raise answer
        return answer

    def _later(self, recipient: int, text: str) -> None:
        """X lost track of the call; now and then it accepts the message later after all."""
        x = self.x
        x.answers_lost += 1
        if x.random.random() >= x.late_share:
            return
        due = x.clock.true + int(x.late_seconds * SECOND)
        x.late.append((due, (self.account, recipient, text, self.app, self.letter())))

    def _taken(self, recipient: int, text: str, plan: Plan, limits: Limits) -> SentDM | XError:
        x = self.x
        if (recipient, self.account) not in x.follows and not x.open_dms:
            return _error(403, problems.no_dms(), limits)
        same = (self.account, recipient, text)
        if x.refuses_duplicates and any(
            (each.sender, each.recipient, each.text) == same for each in x.messages
        ):
            return _error(403, _duplicate(), limits)
        lag = plan["lag"].option("seconds") if "lag" in plan else 0.0
        message = x.accept(self.account, recipient, text, self.app, self.letter(), lag=lag)
        if "delay" in plan:
            seconds = plan["delay"].option("seconds")
            waited = min(seconds, self.timeouts.answer)
            x.clock.move(int(waited * SECOND))
            if seconds >= self.timeouts.answer:
                x.answers_lost += 1
                return Unknown("answer_timed_out")
        if "after" in plan:
            x.answers_lost += 1
            if plan["after"].name == "malformed":
                # A 201 all the same: it says that X took it, and not under which id.
                return SentDM(None, None, limits, None)
            return self._failed(plan["after"], writes=True, limits=limits)
        conversation = f"{min(self.account, recipient)}-{max(self.account, recipient)}"
        return SentDM(message.id, conversation, limits, None)

    def users(self, ids: Sequence[int]) -> UsersAnswer:
        """Look users up, as XClient.users does."""
        plan = self._read("users")
        asked = list(dict.fromkeys(ids))
        silent = set()
        if "partial" in plan:
            count = max(1, round(len(asked) * plan["partial"].option("fraction")))
            silent = set(self.x.random.sample(asked, count))
        found = [self._user(each) for each in asked if each not in silent]
        return UsersAnswer(tuple(found), (), tuple(silent), Limits())

    def _user(self, user_id: int) -> XUser:
        follows = self.x.follows
        return XUser(
            id=user_id,
            handle=f"maria{user_id}",
            name="Maria",
            avatar_url="",
            following=(self.account, user_id) in follows,
            followed_by=(user_id, self.account) in follows,
            accepts_dms=self.x.open_dms or (user_id, self.account) in follows,
        )

    def _dm_page(
        self,
        call: str,
        participant_id: int | None,
        page_token: str | None,
        max_results: int,
        **about: Any,
    ) -> DMPage:
        """One page of messages, newest first: all of the account's, or those with one person."""
        other, endpoint = participant_id, "dm_events_with" if participant_id else "dm_events"
        x, plan = self.x, self._read(endpoint)
        lag = int(plan["lag"].option("seconds") * SECOND) if "lag" in plan else 0
        shown = [
            each
            for each in reversed(x.messages)
            if self.account in (each.sender, each.recipient)
            and (other is None or other in (each.sender, each.recipient))
            and max(each.shown, each.accepted + lag) <= x.clock.true
        ]
        size, begin = min(max_results, x.page), int(page_token or 0)
        page = [self._shown(each) for each in shown[begin : begin + size]]
        more = begin + size < len(shown)
        return DMPage(tuple(page), str(begin + size) if more else None, Limits())

    def _shown(self, message: Message) -> DMEvent:
        text, urls = as_handed_out(message.text)
        return DMEvent(
            id=message.id,
            sender_id=message.sender,
            conversation_id=None,
            text=text,
            expanded_text=expanded(text, {"urls": urls}),
            created_at=message.stamp,
        )

    # --- what goes wrong ---------------------------------------------------------------------------

    def _read(self, endpoint: str) -> Plan:
        """A read arrives at X. Raises what the real client raises; what a read has no answer to."""
        self.x.boundary(f"X: {endpoint}")
        plan = self.x.faults.ask(endpoint)
        for moment, spoil in (("before", self._refused), ("after", self._failed)):
            if moment in plan:
                raise spoil(plan[moment], writes=False, limits=Limits())
        if "delay" in plan:
            seconds = plan["delay"].option("seconds")
            self.x.clock.move(int(min(seconds, self.timeouts.answer) * SECOND))
            if seconds >= self.timeouts.answer:
                raise TryLater("answer_timed_out")
        return plan

    def _refused(self, fault: Fault, *, writes: bool, limits: Limits) -> XError:
        if fault.name == "drop_before":
            return Unknown("connection_lost") if writes else TryLater("connection_lost")
        if fault.name == "error_before":
            return _failure(fault, writes=writes, limits=limits)
        if fault.option("headers"):
            reset = self.x.unix(self.x.clock.true + int(fault.option("seconds") * SECOND))
            headers = {"limit": "15", "remaining": "0", "reset": str(reset)}
            named = {f"x-rate-limit-{name}": value for name, value in headers.items()}
            limits = limits_from(CaseInsensitiveDict(named))
        else:
            limits = Limits()
        return _error(429, problems.too_many_requests(), limits, writes=writes)

    def _failed(self, fault: Fault, *, writes: bool, limits: Limits) -> XError:
        if fault.name == "error_after":
            return _failure(fault, writes=writes, limits=limits)
        kind = "connection_lost" if fault.name == "drop_after" else "unreadable_answer"
        return Unknown(kind) if writes else TryLater(kind)


def _duplicate() -> problems.Refusal:
    detail = "You are not allowed to send the same message again: it is a duplicate."
    return problems.Refusal(
        403, {"title": "Forbidden", "detail": detail, "type": "about:blank", "status": 403}
    )


def _failure(fault: Fault, *, writes: bool, limits: Limits) -> XError:
    status = fault.option("status")
    return _error(status, problems.internal_error(), limits, writes=writes)


def _error(
    status: int, refusal: problems.Refusal, limits: Limits, *, writes: bool = True
) -> XError:
    """The error that the real client raises for this answer."""
    body = bytes(refusal.response().body)
    about = About.PERSON if writes else About.MANY
    return error_for(status, body, limits=limits, writes=writes, about=about)
