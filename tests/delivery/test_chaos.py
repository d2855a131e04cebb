"""The fault run on real processes, in short: what must hold at 10,000 letters holds at some too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.delivery.doomed import CHECKOUT
from tests.delivery.meanwhile import wait_until

LETTERS = 200


def start(**environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "chaos"],
        cwd=CHECKOUT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.timeout(300)
def test_whatever_is_killed_frozen_flushed_or_lost_each_letter_leaves_once_and_none_is_lost():
    said, told = start(N=str(LETTERS), SEED="short").communicate()
    assert said, told
    found = json.loads(said)
    promises = (
        "duplicates", "lost", "unapproved", "after_stop", "non_mutual", "over_limit", "uncertain",
    )  # fmt: skip
    assert {name: found[name] for name in promises} == dict.fromkeys(promises, 0), told
    assert found["accepted"] > LETTERS * 9 // 10
    # and it was harmed
    for harm in ("kills", "answers_lost", "judged_absent", "thawed_after_requeue"):
        assert found[harm] > 0, f"{harm}\n{told}"


def living(marks: set[str]) -> list[str]:
    """Command lines of the processes whose environment or command names one of the marks."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
            if any(mark in command + (process / "environ").read_text() for mark in marks):
                found.append(command)
        except OSError:
            continue  # it ended while we looked, or is another user's
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_or_broken_off_leaves_no_process_behind(how):
    # Not pytest's own directory: PostgreSQL's socket has no room for so long a path.
    with tempfile.TemporaryDirectory(prefix="chaos-test-", ignore_cleanup_errors=True) as place:
        run = start(N="40", TMPDIR=place)
        assert run.stderr is not None
        said = []
        for line in run.stderr:
            said.append(line)
            if "the harm begins" in line:
                break
        assert len(living({place})) > 8, "".join(said)
        run.send_signal(how)
        run.communicate()
        wait_until(lambda: not living({place}), within=30)
