import os
import shutil
import signal
import socket

import pytest

from outreach.services import ServiceError, running
from outreach.services.locks import holders, wait_until
from outreach.services.postgres import Postgres

from .conftest import is_dead, kill_all, ping, query


def removed(path):
    shutil.rmtree(path, ignore_errors=True)
    return not path.exists()


def assert_works(place):
    with running(place.path) as urls:
        assert query(urls.database_url, "SELECT 1") == 1
        assert ping(urls.redis_url) is True
    assert place.alive() == set()


def test_after_the_postmaster_was_killed(place):
    user = place.user().ready()
    query(user.database_url, "CREATE TABLE kept AS SELECT 7 AS number")
    postmaster = int((place.path / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    assert wait_until(lambda: not Postgres(place.path).answers(), 10)
    with running(place.path) as urls:
        assert query(urls.database_url, "SELECT number FROM kept") == 7
        assert urls.database_url == user.database_url
    user.leave()
    assert place.alive() == set()


def test_after_a_crash_that_somebody_asked_for(place):
    user = place.user().ready()
    query(user.database_url, "CREATE TABLE kept AS SELECT 7 AS number")
    Postgres(place.path).crash()
    assert not Postgres(place.path).answers()
    with running(place.path) as urls:
        assert query(urls.database_url, "SELECT number FROM kept") == 7
    user.leave()
    assert place.alive() == set()


def test_after_everything_was_killed_at_once(place):
    user = place.user().ready()
    query(user.database_url, "CREATE TABLE kept AS SELECT 7 AS number")
    watcher = holders(place.path / "services" / "watcher")
    kill_all([*watcher, user.process.pid, *place.processes("postgres"), *place.processes("valkey")])
    user.process.communicate()
    with running(place.path) as urls:
        assert query(urls.database_url, "SELECT number FROM kept") == 7
    assert place.alive() == set()


def test_after_the_watcher_was_killed_the_next_user_brings_another(place):
    user = place.user().ready()
    kill_all(holders(place.path / "services" / "watcher"))
    other = place.user().ready()
    other.kill()
    user.kill()
    assert place.ends()


@pytest.mark.parametrize("with_initdb", [True, False], ids=["and initdb", "but not initdb"])
def test_after_the_starter_was_killed_while_the_cluster_was_made(empty_place, with_initdb):
    place = empty_place
    user = place.user()
    assert wait_until(lambda: bool(list(place.path.glob("postgres.new-*/base/1"))), 30)
    user.process.kill()
    if with_initdb:
        kill_all(place.processes("postgres"))
    user.process.communicate()
    assert not (place.path / "postgres").exists()
    assert_works(place)
    assert list(place.path.glob("postgres.new-*")) == []


def test_after_the_starter_was_killed_while_postgres_was_starting(place):
    with running(place.path):
        pass
    user = place.user()
    assert wait_until(lambda: "postgres" in place.alive(), 30)
    user.kill()
    assert_works(place)


def test_a_process_number_that_another_process_got_since(place):
    with running(place.path, cache=False):
        pass
    # As after a crash and a restart of the machine: the file names a process, but not PostgreSQL.
    lines = [str(os.getpid()), str(place.path / "postgres"), "1700000000", "5432", ".", "", "1 1"]
    (place.path / "postgres" / "postmaster.pid").write_text("\n".join([*lines, "ready   "]) + "\n")
    assert_works(place)


def test_a_socket_that_nobody_listens_on(place):
    with running(place.path, cache=False):
        pass
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(place.path / "postgres" / ".s.PGSQL.5432"))
    (place.path / "postgres" / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
    assert_works(place)


def test_a_port_that_another_program_took_since(place):
    with running(place.path, database=False) as urls:
        port = int(urls.redis_url.rsplit(":", 1)[1].split("/")[0])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with running(place.path, database=False) as urls:
            assert f":{port}/" not in urls.redis_url
            assert ping(urls.redis_url) is True


def test_servers_end_when_their_directory_is_removed(place):
    place.user().ready()
    servers = place.processes("postgres") + place.processes("valkey")
    assert len(servers) > 2
    # What a server writes meanwhile may keep a directory from going at once.
    assert wait_until(lambda: removed(place.path), 10)
    assert wait_until(lambda: all(is_dead(pid) for pid in servers), 15)


def test_a_directory_that_is_no_cluster_is_not_touched(empty_place):
    place = empty_place
    (place.path / "postgres").mkdir(parents=True)
    (place.path / "postgres" / "holiday.jpg").touch()
    with (
        pytest.raises(ServiceError, match="is not a PostgreSQL data directory"),
        running(place.path),
    ):
        pass
    assert [path.name for path in (place.path / "postgres").iterdir()] == ["holiday.jpg"]


def test_a_cluster_of_another_version_is_not_touched(place):
    with running(place.path, cache=False):
        pass
    (place.path / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(ServiceError, match="was made by PostgreSQL 16"), running(place.path):
        pass
