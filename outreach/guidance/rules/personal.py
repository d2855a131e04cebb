"""Private things belong in private: numbers and addresses that a letter should not show."""

from __future__ import annotations

import re
from collections.abc import Iterator

from outreach.guidance.rules.base import Mark, Reading

# What stands before is looked at after the first character: so a search can jump to where that stands.
_CARD = re.compile(r"\d(?<![\d.,+]\d)(?:[ -]?\d){12,18}(?![\d])")
_IBAN = re.compile(
    r"[A-Z](?<![A-Za-z0-9][A-Z])[A-Z]\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)"
)
_PHONE = re.compile(r"(?<![\w.,/-])(?:\+|00|\(0|0|\()?\d(?:[ ().-]{0,2}\d){7,14}(?![\w/])")
_MANY_DIGITS = re.compile(r"\d(?:[ ().-]{0,2}\d){7}")
"""What a card's number and a phone's hold."""
_CARD_DIGITS = range(13, 20)
_PHONE_DIGITS = range(9, 16)


def personal_data(reading: Reading) -> Iterator[Mark]:
    """Card numbers and account numbers block; e-mail addresses and phone numbers are notes."""
    text = reading.text
    for token in reading.view.tokens if "@" in text else ():
        if token.word == "#mail":
            yield Mark("personal.mail", token.start, token.end)
    many_digits = _MANY_DIGITS.search(text) is not None
    # Places in sets: a letter may be nothing but numbers, and each is held against all the others.
    taken: set[int] = set()
    for match in _CARD.finditer(text) if many_digits else ():
        digits = "".join(char for char in match.group() if char.isdigit())
        if len(digits) in _CARD_DIGITS and _luhn(digits):
            taken.update(range(*match.span()))
            yield Mark("personal.card", *match.span())
    for match in _IBAN.finditer(text):
        if _iban(match.group()):
            taken.update(range(*match.span()))
            yield Mark("personal.account", *match.span())
    if not many_digits:
        return
    linked = {place for link in reading.view.links for place in range(link.start, link.end)}
    for match in _PHONE.finditer(text):
        start, end = match.span()
        count = sum(char.isdigit() for char in match.group())
        free = start not in linked and taken.isdisjoint(range(start, end))
        if count in _PHONE_DIGITS and free:
            yield Mark("personal.phone", start, end)


def _luhn(digits: str) -> bool:
    """Whether the digits end in the check digit that card numbers have (ISO/IEC 7812)."""
    if len(set(digits)) == 1:
        return False
    total = 0
    for place, char in enumerate(reversed(digits)):
        digit = ord(char) - ord("0") if char.isascii() else 0
        if place % 2:
            digit = digit * 2 - 9 if digit > 4 else digit * 2
        total += digit
    return total % 10 == 0


def _iban(written: str) -> bool:
    """Whether it is an account number with the right check digits (ISO 13616)."""
    plain = written.replace(" ", "")
    if not 15 <= len(plain) <= 34 or not plain.isascii():
        return False
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1
