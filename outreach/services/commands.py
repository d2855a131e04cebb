"""Which manage.py commands the embedded services are started for."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType

from outreach.services.embedded import running
from outreach.services.paths import var_dir
from outreach.services.ports import ports_of

# They read neither database nor cache. Whatever is not named here gets both.
WITHOUT = frozenset(
    {
        "collectstatic",
        "compilemessages",
        "diffsettings",
        "findstatic",
        "help",
        "makemessages",
        "sandbox",
        "startapp",
        "startproject",
        "version",
    }
)


def missing(arguments: Sequence[str]) -> tuple[bool, bool]:
    """Whether the command needs an embedded database and an embedded cache."""
    if os.environ.get("SECRET_KEY"):
        return False, False  # production: settings say what is missing
    words = list(arguments[1:])
    if not words or words[0] in WITHOUT or not {"-h", "--help", "--version"}.isdisjoint(words):
        return False, False
    if words[0] == "check" and "--database" not in words:
        return False, False
    return not os.environ.get("DATABASE_URL"), not os.environ.get("REDIS_URL")


@contextlib.contextmanager
def services_for(arguments: Sequence[str]) -> Iterator[None]:
    """Put DATABASE_URL and REDIS_URL into the environment for this manage.py command where they
    are missing and it needs them. Raises ServiceError.
    """
    _join_ports()
    database, cache = missing(arguments)
    if not (database or cache):
        yield
        return
    signal.signal(signal.SIGTERM, _leave)
    with running(var_dir(), database=database, cache=cache) as urls:
        os.environ.update(urls.environment())
        yield


def _join_ports() -> None:
    """Mean the web and the sandbox that `make run` started in another terminal, if it did."""
    if os.environ.get("SECRET_KEY"):
        return
    if (ports := ports_of(var_dir())) is not None:
        os.environ.setdefault("PORT", str(ports[0]))
        os.environ.setdefault("SANDBOX_PORT", str(ports[1]))


def _leave(number: int, frame: FrameType | None) -> None:
    """Turn SIGTERM into an ordinary end, in which what was started is stopped."""
    del frame
    # Once is enough: a second one must not interrupt the stopping.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)
