"""Several worker processes over one file: each limit is counted once, over all of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from tests.sandbox_server import Sandbox

BRAND, OTHER, ANN = 1, 2, 3
SEND = f"/2/dm_conversations/with/{ANN}/messages"
WORKERS = 3


@pytest.fixture
def workers(tmp_path) -> Iterator[list[Sandbox]]:
    servers = [Sandbox(tmp_path / "world.sqlite3") for _ in range(WORKERS)]
    for server in servers:
        server.start()
    for user_id, handle in ((BRAND, "brand"), (OTHER, "other"), (ANN, "ann")):
        servers[0].add_user(user_id, handle)
    for brand in (BRAND, OTHER):
        servers[0].befriend(brand, ANN)
    yield servers
    for server in servers:
        server.stop()


def storm(workers: list[Sandbox], method: str, path: str, tokens: list[str], each: int):
    """Let every token ask every worker `each` times, all at once; return the answers."""
    answers: list[requests.Response] = []

    def ask(server: Sandbox, token: str) -> None:
        with requests.Session() as http:
            http.trust_env = False
            http.headers["Authorization"] = f"Bearer {token}"
            for _ in range(each):
                body = {"text": "x"} if method == "POST" else None
                answers.append(http.request(method, server.base_url + path, json=body, timeout=30))

    threads = [
        threading.Thread(target=ask, args=(server, token)) for server in workers for token in tokens
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_a_user_s_limit_is_one_limit_over_all_workers(workers):
    workers[1].set_limits({"send_dm": [{"limit": 40, "seconds": 900, "per": "user"}]})
    tokens = [workers[2].issue_token(user) for user in (BRAND, OTHER)]
    answers = storm(workers, "POST", SEND, tokens, 25)
    assert Counter(answer.status_code for answer in answers) == {201: 80, 429: 70}
    senders = Counter(dm["sender"] for dm in workers[0].dms())
    assert senders == {str(BRAND): 40, str(OTHER): 40}


def test_an_app_s_limit_is_one_limit_over_all_workers_and_users(workers):
    window = {"limit": 50, "seconds": 86400, "per": "app", "header": "x-app-limit-24hour"}
    workers[0].set_limits({"send_dm": [window]})
    tokens = [workers[0].issue_token(user) for user in (BRAND, OTHER)]
    answers = storm(workers, "POST", SEND, tokens, 20)
    sent = [answer for answer in answers if answer.status_code == 201]
    assert len(sent) == len(workers[0].dms()) == 50
    # Each place in the window was given out once.
    left = sorted(int(answer.headers["x-app-limit-24hour-remaining"]) for answer in sent)
    assert left == list(range(50))


def test_credits_are_spent_once_over_all_workers(workers):
    workers[0].set_limits({"send_dm": []})
    workers[0].control("credits", credits=0.30)  # twenty messages
    tokens = [workers[0].issue_token(user) for user in (BRAND, OTHER)]
    answers = storm(workers, "POST", SEND, tokens, 10)
    assert Counter(answer.status_code for answer in answers) == {201: 20, 402: 40}
    assert len(workers[0].dms()) == 20


def test_a_limit_goes_on_where_a_killed_worker_left_it(workers):
    workers[0].set_limits({"me": [{"limit": 20, "seconds": 900, "per": "user"}]})
    token = workers[0].issue_token(BRAND)
    first = storm(workers, "GET", "/2/users/me", [token], 5)
    workers[0].process.kill()
    workers[0].process.communicate()
    workers[0].start()
    second = storm(workers, "GET", "/2/users/me", [token], 5)
    statuses = Counter(answer.status_code for answer in [*first, *second])
    assert statuses == {200: 20, 429: 10}
