"""Each change of a letter is an audit event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from outreach.audit.actions import record
from outreach.ground.writes import step


class Letter(Protocol):
    """A delivery, or what a statement of the engine read of one."""

    id: Any
    workspace_id: Any


@step
def say(letter: Letter, verb: str, details: Mapping[str, Any], actor_id: int | None = None) -> None:
    """Write down what became of a letter; `actor_id` None: the product did it by itself."""
    record(
        verb,
        target_kind="delivery",
        target_id=letter.id,
        workspace_id=letter.workspace_id,
        actor_id=actor_id,
        details=dict(details),
    )
