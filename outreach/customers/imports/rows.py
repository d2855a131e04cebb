"""From the cells of one row to what is staged, or to the reason why the row is left out.

A million rows pass here, so a row that is as it should be takes the short way: one look for
characters that are not printed, and per column only what that column needs. What few cells
say many times (tags, zones, days) is worked out once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from json.encoder import encode_basestring as quoted
from typing import Any
from zoneinfo import ZoneInfo

from outreach.customers.imports import columns as c
from outreach.customers.imports.dates import moment_of
from outreach.customers.imports.handles import PLAIN, handle_of, x_user_id_of
from outreach.customers.imports.refusing import RowRefused
from outreach.customers.imports.zones import zone_of
from outreach.customers.models import Basis

# In the order of the staging table's columns (staging.py).
STAGED = (
    "line", "handle", "key", "x_user_id", "name", "first_name", "time_zone", "tags", "attributes",
    "basis", "given_at", "place", "evidence", "stop",
)  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_LOST = "\ufffd"
# What keeps a spreadsheet from reading a cell as a formula, put there by an export.
_DEFUSED = re.compile(r"'+[=+\-@\t\r]")
_MOST_REMEMBERED = 10_000
_OPTED_IN = frozenset(
    [
        "opted_in",
        "optedin",
        "opted_in",
        "opt_in",
        "optin",
        "yes",
        "y",
        "true",
        "1",
        "x",
        "ja",
        "oui",
        "si",
        "sim",
        "consent",
        "subscribed",
    ]
)
_WROTE = frozenset(["wrote_to_us", "wrote", "dm", "message", "wrote_first", "they_wrote"])
_NO = frozenset(["no", "n", "none", "false", "0", "nein", "non", "não", "never"]) | {
    "-",
    "–",
    "—",
    "n/a",
}
_YES = frozenset(
    ["yes", "y", "true", "1", "x", "ja", "oui", "si", "sim", "stop", "stopped", "wahr"]
)
_SAID_STOP = "Said stop, by the imported file."


@dataclass(frozen=True, slots=True)
class Reading:
    """How the file is read beyond its columns."""

    targets: Sequence[str]
    width: int
    file_name: str
    day_first: bool
    zone: ZoneInfo
    now: datetime


@dataclass
class _Remembered:
    """Work out once what the same cell says again; bounded, since a file may be hostile."""

    work: Callable[[str], Any]
    known: dict[str, Any] = field(default_factory=dict)

    def __call__(self, cell: str) -> Any:
        try:
            return self.known[cell]
        except KeyError:
            found = self.work(cell)
            if len(self.known) < _MOST_REMEMBERED:
                self.known[cell] = found
            return found


def reader(how: Reading) -> Callable[[int, list[str]], tuple[Any, ...]]:
    """A function from (line, cells) to the values of `STAGED`; None: the file says nothing of it.

    It raises RowRefused.
    """
    places = {target: place for place, target in enumerate(how.targets) if target}
    handle_at, id_at = places.get(c.HANDLE), places.get(c.X_USER_ID)
    name_at, first_at = places.get(c.NAME), places.get(c.FIRST_NAME)
    zone_at, tags_at, stop_at = places.get(c.TIME_ZONE), places.get(c.TAGS), places.get(c.STOP)
    basis_at, given_at = places.get(c.BASIS), places.get(c.GIVEN_ON)
    attributes = [
        (place, f"{quoted(target.removeprefix(c.ATTRIBUTE))}:", target.removeprefix(c.ATTRIBUTE))
        for target, place in places.items()
        if target.startswith(c.ATTRIBUTE)
    ]
    width = how.width
    plain, zones, tag_lists = PLAIN, _Remembered(zone_of), _Remembered(_tags)
    days = _Remembered(
        lambda cell: moment_of(cell, day_first=how.day_first, zone=how.zone, now=how.now)
    )
    permission_of = _permission_reader(places, days, how.file_name)

    def read(line: int, cells: list[str]) -> tuple[Any, ...]:
        if len(cells) != width:
            cells = _fitted(cells, width)
        together = "".join(cells)
        if not together.isprintable():
            _check_characters(together)
        if "'" in together:
            cells = [_undefused(cell) for cell in cells]
        handle: str | None = None
        if handle_at is not None:
            found = plain(cells[handle_at])
            handle = (found[1] if found else handle_of(cells[handle_at])) or None
        x_user_id = x_user_id_of(cells[id_at]) if id_at is not None else None
        if handle is None and x_user_id is None:
            raise RowRefused("There is no handle in this row.")
        # A name may be one of any script; only its spaces are made even.
        name = _text(cells[name_at], 100, "name") if name_at is not None else None
        first = _text(cells[first_at], 50, "first name") if first_at is not None else None
        zone = (zones(cells[zone_at]) or None) if zone_at is not None else None
        tags = tag_lists(cells[tags_at]) if tags_at is not None else None
        said = None
        if attributes:
            pairs = [
                prefix + quoted(cell if len(cell) <= 500 else _too_long(key, cell))
                for place, prefix, key in attributes
                if (cell := cells[place].strip())
            ]
            said = "{" + ",".join(pairs) + "}" if pairs else None
        basis = moment = where = evidence = None
        if basis_at is not None and given_at is not None:
            basis, moment, where, evidence = permission_of(cells)
        stop = _stop(cells[stop_at]) if stop_at is not None else None
        key = handle.lower() if handle else None
        return (line, handle, key, x_user_id, name, first, zone, tags, said,
                basis, moment, where, evidence, stop)  # fmt: skip

    return read


def _fitted(cells: list[str], width: int) -> list[str]:
    """Trailing blanks more or fewer mean nothing; anything else does not fit its header."""
    if len(cells) < width:
        return cells + [""] * (width - len(cells))
    more = cells[width:]
    if any(cell.strip() for cell in more):
        raise RowRefused(
            f"This row has {len(cells)} fields where the file has {width} columns. "
            "A field with the separator in it needs quotation marks."
        )
    return cells[:width]


def _check_characters(text: str) -> None:
    control = _CONTROL.search(text)
    if control:
        raise RowRefused(
            f"There is a control character (U+{ord(control[0]):04X}) in this row. Type it anew."
        )
    if _LOST in text:
        raise RowRefused(
            "A character of this row could not be read. Save the file as UTF-8 and try again."
        )


def _undefused(cell: str) -> str:
    return cell[1:] if _DEFUSED.match(cell) else cell


def _text(cell: str, most: int, what: str) -> str | None:
    text = " ".join(cell.split())
    if len(text) > most:
        raise RowRefused(f"The {what} has {len(text)} characters; {most} is the most.")
    return text or None


def _too_long(key: str, cell: str) -> str:
    raise RowRefused(f"‘{key}’ has {len(cell):,} characters; 500 is the most.")


def _tags(cell: str) -> str | None:
    """As PostgreSQL writes an array. Tags are kept in lower case, each once."""
    words = (
        " ".join(part.split()).lstrip("#").strip().lower() for part in re.split(r"[,;|\n]", cell)
    )
    tags = list(dict.fromkeys(filter(None, words)))
    if not tags:
        return None
    longest = max(tags, key=len)
    if len(longest) > 50:
        raise RowRefused(f"The tag ‘{longest[:30]}…’ has more than 50 characters.")
    if len(tags) > 50:
        raise RowRefused(f"There are {len(tags)} tags in this row; 50 is the most.")
    escaped = ('"' + tag.replace("\\", "\\\\").replace('"', '\\"') + '"' for tag in tags)
    return "{" + ",".join(escaped) + "}"


def _permission_reader(
    places: dict[str, int], days: Callable[[str], datetime | None], file_name: str
) -> Callable[[list[str]], tuple[str | None, datetime | None, str | None, str | None]]:
    basis_at, given_at = places.get(c.BASIS, 0), places.get(c.GIVEN_ON, 0)
    place_at, evidence_at = places.get(c.PLACE), places.get(c.EVIDENCE)

    def read(cells: list[str]) -> tuple[str | None, datetime | None, str | None, str | None]:
        basis = _basis(cells[basis_at])
        if basis is None:
            return None, None, None, None
        moment = days(cells[given_at])
        if moment is None:
            raise RowRefused("There is a permission without the day on which it was given.")
        place = (
            _text(cells[place_at], 100, "place of the permission") if place_at is not None else ""
        )
        evidence = cells[evidence_at].strip() if evidence_at is not None else ""
        if len(evidence) > 10_000:
            raise RowRefused(f"The evidence has {len(evidence):,} characters; 10,000 is the most.")
        return basis, moment, place or "", evidence or f"Named in the file {file_name}."

    return read


def _basis(cell: str) -> str | None:
    word = "_".join(cell.casefold().replace("-", " ").replace("_", " ").split())
    if not word or word in _NO:
        return None
    if word in _OPTED_IN:
        return Basis.OPTED_IN.value
    if word in _WROTE:
        return Basis.WROTE_TO_US.value
    raise RowRefused(f"‘{cell.strip()[:40]}’ is no permission: write ‘opted in’ or ‘wrote to us’.")


def _stop(cell: str) -> str | None:
    """Whoever a file names with anything but a no is not written to: rather one too many."""
    text = " ".join(cell.split())
    word = text.casefold()
    if not word or word in _NO:
        return None
    return _SAID_STOP if word in _YES else text[:200]
