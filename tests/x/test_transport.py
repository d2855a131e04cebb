"""What the client claims when the other side, or the clock, misbehaves."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from outreach.x import transport
from outreach.x.client import Retries, Timeouts, XClient
from outreach.x.errors import LimitedUntil, NeverWill, NotCalled, TryLater, Unknown
from tests.x.awkward import TAKEN, Awkward, Visit, answering

SHORT = Timeouts(connect=0.6, answer=0.6)
ONCE = Retries(tries=1)


def client(server: Awkward, **options) -> XClient:
    return XClient("token", base_url=server.base_url, timeouts=SHORT, **options)


def test_nobody_listening_is_not_called():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NotCalled) as error:
        XClient("token", base_url=f"http://127.0.0.1:{port}").send_dm(2, "hello")
    assert error.value.kind == "no_connection"


def test_a_name_without_address_is_not_called():
    with pytest.raises(NotCalled):
        XClient("token", base_url="http://nowhere.invalid").send_dm(2, "hello")


def test_a_request_leaves_whole_and_once():
    with Awkward(answering("201 Created", TAKEN)) as server:
        sent = client(server).send_dm(2, "hello")
    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"POST /2/dm_conversations/with/2/messages HTTP/1.1"
    assert json.loads(body) == {"text": "hello"}
    assert sent.dm_event_id == int("9" * 18)


def test_closing_without_reading_is_unknown():
    def close_at_once(visit: Visit) -> None:
        visit.sock.recv(1)

    with Awkward(close_at_once) as server, pytest.raises(Unknown) as error:
        client(server).send_dm(2, "hello")
    assert error.value.kind == "connection_lost"


def test_closing_after_reading_is_unknown():
    with Awkward(Visit.read_request) as server, pytest.raises(Unknown) as error:
        client(server).send_dm(2, "hello")
    assert error.value.kind == "connection_lost"
    assert len(server.requests) == 1


def test_no_answer_is_unknown_and_the_connection_is_reset():
    def silent(visit: Visit) -> None:
        visit.read_request()
        visit.wait_for_the_end()

    with Awkward(silent) as server:
        started = time.monotonic()
        with pytest.raises(Unknown) as error:
            client(server).send_dm(2, "hello")
        took = time.monotonic() - started
        server.join()
    assert error.value.kind == "answer_timed_out"
    assert took < 2 * SHORT.answer
    assert server.visits[0].ending == "reset"


@pytest.mark.parametrize("where", ["status", "headers"])
def test_an_answer_that_drips_before_its_body_is_cut_off_at_the_total(where):
    def drip(visit: Visit) -> None:
        visit.read_request()
        start = b"" if where == "status" else b"HTTP/1.1 201 Created\r\nx-a: "
        visit.sock.sendall(start)
        for byte in b"HTTP/1.1 201 Created" + b"x" * 1000:
            visit.sock.sendall(bytes([byte]))
            threading.Event().wait(0.05)

    with Awkward(drip) as server:
        started = time.monotonic()
        with pytest.raises(Unknown) as error:
            client(server).send_dm(2, "hello")
        took = time.monotonic() - started
    assert error.value.kind == "answer_timed_out"
    assert took < 2 * SHORT.answer


def dripping(status: str):
    def drip(visit: Visit) -> None:
        visit.read_request()
        visit.sock.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 1000\r\n\r\n".encode())
        for _ in range(1000):
            visit.sock.sendall(b"x")
            threading.Event().wait(0.05)

    return drip


def test_a_created_whose_body_never_ends_is_sent_without_an_id():
    with Awkward(dripping("201 Created")) as server:
        started = time.monotonic()
        sent = client(server).send_dm(2, "hello")
        took = time.monotonic() - started
        server.join()
    assert sent.dm_event_id is None
    assert took < 2 * SHORT.answer


def test_a_refusal_whose_body_never_ends_is_not_sent():
    with Awkward(dripping("403 Forbidden")) as server, pytest.raises(TryLater) as error:
        client(server).send_dm(2, "hello")
    assert (error.value.status, error.value.kind) == (403, "not_from_x")


def test_a_server_error_whose_body_never_ends_is_unknown():
    with Awkward(dripping("503 Service Unavailable")) as server, pytest.raises(Unknown):
        client(server).send_dm(2, "hello")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"data": []}',
        b'{"data": {}}',
        b'{"data": {"dm_event_id": ""}}',
        b'{"data": {"dm_event_id": 5}}',
        b'{"data": {"dm_event_id": "0"}}',
        b'{"data": {"dm_event_id": "-5"}}',
        b'{"data": {"dm_event_id": "9999999999999999999"}}',  # beyond 63 bits
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_created_without_a_readable_id_is_sent_without_an_id(body):
    with Awkward(answering("201 Created", body)) as server:
        assert client(server).send_dm(2, "hello").dm_event_id is None


def test_another_success_with_an_id_is_sent():
    with Awkward(answering("200 OK", TAKEN)) as server:
        assert client(server).send_dm(2, "hello").dm_event_id == int("9" * 18)


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "204 No Content"])
def test_another_success_without_an_id_is_unknown(status):
    with Awkward(answering(status)) as server, pytest.raises(Unknown) as error:
        client(server).send_dm(2, "hello")
    assert error.value.kind == "unexpected_success"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Go", "308 Go"])
def test_a_redirect_is_not_followed_and_unknown(status):
    with Awkward(answering("201 Created", TAKEN)) as elsewhere:
        script = answering(status, b"", f"Location: {elsewhere.base_url}/")
        with Awkward(script) as server, pytest.raises(Unknown) as error:
            client(server).send_dm(2, "hello")
        assert error.value.kind == "unexpected_status"
        assert len(server.requests) == 1
        assert elsewhere.requests == []


@pytest.mark.parametrize("noise", [b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00" * 70_000])
def test_noise_instead_of_http_is_unknown(noise):
    def make_noise(visit: Visit) -> None:
        visit.read_request()
        visit.sock.sendall(noise)

    with Awkward(make_noise) as server, pytest.raises(Unknown):
        client(server).send_dm(2, "hello")


def test_a_read_without_an_answer_may_be_tried_again():
    with Awkward(Visit.read_request) as server, pytest.raises(TryLater):
        client(server, retries=ONCE).users([2])


def test_garbage_for_users_may_be_tried_again():
    with Awkward(answering("200 OK", b"<html>")) as server, pytest.raises(TryLater) as error:
        client(server, retries=ONCE).users([2])
    assert error.value.kind == "unreadable_answer"


BIG = gzip.compress(b"[" + b"1," * 20_000_000 + b"1]", 1)


def test_an_answer_larger_than_any_of_x_s_is_not_unpacked_to_its_end():
    script = answering("200 OK", BIG, "Content-Encoding: gzip")
    with Awkward(script) as server, pytest.raises(TryLater) as error:
        client(server, retries=ONCE).users([2])
    assert error.value.kind == "unreadable_answer"


@pytest.mark.parametrize(
    "body",
    [b"not packed at all", gzip.compress(TAKEN, mtime=0)[:30]],
    ids=["not packed", "cut off"],
)
def test_a_created_whose_body_cannot_be_unpacked_is_sent_without_an_id(body):
    with Awkward(answering("201 Created", body, "Content-Encoding: gzip")) as server:
        assert client(server).send_dm(2, "hello").dm_event_id is None


@pytest.mark.parametrize("odd", ["soon", "", "1.5", "-1"])
def test_an_odd_reset_on_a_429_is_still_a_429(odd):
    """tweepy reads that header too, and trips over it."""
    script = answering("429 Too Many Requests", b"{}", f"x-rate-limit-reset: {odd}")
    with Awkward(script) as server, pytest.raises(LimitedUntil) as error:
        client(server).send_dm(2, "hello")
    assert (error.value.status, error.value.until) == (429, None)


def test_users_that_x_says_nothing_about_are_neither_found_nor_missing():
    body = {
        "data": [{"id": "2", "username": "ann", "name": "Ann"}, {"id": "x"}, "odd"],
        "errors": [
            {"type": "https://api.x.com/2/problems/resource-not-found", "value": "3"},
            {"type": "https://api.x.com/2/problems/field-hydration-failure", "value": "4"},
        ],
    }
    with Awkward(answering("200 OK", json.dumps(body).encode())) as server:
        answer = client(server).users([2, 3, 4])
    assert [user.id for user in answer.found] == [2]
    assert (answer.missing, answer.unanswered) == ((3,), (4,))
    assert answer.found[0].following is None


# Connections that are used again


def test_a_connection_is_used_again_by_every_client_of_the_process():
    with Awkward(answering("201 Created", TAKEN)) as server:
        for _ in range(5):
            client(server).send_dm(2, "hello")
    assert [len(visit.requests) for visit in server.visits] == [5]


def test_a_connection_that_the_server_closed_is_replaced_before_writing():
    def once(visit: Visit) -> None:
        visit.read_request()
        visit.answer("201 Created", TAKEN)

    with Awkward(once) as server:
        for _ in range(5):
            assert client(server).send_dm(2, "hello").dm_event_id is not None
            server.join()
    assert [len(visit.requests) for visit in server.visits] == [1] * 5


def test_a_connection_that_idled_too_long_is_not_used_again(monkeypatch):
    with Awkward(answering("201 Created", TAKEN)) as server:
        client(server).send_dm(2, "hello")
        later = transport.boot_seconds() + transport.IDLE_SECONDS + 1
        monkeypatch.setattr(transport, "boot_seconds", lambda: later)
        client(server).send_dm(2, "hello")
    assert [len(visit.requests) for visit in server.visits] == [1, 1]


def test_a_forked_process_does_not_use_its_parent_s_connection():
    with Awkward(answering("201 Created", TAKEN)) as server:
        client(server).send_dm(2, "hello")
        child = multiprocessing.get_context("fork").Process(
            target=lambda: client(server).send_dm(2, "hello")
        )
        child.start()
        child.join(10)
        assert child.exitcode == 0
        client(server).send_dm(2, "hello")
    assert [len(visit.requests) for visit in server.visits] == [2, 1]


def test_nothing_is_taken_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.twitter.com login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Awkward(answering("201 Created", TAKEN)) as server:
        assert client(server).send_dm(2, "hello").dm_event_id is not None
    assert b"\r\nAuthorization: Bearer token\r\n" in server.requests[0]


def test_cookies_of_one_account_are_not_shown_for_another():
    script = answering("201 Created", TAKEN, "Set-Cookie: guest_id=1; Path=/")
    with Awkward(script) as server:
        client(server).send_dm(2, "hello")
        client(server).send_dm(2, "hello")
    assert [b"cookie:" in request.lower() for request in server.requests] == [False, False]


def test_a_base_address_with_a_path_is_kept():
    with Awkward(answering("201 Created", TAKEN)) as server:
        XClient("token", base_url=server.base_url + "/x/", timeouts=SHORT).send_dm(2, "hello")
    assert server.requests[0].startswith(b"POST /x/2/dm_conversations/with/2/messages ")


@pytest.mark.parametrize("address", ["", "api.x.com", "ftp://api.x.com", "https://"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ValueError, match="http"):
        XClient("token", base_url=address)


def test_a_killed_process_leaves_a_reset_connection():
    """The kernel must not go on sending for a dead worker."""
    arrived = threading.Event()

    def silent(visit: Visit) -> None:
        visit.read_request()
        arrived.set()
        visit.wait_for_the_end()

    program = (
        "import sys; from outreach.x.client import XClient\n"
        "XClient('token', base_url=sys.argv[1]).send_dm(2, 'hello')"
    )
    with Awkward(silent) as server:
        worker = subprocess.Popen([sys.executable, "-c", program, server.base_url])
        assert arrived.wait(20)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        server.join()
    assert server.visits[0].ending == "reset"


def test_the_kernel_gives_up_sending_when_the_answer_s_total_is_over():
    with Awkward(lambda visit: visit.wait_for_the_end()) as server:
        port = int(server.base_url.rpartition(":")[2])
        with transport.exchanging(transport.Exchange(SHORT)):
            sock = transport._Watched("127.0.0.1", port)._new_conn()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 600
        sock.close()


def test_a_refusal_on_a_kept_connection_leaves_it_usable():
    def alternate(visit: Visit) -> None:
        answers = [("403 Forbidden", b'{"errors":[{"code":349,"message":"no"}]}')]
        answers.append(("201 Created", TAKEN))
        for status, body in answers:
            visit.read_request()
            visit.answer(status, body)

    with Awkward(alternate) as server:
        with pytest.raises(NeverWill):
            client(server).send_dm(2, "hello")
        assert client(server).send_dm(3, "hello").dm_event_id is not None
    assert len(server.visits) == 1
