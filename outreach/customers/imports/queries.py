"""What pages show of imports."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from outreach.customers.imports import columns
from outreach.customers.models import ImportRefusal, ImportRun
from outreach.ground.runs import OPEN
from outreach.ground.scope import Scope

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file: its name, what it is taken for, and its first cells."""

    place: int
    name: str
    target: str
    words: str
    cells: list[str]


def newest(scope: Scope, most: int = 20) -> list[ImportRun]:
    """The workspace's last imports. One query."""
    rows = ImportRun.objects.of(scope).select_related("started_by").order_by("-pk")
    return list(rows[:most])


def count_open(scope: Scope) -> int:
    """How many imports were not written yet. One query."""
    return ImportRun.objects.of(scope).filter(state__in=OPEN).count()


def one(scope: Scope, run_id: int) -> ImportRun:
    """One import. Raises ImportRun.DoesNotExist. One query."""
    rows = ImportRun.objects.of(scope).select_related("started_by", "confirmed_by")
    return rows.get(pk=run_id)


def columns_of(run: ImportRun, targets: Sequence[str] = ()) -> list[Column]:
    """The columns of a run whose file was looked at, as chosen or guessed."""
    chosen = targets or run.targets
    return [
        Column(
            place=place,
            name=name or f"Column {place + 1}",
            target=target,
            words=words_of(target),
            cells=[row[place] if place < len(row) else "" for row in run.shown[:3]],
        )
        for place, (name, target) in enumerate(zip(run.header, chosen, strict=False))
    ]


def words_of(target: str) -> str:
    """What a column is taken for, in words."""
    if target.startswith(columns.ATTRIBUTE):
        return f"Merge field {{{target.removeprefix(columns.ATTRIBUTE)}}}"
    return columns.TARGETS.get(target, "Left out")


def refusals(run: ImportRun) -> list[ImportRefusal]:
    """The first rows that were left out. One query."""
    return list(ImportRefusal.everywhere.filter(run=run).order_by("line")[:_SHOWN])


def refused_lines(run: ImportRun) -> Iterator[str]:
    """All of them as lines of CSV: the file's own columns, then the line and the reason.

    Formulas are defused. An import of the mended file knows the two last columns and leaves them out.
    """
    write = csv.writer(Echo()).writerow
    width = len(run.header)
    yield write([*map(defused, run.header), *columns.REASONS])
    rows = ImportRefusal.everywhere.filter(run=run).order_by("line")
    for row in rows.iterator(2_000):
        cells = [*row.cells, *[""] * (width - len(row.cells))]
        kept, more = cells[:width], cells[width:]
        yield write([*map(defused, kept), row.line, row.reason, *map(defused, more)])


class Echo:
    """A file that hands a written line back."""

    def write(self, text: str) -> str:
        return text


def defused(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; an import takes the mark off again."""
    return f"'{cell}" if cell.lstrip("'")[:1] in ("=", "+", "-", "@", "\t", "\r") and cell else cell
