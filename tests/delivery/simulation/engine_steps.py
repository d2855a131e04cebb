"""What the engine does, step by step: each of these is a boundary that the simulation crosses."""

from __future__ import annotations

STEPS: frozenset[str] = frozenset()
