"""The table of rules. A new rule is a function here and a table in each language's folder."""

from __future__ import annotations

from outreach.guidance.rules.base import Mark, Reading, Rule
from outreach.guidance.rules.calls import call_to_action
from outreach.guidance.rules.form import reading_ease, sentences, signature, tags
from outreach.guidance.rules.greeting import greeting
from outreach.guidance.rules.hidden import (
    disguised_words,
    invisible_characters,
    look_alike_letters,
)
from outreach.guidance.rules.leftovers import empty, placeholders
from outreach.guidance.rules.length import length
from outreach.guidance.rules.links import broken_links, links
from outreach.guidance.rules.personal import personal_data
from outreach.guidance.rules.said import phrases, premium_numbers, secrets, stop_line
from outreach.guidance.rules.shouting import capitals, emoji_strings, repeated_punctuation
from outreach.guidance.rules.speaking import asking, speaking
from outreach.guidance.rules.tongue import language
from outreach.guidance.rules.wording import fitted, lexicons

RULES: tuple[Rule, ...] = (
    empty,
    greeting,
    phrases,
    secrets,
    premium_numbers,
    speaking,
    asking,
    call_to_action,
    stop_line,
    length,
    capitals,
    repeated_punctuation,
    emoji_strings,
    links,
    broken_links,
    personal_data,
    tags,
    sentences,
    reading_ease,
    signature,
    placeholders,
    invisible_characters,
    look_alike_letters,
    disguised_words,
    lexicons,
    fitted,
    language,
)

__all__ = ["RULES", "Mark", "Reading", "Rule"]
