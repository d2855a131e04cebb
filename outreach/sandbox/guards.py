"""Who may speak to the parts of the sandbox that are not X's."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request


def from_this_machine(request: Request) -> bool:
    """Tell whether the request came over loopback and was addressed to it.

    The second half keeps out a page whose name was pointed at this machine (DNS rebinding).
    """
    client = request.client.host if request.client else ""
    return _loopback(client) and _loopback(request.url.hostname or "")


def from_other_site(request: Request) -> bool:
    """Tell whether a browser sent this for a page of another site.

    Browsers say so in Sec-Fetch-Site, older ones in Origin; what sends neither is no browser.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
