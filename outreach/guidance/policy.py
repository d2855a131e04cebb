"""A workspace's own say in guidance: severities, house limit, phrases, exceptions.

Pure, as all of this room: a policy is a value, and reading under it is a function of text, policy
and context. A policy changes findings, never the way from findings to a verdict: the score stays
the sum of what is shown.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, cached_property, lru_cache

from outreach.guidance.language import language
from outreach.guidance.reading import noticed, read, weighed
from outreach.guidance.report import Context, Finding, Report, Severity
from outreach.guidance.scoring import REPEATED
from outreach.guidance.view import View

HOUSE_LIMIT = 140
AVOID, WELCOME = "house.avoid", "house.welcome"

# Rules and families of rules that no policy softens: a field left open, a secret asked for or
# shown, somebody who said stop, and what X would not take. Source: X's rules, promises 5 and 6.
ALWAYS = ("merge-field", "leftover.field", "secret", "recipient", "letter.empty", "length.x-limit")

# Log-odds of a phrase that the workspace avoids: enough to cost a letter its *good*, and three of
# them a good part of the way to spam. Not fitted: no labelled messages know the house's words.
AVOID_WEIGHT = 0.6
# Log-odds of a warning that a workspace made of praise.
WARNED_WEIGHT = 0.25

_ORDER = {Severity.BLOCK: 0, Severity.WARN: 1, Severity.PRAISE: 2}
_PLACEHOLDER = re.compile(r"\{[a-z_]+\}")


class Level(StrEnum):
    """What a rule may be set to: a severity, or silence."""

    BLOCK = "block"
    WARN = "warn"
    PRAISE = "praise"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Exemption:
    """Where `words` stand, `rule` says nothing; a finding of the whole letter is meant, too."""

    rule: str
    words: str
    reason: str


@dataclass(frozen=True)
class Policy:
    """One version of what a workspace set. Version 0 is the house's defaults.

    `house_limit` is in characters; an empty `brand` is the workspace's own name.
    """

    version: int = 0
    house_limit: int = HOUSE_LIMIT
    brand: str = ""
    severities: Mapping[str, Level] = field(default_factory=dict)
    avoid: tuple[str, ...] = ()
    welcome: tuple[str, ...] = ()
    exceptions: tuple[Exemption, ...] = ()

    @cached_property
    def touches_findings(self) -> bool:
        """Whether it changes anything but the context of a reading."""
        return bool(self.severities or self.avoid or self.welcome or self.exceptions)


DEFAULTS = Policy()


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """A rule as a policy page lists it; `says` is its message, `fixed`: no policy softens it."""

    rule: str
    severity: Severity
    says: str
    fixed: bool

    @property
    def family(self) -> str:
        return self.rule.partition(".")[0]


@cache
def rules() -> tuple[RuleInfo, ...]:
    """Every rule there is, in the order of the language's files; the workspace's own two first."""
    own = (
        RuleInfo(AVOID, Severity.WARN, "“…” is one of your phrases to avoid.", fixed=False),
        RuleInfo(WELCOME, Severity.PRAISE, "“…” is one of your phrases to welcome.", fixed=False),
    )
    return own + tuple(
        RuleInfo(rule, entry.severity, _says(entry.message), fixed=is_always(rule))
        for rule, entry in language().entries.items()
    )


def _says(message: str) -> str:
    """A rule's message without a letter to quote from."""
    return _PLACEHOLDER.sub("…", message).replace("….", "…")


def is_always(rule: str) -> bool:
    """Whether no policy softens this rule."""
    return any(rule == name or rule.startswith(f"{name}.") for name in ALWAYS)


def stop_line() -> str:
    """The line that says how to stop the letters; it is not counted in the house limit."""
    return language().lines["stop"]


def under(text: str, policy: Policy, context: Context) -> Report:
    """Read one letter under a workspace's policy. Never raises for any text."""
    brand = policy.brand or context.brand
    context = replace(context, house_limit=policy.house_limit, brand=brand)
    if not policy.touches_findings:
        return read(text, context)
    return weighed(text, context, _changed(noticed(text, context), text, policy))


def _changed(noticed_: tuple[Finding, ...], text: str, policy: Policy) -> list[Finding]:
    """What was noticed in `text`, with what the policy's phrases and severities say of it."""
    spoken = _Spoken(text)
    welcomed = spoken.places(policy.welcome)
    excepted = {
        rule: spoken.places(each.words for each in policy.exceptions if each.rule == rule)
        for rule in {each.rule for each in policy.exceptions}
    }
    found = [*noticed_, *_own(spoken, policy, welcomed)]
    kept = [
        finding
        for finding in found
        if is_always(finding.rule)
        or not (_is_welcome(finding, welcomed) or _is_excepted(finding, excepted))
    ]
    set_ = [_set(finding, policy.severities) for finding in _weighed_anew(found, kept)]
    return sorted(
        (finding for finding in set_ if finding is not None),
        key=lambda finding: (finding.start, _ORDER[finding.severity], finding.end),
    )


def has_words(phrase: str) -> bool:
    """Whether there is anything in `phrase` that a letter could be searched for."""
    return bool(_phrase_keys(phrase))


# --- the workspace's own phrases -------------------------------------------------------------


class Places:
    """Stretches of a text, none within another, so that both starts and ends rise."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self.spans = spans
        self._starts = [start for start, _ in spans]

    def holds(self, start: int, end: int) -> bool:
        """Whether text[start:end] lies within one of them."""
        last = bisect_right(self._starts, start) - 1
        return last >= 0 and end <= self.spans[last][1]

    def touches(self, start: int, end: int) -> bool:
        """Whether text[start:end] shares a character with one of them."""
        last = bisect_left(self._starts, end) - 1
        return last >= 0 and start < self.spans[last][1]


class _Spoken:
    """The words of a letter as phrases are looked for: through disguises, whatever stands between.

    The engine's own view of the text finds the words, so that what hides a phrase from it hides it
    here no better.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = _words(text)
        self.keys = tuple(key for key, _, _ in self.words)

    def places(self, phrases: Iterable[str]) -> Places:
        """Where the phrases stand; of two, one within the other, the longer one."""
        lengths = _by_first_word(tuple(phrases))
        longest: list[tuple[int, int]] = []
        for first, (key, start, _) in enumerate(self.words):
            for length, wanted in lengths.get(key, ()):
                if self.keys[first : first + length] not in wanted:
                    continue
                end = self.words[first + length - 1][2]
                if not longest or end > longest[-1][1]:
                    longest.append((start, end))
                break
        return Places(longest)


@lru_cache(maxsize=256)
def _by_first_word(
    phrases: tuple[str, ...],
) -> dict[str, list[tuple[int, set[tuple[str, ...]]]]]:
    """For each first word the phrases of each length, the longest first.

    So that a place in the text costs as many looks as there are lengths, not phrases.
    """
    found: dict[str, dict[int, set[tuple[str, ...]]]] = {}
    for phrase in phrases:
        if keys := _phrase_keys(phrase):
            found.setdefault(keys[0], {}).setdefault(len(keys), set()).add(keys)
    return {first: sorted(sets.items(), reverse=True) for first, sets in found.items()}


def _words(text: str) -> list[tuple[str, int, int]]:
    """Each word folded, with its place. What the view only names (a link, a price) is itself."""
    view = View(text)
    return [
        (
            " ".join(text[token.start : token.end].lower().split())
            if token.word.startswith("#")
            else token.word,
            token.start,
            token.end,
        )
        for token in view.tokens
    ]


def _phrase_keys(phrase: str) -> tuple[str, ...]:
    """The words of a phrase; marks that end a sentence count only between words."""
    keys = [key for key, _, _ in _words(phrase)]
    while keys and keys[-1] in (".", "?"):
        keys.pop()
    return tuple(keys)


def _own(spoken: _Spoken, policy: Policy, welcomed: Places) -> Iterator[Finding]:
    source = f"The workspace's own words (guidance policy, version {policy.version})"
    for number, (start, end) in enumerate(spoken.places(policy.avoid).spans):
        yield Finding(
            rule=AVOID,
            severity=Severity.WARN,
            start=start,
            end=end,
            message=f"“{_quoted(spoken.text[start:end])}” is a phrase that this workspace avoids.",
            suggestion="Say it in other words, or leave it out.",
            source=source,
            weight=round(AVOID_WEIGHT * REPEATED, 6) if number else AVOID_WEIGHT,
        )
    for start, end in welcomed.spans:
        yield Finding(
            rule=WELCOME,
            severity=Severity.PRAISE,
            start=start,
            end=end,
            message=f"“{_quoted(spoken.text[start:end])}” is a phrase that this workspace likes.",
            suggestion="Keep it.",
            source=source,
            # What the house likes to say is no evidence that the rest is not spam.
            weight=0.0,
        )


def _quoted(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= 60 else line[:59].rstrip() + "…"


def _is_welcome(finding: Finding, welcomed: Places) -> bool:
    """Whether all that the finding marks is welcomed words; praise stays."""
    if finding.severity is Severity.PRAISE or finding.start == finding.end:
        return False
    return welcomed.holds(finding.start, finding.end)


def _is_excepted(finding: Finding, excepted: Mapping[str, Places]) -> bool:
    """Whether an exception's words stand there; anywhere, for what is said of the whole letter."""
    places = excepted.get(finding.rule)
    if places is None:
        return False
    if finding.start == finding.end:
        return bool(places.spans)
    return places.touches(finding.start, finding.end)


# --- weights and severities ------------------------------------------------------------------


def _weighed_anew(found: list[Finding], kept: list[Finding]) -> Iterator[Finding]:
    """The kept findings; where a rule's first place was dropped, the next one counts in full.

    A rule counts less for each further place, so an excepted phrase in front would otherwise make
    all that follows it weigh a fraction.
    """
    first: dict[str, Finding] = {}
    for finding in found:
        first.setdefault(finding.rule, finding)
    seen: set[str] = set()
    for finding in kept:
        full = first[finding.rule].weight
        is_next = finding.rule not in seen and finding is not first[finding.rule]
        seen.add(finding.rule)
        counts_less = finding.weight == round(full * REPEATED, 6)
        yield finding._replace(weight=full) if is_next and counts_less else finding


def _set(finding: Finding, severities: Mapping[str, Level]) -> Finding | None:
    """The finding with the severity that the policy gives its rule; None where it is silent.

    What warns or blocks never lowers the score and what praises never raises it. A rule that was
    set to warn costs a letter its *good*, though it were a quiet note by itself.
    """
    level = severities.get(finding.rule)
    if level is None or is_always(finding.rule):
        return finding
    if level is Level.OFF:
        return None
    severity = Severity(level.value)
    if severity is finding.severity and not finding.quiet:
        return finding
    if severity is Severity.PRAISE:
        weight = min(finding.weight, 0.0)
    else:
        weight = finding.weight if finding.weight > 0 else WARNED_WEIGHT
    return finding._replace(severity=severity, weight=weight, quiet=False)
