from __future__ import annotations

from pathlib import Path

import pytest

from accounts.models import Workspace
from outreach.demo import cast, loading


@pytest.fixture
def sandbox_file(settings, tmp_path) -> Path:
    """A sandbox of the test's own, not there yet."""
    settings.SANDBOX_STATE = tmp_path / "sandbox.sqlite3"
    return settings.SANDBOX_STATE


@pytest.fixture
def demo(db, sandbox_file) -> Workspace:
    """The demo workspace, loaded."""
    assert loading.load().done == "loaded"
    return Workspace.objects.get(slug=cast.SLUG)
