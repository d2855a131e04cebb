"""The two ways in which a file is turned down: one row of it, or all of it."""

from __future__ import annotations


class RowRefused(ValueError):  # noqa: N818  says what happened
    """One row is left out; `str()` is the reason, as the person who made the file reads it."""


class FileRefused(ValueError):  # noqa: N818  says what happened
    """Nothing of the file is taken; `str()` says why, and how to mend it."""
