"""What finding people refuses; `str()` is the sentence for the page."""

from __future__ import annotations


class CannotMerge(Exception):  # noqa: N818  says what is refused
    """These two rows cannot become one as asked."""


class NameTaken(Exception):  # noqa: N818  says what is refused
    """Another segment has this name."""
