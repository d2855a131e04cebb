"""The browser of the end-to-end tests: `python -m tests.browser` sees to it that there is one.

Debian's chromium where it is installed; else installed by apt as root; else Playwright's own; else
one line that says what to install. Tests never go without.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

APT_SECONDS = 600
QUIET_APT = {"DEBIAN_FRONTEND": "noninteractive"}


def system_browser() -> str | None:
    """The path of the system's chromium, if it has one that runs."""
    for candidate in (shutil.which("chromium"), "/usr/bin/chromium"):
        if candidate and Path(candidate).exists() and _succeeds([candidate, "--version"]):
            return candidate
    return None


def playwrights_own() -> str | None:
    """The path of the chromium that Playwright downloaded, if it did."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return str(path) if path.exists() else None


def launch_options() -> dict[str, object]:
    """What `playwright.chromium.launch` is to be called with here, headless.

    Raises RuntimeError where there is no browser.
    """
    path = system_browser() or playwrights_own()
    if path is None:
        raise RuntimeError("No browser for the tests: run `make test`, which installs one.")
    options: dict[str, object] = {"executable_path": path, "headless": True}
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options["chromium_sandbox"] = False  # Chromium's sandbox refuses root
    return options


def ensure() -> str | None:
    """The path of a browser, installed now if need be; None when that failed."""
    return system_browser() or _from_apt() or playwrights_own() or _from_playwright()


def _from_apt() -> str | None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    print("Installing chromium for the tests (apt-get) …", flush=True)  # noqa: T201
    environment = os.environ | QUIET_APT
    install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", "chromium"]
    if not _succeeds(install, environment):
        _succeeds(["apt-get", "update", "-qq"], environment)
        _succeeds(install, environment)
    return system_browser()


def _from_playwright() -> str | None:
    print("Installing chromium for the tests (playwright install) …", flush=True)  # noqa: T201
    _succeeds([sys.executable, "-m", "playwright", "install", "chromium"])
    return playwrights_own()


def _succeeds(command: list[str], environment: dict[str, str] | None = None) -> bool:
    try:
        result = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=APT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0


if __name__ == "__main__":
    if ensure() is None:
        sys.exit(
            "The end-to-end tests need a browser and none could be installed. Install Debian's "
            "package `chromium`, or run: .venv/bin/python -m playwright install --with-deps chromium"
        )
