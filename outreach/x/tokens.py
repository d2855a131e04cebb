"""Tokens at rest: encrypted under TOKEN_KEYS, newest key first."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class TokenKeyMissing(Exception):  # noqa: N818 - says what is missing
    """None of TOKEN_KEYS opens this token: the key that it was encrypted with is not there."""


def encrypt(token: str) -> bytes:
    """Encrypt with the newest of TOKEN_KEYS.

    Raises TokenKeyMissing where no usable key is configured.
    """
    return _box().encrypt(token.encode())


def decrypt(ciphertext: bytes | memoryview) -> str:
    """Return the token, whichever of TOKEN_KEYS it was encrypted with.

    Raises TokenKeyMissing where none of them opens it, or none is usable.
    """
    try:
        # PostgreSQL hands binary columns out as memoryview.
        return _box().decrypt(bytes(ciphertext)).decode()
    except InvalidToken:
        message = (
            "None of TOKEN_KEYS opens a stored token. Add the key it was encrypted with at the "
            "end of TOKEN_KEYS, or connect the X account again."
        )
        raise TokenKeyMissing(message) from None


def renewed(ciphertext: bytes | memoryview) -> bytes:
    """The same token encrypted with the newest of TOKEN_KEYS; unchanged where it is already.

    Raises TokenKeyMissing where none of them opens it, or none is usable.
    """
    sealed = bytes(ciphertext)
    try:
        _keys()[0].decrypt(sealed)
    except InvalidToken:
        return encrypt(decrypt(sealed))
    return sealed


def _box() -> MultiFernet:
    return MultiFernet(_keys())


def _keys() -> list[Fernet]:
    keys = list(settings.TOKEN_KEYS)
    if not keys:
        raise TokenKeyMissing("TOKEN_KEYS is empty: no token can be stored or read.")
    try:
        return [Fernet(key) for key in keys]
    except ValueError:
        message = "TOKEN_KEYS holds something that is not a Fernet key (32 bytes, URL-safe base64)."
        raise TokenKeyMissing(message) from None
