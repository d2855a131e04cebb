"""For `pytest -p outreach.services.pytest_plugin`: real services for the length of the test run.

They live in `var/test-1` (below `VAR_DIR`, if set), so that tests never meet what `make run` keeps;
a second run at the same time takes `var/test-2`, and so on, as does each worker of `-n 2`. They
start before pytest-django reads the settings. With DATABASE_URL and REDIS_URL set, those are used.
"""

import argparse
import contextlib
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from outreach.services import ServiceError, locks, running
from outreach.services.paths import make_directory, var_dir

RUNS_AT_ONCE = 20

_stack = contextlib.ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Start the services that the environment does not name; wrapped around pytest-django."""
    options = early_config.known_args_namespace
    if options.collectonly or options.help or options.version or _only_hands_out(options):
        return (yield)
    database = not os.environ.get("DATABASE_URL")
    cache = not os.environ.get("REDIS_URL")
    try:
        place = _own_directory()
        os.environ["VAR_DIR"] = str(place)
        if database or cache:
            urls = _stack.enter_context(running(place, database=database, cache=cache))
            os.environ.update(urls.environment())
    except ServiceError as error:
        _stack.close()
        raise pytest.UsageError(str(error)) from error
    return (yield)


def _only_hands_out(options: argparse.Namespace) -> bool:
    """Tell whether this process runs no test itself, but shares them out among workers."""
    shared_out = getattr(options, "numprocesses", None)
    return bool(shared_out) and "PYTEST_XDIST_WORKER" not in os.environ


def _own_directory() -> Path:
    """The first directory for tests that no other run uses; ours until we end, however we do."""
    for number in range(1, RUNS_AT_ONCE + 1):
        place = make_directory(var_dir() / f"test-{number}")
        descriptor = locks.open_lock(place / "run.lock")
        if locks.try_lock(descriptor):
            _stack.callback(os.close, descriptor)
            return place
        os.close(descriptor)
    raise ServiceError(f"{RUNS_AT_ONCE} test runs are under way in {var_dir()}.")


def pytest_unconfigure() -> None:
    """Stop what was started."""
    _stack.close()
