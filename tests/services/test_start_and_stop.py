import os
import stat

import pytest
import redis

from outreach.services import running

from .conftest import Place, ping, query


def test_both_run_for_the_length_of_the_block_and_leave_no_process(empty_place):
    place = empty_place
    with running(place.path) as urls:
        assert query(urls.database_url, "SELECT current_database()") == "outreach"
        assert ping(urls.redis_url) is True
        assert place.alive() == {"postgres", "valkey"}
    assert place.alive() == set()
    assert place.processes("postgres") + place.processes("valkey") == []


def test_data_is_kept_from_start_to_start(place):
    with running(place.path, cache=False) as urls:
        query(urls.database_url, "CREATE TABLE letter AS SELECT 'a print is made' AS words")
    with running(place.path, cache=False) as urls:
        assert query(urls.database_url, "SELECT words FROM letter") == "a print is made"


def test_only_what_was_asked_for_runs(place):
    with running(place.path, database=False) as urls:
        assert urls.database_url == ""
        assert place.alive() == {"valkey"}


def test_a_commit_is_on_the_disk_when_it_returns(place):
    with running(place.path, cache=False) as urls:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert query(urls.database_url, f"SHOW {setting}") == "on"


def test_nobody_else_on_the_machine_gets_in(place):
    with running(place.path) as urls:
        assert query(urls.database_url, "SHOW listen_addresses") == ""
        assert stat.S_IMODE((place.path / "postgres").stat().st_mode) == 0o700
        with redis.Redis.from_url(urls.redis_url) as client:
            assert client.config_get("bind")["bind"] == "127.0.0.1"
        without_password = urls.redis_url.replace(urls.redis_url.split("@")[0], "redis://", 1)
        with pytest.raises(redis.AuthenticationError):
            ping(without_password.replace("redis://@", "redis://"))
        settings = place.path / "valkey" / "valkey.conf"
        assert stat.S_IMODE(settings.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "name", ["with spaces and 'quotes'", "deep/" + "long-name-" * 12], ids=["odd", "long"]
)
def test_any_path_will_do(empty_place, name):
    odd = Place(empty_place.path / name)
    with running(odd.path, cache=False) as urls:
        assert query(urls.database_url, "SELECT 1") == 1
    assert not odd.alive()


def test_wake_up_calls_are_never_evicted(place):
    with (
        running(place.path, database=False) as urls,
        redis.Redis.from_url(urls.redis_url) as client,
    ):
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


def test_the_environment_of_the_caller_does_not_reach_postgres(place, monkeypatch):
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("LC_ALL", "xx_XX")
    with running(place.path, cache=False) as urls:
        assert query(urls.database_url, "SHOW server_encoding") == "UTF8"
    assert os.environ["PGDATA"] == "/nowhere"
