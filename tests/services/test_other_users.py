"""As root and as an ordinary user, in places that everybody may enter and in places that only root
may. Run as root, these tests become an ordinary user for a while; run as one, they stay it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from outreach.services import ServiceError, privileges, running
from outreach.services.paths import CHECKOUT, make_directory
from outreach.services.postgres import programs

from .conftest import query

ROOT = os.geteuid() == 0


def ordinary(directory):
    """What makes a child an ordinary user, who can at least reach this Python."""
    if not ROOT:
        return None
    capabilities = privileges.least_capabilities([sys.executable, "-c", ""], directory)
    plain = privileges.named_identity()
    return privileges.Identity(plain.uid, plain.gid, capabilities).preexec()


def owner(path):
    return path.stat().st_uid


def test_an_ordinary_user_owns_what_runs(empty_place):
    make_directory(empty_place.path)
    if ROOT:
        shutil.chown(empty_place.path, privileges.named_identity().uid or 0)
    user = empty_place.user(preexec=ordinary(empty_place.path)).ready()
    assert query(user.database_url, "SELECT 1") == 1
    assert owner(empty_place.path / "postgres") == owner(empty_place.path)
    user.leave()
    assert empty_place.alive() == set()


def test_root_leaves_postgres_to_a_user_without_an_account(empty_place):
    with running(empty_place.path, cache=False) as urls:
        assert query(urls.database_url, "SELECT 1") == 1
        uid = owner(empty_place.path / "postgres")
        expected = privileges.free_uid(empty_place.path / "postgres") if ROOT else os.geteuid()
        assert uid == expected
        server = empty_place.processes("postgres")[0]
        assert owner(Path(f"/proc/{server}")) == uid


def test_a_checkout_that_only_root_may_enter_will_do(empty_place, tmp_path_factory):
    locked = empty_place.path.parent / "locked"
    locked.mkdir(mode=0o700)
    site = locked / "site"
    package = programs().parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, site / part.name, copy_function=link_or_copy)
    empty_place.path = locked / "var"
    user = empty_place.user(environment={"PYTHONPATH": str(site)}).ready()
    assert query(user.database_url, "SELECT 1") == 1
    server = empty_place.processes("postgres")[0]
    assert Path(f"/proc/{server}/exe").readlink().is_relative_to(site)
    if ROOT:
        assert effective_capabilities(server) == 1 << privileges.CAP_DAC_READ_SEARCH
    user.leave()


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def effective_capabilities(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("CapEff:")).split()[1], 16)


def test_where_everybody_may_enter_no_capability_is_given(place):
    with running(place.path, cache=False):
        assert effective_capabilities(place.processes("postgres")[0]) == 0


def test_a_machine_that_withholds_every_capability_gets_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "elsewhere")
    unreachable = tmp_path / "locked"
    unreachable.mkdir(mode=0o000)
    with pytest.raises(
        ServiceError, match=r"no other account can reach .*set DATABASE_URL"
    ) as told:
        privileges.least_capabilities([str(unreachable / "initdb"), "--show"], unreachable)
    assert len(str(told.value).splitlines()) == 1


def test_data_of_another_user_is_not_touched_and_said_to_be_so(place):
    with running(place.path, cache=False):
        pass
    # Root's become an ordinary user's to read; an ordinary user's become nobody's.
    (place.path / "services").chmod(0o711 if ROOT else 0o000)
    (place.path / "services" / "start.lock").chmod(0o000)
    started = subprocess.run(
        [sys.executable, "-m", "outreach.services", "start"],
        cwd=CHECKOUT,
        env=os.environ | {"VAR_DIR": str(place.path)},
        preexec_fn=ordinary(place.path),
        capture_output=True,
        text=True,
        check=False,
    )
    (place.path / "services").chmod(0o711)
    (place.path / "services" / "start.lock").chmod(0o600)
    assert (started.returncode, started.stdout) == (1, "")
    assert started.stderr == (
        f"{place.path / 'services'} belongs to another user. Run this as that user, "
        "set VAR_DIR to a directory of your own, or remove it.\n"
    )
