"""What X's scopes allow, in plain words, for every page that names them."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

# Scope → what an account lets Outreach do, after 'may'.
SCOPE_WORDS: dict[str, str] = {
    "dm.write": "send messages",
    "dm.read": "read its messages",
    "tweet.read": "read posts",
    "users.read": "look people up",
    "follows.read": "see who follows whom",
    "media.write": "attach pictures",
    "offline.access": "stay connected",
}


def words_of(scope: str) -> str:
    """What a scope allows; one that this list does not know is named as X names it."""
    return SCOPE_WORDS.get(scope, scope)


def in_words(scopes: Iterable[str]) -> list[str]:
    """What the scopes allow, in the order of settings.X_SCOPES, unknown ones last."""
    given = set(scopes)
    known = [scope for scope in settings.X_SCOPES if scope in given]
    return [words_of(scope) for scope in [*known, *sorted(given.difference(known))]]


def missing(scopes: Iterable[str]) -> list[str]:
    """What Outreach asks for and was not given, in words."""
    given = set(scopes)
    return [words_of(scope) for scope in settings.X_SCOPES if scope not in given]
