"""Receivers of webhooks on this machine, each with its own manners, and certificates for those that speak TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import NamedTuple

SECONDS = 30


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


Manners = Callable[["Receiver", socket.socket, Request], None]


class Receiver:
    """Listens on a free port of 127.0.0.1 until it is left. `got`: what came, in order."""

    def __init__(self, manners: Manners | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.manners = manners or answering(204)
        self.got: list[Request] = []
        self.names: list[str | None] = []
        """Names that were asked for in TLS."""
        self.ended = Event()
        self._tls = tls
        if tls is not None:
            tls.sni_callback = lambda _, name, __: self.names.append(name)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._came = Event()
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(SECONDS)

    def wait(self, count: int = 1) -> None:
        """Until so many requests have come."""
        while len(self.got) < count:
            assert self._came.wait(SECONDS), f"{len(self.got)} of {count} came"
            self._came.clear()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            thread = Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(SECONDS)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            request = read_request(connection)
            self.got.append(request)
            self._came.set()
            self.manners(self, connection, request)
        except OSError:
            pass  # who sent has gone
        finally:
            connection.close()


def read_request(connection: socket.socket) -> Request:
    with connection.makefile("rb") as stream:
        _, path, _ = stream.readline().decode().split()
        headers = {}
        while line := stream.readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return Request(path, headers, stream.read(int(headers["content-length"])))


def answering(status: int, body: bytes = b"", **headers: str) -> Manners:
    """A whole answer; names of headers with _ for -."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return saying("\r\n".join([*lines, "", ""]).encode() + body)


def saying(answer: bytes) -> Manners:
    """These bytes, and the end of the connection."""
    return lambda _, connection, __: connection.sendall(answer)


def silent(receiver: Receiver, connection: socket.socket, _: Request) -> None:
    """Nothing, for as long as the receiver is there."""
    receiver.ended.wait(SECONDS)


def dribbling(start: bytes) -> Manners:
    """A byte at a time, without end: each comes soon enough for a bound on a single read."""

    def manners(receiver: Receiver, connection: socket.socket, _: Request) -> None:
        connection.sendall(start)
        while not receiver.ended.wait(0.02):
            connection.sendall(b"x")

    return manners


class Certified(NamedTuple):
    """A certificate for one name, for a server, and who trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def certified(name: str, folder) -> Certified:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.create_default_context()
    client.load_verify_locations(cadata=made.public_bytes(serialization.Encoding.PEM).decode())
    return Certified(server, client)
