"""Addresses: what a page links to by name is one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver


def names(resolver: URLResolver, room: str = "") -> Iterator[str]:
    """The name of every address, with its room's before it."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern, pattern.namespace or room)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield f"{room}:{pattern.name}"


def test_no_two_addresses_have_one_name() -> None:
    """Of two that take as many parts Django builds the last: a link leads to the wrong page."""
    counted = Counter(names(get_resolver()))
    assert len(counted) > 50
    assert [name for name, times in counted.items() if times > 1] == []
