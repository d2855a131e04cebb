"""Where a function of the product is known by its name, so that all of them can be given another."""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import Any


@cache
def that_hold(thing: Any) -> list[tuple[ModuleType, str]]:
    """Every module of the product that holds this very object, and under which name."""
    return [
        (module, name)
        for title, module in sorted(sys.modules.items())
        if title.startswith("outreach.") and module is not None
        for name, value in list(vars(module).items())
        if value is thing
    ]
