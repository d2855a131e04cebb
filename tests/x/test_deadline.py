"""The call deadline, and TLS: the last look before the first byte."""

from __future__ import annotations

import ssl
import time

import pytest

from outreach.x import transport
from outreach.x.client import CallDeadline, Timeouts, XClient
from outreach.x.errors import NotCalled
from tests.x.awkward import TAKEN, Awkward, answering

SHORT = Timeouts(connect=0.6, answer=0.6)


def client(server: Awkward, **options) -> XClient:
    return XClient("token", base_url=server.base_url, timeouts=SHORT, **options)


def test_past_the_deadline_not_a_byte_is_written():
    with Awkward(lambda visit: visit.wait_for_the_end()) as server:
        with pytest.raises(NotCalled) as error:
            client(server).send_dm(2, "hello", deadline=CallDeadline.starting_now(0))
        server.join()
    assert error.value.kind == "deadline_passed"
    assert server.requests == []


def test_a_deadline_that_passes_once_the_connection_stands_stops_the_first_byte(monkeypatch):
    deadline = CallDeadline.starting_now(5)
    connect = transport._Watched.connect

    def frozen_after_connecting(connection) -> None:
        connect(connection)
        # The machine slept: the boot clock ran on, and the connection still stands.
        now = deadline.at + 0.001
        monkeypatch.setattr(transport, "boot_seconds", lambda: now)

    monkeypatch.setattr(transport._Watched, "connect", frozen_after_connecting)
    received: list[bytes] = []
    with Awkward(lambda visit: received.append(visit.sock.recv(1))) as server:
        with pytest.raises(NotCalled) as error:
            client(server).send_dm(2, "hello", deadline=deadline)
        server.join()
    assert error.value.kind == "deadline_passed"
    assert received in ([], [b""])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


def tls_context(certificate: tuple[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def test_it_speaks_tls_and_keeps_the_connection(certificate):
    script = answering("201 Created", TAKEN)
    with Awkward(script, tls=tls_context(certificate)) as server:
        api = client(server, ca_file=certificate[0])
        for _ in range(3):
            assert api.send_dm(2, "hello").dm_event_id == int("9" * 18)
    assert [len(visit.requests) for visit in server.visits] == [3]


def test_a_certificate_of_nobody_s_is_not_called(certificate):
    script = answering("201 Created", TAKEN)
    with Awkward(script, tls=tls_context(certificate)) as server, pytest.raises(NotCalled):
        client(server).send_dm(2, "hello")
    assert server.requests == []


def test_a_handshake_that_never_ends_is_not_called(certificate):
    with Awkward(lambda visit: visit.wait_for_the_end()) as server:
        url = server.base_url.replace("http:", "https:")
        started = time.monotonic()
        with pytest.raises(NotCalled):
            XClient("token", base_url=url, timeouts=SHORT).send_dm(2, "hello")
        took = time.monotonic() - started
    assert took < 2 * SHORT.connect


def test_the_deadline_is_looked_at_after_the_handshake(certificate, monkeypatch):
    deadline = CallDeadline.starting_now(5)
    connect = transport._WatchedTLS.connect

    def frozen_after_the_handshake(connection) -> None:
        connect(connection)
        assert isinstance(connection.sock, ssl.SSLSocket)
        now = deadline.at + 0.001
        monkeypatch.setattr(transport, "boot_seconds", lambda: now)

    monkeypatch.setattr(transport._WatchedTLS, "connect", frozen_after_the_handshake)
    with Awkward(answering("201 Created", TAKEN), tls=tls_context(certificate)) as server:
        with pytest.raises(NotCalled) as error:
            client(server, ca_file=certificate[0]).send_dm(2, "hello", deadline=deadline)
        server.join()
    assert error.value.kind == "deadline_passed"
    assert server.requests == []
