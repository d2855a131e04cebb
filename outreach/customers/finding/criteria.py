"""What a list of customers is asked for, as it stands in the address: the search and the filters.

The same words are a segment, and what a count or a tagging in the background goes by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.http import QueryDict

LONGEST_SEARCH = 100
MOST_TAGS = MOST_ATTRIBUTES = 5
LONGEST_QUERY = 1000
YES_OR_NO = ("mutual", "permission", "stopped")
# '30': in the last 30 days; 'not-30': not in these; 'never'.
WHEN = re.compile(r"(?:not-)?[1-9][0-9]{0,3}|never", re.ASCII)
WHEN_CHOICES = {
    "": "at any time, or never",
    "7": "in the last 7 days",
    "30": "in the last 30 days",
    "90": "in the last 90 days",
    "not-7": "not in the last 7 days",
    "not-30": "not in the last 30 days",
    "not-90": "not in the last 90 days",
    "never": "never",
}
_SAID = {
    ("mutual", "yes"): "mutual",
    ("mutual", "no"): "not mutual",
    ("permission", "yes"): "has a permission",
    ("permission", "no"): "no permission",
    ("stopped", "yes"): "said stop",
    ("stopped", "no"): "did not say stop",
}


@dataclass(frozen=True, slots=True)
class Criteria:
    """A search and filters; all of them must hold. Empty ones ask for nothing."""

    q: str = ""
    mutual: str = ""
    permission: str = ""
    stopped: str = ""
    written: str = ""
    answered: str = ""
    tags: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def is_everybody(self) -> bool:
        return self == Criteria()

    @property
    def query(self) -> str:
        """The same as in an address, always in one order; empty for everybody."""
        return urlencode(list(self._pairs()))

    def without(self, name: str, value: str = "") -> Criteria:
        """The same without one filter; `value` says which tag or attribute."""
        if name == "tag":
            return replace(self, tags=tuple(tag for tag in self.tags if tag != value))
        if name == "attribute":
            kept = tuple(pair for pair in self.attributes if ":".join(pair) != value)
            return replace(self, attributes=kept)
        emptied: dict[str, Any] = {name: ""}
        return replace(self, **emptied)

    def said(self) -> list[tuple[str, str, str]]:
        """Each filter as (name, value, words), the search left out."""
        found = []
        for name, value in self._pairs():
            if name in YES_OR_NO:
                found.append((name, value, _SAID[name, value]))
            elif name in ("written", "answered"):
                verb = "written to" if name == "written" else "answered"
                found.append((name, value, f"{verb} {_when_words(value)}"))
            elif name == "tag":
                found.append((name, value, f"tag: {value}"))
            elif name == "attribute":
                found.append((name, value, value.replace("_", " ").replace(":", ": ", 1)))
        return found

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for name in ("q", *YES_OR_NO, "written", "answered"):
            if value := getattr(self, name):
                yield name, value
        yield from (("tag", tag) for tag in self.tags)
        yield from (("attribute", f"{key}:{value}") for key, value in self.attributes)


def read(given: QueryDict) -> Criteria:
    """What an address asks for. What it cannot mean is left out, so that any address answers."""
    values = {name: given.get(name, "") for name in YES_OR_NO}
    times = {name: given.get(name, "") for name in ("written", "answered")}
    return Criteria(
        q=search_of(given.get("q", "")),
        **{name: value for name, value in values.items() if value in ("yes", "no")},
        **{name: value for name, value in times.items() if WHEN.fullmatch(value)},
        tags=_unique(_clean(tag).strip()[:50] for tag in given.getlist("tag"))[:MOST_TAGS],
        attributes=tuple(
            (key.strip(), value.strip())
            for key, colon, value in (
                each.partition(":")
                for each in _unique(_clean(each)[:200] for each in given.getlist("attribute"))
            )
            if colon and key.strip() and value.strip()
        )[:MOST_ATTRIBUTES],
    )


def search_of(typed: str) -> str:
    """What was typed into a search, as one line that PostgreSQL takes."""
    return " ".join(_clean(typed).split())[:LONGEST_SEARCH]


def of_query(query: str) -> Criteria:
    """What a stored query asks for: a segment's, or a sweep's."""
    given = QueryDict(mutable=True)
    for name, value in parse_qsl(query, keep_blank_values=True):
        given.appendlist(name, value)
    return read(given)


def _when_words(value: str) -> str:
    if value == "never":
        return "never"
    count = value.removeprefix("not-")
    return ("not " if value.startswith("not-") else "") + f"in the last {count} days"


def _clean(text: str) -> str:
    """PostgreSQL takes no NUL, and no half of a surrogate pair."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()


def _unique(values: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
