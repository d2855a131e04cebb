"""Fitting the weights: a logistic regression whose signs are fixed, so that reasons stay reasons.

What warns may only raise the score and what is praised may only lower it. Praise is bounded and
fades as outreach/guidance/scoring.py says. Rules are drawn to their weights by judgement
(priors.toml), words and pairs to nothing. Every group of messages counts the same, spam as much as
the rest. L-BFGS-B from a fixed start, without chance: the same messages give the same figures.
"""

from __future__ import annotations

import math
import tomllib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from evaluation.evidence import Evidence
from evaluation.messages import Message
from outreach.guidance.language import Entry, language
from outreach.guidance.report import Severity
from outreach.guidance.rules.wording import WORTH_TELLING
from outreach.guidance.scoring import REPEATED, Figures
from outreach.guidance.words import stem

Array = np.ndarray[Any, np.dtype[np.float64]]

PRAISE_MOST = 20.0
PRAISE_GONE = 40.0
RULES_HELD = 4.0
"""How firmly rules are held to their weights by judgement."""
WORDS_HELD = 1.0
"""How firmly the weights of words are held to nothing."""
QUIET_MOST = 0.5
"""No quiet note weighs more, or it would call spam what it does not even ask to mend."""
LEAST = 0.05
"""No rule weighs less: what is said of a letter has a share in its score."""
IN_MESSAGES, IN_SOURCES = 2, 2
"""A word has a weight only if this many messages, of this many sources, have it."""
WORTH_KEEPING = 0.25
REST_COUNTS = 3.5
"""A good letter called spam does more harm than spam that passes, so good letters count more."""
DIGITS = 3
_NAME_SHARE = 0.6
_CARRYING = """
the a an this that these those it its it's is are was were be been am do does did has have
had will would can could should may might must and or but if so as at by for from in into of
off on out over to up with than then there here not no i'm i me my we us our you your he she
they him her them his their what which who when where how why all any some just also very
more most much many such only own same too about after before again i'll i've we're you're
that's s t re
"""
_FUNCTION_WORDS = frozenset(_CARRYING.split())
"""Words that carry a sentence and say nothing by themselves; beside another word they may."""
_BESIDE_NUMBERS = _FUNCTION_WORDS | {"^", "$", "#number", "#mixed"}


def priors() -> dict[str, float]:
    """What each rule weighs by judgement."""
    text = Path(__file__).with_name("priors.toml").read_text(encoding="utf-8")
    return {rule: float(weight) for rule, weight in tomllib.loads(text)["rules"].items()}


@dataclass(frozen=True, slots=True)
class Model:
    """Fitted figures."""

    figures: Figures
    rules: dict[str, float]
    words: dict[str, float]

    def log_odds(self, found: Evidence) -> float:
        """The log-odds of spam, as outreach.guidance.scoring reckons them."""
        warned = praised = 0.0
        for rule, amount in found.rules.items():
            weight = self.rules[rule] * amount
            if weight > 0:
                warned += weight
            else:
                praised -= weight
        seen: set[str] = set()
        for sentence, rules in found.sentences:
            weights = {word: self.words[word] for word in sentence if word in self.words}
            warned += _told({w: x for w, x in weights.items() if x > 0}, seen)
            most = REPEATED * max((self.rules[rule] for rule in rules), default=math.inf)
            praised += min(most, _told({w: -x for w, x in weights.items() if x < 0}, seen))
        most, gone = self.figures.praise_most, self.figures.praise_gone
        worth = most * (1 - np.exp(-praised / most)) * max(0.0, 1 - warned / gone)
        return float(self.figures.start + warned - worth)


def _told(weights: dict[str, float], seen: set[str]) -> float:
    """What the words of a sentence add, as outreach.guidance.rules.wording reckons it."""
    if math.fsum(weights.values()) < WORTH_TELLING:
        return 0.0
    added = math.fsum(weight for word, weight in weights.items() if word not in seen)
    seen.update(weights)
    return added


def fit(messages: Sequence[Message], found: Sequence[Evidence], sources: Sequence[str]) -> Model:
    """The figures that these messages ask for; those that are neither spam nor good are left out."""
    kept = [index for index, message in enumerate(messages) if message.label != "mend"]
    spam = np.array([messages[index].is_spam for index in kept], dtype=np.float64)
    rows = [found[index] for index in kept]
    shares = _shares([messages[index] for index in kept])
    judged = priors()
    entries = language().entries
    warning = sorted(rule for rule in judged if entries[rule].severity is not Severity.PRAISE)
    praising = sorted(rule for rule in judged if entries[rule].severity is Severity.PRAISE)
    spam_words, good_words = _vocabulary(
        [messages[index] for index in kept], rows, [sources[index] for index in kept]
    )
    up = _matrix(rows, warning, spam_words)
    down = _matrix(rows, praising, good_words)
    prior = np.array(
        [-1.5]
        + [judged[rule] for rule in warning] + [0.0] * len(spam_words)
        + [-judged[rule] for rule in praising] + [0.0] * len(good_words)
    )  # fmt: skip
    held = np.array(
        [1e-3]
        + [RULES_HELD] * len(warning) + [WORDS_HELD] * len(spam_words)
        + [RULES_HELD] * len(praising) + [WORDS_HELD] * len(good_words)
    )  # fmt: skip
    least = (
        [(-6.0, -0.1)]
        + [(LEAST, _most(entries[rule])) for rule in warning] + [(0.0, None)] * len(spam_words)
        + [(LEAST, None)] * len(praising) + [(0.0, None)] * len(good_words)
    )  # fmt: skip
    weights = _solve(up, down, spam, shares, prior, held, least)
    ups = weights[1 : 1 + up.shape[1]]
    downs = weights[1 + up.shape[1] :]
    rules = dict(zip(warning, ups, strict=False)) | dict(
        zip(praising, -downs[: len(praising)], strict=True)
    )
    words = dict(zip(spam_words, ups[len(warning) :], strict=True)) | dict(
        zip(good_words, -downs[len(praising) :], strict=True)
    )
    return Model(
        figures=Figures(round(float(weights[0]), DIGITS), PRAISE_MOST, PRAISE_GONE),
        rules={rule: round(float(rules[rule]), DIGITS) for rule in sorted(rules)},
        words={
            word: round(float(words[word]), DIGITS)
            for word in sorted(words)
            if abs(words[word]) >= WORTH_KEEPING
        },
    )


def _most(entry: Entry) -> float | None:
    """A quiet note stays one; words, which add up, may come to more."""
    return QUIET_MOST if entry.quiet and not entry.rule.startswith("words.") else None


def _shares(messages: list[Message]) -> Array:
    """What each message counts: groups alike within spam and within the rest, the rest more."""
    sizes = Counter(message.group for message in messages)
    sides = Counter({message.group: message.is_spam for message in messages}.values())
    total = len(messages)
    worth = {True: 1.0, False: REST_COUNTS}
    return np.array(
        [worth[m.is_spam] * total / 2 / sides[m.is_spam] / sizes[m.group] for m in messages]
    )


def _vocabulary(
    messages: list[Message], rows: list[Evidence], sources: list[str]
) -> tuple[list[str], list[str]]:
    """Words and pairs that stand in enough messages and sources, by the side they speak for."""
    shares = _shares(messages)
    counts: Counter[str] = Counter()
    speaking: dict[str, float] = defaultdict(float)
    weight: dict[str, float] = defaultdict(float)
    seen_in: dict[str, set[str]] = defaultdict(set)
    names = _names(messages)
    names |= {stem(name) for name in names}
    for message, row, source, share in zip(messages, rows, sources, shares, strict=True):
        for word in row.words:
            counts[word] += 1
            seen_in[word].add(source)
            weight[word] += share
            speaking[word] += share * message.is_spam
    spam: list[str] = []
    good: list[str] = []
    for word in sorted(counts):
        if counts[word] < IN_MESSAGES or len(seen_in[word]) < IN_SOURCES:
            continue
        parts = set(word.split())
        if names & parts or word in _FUNCTION_WORDS or _is_a_number(parts):
            continue
        (spam if speaking[word] > weight[word] / 2 else good).append(word)
    return spam, good


def _is_a_number(parts: set[str]) -> bool:
    """Whether it is only a time, a number or a date with words that say nothing."""
    return bool(parts & {"#number", "#mixed"}) and not parts - _BESIDE_NUMBERS


def _names(messages: list[Message]) -> set[str]:
    """Words mostly written with a capital inside sentences: names of people and brands."""
    capital: Counter[str] = Counter()
    small: Counter[str] = Counter()
    for message in messages:
        if message.text.isupper():
            continue
        for before, word in zip(message.text.split(), message.text.split()[1:], strict=False):
            bare = word.strip(".,!?:;\"'()*-")
            if not bare.isalpha() or before[-1] in ".!?:*-":
                continue
            if bare[0].isupper() and not bare.isupper():
                capital[bare.lower()] += 1
            elif bare.islower():
                small[bare] += 1
    return {word for word, count in capital.items() if count > _NAME_SHARE * (count + small[word])}


def _matrix(rows: list[Evidence], rules: list[str], words: list[str]) -> Any:
    # A word may be called like a rule ("money").
    rule_places = {name: index for index, name in enumerate(rules)}
    word_places = {name: index for index, name in enumerate(words, start=len(rules))}
    row_of, column_of, values = [], [], []
    for index, row in enumerate(rows):
        for rule, amount in row.rules.items():
            if rule in rule_places:
                row_of.append(index)
                column_of.append(rule_places[rule])
                values.append(amount)
        for word in sorted(row.words):
            place = word_places.get(word)
            if place is not None:
                row_of.append(index)
                column_of.append(place)
                values.append(1.0)
    return csr_matrix((values, (row_of, column_of)), shape=(len(rows), len(rules) + len(words)))


def _solve(
    up: Any, down: Any, spam: Array, shares: Array, prior: Array, held: Array, least: Any
) -> Array:
    ups = up.shape[1]

    def loss(weights: Array) -> tuple[float, Array]:
        warned = up @ weights[1 : 1 + ups]
        praised = down @ weights[1 + ups :]
        fade = np.clip(1 - warned / PRAISE_GONE, 0, 1)
        decay = np.exp(-praised / PRAISE_MOST)
        worth = PRAISE_MOST * (1 - decay)
        odds = weights[0] + warned - fade * worth
        error = shares * (1 / (1 + np.exp(-odds)) - spam)
        by_warned = error * (1 + np.where((fade > 0) & (fade < 1), worth / PRAISE_GONE, 0))
        by_praised = -error * fade * decay
        gradient = np.concatenate([[error.sum()], up.T @ by_warned, down.T @ by_praised])
        away = weights - prior
        value = (shares * (np.logaddexp(0, odds) - spam * odds)).sum()
        return float(value + 0.5 * (held * away**2).sum()), gradient + held * away

    start = np.maximum(prior, [low for low, _ in least])
    start[0] = prior[0]
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=least, options={"maxiter": 600}
    )
    return np.asarray(found.x)
