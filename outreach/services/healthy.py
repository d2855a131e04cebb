"""`python -m outreach.services.healthy`: does the web process on this machine answer?

For the image's health check: asked by the public name, because no other is let in. Exit status 0
or 1.
"""

import os
import sys
import urllib.request
from urllib.parse import urlsplit

SECONDS = 4


def main() -> int:
    """0 when `/healthz` on `PORT` (8000) answers."""
    port = os.environ.get("PORT") or "8000"
    name = urlsplit(os.environ.get("PUBLIC_URL", "")).netloc or "127.0.0.1"
    request = urllib.request.Request(f"http://127.0.0.1:{port}/healthz", headers={"Host": name})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310 - our own address
            return 0
    except OSError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
