"""Hooks: how a lower room lets an upper one act inside its own transaction.

A lower room declares `approved = Hook[[int], None]("drafts.approved")` and calls it; the upper
room fills it when Django starts (`AppConfig.ready`). The arrows of the house stay one way, and a
hook that nobody filled is an error at start-up, never a silence later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class HookError(RuntimeError):
    """A hook was called before it was filled, or filled twice."""


class Hook(Generic[P, R]):
    """One named place that exactly one function fills."""

    declared: ClassVar[list[Hook[Any, Any]]] = []

    def __init__(self, name: str) -> None:
        self.name = name
        self._filled: Callable[P, R] | None = None
        Hook.declared.append(self)

    @property
    def is_filled(self) -> bool:
        return self._filled is not None

    def fill(self, function: Callable[P, R]) -> Callable[P, R]:
        """Take `function` as what this hook does. Raises HookError if another one was taken."""
        if self._filled is not None and self._filled is not function:
            raise HookError(f"The hook {self.name} is filled already.")
        self._filled = function
        return function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._filled is None:
            raise HookError(f"Nobody filled the hook {self.name}.")
        return self._filled(*args, **kwargs)
