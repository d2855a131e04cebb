"""The picture of an account, fetched once when it is connected: pages load nothing from X."""

from __future__ import annotations

import logging
import time
from urllib.parse import urlsplit

import requests
from django.conf import settings

log = logging.getLogger("outreach.x")

LARGEST = 200 * 1024  # bytes
SECONDS = 5.0
# What the bytes must begin with to be what the header says they are.
KINDS = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
# Where X keeps pictures. Source: the addresses in its answers (pbs.twimg.com, abs.twimg.com).
HOST_ENDING = ".twimg.com"


def fetch(address: str) -> tuple[bytes, str] | None:
    """The picture's bytes and type; None where there is none that we would show.

    Asks X's own picture host and the API's own server, and nobody else, whatever X's answer says.
    """
    if not _is_of_x(address):
        return None
    try:
        with requests.Session() as http:
            http.trust_env = False
            timeouts = (settings.CALL_CONNECT_TIMEOUT, SECONDS)
            with http.get(address, timeout=timeouts, allow_redirects=False, stream=True) as answer:
                return _read(answer)
    except (requests.RequestException, OSError) as error:
        log.info("an avatar was not fetched: %s", type(error).__name__)
        return None


def _is_of_x(address: str) -> bool:
    try:
        parts = urlsplit(address)
        api = urlsplit(settings.X_API_URL)
        if (parts.scheme, parts.hostname, parts.port) == (api.scheme, api.hostname, api.port):
            return True
        return parts.scheme == "https" and (parts.hostname or "").endswith(HOST_ENDING)
    except ValueError:
        return False


def _read(answer: requests.Response) -> tuple[bytes, str] | None:
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if answer.status_code != requests.codes.ok or kind not in KINDS:
        return None
    end = time.monotonic() + SECONDS
    picture = b""
    for part in answer.iter_content(16 * 1024):
        picture += part
        if len(picture) > LARGEST or time.monotonic() > end:
            return None
    return (picture, kind) if picture.startswith(KINDS[kind]) else None
