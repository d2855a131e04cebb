"""Log lines that cannot carry a letter's words.

PostgreSQL quotes the whole row in the DETAIL of a refused write, and the driver puts that into the
exception's text, so a traceback could hold a DM. The one formatter that every handler uses keeps
the first line of a database error's text, which names the constraint, and leaves out the rest.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from typing import Any

import psycopg2
from django.db import Error


class QuietFormatter(logging.Formatter):
    """A formatter that leaves out what PostgreSQL quotes of a row or a statement."""

    def formatException(self, ei: Any) -> str:  # noqa: N802  the name is logging's
        """Return the traceback, with causes first, as Python writes it."""
        return "".join(_lines(ei[1])).rstrip("\n")


def _lines(error: BaseException) -> Iterator[str]:
    if error.__cause__ is not None:
        yield from _lines(error.__cause__)
        yield "\nThe above exception was the direct cause of the following exception:\n\n"
    elif error.__context__ is not None and not error.__suppress_context__:
        yield from _lines(error.__context__)
        yield "\nDuring handling of the above exception, another exception occurred:\n\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    kind = type(error)
    yield f"{kind.__module__}.{kind.__qualname__}: {_said(error)}\n"


def _said(error: BaseException) -> str:
    words = str(error)
    return words.partition("\n")[0] if isinstance(error, Error | psycopg2.Error) else words
