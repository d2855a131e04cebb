"""Links: where they go must be seen, and one is enough."""

from __future__ import annotations

import re
from collections.abc import Iterator

from outreach.guidance.disguise import plain_spelling
from outreach.guidance.hosts import is_help, parts
from outreach.guidance.report import Fix
from outreach.guidance.rules.base import Mark, Reading
from outreach.guidance.view import Link

_NUMBERS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z")
_TRACKING = re.compile(
    r"(?:utm_[a-z_]{1,30}|fbclid|gclid|dclid|msclkid|yclid|twclid|ttclid|igshid|igsh|mc_[ce]id"
    r"|_hsenc|_hsmi|mkt_tok|vero_id|oly_[a-z]{1,8}_id|ref_src|ref_url|s_cid|wickedid|irclickid)\Z",
    re.IGNORECASE,
)
_BROKEN = re.compile(
    r"(?<![\w.])[\w-]{2,40} ?(?:\[\.\]|\(\.\)|\[dot\]|\(dot\)| dot ) ?(?:com|net|org|io|co|ru|me|xyz)\b"
    r"|\bhxxps?://\S{1,200}",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[^.\-]+")
_SHORT_NAME = 4


def links(reading: Reading) -> Iterator[Mark]:
    """Shortened, disguised, imitating, tracking, unexplained, several, or nothing else."""
    found = reading.view.links
    if not found:
        return
    for link in found:
        yield from _one(reading, link)
    for link in found[1:]:
        yield Mark("link.several", link.start, link.end, values={"count": len(found)})
    said = [token for sentence in reading.clean_sentences for token in reading.view.words(sentence)]
    if said and all(token.word == "#link" for token in said):
        yield Mark("link.only", found[0].start, found[0].end)
    else:
        yield from _bare(reading)


def broken_links(reading: Reading) -> Iterator[Mark]:
    """An address written so that filters do not see it: 'site[.]com'."""
    if not _may_be_broken(reading.text):
        return
    for match in _BROKEN.finditer(reading.text):
        yield Mark("hidden.broken-link", match.start(), match.end())


def _may_be_broken(text: str) -> bool:
    lower = text.lower()
    return "dot" in lower or "[." in lower or "(." in lower or "hxxp" in lower


def _one(reading: Reading, link: Link) -> Iterator[Mark]:
    lists = reading.language.lists
    host = link.host
    if host in lists["shorteners"]:
        yield Mark("link.shortened", link.start, link.end, values={"host": host})
    elif _hides_whose_it_is(link):
        yield Mark("link.disguised", link.start, link.end)
    else:
        imitated = _imitated(host, lists["brands"])
        if imitated:
            yield Mark("link.look-alike", link.start, link.end, values={"plain": imitated})
        elif host.rpartition(".")[2] in lists["cheap-endings"]:
            ending = host.rpartition(".")[2]
            yield Mark("link.cheap", link.start, link.end, values={"ending": ending})
        elif any(host == name or host.endswith("." + name) for name in lists["raising"]):
            yield Mark("link.raising", link.start, link.end, values={"host": host})
        elif is_help(host, lists["help-hosts"]):
            index = reading.view.sentence_at(link.start)
            if index is not None and reading.view.sentences[index].first in reading.clean_starts:
                yield Mark("praise.help-page", link.start, link.end)
    yield from _tracking(reading, link)


def _hides_whose_it_is(link: Link) -> bool:
    """Numbers for a name, an encoded name, or a name before an @ that is only a user's."""
    return (
        _NUMBERS.match(link.host) is not None
        or any(label.startswith("xn--") for label in link.host.split("."))
        or "@" in link.url.partition("://")[2].partition("/")[0]
    )


def _imitated(host: str, brands: frozenset[str]) -> str | None:
    """The well-known name that a host only looks like or borrows: paypa1.com, apple.com.sign.in."""
    for label in _LABEL.findall(host):
        named = label if label in brands else plain_spelling(label, brands.__contains__)
        if named and (len(named) > _SHORT_NAME or label == parts(host)[1]):
            return None if parts(host)[1] in brands else named
    return None


def _tracking(reading: Reading, link: Link) -> Iterator[Mark]:
    """Parameters that follow the reader around, with a fix that strips them."""
    written = reading.text[link.start : link.end]
    base, mark, query = written.partition("?")
    if not mark:
        return
    query, hash_mark, fragment = query.partition("#")
    given = query.split("&")
    kept = [part for part in given if not _TRACKING.match(part.partition("=")[0])]
    if len(kept) == len(given):
        return
    clean = base + ("?" + "&".join(kept) if kept else "") + hash_mark + fragment
    fix = Fix("Take the tracking out", link.start, link.end, clean)
    yield Mark("link.tracking", link.start, link.end, fix)


def _bare(reading: Reading) -> Iterator[Mark]:
    """A link that is a sentence by itself, with nothing before it that leads to it."""
    view = reading.view
    for sentence in view.sentences:
        words = view.words(sentence)
        if len(words) != 1 or words[0].word != "#link":
            continue
        before = reading.text[: sentence.start].rstrip()
        if not before.endswith((":", "-", "\u2013", "\u2014", "\U0001f447", "\u2192", ">")):
            yield Mark("link.bare", words[0].start, words[0].end)
