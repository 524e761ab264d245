"""https: the service's certificate is checked, as the system trusts."""

import datetime
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import spillover
from spillover.model.errors import StoreUnavailable
from tests.http_client.clocked import Clocked
from tests.support import clock, policy


@pytest.fixture
def certificate(tmp_path):
    """A file with a key and a certificate of 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")]), datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "both.pem"
    file.write_bytes(secret + made.public_bytes(pem))
    return file


def test_a_service_is_reached_by_tls_if_its_certificate_is_trusted(certificate, monkeypatch):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    with Clocked(policy(), clock(), tls=tls) as service:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with spillover.connect(service.url, deadline=30) as client:
            client.accounts.put("acme", "plus")
            assert [bool(client.consume("acme", "chat.messages")) for _ in range(3)] == [True] * 3
            assert len(client._pool._idle) == 1
        monkeypatch.delenv("SSL_CERT_FILE")
        client = spillover.connect(service.url, deadline=0.5)
        with client, pytest.raises(StoreUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            client.balance("acme")
