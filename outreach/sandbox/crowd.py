"""Seeding: any number of people around one brand, the same ones each time.

A million take well under a minute: rows are made in batches, each a transaction of its own, so
that whoever else wants something meanwhile waits for a batch and not for the whole.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from outreach.sandbox.records import HANDLE, LARGEST_ID
from outreach.sandbox.state import State

BATCH = 5_000
TURN = 0.005  # seconds for others between two batches
MOST = 5_000_000
FIRST_ID = 3_000_000_000

_FIRST = (
    *("Ada", "Ben", "Chloé", "Dario", "Elin", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaya"),
    *("Leo", "Mira", "Noor", "Ole", "Pia", "Quinn", "Rosa", "Samir", "Tove", "Uma", "Vera"),
    *("Wim", "Xenia", "Yusuf", "Zoë", "Anouk", "Björn", "Carmen", "Dilek", "Emre", "Fleur"),
)
_LAST = (
    *("Adler", "Bakker", "Costa", "Diaz", "Eriksen", "Fuchs", "Garnier", "Haddad", "Ito"),
    *("Jansen", "Kovač", "Lindqvist", "Moreau", "Novak", "Okafor", "Petrov", "Quist", "Rossi"),
    *("Santos", "Tanaka", "Ueda", "Vidal", "Weber", "Xu", "Yilmaz", "Zimmer", "Berg", "Nair"),
    *("Osei", "Lund", "Marín"),
)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PLAIN = str.maketrans("éëöäüčí", "eeoauci")


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to make: `mutual` people first, then those only followed, then those who only follow.

    Counts are of people; `accepts_dms` is the share of them whose DMs are open, spread evenly.
    """

    brand_id: int
    users: int
    first_id: int
    mutual: int
    following: int
    followed_by: int
    accepts_dms: float

    def names(self, begin: int, end: int) -> Iterator[tuple[int, str, str, int]]:
        """Make the rows of people from one place in the order to another."""
        share = self.accepts_dms
        for n in range(begin, end):
            id_ = self.first_id + n
            # 32 first names and 31 last names: neighbours differ in both.
            first, last = _FIRST[id_ % len(_FIRST)], _LAST[id_ % len(_LAST)]
            accepts = int((n + 1) * share) - int(n * share)
            yield id_, _handle(first, id_), f"{first} {last}", accepts


def plan_of(arguments: dict[str, Any]) -> Plan:
    """Read what the control interface was asked for. Raises ValueError or KeyError.

    `mutual`, `following` and `followed_by` are counts, or shares of all where they have a point.
    """
    users = _whole("users", arguments["users"], MOST)
    brand_id = _whole("brand_id", arguments["brand_id"], LARGEST_ID)
    first_id = _whole("first_id", arguments.get("first_id", FIRST_ID), LARGEST_ID - MOST)
    if first_id < 1 or first_id <= brand_id < first_id + users:
        raise ValueError("first_id is positive, and the brand is none of the people")
    parts = [
        _part(name, arguments.get(name, 0), users)
        for name in ("mutual", "following", "followed_by")
    ]
    if sum(parts) > users:
        raise ValueError("mutual, following and followed_by are more than there are users")
    accepts = arguments.get("accepts_dms", 1.0)
    if type(accepts) not in (int, float) or not 0 <= accepts <= 1:
        raise ValueError("accepts_dms is a share, from 0 to 1")
    mutual, following, followed_by = parts
    return Plan(brand_id, users, first_id, mutual, following, followed_by, float(accepts))


async def seed(state: State, plan: Plan) -> None:
    """Make them, a batch at a time, and let others have their turn between. Twice is once.

    Nobody is told of these follows: they are how the world was found. Raises ValueError where the
    brand is not there, or a handle is somebody else's.
    """
    if state.user(plan.brand_id) is None:
        raise ValueError(f"there is no user {plan.brand_id}")
    for begin in range(0, plan.users, BATCH):
        _batch(state, plan, begin, min(begin + BATCH, plan.users))
        await asyncio.sleep(TURN)


def _batch(state: State, plan: Plan, begin: int, end: int) -> None:
    execute = state.connection.execute
    only_followed = plan.mutual + plan.following
    ties = (
        # The brand follows the first ones; the mutual ones and the last ones follow the brand.
        ("SELECT :brand, id", 0, only_followed),
        ("SELECT id, :brand", 0, plan.mutual),
        ("SELECT id, :brand", only_followed, only_followed + plan.followed_by),
    )
    with state.writing():
        there = {
            row[0]
            for row in execute(
                "SELECT id FROM users WHERE id >= ? AND id < ?",
                (plan.first_id + begin, plan.first_id + end),
            )
        }
        rows = [row for row in plan.names(begin, end) if row[0] not in there]
        try:
            state.connection.executemany(
                "INSERT INTO users (id, handle, name, accepts_dms) VALUES (?, ?, ?, ?)", rows
            )
        except sqlite3.IntegrityError:
            raise ValueError("a handle belongs to somebody else; take another first_id") from None
        state.connection.executemany(
            "INSERT INTO names (rowid, name) VALUES (?, ?)", ((row[0], row[2]) for row in rows)
        )
        for columns, first, last in ties:
            since, until = max(begin, first), min(end, last)
            if since < until:
                execute(
                    f"INSERT OR IGNORE INTO follows {columns} FROM users "
                    "WHERE id >= :since AND id < :until",
                    {
                        "brand": plan.brand_id,
                        "since": plan.first_id + since,
                        "until": plan.first_id + until,
                    },
                )


def _handle(first: str, id_: int) -> str:
    """Return a handle that no other id has: the id is in it, after the only underscore."""
    digits = ""
    while id_:
        id_, digit = divmod(id_, 36)
        digits = _DIGITS[digit] + digits
    handle = f"{first.lower().translate(_PLAIN)[: 14 - len(digits)]}_{digits}"
    assert HANDLE.fullmatch(handle)
    return handle


def _whole(name: str, value: Any, most: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{name} is a whole number of at most {most}")
    return int(value)


def _part(name: str, value: Any, users: int) -> int:
    if type(value) is float and 0 <= value <= 1:
        return int(value * users)
    if type(value) is not int or not 0 <= value <= users:
        raise ValueError(f"{name} is a count of users, or a share with a point")
    return int(value)
