from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from outreach.x.tokens import TokenKeyMissing, decrypt, encrypt

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_a_token_comes_back_and_does_not_lie_open(settings):
    settings.TOKEN_KEYS = [NEW]
    sealed = encrypt("a token")
    assert b"a token" not in sealed
    assert decrypt(sealed) == "a token"
    assert decrypt(memoryview(sealed)) == "a token"  # as PostgreSQL's driver hands it out


def test_an_older_key_still_opens_what_it_closed(settings):
    settings.TOKEN_KEYS = [OLD]
    sealed = encrypt("a token")
    settings.TOKEN_KEYS = [NEW, OLD]
    assert decrypt(sealed) == "a token"
    fresh = encrypt("another")
    settings.TOKEN_KEYS = [NEW]
    assert decrypt(fresh) == "another"


def test_without_the_key_the_error_says_what_to_do(settings):
    settings.TOKEN_KEYS = [OLD]
    sealed = encrypt("a token")
    settings.TOKEN_KEYS = [NEW]
    with pytest.raises(TokenKeyMissing, match="TOKEN_KEYS"):
        decrypt(sealed)


@pytest.mark.parametrize("keys", [[], ["not a key"], [NEW, ""]])
def test_unusable_keys_are_named(settings, keys):
    settings.TOKEN_KEYS = keys
    with pytest.raises(TokenKeyMissing, match="TOKEN_KEYS"):
        encrypt("a token")
