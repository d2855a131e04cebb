"""What a page of the schedule is asked for, as it stands in its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.utils.dateparse import parse_datetime

LARGEST = 2**63 - 1
LONGEST_WHO = 100


@dataclass(frozen=True, slots=True)
class Filters:
    """A tab and what narrows it. What cannot be read counts as not said.

    `since` and `until`: when the letters left, or are looked at; a count in the week leads here.
    """

    state: str = ""
    account: int | None = None
    campaign: int | None = None
    who: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """The filters of a request's query."""
        return cls(
            state=query.get("state", ""),
            account=number_in(query.get("account", "")),
            campaign=number_in(query.get("campaign", "")),
            who=query.get("who", "").replace("\x00", "").strip()[:LONGEST_WHO],
            since=_moment(query.get("since", "")),
            until=_moment(query.get("until", "")),
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything but the tab was asked for."""
        return self != Filters(state=self.state)

    def but(self, **changes: Any) -> Filters:
        return replace(self, **changes)

    @property
    def query(self) -> str:
        """The query of an address: only what was said, in one order."""
        said = {
            "state": self.state,
            "account": self.account or "",
            "campaign": self.campaign or "",
            "who": self.who,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        return urlencode({name: value for name, value in said.items() if value})

    def address(self, page: str) -> str:
        """The address of `page` with these filters."""
        query = self.query
        return f"{page}?{query}" if query else page


def number_in(said: str) -> int | None:
    """An id as an address says it; None for what is none."""
    if not (said.isascii() and said.isdecimal() and len(said) < 20):
        return None
    number = int(said)
    return number if 0 < number <= LARGEST else None


def _moment(said: str) -> datetime | None:
    try:
        moment = parse_datetime(said.strip())
    except ValueError:
        return None
    # Beyond these years a time overflows once it is turned into another zone.
    if moment is None or moment.tzinfo is None or not 1900 < moment.year < 2200:
        return None
    return moment
