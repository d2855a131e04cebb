"""`python -m chaos.nursery`: workers that start at once, forked from a process that has loaded all.

A worker that is started anew loads for a second of processor time; killed every other second, four
workers would do little else. What is forked is Celery's own program with the same arguments, one
process, which knows nothing of the others.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import sys
import traceback

from outreach.services.child import die_with_parent

# What Celery loads by name once it starts.
LOADED = (
    "celery.bin.celery", "celery.bin.worker", "celery.bin.beat", "celery.apps.worker",
    "celery.worker.components", "celery.worker.consumer", "celery.concurrency.thread",
    "celery.app.amqp", "celery.beat", "kombu.transport.redis", "django.core.cache.backends.redis",
)  # fmt: skip


def main() -> None:
    """Fork a Celery program for each line of JSON, {name, arguments, log}; answer with its pid."""
    # Loaded before the first fork, so that no worker has to.
    import django

    django.setup()
    for name in LOADED:
        importlib.import_module(name)
    from outreach.celery import app

    app.loader.import_default_modules()
    app.finalize()
    # Whoever ends is no zombie: nobody here waits for it.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    parent = os.getpid()
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(order, parent)
        print(pid, flush=True)


def _become(order: dict[str, object], parent: int) -> None:
    """Be that program, and never return."""
    status = 1
    try:
        die_with_parent(parent, signal.SIGKILL)
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        random.seed()
        nothing = os.open(os.devnull, os.O_RDONLY)
        log = os.open(str(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for ours, theirs in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(ours, theirs)
        os.environ["PGAPPNAME"] = str(order["name"])
        from outreach.celery import app

        arguments = order["arguments"]
        assert isinstance(arguments, list)
        app.start(arguments)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
