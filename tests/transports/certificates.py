"""Certificates for tests, made when they are needed, and the files that hold them."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    serialize_java_truststore,
    serialize_key_and_certificates,
)

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

NAMES = ("localhost", "127.0.0.1")


class Authority:
    """A certificate authority whose files lie in a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._name = name
        self.ca = trustme.CA()
        self.pem = folder / f"{name}.pem"
        self.ca.cert_pem.write_to_path(str(self.pem))

    def issue(self, *names: str, expired: bool = False) -> trustme.LeafCert:
        """A certificate for these names, or for this machine."""
        past = datetime.now(UTC) - timedelta(days=1) if expired else None
        return self.ca.issue_cert(*(names or NAMES), not_after=past)

    def server(self, leaf: trustme.LeafCert | None = None, *, mutual: bool = False) -> ssl.SSLContext:
        """What a door needs that shows ``leaf``; ``mutual``: who comes must show a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (leaf or self.issue()).configure_cert(context)
        if mutual:
            self.ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def key_pem(self, leaf: trustme.LeafCert, password: str | None = None) -> Path:
        """A file with the private key, then the certificate and its chain."""
        path = self._folder / f"{self._name}-key{'' if password is None else '-encrypted'}.pem"
        key = leaf.private_key_pem.bytes()
        if password is not None:
            key = _key(leaf).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode())
            )
        path.write_bytes(key + b"".join(part.bytes() for part in leaf.cert_chain_pems))
        return path

    def key_pkcs12(self, leaf: trustme.LeafCert, password: str | None, kind: str = "key") -> Path:
        """The same as a PKCS12 store; its key is called "me"."""
        path = self._folder / f"{self._name}-{kind}.p12"
        certificate, *chain = (x509.load_pem_x509_certificate(part.bytes()) for part in leaf.cert_chain_pems)
        encryption = NoEncryption() if password is None else BestAvailableEncryption(password.encode())
        path.write_bytes(serialize_key_and_certificates(b"me", _key(leaf), certificate, chain, encryption))
        return path

    def trust_pkcs12(self, password: str) -> Path:
        """The authority's certificate as a PKCS12 store, as Java writes it."""
        path = self._folder / f"{self._name}.p12"
        certificate = PKCS12Certificate(x509.load_pem_x509_certificate(self.ca.cert_pem.bytes()), b"ca")
        path.write_bytes(serialize_java_truststore([certificate], BestAvailableEncryption(password.encode())))
        return path

    def expire(self) -> Path:
        """A file with the authority's certificate as it would be if its time was over."""
        old = x509.load_pem_x509_certificate(self.ca.cert_pem.bytes())
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number)
        builder = builder.not_valid_before(now - timedelta(days=2)).not_valid_after(now - timedelta(days=1))
        for extension in old.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        key = _elliptic(load_pem_private_key(self.ca.private_key_pem.bytes(), None))
        path = self._folder / f"{self._name}-expired.pem"
        path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return path

    def revoke(self, *leaves: trustme.LeafCert) -> Path:
        """A list of revoked certificates."""
        now = datetime.now(UTC)
        key = load_pem_private_key(self.ca.private_key_pem.bytes(), None)
        issuer = x509.load_pem_x509_certificate(self.ca.cert_pem.bytes()).subject
        builder = x509.CertificateRevocationListBuilder(issuer, now - timedelta(days=1), now + timedelta(days=1))
        for leaf in leaves:
            serial = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()).serial_number
            revoked = x509.RevokedCertificateBuilder(serial, now - timedelta(days=1)).build()
            builder = builder.add_revoked_certificate(revoked)
        path = self._folder / f"{self._name}-crl.pem"
        path.write_bytes(builder.sign(_elliptic(key), hashes.SHA256()).public_bytes(Encoding.PEM))
        return path


def _key(leaf: trustme.LeafCert) -> EllipticCurvePrivateKey:
    return _elliptic(load_pem_private_key(leaf.private_key_pem.bytes(), None))


def _elliptic(key: object) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    assert isinstance(key, EllipticCurvePrivateKey)
    return key
