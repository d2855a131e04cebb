"""All customers of the demo: the regulars, and those nobody writes to yet, made by chance.

The same on every call, so that the sandbox can be filled again without asking anybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random

from outreach.demo.names import CULTURES, Culture, Name
from outreach.demo.people import (
    Consent,
    Person,
    Tie,
    at_the_fair,
    at_the_form,
    wrote_to_us,
)
from outreach.demo.regulars import regulars

SEED = 20261
HOW_MANY = 200
LONGEST_HANDLE = 15
FIRST_ID, ID_STEP = 1_402_000_000_000_000_000, 7_919_000_000_003

PRINTS = ("fox", "heron", "whale", "otter", "fern", "moth", "badger", "night train", "beetle")
GOODS = ("tee", "tote", "tea towel", "screen print", "scarf", "enamel pin", "apron")
HOBBIES = ("knits", "draws", "bakes", "rides", "reads", "prints", "sews", "walks", "paints")
FAIRS = ("Porto makers’ fair", "Ghent print fair", "Bristol craft weekend", "Leipzig book fair")
QUESTIONS = (
    "Does the {print} come on the {goods} as well?",
    "My {print} {goods} just arrived and it smells of fresh ink. Love it.",
    "Which ink is that on the {print}? It survived forty washes.",
    "Do you still have the {print} {goods} in large?",
    "Is the {print} one cut in lino or in wood?",
    "Could I come and see how you print one day?",
    "Gave the {print} {goods} to my sister and she has not taken it off since.",
    "How do I wash the {goods} so that the indigo stays?",
    "Saw your {print} print in a café and had to find out who made it.",
    "Do you ever sell the test prints? I like the ones that went wrong.",
    "My {goods} has a loose thread at the seam. How do I save it?",
    "Are you at the fair again this year?",
)
ANSWERS = (
    "It does, from next month on. I will keep one back for you if you like. Jo",
    "Thank you for telling us. That one took three screens and a lot of patience. Jo",
    "Cold water, inside out, and out of the sun. It fades slowly and kindly. Jo",
    "Come by on a Thursday, that is when we print. Jo",
)
# Two of them block the brand.
BLOCKERS = (41, 113)
# Who said stop, and how many days ago.
STOPPED = {17: 34, 66: 19, 102: 9, 140: 2}
# Of a hundred: how two people stand to each other.
TIES = [Tie.MUTUAL] * 50 + [Tie.THEY_FOLLOW] * 18 + [Tie.WE_FOLLOW] * 12 + [Tie.NEITHER] * 20


def everybody() -> tuple[Person, ...]:
    """The regulars and the crowd."""
    known = regulars()
    return (*known, *crowd(HOW_MANY - len(known)))


def crowd(how_many: int) -> Iterator[Person]:
    """So many people, the same on every call. The last of them is gone from X."""
    chance = Random(SEED)
    handles: set[str] = set()
    names: set[str] = set()
    numbers = count(1)
    while len(handles) < how_many:
        culture = CULTURES[len(handles) % len(CULTURES)]
        given, family = chance.choice(culture.given), chance.choice(culture.family)
        name = _whole(culture, given, family)
        if name in names:
            continue
        names.add(name)
        handle = _handle(chance, given, family, handles)
        handles.add(handle)
        is_last = len(handles) == how_many
        yield _person(chance, culture, given, name, handle, next(numbers), gone=is_last)


def _person(
    chance: Random,
    culture: Culture,
    given: Name,
    name: str,
    handle: str,
    number: int,
    *,
    gone: bool,
) -> Person:
    tie = Tie.GONE if gone else chance.choice(TIES)
    if number in BLOCKERS:
        tie = Tie.BLOCKED
    favourite, goods = chance.choice(PRINTS), chance.choice(GOODS)
    consent = _consent(chance, tie, favourite, goods, number)
    tags = []
    if consent is not None and "fair" in consent.place:
        tags.append("fair")
    if favourite == "fox" and goods == "tee":
        tags.append("fox tee")
    if chance.random() < 0.12:
        tags.append(chance.choice(("stockist", "collects", "teacher", "open day")))
    attributes = {}
    if chance.random() < 0.6:
        attributes["favourite_print"] = favourite
    if chance.random() < 0.5:
        attributes["last_order"] = f"{favourite} {goods}"
    return Person(
        x_user_id=FIRST_ID + number * ID_STEP + chance.randrange(1_000_000),
        handle=handle,
        name=name + (" 🧵" if chance.random() < 0.04 else ""),
        first_name=given.written if chance.random() < 0.7 else "",
        time_zone=chance.choice(culture.zones) if chance.random() < 0.85 else "",
        tie=tie,
        consent=consent,
        tags=tuple(tags),
        attributes=attributes,
        dms_open=chance.random() > 0.06,
        stopped_days_ago=STOPPED.get(number, 0),
    )


def _consent(chance: Random, tie: Tie, favourite: str, goods: str, number: int) -> Consent | None:
    if tie is Tie.BLOCKED:
        return None
    days = chance.randrange(31, 500)
    kind = chance.random()
    if kind < 0.35:
        said = chance.choice(QUESTIONS).format(print=favourite, goods=goods)
        answer = chance.choice(ANSWERS) if chance.random() < 0.4 else ""
        return wrote_to_us(said, days, we_said=answer)
    if kind < 0.55:
        return at_the_form(days, 1000 + number * 3)
    if kind < 0.72:
        return at_the_fair(days, chance.choice(FAIRS))
    return None


def _whole(culture: Culture, given: Name, family: Name) -> str:
    parts = [given.written, family.written]
    if culture.family_first:
        parts.reverse()
    return culture.between.join(parts)


def _handle(chance: Random, given: Name, family: Name, taken: set[str]) -> str:
    """A handle that nobody in the demo has: at most 15 letters, digits and underscores."""
    while True:
        made = chance.choice(
            (
                f"{given.latin}_{chance.choice(HOBBIES)}",
                f"{given.latin}{family.latin[:4]}{chance.randrange(10, 99)}",
                f"{family.latin}_{given.latin[:1]}{chance.randrange(2, 99)}",
            )
        )[:LONGEST_HANDLE].strip("_")
        if made not in taken:
            return made
