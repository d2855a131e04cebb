"""Links: where they go must be seen, and one is enough."""

from __future__ import annotations

import re
from collections.abc import Iterator

from outreach.guidance.rules.base import Mark, Reading

_ADDRESS_ONLY = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z|(?:.*\.)?xn--.*\Z")


def links(reading: Reading) -> Iterator[Mark]:
    """Shortened, disguised, unexplained, several, or nothing else."""
    found = reading.view.links
    shorteners = reading.language.lists["shorteners"]
    for link in found:
        if link.host in shorteners:
            yield Mark("link.shortened", link.start, link.end, values={"host": link.host})
        elif _ADDRESS_ONLY.match(link.host) or "@" in link.url.split("/")[2:3]:
            yield Mark("link.disguised", link.start, link.end)
    for link in found[1:]:
        yield Mark("link.several", link.start, link.end, values={"count": len(found)})
    said = [token for sentence in reading.clean_sentences for token in reading.view.words(sentence)]
    if said and all(token.word == "#link" for token in said):
        yield Mark("link.only", found[0].start, found[0].end)
