"""What guidance knows of a language: a folder of data files, and the figures that weigh rules.

Each file holds tables named after rules. A table with `severity` says what a finding of the rule
reads like; its `phrases`, if any, are what it looks for, but
for those right after one of its `not_after` words. A table without severity is a *cue*:
phrases that rules written in Python look for. Tables of [lists] are sets of words.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from outreach.guidance.phrases import PhraseBook
from outreach.guidance.report import Severity


@dataclass(frozen=True, slots=True)
class Entry:
    """How the findings of one rule read. `{words}` in its texts stands for the marked words.

    `leave_out`: a sentence that says nothing but this may be left out with one click.
    """

    rule: str
    severity: Severity
    message: str
    suggestion: str
    source: str
    weight: float
    leave_out: bool


@dataclass(frozen=True, slots=True)
class Language:
    """One language's rules, phrases and words."""

    entries: Mapping[str, Entry]
    book: PhraseBook
    cues: frozenset[str]
    lists: Mapping[str, frozenset[str]]
    lines: Mapping[str, str]


@cache
def language(code: str = "en") -> Language:
    """The language of that folder. Raises KeyError where its data lacks a weight or a source."""
    tables: dict[str, dict[str, Any]] = {}
    folder = files(__package__).joinpath(code)
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            tables |= tomllib.loads(file.read_text(encoding="utf-8"))
    weights = json.loads(files(__package__).joinpath("weights.json").read_text(encoding="utf-8"))
    sources = tables.pop("sources")
    lists = tables.pop("lists")
    lines = tables.pop("lines")
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
            )
            for rule, table in tables.items()
            if "severity" in table
        },
        book=PhraseBook(
            ((name, table.get("phrases", ())) for name, table in tables.items()),
            {
                name: frozenset(table["not_after"].split())
                for name, table in tables.items()
                if "not_after" in table
            },
        ),
        cues=frozenset(name for name, table in tables.items() if "severity" not in table),
        lists={name: frozenset(words.split()) for name, words in lists.items()},
        lines=lines,
    )
