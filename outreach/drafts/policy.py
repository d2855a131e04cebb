"""A workspace's guidance policy between its rows, guidance and people's words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from outreach.drafts.models import GuidancePolicy
from outreach.guidance import Severity
from outreach.guidance.policy import (
    DEFAULTS,
    Exemption,
    Level,
    Policy,
    RuleInfo,
    is_always,
    rules,
)

LEVEL_WORDS = {
    Level.BLOCK: "stops the letter",
    Level.WARN: "warns",
    Level.PRAISE: "praises",
    Level.OFF: "says nothing",
}
# Families by the first part of a rule's name, in the order of the page. One that is not named
# here, because guidance learned it since, goes by its own name at the end.
FAMILIES = {
    "house": "Your own phrases",
    "greeting": "Greeting",
    "speaking": "Speaking to, not at",
    "praise": "Giving and answering",
    "call": "What to do next",
    "stop": "How to stop the letters",
    "length": "Length",
    "automatic": "Automatic phrases",
    "generic": "Words for everybody",
    "growth": "Followers and growth",
    "selling": "Selling",
    "urgency": "Urgency",
    "hype": "Big words",
    "money": "Money",
    "prize": "Prizes",
    "phish": "Baits",
    "shouting": "Shouting",
    "link": "Links",
    "hidden": "Hidden characters",
    "leftover": "Leftovers",
}


@dataclass(frozen=True, slots=True)
class Family:
    """Rules that a policy may change, under one heading."""

    name: str
    rules: tuple[RuleInfo, ...]


def families() -> list[Family]:
    """Every rule that a policy may change, grouped."""
    found: dict[str, list[RuleInfo]] = {name: [] for name in FAMILIES}
    for rule in rules():
        if not rule.fixed:
            found.setdefault(rule.family, []).append(rule)
    return [
        Family(FAMILIES.get(name) or _spoken(name), tuple(each))
        for name, each in found.items()
        if each
    ]


def always() -> list[RuleInfo]:
    """The rules that hold whatever a policy says."""
    return [rule for rule in rules() if rule.fixed]


def usual(rule: RuleInfo) -> str:
    """What a rule does by default, in words."""
    return LEVEL_WORDS[Level(rule.severity.value)]


def of_row(row: GuidancePolicy | None) -> Policy:
    """The policy that a row holds; no row: the defaults.

    What names a rule that guidance no longer has stays: it does nothing, and comes back with it.
    """
    if row is None:
        return DEFAULTS
    return Policy(
        version=row.version,
        house_limit=row.house_limit,
        brand=row.brand,
        severities={rule: Level(level) for rule, level in row.severities.items()},
        avoid=tuple(row.avoid),
        welcome=tuple(row.welcome),
        exceptions=tuple(Exemption(**each) for each in row.exceptions),
    )


def columns(policy: Policy) -> dict[str, Any]:
    """What a row keeps of a policy, besides its version; plain values, ready for JSON."""
    return {
        "house_limit": policy.house_limit,
        "brand": policy.brand,
        "severities": {rule: level.value for rule, level in sorted(policy.severities.items())},
        "avoid": list(policy.avoid),
        "welcome": list(policy.welcome),
        "exceptions": [
            {"rule": each.rule, "words": each.words, "reason": each.reason}
            for each in policy.exceptions
        ],
    }


def changes(was: Policy, is_now: Policy) -> list[str]:
    """What is different, one sentence each; empty where nothing is."""
    return list(_changes(was, is_now))


def _changes(was: Policy, is_now: Policy) -> Iterator[str]:
    if was.house_limit != is_now.house_limit:
        yield f"House limit: {is_now.house_limit:,} characters, was {was.house_limit:,}."
    if was.brand != is_now.brand:
        own = "the workspace’s name"
        yield f"Brand name: {is_now.brand or own}, was {was.brand or own}."
    for rule in sorted(was.severities.keys() | is_now.severities.keys()):
        before, after = was.severities.get(rule), is_now.severities.get(rule)
        if before != after:
            yield f"{title_of(rule)} {_level(rule, after)}, before: {_level(rule, before)}."
    yield from _phrases("to avoid", was.avoid, is_now.avoid)
    yield from _phrases("to welcome", was.welcome, is_now.welcome)
    for each in is_now.exceptions:
        if each not in was.exceptions:
            yield f"Exception: {exception_words(each)}, because: {each.reason}"
    for each in was.exceptions:
        if each not in is_now.exceptions:
            yield f"No exception any more: {exception_words(each)}."


def _phrases(kind: str, was: Sequence[str], is_now: Sequence[str]) -> Iterator[str]:
    added = [phrase for phrase in is_now if phrase not in was]
    gone = [phrase for phrase in was if phrase not in is_now]
    if added:
        yield f"Phrases {kind}, added: {_listed(added)}."
    if gone:
        yield f"Phrases {kind}, taken out: {_listed(gone)}."


def _listed(phrases: list[str]) -> str:
    return ", ".join(f"‘{phrase}’" for phrase in phrases)


def _level(rule: str, level: Level | None) -> str:
    """What a rule is set to; by default, what guidance does by itself."""
    if level is not None:
        return LEVEL_WORDS[level]
    info = rule_of(rule)
    return f"{usual(info)}, as by default" if info else "as by default"


def rule_of(name: str) -> RuleInfo | None:
    return next((rule for rule in rules() if rule.rule == name), None)


def title_of(rule: str) -> str:
    """A rule's name as words: 'Links: shortened' for 'link.shortened'."""
    family, _, own = rule.partition(".")
    heading = FAMILIES.get(family) or _spoken(family)
    return f"{heading}: {own.replace('-', ' ')}" if own else heading


def exception_words(exemption: Exemption) -> str:
    return f"‘{exemption.words}’ is no case of ‘{title_of(exemption.rule)}’"


def choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """The rules that can have an exception, grouped for a select: praise needs none."""
    grouped = []
    for family in families():
        named = [
            (rule.rule, title_of(rule.rule))
            for rule in family.rules
            if rule.severity is not Severity.PRAISE
        ]
        if named:
            grouped.append((family.name, named))
    return grouped


def may_be_set(rule: str) -> bool:
    """Whether a policy may change this rule: guidance has it, and it is none that always holds."""
    return rule_of(rule) is not None and not is_always(rule)


def _spoken(name: str) -> str:
    return name.replace("-", " ").replace("_", " ").capitalize()
