"""A real PostgreSQL and a real Valkey for development and tests, and what `make run` starts.

Nothing here imports Django but the management commands, their checks and the app configuration,
so that manage.py can use it before Django reads its settings.
"""

from outreach.services.embedded import Urls, running
from outreach.services.errors import ServiceError

__all__ = ["ServiceError", "Urls", "running"]
