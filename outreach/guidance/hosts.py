"""Whose site a host is, by the Public Suffix List that comes with tldextract; no network, no cache.

tldextract costs a tenth of a second to load, so it is loaded with the first link.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tldextract import TLDExtract


@cache
def _extract() -> TLDExtract:
    import tldextract

    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


@lru_cache(maxsize=4096)
def parts(host: str) -> tuple[str, str, str]:
    """A host as (what stands before the site's own name, the name, its public ending).

    "shop.inkandloom.co.uk" is ("shop", "inkandloom", "co.uk").
    """
    found = _extract()(host)
    return found.subdomain, found.domain, found.suffix


def is_help(host: str, names: frozenset[str]) -> bool:
    """Whether it is a site's own help pages: "support.inkandloom.example"; `names` are such names."""
    return host.partition(".")[0] in names and parts(host)[0] in names
