"""How soon findings show in the composer, in a real browser beside the whole of Outreach."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from bench.registry import Measured, figure
from tests.sandbox_server import CHECKOUT

# The test that walks it also says how long each round took.
TEST = "tests/e2e/test_guidance.py::test_findings_show_after_a_pause_while_another_process_reads"


@figure(goal=300, better="lower")
def composer_findings_ms() -> Measured:
    """From the last key to findings in sight, while another process reads 1,000 letters: median."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.xml"
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", TEST, f"--junitxml={told}"],
            cwd=CHECKOUT,
            check=True,
            capture_output=True,
        )
        # Written by our own test a moment ago.
        properties = ET.parse(told).iter("property")  # noqa: S314
        rounds = next(
            p.attrib["value"] for p in properties if p.get("name") == "composer_findings_ms"
        )
    milliseconds = [int(each) for each in rounds.split()]
    return Measured(statistics.median(milliseconds), {"rounds": milliseconds})
