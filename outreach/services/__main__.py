"""`python -m outreach.services start|stop|status`: the embedded services by hand.

What is started here stays until it is stopped here, whoever uses it in between.
"""

import argparse
import sys

from outreach.services import embedded, locks
from outreach.services.errors import ServiceError
from outreach.services.paths import var_dir


def main() -> int:
    """Do what the command line says; 0 when it worked (and, for `status`, when both run)."""
    parser = argparse.ArgumentParser(prog="python -m outreach.services", description=__doc__)
    parser.add_argument("what", choices=["start", "stop", "status"])
    what = parser.parse_args().what
    place = var_dir()
    services = embedded.every_service(place)
    try:
        if what == "status":
            for service in services:
                state = service.url() if service.answers() else "does not run"
                print(f"{service.label}: {state}")  # noqa: T201 - a command's answer
            return 0 if all(service.answers() for service in services) else 1
        with locks.exclusive(embedded.start_lock(place)):
            if what == "start":
                embedded.start(place, services)
                embedded.kept_mark(place).touch()
            else:
                embedded.kept_mark(place).unlink(missing_ok=True)
                for service in services:
                    service.stop()
    except ServiceError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
