"""The keyed hash that is left of an erased person.

X user ids can be counted through, so the hash is an HMAC under a key of the installation's own. The
key lies in the database, encrypted under TOKEN_KEYS, and is rotated with everything else that is:
whoever holds a dump alone cannot tell whose hash it is.
"""

from __future__ import annotations

import hmac
import secrets

from outreach.customers.models import Customer, ErasureKey
from outreach.ground.writes import step
from outreach.x.tokens import decrypt, encrypt


def key() -> bytes | None:
    """The installation's key; None where nobody was erased yet. One query.

    Raises TokenKeyMissing where none of TOKEN_KEYS opens it.
    """
    row = ErasureKey.objects.filter(pk=1).first()
    return bytes.fromhex(decrypt(row.key)) if row else None


@step
def key_made() -> bytes:
    """The key, made now where there is none. Of two who make one, the first wins."""
    made = ErasureKey(key=encrypt(secrets.token_hex(32)))
    ErasureKey.objects.bulk_create([made], ignore_conflicts=True)
    found = key()
    assert found is not None
    return found


def of_id(secret: bytes, x_user_id: int) -> bytes:
    return hmac.digest(secret, str(x_user_id).encode(), "sha256")


def of_handle(secret: bytes, handle: str) -> bytes:
    return hmac.digest(secret, f"@{handle.lower()}".encode(), "sha256")


def of_customer(secret: bytes, customer: Customer) -> bytes:
    if customer.x_user_id is None:
        return of_handle(secret, customer.handle)
    return of_id(secret, customer.x_user_id)
