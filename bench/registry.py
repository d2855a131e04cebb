"""What a figure is, and the list of all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out: the figure's value, and whatever helps to judge it."""

    value: float
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: how it is measured, its goal, and which way is better. Units stand in names."""

    name: str
    goal: float
    better: Better
    measure: Callable[[], Measured]

    def line(self) -> str:
        """Measure, and return the figure as one line of JSON."""
        measured = self.measure()
        return json.dumps(
            {
                "figure": self.name,
                "value": round(measured.value, 3),
                "goal": self.goal,
                "better": self.better,
                "detail": measured.detail,
            }
        )


FIGURES: dict[str, Figure] = {}


def figure(*, goal: float, better: Better) -> Callable[[Callable[[], Measured]], Figure]:
    """Make the decorated function a figure of its own name."""

    def register(measure: Callable[[], Measured]) -> Figure:
        made = Figure(measure.__name__, goal, better, measure)
        FIGURES[made.name] = made
        return made

    return register
