"""The sandbox as a process: it starts, survives being killed, and shares its file."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests

from outreach.sandbox.state import open_state
from tests.sandbox_server import CHECKOUT, Sandbox

SEND_ANN = "/2/dm_conversations/with/2/messages"
MANY = [{"limit": 10**6, "seconds": 900, "per": "user"}]


@pytest.fixture
def own(tmp_path):
    """A sandbox process of this test's own."""
    server = Sandbox(tmp_path / "world.sqlite3")
    server.start()
    yield server
    if server.process.poll() is None:
        server.stop(signal.SIGKILL)


def populate(server) -> str:
    server.add_user(1, "brand")
    server.add_user(2, "ann")
    server.befriend(1, 2)
    return server.issue_token(1)


def test_what_it_accepted_survives_its_own_sigkill(own):
    token = populate(own)
    own.set_limits({"send_dm": MANY})
    accepted: list[str] = []

    def send_until_it_dies() -> None:
        with requests.Session() as http:
            http.headers["Authorization"] = f"Bearer {token}"
            try:
                while True:
                    answer = http.post(own.base_url + SEND_ANN, json={"text": "x"}, timeout=5)
                    accepted.append(answer.json()["data"]["dm_event_id"])
                    if len(accepted) == 50:
                        enough.set()
            except requests.RequestException:
                return

    enough = threading.Event()
    senders = [threading.Thread(target=send_until_it_dies) for _ in range(4)]
    for sender in senders:
        sender.start()
    assert enough.wait(30)
    own.stop(signal.SIGKILL)
    for sender in senders:
        sender.join()
    own.start()
    kept = {dm["id"] for dm in own.dms()}
    assert set(accepted) - kept == set()
    # At most what was under way in each sender was kept without its answer getting out.
    assert len(kept) - len(accepted) <= len(senders)
    assert own.api("POST", SEND_ANN, token, json={"text": "x"}).status_code == 201


def test_limits_go_on_counting_after_a_restart(own):
    token = populate(own)
    own.set_limits({"send_dm": [{"limit": 2, "seconds": 900, "per": "user"}]})
    before = own.api("POST", SEND_ANN, token, json={"text": "x"})
    own.stop(signal.SIGKILL)
    own.start()
    after = [own.api("POST", SEND_ANN, token, json={"text": "x"}) for _ in range(2)]
    assert [answer.status_code for answer in (before, *after)] == [201, 201, 429]


def test_two_processes_on_one_file_are_one_world(own):
    token = populate(own)
    own.set_limits({"send_dm": [{"limit": 40, "seconds": 900, "per": "user"}]})
    second = Sandbox(own.state_file)
    second.start()
    statuses: list[int] = []

    def send(server: Sandbox) -> None:
        with requests.Session() as http:
            http.headers["Authorization"] = f"Bearer {token}"
            for _ in range(15):
                answer = http.post(server.base_url + SEND_ANN, json={"text": "x"}, timeout=20)
                statuses.append(answer.status_code)

    senders = [threading.Thread(target=send, args=(server,)) for server in (own, second) * 2]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    second.stop()
    assert sorted(statuses) == [201] * 40 + [429] * 20
    assert len({dm["id"] for dm in own.dms()}) == 40


def test_what_is_seeded_without_http_is_seen_at_once(own):
    state = open_state(own.state_file)
    state.add_user(1, "brand", "Brand")
    state.add_user(2, "ann", "Ann")
    state.follow(2, 1)
    token = state.issue_token(1)
    assert own.api("POST", SEND_ANN, token, json={"text": "x"}).status_code == 201
    assert [dm.text for dm in state.dms()] == ["x"]
    state.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_being_told_to_stop_is_no_failure(own, how):
    assert own.stop(how) == 0


def test_a_taken_port_is_one_clear_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "outreach.sandbox", "--port", str(port)]
        command += ["--state", str(tmp_path / "world.sqlite3")]
        found = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    expected = f"The sandbox cannot listen on 127.0.0.1:{port}: Address already in use.\n"
    assert (found.stdout, found.stderr) == (expected, "")


def test_half_a_request_has_no_effect(own):
    token = populate(own)
    head = f"POST {SEND_ANN} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    with socket.create_connection(("127.0.0.1", own.port)) as half:
        half.sendall(f'{head}Content-Length: 20\r\n\r\n{{"text":'.encode())
        half.shutdown(socket.SHUT_WR)
        half.recv(1000)
    assert own.api("GET", "/2/users/me", token).status_code == 200
    assert own.dms() == []


def test_its_log_holds_no_token_and_no_text(own):
    token = populate(own)
    own.api("POST", SEND_ANN, token, json={"text": "words for nobody else"})
    own.process.send_signal(signal.SIGTERM)
    printed, _ = own.process.communicate(timeout=20)
    assert printed == ""


def test_a_file_of_an_older_version_is_emptied_and_says_so(own):
    populate(own)
    own.stop()
    with closing(sqlite3.connect(own.state_file)) as file:
        file.execute("DROP TABLE apps")
        file.execute("ALTER TABLE tokens DROP COLUMN issued_at")
        file.execute("PRAGMA user_version = 0")
    own.start()
    assert own.http.get(f"{own.base_url}/_sandbox/ledger").json()["counts"]["users"] == 0
    token = populate(own)
    assert own.api("POST", SEND_ANN, token, json={"text": "x"}).status_code == 201
    own.stop()
    own.start()
    assert len(own.dms()) == 1


def test_a_file_that_is_new_to_several_processes_at_once_is_made_once(tmp_path):
    path = tmp_path / "world.sqlite3"
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda _: open_state(path), range(8)))
    assert [len(state.apps()) for state in states] == [1] * 8
    for state in states:
        state.close()
