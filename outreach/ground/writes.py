"""How things are written: durable actions outside, steps inside.

An *action* is a use case with a transaction of its own that nothing may wrap; a *step* is called
inside somebody's action and insists on that.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import connection, transaction

P = ParamSpec("P")
R = TypeVar("R")


class NoTransaction(RuntimeError):  # noqa: N818  says what is missing
    """A step was called outside a transaction."""


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a write that belongs inside the caller's transaction. Raises NoTransaction outside."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if not connection.in_atomic_block:
            raise NoTransaction(f"{function.__qualname__} is a step: call it inside an action.")
        return function(*args, **kwargs)

    run.kind = "step"  # type: ignore[attr-defined]
    return run


def engine_action(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a write that the product does by itself, for no member, in its own transaction."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with transaction.atomic(durable=True):
            return function(*args, **kwargs)

    run.kind = "engine"  # type: ignore[attr-defined]
    return run


def outside_transactions(function: Callable[P, R]) -> Callable[P, R]:
    """Mark what must never run while a transaction is open, such as a call over the network."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        blocks = connection.atomic_blocks
        if any(not getattr(block, "_from_testcase", False) for block in blocks):
            raise RuntimeError(f"{function.__qualname__} may not run inside a transaction.")
        return function(*args, **kwargs)

    return run
