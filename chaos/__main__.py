"""`python -m chaos`: the fault run on real processes. N letters and the SEED are in the environment."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from chaos.house import House, house
from chaos.scale import Scale
from outreach.services.errors import ServiceError

# What is told of single letters where promises were broken.
MOST_SAID = 50


def main() -> int:
    """Run, print one line of JSON; 1 where a promise was broken."""
    began = time.monotonic()
    try:
        scale = Scale(int(os.environ.get("N") or 10_000), os.environ.get("SEED") or _seed())
    except ValueError:
        return _refuse("N is a number of letters.")
    if scale.letters < 1:
        return _refuse("N is a number of letters, from 1 up.")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        with _folder() as place, house(place, scale) as home:
            return _play(home, scale, began)
    except (ServiceError, TimeoutError) as error:
        return _refuse(f"{error} SEED={scale.seed}")
    except KeyboardInterrupt:
        return 130


def _play(home: House, scale: Scale, began: float) -> int:
    os.environ.clear()
    # Ten thousand letters take longer to think of than a worker's transaction may stand still.
    os.environ.update(home.environment | {"PGAPPNAME": "chaos", "IDLE_TRANSACTION_SECONDS": "0"})
    # Django reads its settings from what was just set, and the rest of chaos stands on Django.
    import django

    django.setup()
    from chaos.play import Play

    verdict = Play(home, scale, began).run()
    print(f"The fullest windows: {verdict.fullest}", file=sys.stderr)
    for line in verdict.why[:MOST_SAID]:
        print(line, file=sys.stderr)
    if len(verdict.why) > MOST_SAID:
        print(f"and {len(verdict.why) - MOST_SAID} more", file=sys.stderr)
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps(verdict.counts() | {"seconds": seconds, "seed": scale.seed}), flush=True)
    if not verdict.broken:
        return 0
    logs = Path(tempfile.mkdtemp(prefix="chaos-logs-"))
    shutil.copytree(home.logs, logs, dirs_exist_ok=True)
    return _refuse(f"Broken: {', '.join(verdict.broken)}. SEED={scale.seed}; logs are in {logs}.")


@contextmanager
def _folder() -> Iterator[Path]:
    """A directory for everything, which the services' own users may pass through."""
    place = Path(tempfile.mkdtemp(prefix="chaos-"))
    place.chmod(0o711)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _seed() -> str:
    return secrets.token_hex(4)


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
