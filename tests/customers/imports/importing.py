"""Files through the product's own steps, as a worker takes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from outreach.customers.imports import actions, running
from outreach.customers.models import Customer, ImportRefusal, ImportRun
from tests.factories import House


def uploaded(house: House, content: str | bytes, name: str = "people.csv") -> ImportRun:
    """A file that a worker has looked at."""
    data = content.encode() if isinstance(content, str) else content
    run = actions.upload(house.marketer, name, [data])
    return worked(run)


def worked(run: ImportRun) -> ImportRun:
    assert running.work(run.pk)
    return fresh(run)


def fresh(run: ImportRun) -> ImportRun:
    return ImportRun.everywhere.get(pk=run.pk)


def counted(
    house: House, content: str | bytes, name: str = "people.csv",
    targets: Sequence[str] | None = None, **options: Any,
) -> ImportRun:  # fmt: skip
    """A file whose rows a worker has counted."""
    run = uploaded(house, content, name)
    if not run.is_open:
        return run
    options.setdefault("day_first", run.day_first)
    actions.choose_columns(
        house.marketer, run.pk, run.targets if targets is None else targets, **options
    )
    return worked(run)


def imported(
    house: House, content: str | bytes, name: str = "people.csv", **options: Any
) -> ImportRun:
    """A file that was imported, or refused."""
    run = counted(house, content, name, **options)
    if not run.is_open:
        return run
    actions.confirm(house.marketer, run.pk)
    return worked(run)


def counts(run: ImportRun) -> tuple[int, int, int, int]:
    return run.new, run.changed, run.unchanged, run.refused


def reasons(run: ImportRun) -> dict[int, str]:
    rows = ImportRefusal.everywhere.filter(run=run).order_by("line")
    return dict(rows.values_list("line", "reason"))


def everybody(house: House, *fields: str) -> list[Any]:
    rows = Customer.everywhere.filter(workspace=house.workspace).order_by("pk")
    return list(rows.values_list(*fields, flat=len(fields) == 1))


def table(*rows: Iterable[str]) -> str:
    return "".join(",".join(row) + "\n" for row in rows)
