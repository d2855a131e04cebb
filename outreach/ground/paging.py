"""Keyset paging: a page deep in a long list costs what the first one costs.

A cursor in the URL names the row that a page starts after, by its sort value and id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Rows in the list's order; `older` and `newer` are cursors, empty at either end."""

    rows: list[M]
    older: str
    newer: str


def keyset(
    *branches: models.QuerySet[M, M],
    by: str,
    older: str = "",
    newer: str = "",
    size: int = 50,
    descending: bool = True,
) -> Page[M]:
    """One page of rows sorted by (`by`, id), beginning after the cursor `older` or before `newer`.

    Several branches are one list: disjoint parts of it, each of which an index has in this order,
    where none has all of it. A cursor that cannot be read counts as none. One query.
    """
    back = bool(newer)
    cursor = _parse(branches[0].model, by, newer or older)
    down = descending != back
    sign = "-" if down else ""
    order = (f"{sign}{by}", f"{sign}pk")
    if cursor:
        beyond = "lt" if down else "gt"
        value, pk = cursor
        # Said twice: the first test is what an index can begin at.
        after = Q(**{f"{by}__{beyond}e": value}) & (
            Q(**{f"{by}__{beyond}": value}) | Q(**{by: value, f"pk__{beyond}": pk})
        )
        branches = tuple(rows.filter(after) for rows in branches)
    found = _merged([rows.order_by(*order)[: size + 1] for rows in branches], order, size + 1)
    more = len(found) > size
    found = found[:size]
    if back:
        found.reverse()
    has_older = bool(found) and (more or back)
    has_newer = bool(found) and cursor is not None and (more or not back)
    return Page(
        found,
        older=_cursor(found[-1], by) if has_older else "",
        newer=_cursor(found[0], by) if has_newer else "",
    )


def _merged(parts: list[models.QuerySet[M, M]], order: tuple[str, str], most: int) -> list[M]:
    """The first rows of parts that are each sorted and cut to as many."""
    if len(parts) == 1:
        return list(parts[0])
    return list(parts[0].union(*parts[1:], all=True).order_by(*order)[:most])


def _cursor(row: models.Model, by: str) -> str:
    value = getattr(row, by)
    said = value.isoformat() if isinstance(value, datetime) else str(value)
    return f"{said}~{row.pk}"


def _parse(model: type[models.Model], by: str, cursor: str) -> tuple[Any, int] | None:
    value, _, pk = cursor.rpartition("~")
    # PostgreSQL takes no NUL; `isdecimal` alone would let through what only int() can read.
    if "\x00" in value or not (pk.isascii() and pk.isdecimal()) or len(pk) > 18:
        return None
    field = model._meta.get_field(by)
    try:
        found = field.to_python(value)  # type: ignore[union-attr]
    except (ValidationError, ValueError):
        return None
    # Beyond these years a time overflows once it is turned into another zone.
    if isinstance(found, datetime) and (found.tzinfo is None or not 1900 < found.year < 2200):
        return None
    return found, int(pk)
