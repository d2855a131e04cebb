"""What guidance knows of a language: a folder of data files, and the figures that weigh rules.

Each file holds tables named after rules. A table with `severity` says what a finding of the rule
reads like; its `phrases`, if any, are what it looks for, but
for those right after one of its `not_after` words. A table without severity is a *cue*:
phrases that rules written in Python look for. A table with `words` is a *lexicon* (see words.py).
Tables of [lists] are sets of words.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from outreach.guidance.phrases import PhraseBook
from outreach.guidance.report import Severity
from outreach.guidance.scoring import Figures
from outreach.guidance.words import Weights

_LETTERS = re.compile("[a-z]{2,}")
# Not importlib.resources: its import costs more than reading the files does.
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Entry:
    """How the findings of one rule read. `{words}` in its texts stands for the marked words.

    `leave_out`: a sentence that says nothing but this may be left out with one click. `quiet`: a
    note that by itself does not cost a letter its *good*.
    """

    rule: str
    severity: Severity
    message: str
    suggestion: str
    source: str
    weight: float
    leave_out: bool
    quiet: bool


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """One language's rules, phrases and words, and the figures that weigh them.

    `lexicon` names, for a word, the rules in whose lexicon it stands; `words` holds the fitted
    weights of words and pairs. `knows` tells whether a word stands anywhere in the data: what is
    put back from a disguise must.
    """

    entries: Mapping[str, Entry]
    book: PhraseBook
    cues: frozenset[str]
    lists: Mapping[str, frozenset[str]]
    lines: Mapping[str, str]
    lexicon: Mapping[str, tuple[str, ...]]
    words: Weights
    figures: Figures
    praise: frozenset[str]
    warnings: frozenset[str]
    vocabulary: frozenset[str]
    tongues: Mapping[str, frozenset[str]]
    function_words: frozenset[str]

    def knows(self, word: str) -> bool:
        """Whether the word stands anywhere in the language's data."""
        return word in self.vocabulary


@cache
def language(code: str = "en") -> Language:
    """The language of that folder. Raises KeyError where its data lacks a weight or a source."""
    tables: dict[str, dict[str, Any]] = {}
    for file in sorted((_HERE / code).glob("*.toml")):
        tables |= tomllib.loads(file.read_text(encoding="utf-8"))
    fitted = json.loads((_HERE / "weights.json").read_text(encoding="utf-8"))
    weights: dict[str, float] = fitted["rules"]
    sources = tables.pop("sources")
    lists = tables.pop("lists")
    lines = tables.pop("lines")
    tongues = tables.pop("tongues")
    lexicon: dict[str, tuple[str, ...]] = {}
    for rule, table in tables.items():
        for word in table.get("words", "").split():
            if rule not in lexicon.get(word, ()):
                lexicon[word] = (*lexicon.get(word, ()), rule)
    phrases = [(name, table.get("phrases", ())) for name, table in tables.items()]
    return Language(
        entries={
            rule: Entry(
                rule=rule,
                severity=Severity(table["severity"]),
                message=table["message"],
                suggestion=table["suggestion"],
                source=sources[table["source"]],
                weight=weights[rule],
                leave_out=table.get("leave_out", False),
                quiet=table.get("quiet", False),
            )
            for rule, table in tables.items()
            if "severity" in table
        },
        book=PhraseBook(
            phrases,
            {
                name: frozenset(table["not_after"].split())
                for name, table in tables.items()
                if "not_after" in table
            },
        ),
        cues=frozenset(name for name, table in tables.items() if "severity" not in table),
        lists={name: frozenset(words.split()) for name, words in lists.items()},
        lines=lines,
        lexicon=lexicon,
        words=Weights(fitted["words"]),
        figures=Figures(**fitted["figures"]),
        praise=frozenset(
            rule for rule, table in tables.items() if table.get("severity") == Severity.PRAISE
        ),
        tongues={name: frozenset(words.split()) for name, words in tongues.items()},
        function_words=frozenset(f"{lists['common']} {lists['ours']} {lists['yours']}".split()),
        warnings=frozenset(
            rule
            for rule, table in tables.items()
            if table.get("severity", Severity.PRAISE) != Severity.PRAISE
        ),
        vocabulary=_vocabulary(phrases, lexicon, lists, fitted["words"]),
    )


def _vocabulary(
    phrases: Iterable[tuple[str, Iterable[str]]],
    lexicon: Iterable[str],
    lists: Mapping[str, str],
    words: Iterable[str],
) -> frozenset[str]:
    """Every word that stands in the data, of two letters or more; no beginnings of words."""
    whole = (name for name in words if name[-1] != "*")
    written = [notation for _, notations in phrases for notation in notations]
    text = " ".join([*written, *lexicon, *lists.values(), *whole])
    return frozenset(_LETTERS.findall(text))
