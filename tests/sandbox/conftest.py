from __future__ import annotations

from typing import Any

from tests.sandbox.descriptions import DESCRIPTIONS, X_DESCRIPTION
from tests.sandbox_server import sandbox, sandbox_server

__all__ = ["sandbox", "sandbox_server"]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    for report in reports:
        for name, value in getattr(report, "user_properties", ()):
            if name == "table" and report.when == "call":
                terminalreporter.write_line(value)
    names = " and ".join(description.name for description in DESCRIPTIONS)
    absent = "" if X_DESCRIPTION.exists() else " (X's description is not beside this checkout)"
    terminalreporter.write_line(f"The sandbox's answers were checked against {names}{absent}.")
