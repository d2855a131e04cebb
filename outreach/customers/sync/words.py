"""What pages and commands say about a sync, in sentences."""

from __future__ import annotations

from dataclasses import dataclass

from outreach.customers.models import SyncKind, SyncRun
from outreach.ground.runs import RunState

TONE = {RunState.DONE: "good", RunState.FAILED: "spam", RunState.CANCELLED: ""}


@dataclass(frozen=True, slots=True)
class RunRow:
    """A sync as lists show it."""

    run: SyncRun
    label: str
    state: str
    tone: str
    by: str
    words: str


def row_of(run: SyncRun) -> RunRow:
    """One line of the history."""
    return RunRow(
        run=run,
        label=SyncKind(run.kind).label,
        state=RunState(run.state).label,
        tone=TONE.get(RunState(run.state), ""),
        by=run.started_by.name if run.started_by is not None else "by itself",
        words=result(run),
    )


def result(run: SyncRun) -> str:
    """What came of it, or why nothing did."""
    if run.state == RunState.FAILED:
        return run.problem
    if run.state == RunState.CANCELLED:
        return "Cancelled before it was taken over; nothing was changed by it."
    if run.state != RunState.DONE:
        return progress(run)
    if run.kind == SyncKind.ADOPT:
        return f"{_people(run.adopted)} became {_customers(run.adopted)}."
    if run.kind == SyncKind.HANDLES:
        return (
            f"X knows {run.found:,} of {_handles(run.of or 0)}; {run.missing:,} it does not know."
        )
    if run.kind == SyncKind.RECIPIENTS:
        return f"{_people(run.done)} looked up: {_followed(run)}."
    said = f"Of your customers {_followed(run)}"
    if run.renamed:
        said += f", {run.renamed:,} took another handle"
    if run.found:
        said += f", {run.found:,} known by handle alone were found"
    if run.adopted:
        said += f". {_people(run.adopted)} became {_customers(run.adopted)}"
    if run.unreadable:
        said += (
            f". X did not describe {_people(run.unreadable)} on its pages, so nobody was said to "
            "have ceased"
        )
    return said + "."


def progress(run: SyncRun) -> str:
    """How far an open sync is."""
    if run.cancel_asked:
        return "It ends after the page that is under way."
    if run.waits_for:
        return run.waits_for
    if run.began_at is None:
        return "It begins in a moment."
    if run.kind == SyncKind.ADOPT:
        return "They become customers."
    if run.kind == SyncKind.LISTS and not run.reading:
        return f"{_people(run.done)} read; now what they say is taken over."
    of = f" of about {run.of:,}" if run.of else ""
    return f"{run.done:,}{of} people read."


def tenth(run: SyncRun) -> str:
    """What a screen reader is told: only each tenth, and what it waits for."""
    if run.waits_for or run.cancel_asked or not run.percent:
        return progress(run)
    return f"{run.percent // 10 * 10} percent read."


def _followed(run: SyncRun) -> str:
    return f"{run.began:,} began to follow, {run.ceased:,} ceased"


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _customers(count: int) -> str:
    return "a customer" if count == 1 else "customers"


def _handles(count: int) -> str:
    return "1 handle" if count == 1 else f"{count:,} handles"
