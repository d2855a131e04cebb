#!/usr/bin/env python
"""Django's command line. Where DATABASE_URL or REDIS_URL is missing in development, a PostgreSQL or
a Valkey of the checkout's own is started for the length of the command.
"""

import os
import sys

from outreach.services.commands import services_for
from outreach.services.errors import ServiceError


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "outreach.settings")
    try:
        with services_for(sys.argv):
            # Only now, because importing Django's settings reads the environment.
            from django.core.exceptions import ImproperlyConfigured
            from django.core.management import execute_from_command_line

            try:
                execute_from_command_line(sys.argv)
            except ImproperlyConfigured as error:
                sys.exit(str(error))
    except ServiceError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
