"""Faults on order: which calls go wrong, and how; by probability or by script.

Rules lie in the sandbox's file and so does how often each was asked, so that several processes
and a restart go on where the others were. A call costs one look at the settings while no rule is
set. What was injected is listed, for tests to tell a fault from a mistake.
"""

from __future__ import annotations

import json
import random
import secrets
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SETTING = "faults"
ANY = "*"

# Fault → at which moment of a call it acts. Of each moment at most one acts on a call.
MOMENTS = {
    "error_before": "before",
    "drop_before": "before",
    "rate_limited": "before",
    "error_after": "after",
    "drop_after": "after",
    "malformed": "after",
    "delay": "delay",
    "partial": "partial",
    "lag": "lag",
    "event_late": "event",
    "event_twice": "event",
    "event_never": "event",
    "stream_drop": "stream",
}
CALL = frozenset({"before", "after", "delay", "partial", "lag"})
EVENT = frozenset({"event"})
STREAMING = frozenset({"stream"})
STREAM = "activity_stream"
USERS = frozenset({"users", "users_by"})
DM_EVENTS = frozenset({"dm_events", "dm_events_with"})
# Names of endpoints, filled as they are put behind `faulty.around`; and kinds of events.
ENDPOINTS: set[str] = set()
EVENTS = frozenset(
    {"dm.sent", "dm.received", "dm.read", "follow.follow", "follow.unfollow", "oauth.revoke"}
)

# Option → what it may be, and what it is where nothing is said.
OPTIONS: dict[str, tuple[Any, Any]] = {
    "seconds": ((int, float), 5.0),  # delay, lag, event_late, rate_limited's reset, stream_drop
    "status": (int, 503),  # of error_before and error_after
    "headers": (bool, True),  # whether rate_limited says until when
    "how": (str, ""),
    "reset": (bool, True),  # whether a drop resets the connection or closes it
    "fraction": ((int, float), 0.5),  # how many of the users a partial answer leaves out
}
HOW = {
    "malformed": ("broken", "cut", "no_id", "html"),
    "partial": ("errors", "unanswered"),
}
LONGEST_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a call goes wrong."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def moment(self) -> str:
        """Return when in a call it acts."""
        return MOMENTS[self.name]

    def option(self, name: str) -> Any:
        """Return an option, or what it is where nothing was said."""
        if name == "how" and self.name in HOW:
            return self.options.get(name) or HOW[self.name][0]
        return self.options.get(name, OPTIONS[name][1])

    def may_act_on(self, endpoint: str) -> bool:
        """Tell whether the fault makes sense there."""
        match self.moment:
            case "event":
                return endpoint in EVENTS
            case "stream":
                return endpoint == STREAM
            case "partial":
                return endpoint in USERS
            case "lag":
                return endpoint in DM_EVENTS
            case "after":
                return endpoint in ENDPOINTS and endpoint != STREAM
        return endpoint in ENDPOINTS


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a fault strikes, and how often; `script` says it call by call, until it ends."""

    endpoint: str
    fault: Fault | None
    probability: float
    script: tuple[Fault | None, ...] | None
    times: int | None

    def concerns(self, endpoint: str, moments: frozenset[str]) -> bool:
        """Tell whether the rule is to be asked about these moments of a call there."""
        if self.endpoint not in (ANY, endpoint):
            return False
        faults = (self.fault,) if self.script is None else self.script
        return any(
            item is not None and item.moment in moments and item.may_act_on(endpoint)
            for item in faults
        )

    def strikes(self, seed: str, place: int, asked: int, fired: int) -> Fault | None:
        """Return the fault of the call that is the `asked`th (from 0) to ask this rule."""
        if self.times is not None and fired >= self.times:
            return None
        if self.script is not None:
            return self.script[asked] if asked < len(self.script) else None
        # The draw depends on nothing but these three, whichever process draws it.
        draw = random.Random(f"{seed}/{place}/{asked}").random()
        return self.fault if draw < self.probability else None


def parse_rule(item: Any) -> Rule:
    """Read a rule as the control interface takes it. Raises ValueError, saying what is wrong."""
    if not isinstance(item, dict):
        raise ValueError("a rule is {endpoint, fault, probability or script, times?, options}")
    rest = dict(item)
    endpoint = rest.pop("endpoint", ANY)
    if endpoint != ANY and endpoint not in ENDPOINTS | EVENTS:
        known = ", ".join(sorted(ENDPOINTS | EVENTS))
        raise ValueError(f"no such endpoint or event: {endpoint!r}; there are *, {known}")
    times, probability = rest.pop("times", None), rest.pop("probability", 1.0)
    if times is not None and (type(times) is not int or times < 1):
        raise ValueError("times is a whole number from 1")
    if type(probability) not in (int, float) or not 0 <= probability <= 1:
        raise ValueError("a probability is a number from 0 to 1")
    script, name = rest.pop("script", None), rest.pop("fault", None)
    fault = None if name is None else _fault({"fault": name} | rest)
    if script is None:
        if fault is None:
            raise ValueError("a rule names a fault, or has a script that does")
        return Rule(endpoint, fault, float(probability), None, times)
    if not isinstance(script, list) or "probability" in item:
        raise ValueError("a script is a list, and takes the place of a probability")
    return Rule(endpoint, fault, 1.0, tuple(_step(step, fault, rest) for step in script), times)


def _step(step: Any, fault: Fault | None, options: dict[str, Any]) -> Fault | None:
    """Read one step: nothing, the rule's own fault (true), a fault's name, or a whole fault."""
    if step is None or step is False:
        return None
    if step is True:
        if fault is None:
            raise ValueError("a script says true only where the rule names a fault")
        return fault
    return _fault({"fault": step} | options if isinstance(step, str) else step)


def _fault(item: Any) -> Fault:
    if not isinstance(item, dict) or item.get("fault") not in MOMENTS:
        raise ValueError(f"no such fault; there are {', '.join(MOMENTS)}")
    name = item["fault"]
    options = {key: value for key, value in item.items() if key != "fault"}
    for key, value in options.items():
        kind = OPTIONS.get(key, (None, None))[0]
        if kind is None:
            raise ValueError(f"no such option: {key!r}; there are {', '.join(OPTIONS)}")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{value!r} is no {key}")
    if not 0 <= options.get("seconds", 0) <= LONGEST_SECONDS:
        raise ValueError(f"seconds are 0 to {LONGEST_SECONDS}")
    if not 500 <= options.get("status", 500) <= 599:
        raise ValueError("an error's status is 500 to 599")
    if not 0 <= options.get("fraction", 0) <= 1:
        raise ValueError("a fraction is a number from 0 to 1")
    if options.get("how") and options["how"] not in HOW.get(name, ()):
        raise ValueError(f"how {name} may act: {', '.join(HOW.get(name, ('in one way only',)))}")
    return Fault(name, options)


Plan = dict[str, Fault]  # moment → what acts then


@dataclass(slots=True)
class _InForce:
    """The settings as last read."""

    stored: str | None = None
    seed: str = ""
    rules: tuple[Rule, ...] = ()
    latency: dict[str, float] = field(default_factory=dict)


class Faults:
    """The rules in the sandbox's file; asking and noting run inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._in_force = _InForce()

    def _read(self) -> _InForce:
        row = self._connection.execute(
            "SELECT value FROM settings WHERE key = ?", (SETTING,)
        ).fetchone()
        stored = row[0] if row else None
        if stored != self._in_force.stored:
            document = json.loads(stored) if stored else {}
            self._in_force = _InForce(
                stored,
                document.get("seed", ""),
                tuple(parse_rule(item) for item in document.get("rules", [])),
                document.get("latency", {}),
            )
        return self._in_force

    def any_for(self, endpoint: str, moments: frozenset[str] = CALL) -> bool:
        """Tell whether any rule concerns calls there; no transaction is needed to ask."""
        return any(rule.concerns(endpoint, moments) for rule in self._read().rules)

    def ahead(self, endpoint: str) -> tuple[float, bool]:
        """Return the seconds that a call there takes before it is looked at, and `any_for`.

        One look for both, since every call needs it.
        """
        in_force = self._read()
        if not in_force.rules and not in_force.latency:
            return 0.0, False
        latency = in_force.latency
        concerned = any(rule.concerns(endpoint, CALL) for rule in in_force.rules)
        return latency.get(endpoint, latency.get(ANY, 0.0)), concerned

    def ask(self, endpoint: str, moments: frozenset[str] = CALL) -> Plan:
        """Count a call and return what goes wrong with it.

        Rules are asked in their order; one that keeps the call from being looked at is the last.
        """
        in_force, plan = self._read(), Plan()
        for place, rule in enumerate(in_force.rules):
            if not rule.concerns(endpoint, moments):
                continue
            asked, fired = self._counts(place)
            fault = rule.strikes(in_force.seed, place, asked, fired)
            struck = (
                fault is not None
                and fault.may_act_on(endpoint)
                and fault.moment in moments - plan.keys()
            )
            self._connection.execute(
                "INSERT INTO fault_counts VALUES (?, 1, ?) ON CONFLICT (place) "
                "DO UPDATE SET asked = asked + 1, fired = fired + excluded.fired",
                (place, int(struck)),
            )
            if fault is not None and struck:
                plan[fault.moment] = fault
                if fault.moment == "before":
                    return {"before": fault}
        return plan

    def _counts(self, place: int) -> tuple[int, int]:
        row = self._connection.execute(
            "SELECT asked, fired FROM fault_counts WHERE place = ?", (place,)
        ).fetchone()
        return (row[0], row[1]) if row else (0, 0)

    def note(
        self,
        endpoint: str,
        fault: Fault,
        *,
        accepted: bool | None,
        dm_id: int | None = None,
    ) -> None:
        """Write down that a fault was injected; `accepted` is None where nothing was asked for."""
        self._connection.execute(
            "INSERT INTO injected (at, endpoint, fault, accepted, dm_id) VALUES (?, ?, ?, ?, ?)",
            (time.time(), endpoint, fault.name, accepted, dm_id),
        )

    def injected(self, after: int = 0) -> list[dict[str, Any]]:
        """Return what was injected, oldest first; ids of messages as strings."""
        rows = self._connection.execute("SELECT * FROM injected WHERE id > ? ORDER BY id", (after,))
        return [_injected(row) for row in rows]

    def last_injected(self, limit: int) -> list[dict[str, Any]]:
        """Return what was injected last, newest first."""
        rows = self._connection.execute("SELECT * FROM injected ORDER BY id DESC LIMIT ?", (limit,))
        return [_injected(row) for row in rows]

    def described(self) -> dict[str, Any]:
        """Return the seed, the rules as they were set with how often each was asked, latencies."""
        document = self._document()
        rules: list[dict[str, Any]] = []
        for place, item in enumerate(document.get("rules", [])):
            asked, fired = self._counts(place)
            rules.append(item | {"asked": asked, "fired": fired})
        return {
            "seed": document.get("seed"),
            "rules": rules,
            "latency": document.get("latency", {}),
        }

    def set_rules(self, rules: Any, seed: Any = None) -> str:
        """Put these rules in the place of all others; return the seed of their draws.

        Raises ValueError for what is no list of rules.
        """
        if not isinstance(rules, list):
            raise ValueError("rules are a list")
        for item in rules:
            parse_rule(item)
        named = secrets.token_hex(4) if seed is None else str(seed)
        self._connection.execute("DELETE FROM fault_counts")
        self._store(rules=rules, seed=named)
        return named

    def add_rule(self, item: Any) -> None:
        """Add a rule behind those that are there. Raises ValueError for what is none."""
        parse_rule(item)
        document = self._document()
        seed = document.get("seed") or secrets.token_hex(4)
        self._store(rules=[*document.get("rules", []), item], seed=seed)

    def set_latency(self, seconds: Any, endpoint: Any = ANY) -> None:
        """Let every call there take that many seconds longer; 0 takes it back."""
        if endpoint != ANY and endpoint not in ENDPOINTS:
            raise ValueError(f"no such endpoint: {endpoint!r}")
        if type(seconds) not in (int, float) or not 0 <= seconds <= LONGEST_SECONDS:
            raise ValueError(f"seconds are 0 to {LONGEST_SECONDS}")
        latency = {k: v for k, v in self._read().latency.items() if k != endpoint}
        # An endpoint's 0 stands against what all have.
        if seconds or (endpoint != ANY and latency.get(ANY)):
            latency[endpoint] = float(seconds)
        self._store(latency=latency)

    def _store(self, **changes: Any) -> None:
        document = self._document() | changes
        self._connection.execute(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (SETTING, json.dumps(document)),
        )

    def _document(self) -> dict[str, Any]:
        stored = self._read().stored
        document: dict[str, Any] = json.loads(stored) if stored else {}
        return document


def _injected(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "at": row["at"],
        "endpoint": row["endpoint"],
        "fault": row["fault"],
        "accepted": None if row["accepted"] is None else bool(row["accepted"]),
        "dm_id": None if row["dm_id"] is None else str(row["dm_id"]),
    }
