"""`python -m outreach.services.check_deploy`: Django's deployment checks on production settings.

The settings are production's; the secrets are made up on the spot and the addresses reach nobody.
"""

import base64
import os
import secrets
import subprocess
import sys

from outreach.services.paths import CHECKOUT


def production_environment() -> dict[str, str]:
    """Every variable that production needs, with values that no installation has."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "TOKEN_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "ALLOWED_HOSTS": "outreach.example",
        "PUBLIC_URL": "https://outreach.example",
        "DATABASE_URL": "postgres://outreach@database.example/outreach",
        "REDIS_URL": "rediss://redis.example/0",
        "X_CLIENT_ID": "client",
        "X_CLIENT_SECRET": secrets.token_urlsafe(32),
        "EMAIL_URL": "smtp+tls://outreach:secret@mail.example:587",
        "DEFAULT_FROM_EMAIL": "Outreach <outreach@outreach.example>",
    }


def main() -> int:
    """The checks' exit status: warnings fail too."""
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    environment = os.environ | production_environment()
    return subprocess.run(command, cwd=CHECKOUT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
