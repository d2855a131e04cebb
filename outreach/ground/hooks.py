"""Hooks: how a lower room lets an upper one act inside its own transaction.

A lower room declares `approved = Hook[[int], None]("drafts.approved")` and calls it; the upper
room fills it when Django starts (`AppConfig.ready`). The arrows of the house stay one way, and a
hook that nobody filled is an error at start-up, never a silence later. A `Chorus` is a hook that
several rooms fill.
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


class Chorus(Hook[P, R]):
    """A hook that every room fills which has a part in it; all are called, in order of filling."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._parts: list[Callable[P, R]] = []

    @property
    def is_filled(self) -> bool:
        return bool(self._parts)

    def fill(self, function: Callable[P, R]) -> Callable[P, R]:
        """Take `function` as one more part; the same one twice is one."""
        if function not in self._parts:
            self._parts.append(function)
        return function

    def all(self, *args: P.args, **kwargs: P.kwargs) -> list[R]:
        """Call every part. Raises HookError where there is none."""
        if not self._parts:
            raise HookError(f"Nobody filled the hook {self.name}.")
        return [part(*args, **kwargs) for part in self._parts]
