"""
From `Tls` to an ``ssl.SSLContext``: whom to trust, as whom to come, which protocols and ciphers. Read anew at each dial.

Files are PEM, which needs nothing more, or PKCS12, which needs ``cryptography``. Whatever is wrong is a ConfigError that names
the URL's key and the file. Everything here blocks: it is called in a thread.
"""

from __future__ import annotations

import secrets
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from corewire.errors import ConfigError
from corewire_transports._ciphers import openssl_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates

    from corewire import Tls

__all__ = ["make_context"]

_VERSIONS: Final = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
_JAVAS_OWN: Final = {b"\xfe\xed\xfe\xed": "JKS", b"\xce\xce\xce\xce": "JCEKS"}
_ASN1: Final = b"\x30"  # how a PKCS12 store begins; a PEM file is text


def make_context(tls: Tls) -> ssl.SSLContext:
    """What a link needs that is encrypted as ``tls`` says. Raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.enabled_protocols:
        versions = [_VERSIONS[name] for name in tls.enabled_protocols]
        context.minimum_version, context.maximum_version = min(versions), max(versions)
    if tls.enabled_cipher_suites:
        _choose_ciphers(context, tls.enabled_cipher_suites)
    _trust(context, tls)
    if tls.key_store_path is not None:
        _identify(context, tls, tls.key_store_path)
    return context


def _choose_ciphers(context: ssl.SSLContext, names: tuple[str, ...]) -> None:
    older, newer = openssl_names(names)
    if not newer and context.maximum_version in (ssl.TLSVersion.MAXIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_3):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if not older:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        if older:
            context.set_ciphers(":".join(older))
    except ssl.SSLError:
        raise ConfigError(
            f"enabledCipherSuites: none of {', '.join(names)} is known to {ssl.OPENSSL_VERSION}",
            parameter="enabledCipherSuites",
        ) from None


def _trust(context: ssl.SSLContext, tls: Tls) -> None:
    if tls.trust_all or not tls.verify_host:
        context.check_hostname = False
    if tls.trust_all:
        context.verify_mode = ssl.CERT_NONE
        return
    if tls.trust_store_path is None:
        context.load_default_certs()
    else:
        path = Path(tls.trust_store_path)
        if tls.trust_store_type == "PKCS12":
            store = _open_pkcs12("trustStore", path, tls.trust_store_password)
            text = _trusted(store, path)
            _reading("trustStorePath", path, lambda: context.load_verify_locations(cadata=text))
        else:
            _expect_pem("trustStore", path)
            _reading("trustStorePath", path, lambda: context.load_verify_locations(cafile=path))
        # As in Java, what the store holds is trusted, whether or not it could sign others.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if tls.crl_path is not None:
        revoked = Path(tls.crl_path)
        _expect_pem("crl", revoked)
        _reading("crlPath", revoked, lambda: context.load_verify_locations(cafile=revoked))
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN


def _identify(context: ssl.SSLContext, tls: Tls, where: str) -> None:
    path = Path(where)
    # A password that is not given is empty: OpenSSL would else ask whoever sits at the terminal.
    if tls.key_store_type != "PKCS12":
        _expect_pem("keyStore", path)
        password = tls.key_store_password or ""
        _reading("keyStorePath", path, lambda: context.load_cert_chain(path, password=password))
        return
    store = _open_pkcs12("keyStore", path, tls.key_store_password)
    _check_alias(store, tls.key_store_alias, path)
    once = secrets.token_bytes(32).hex().encode()
    with tempfile.TemporaryDirectory(prefix="corewire-") as folder:  # ssl reads files only; its reader is this process
        pem = Path(folder) / "key.pem"
        pem.write_bytes(_as_pem(store, once, path))
        _reading("keyStorePath", path, lambda: context.load_cert_chain(pem, password=once))


def _reading(key: str, path: Path, load: Callable[[], None]) -> None:
    try:
        load()
    except ssl.SSLError as error:
        reason = (error.reason or "no certificate, no key, or a wrong password").replace("_", " ").lower()
        raise ConfigError(f"{key}: {path} cannot be used: {reason}", parameter=key) from error
    except OSError as error:
        raise ConfigError(f"{key}: {path} cannot be read: {error.strerror}", parameter=key) from error


def _read(key: str, path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{key}: {path} cannot be read: {error.strerror}", parameter=key) from error
    if kind := _JAVAS_OWN.get(data[:4]):
        new = path.with_suffix(".p12").name
        raise ConfigError(
            f"{key}: {path} is a store of Java's own type {kind}; convert it with: keytool -importkeystore -srckeystore"
            f" {path} -srcstoretype {kind} -destkeystore {new} -deststoretype PKCS12",
            parameter=key,
        )
    return data


def _expect_pem(what: str, path: Path) -> None:
    if _read(f"{what}Path", path).startswith(_ASN1):
        hint = f"Say {what}Type=PKCS12 if it is that." if what != "crl" else "Convert it with: openssl crl -inform DER"
        raise ConfigError(f"{what}Path: {path} is no PEM", parameter=f"{what}Path", hint=hint)


# -- PKCS12 ------------------------------------------------------------------------------------------------------------


def _open_pkcs12(what: str, path: Path, password: str | None) -> PKCS12KeyAndCertificates:
    key = f"{what}Path"
    data = _read(key, path)
    try:
        from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
    except ImportError:
        raise ConfigError(
            f"{what}Type: stores of the type PKCS12 need an extra",
            parameter=f"{what}Type",
            hint='Install it with: pip install "corewire[pkcs12]"',
        ) from None
    try:
        return load_pkcs12(data, None if password is None else password.encode())
    except ValueError as error:
        raise ConfigError(
            f"{key}: {path} cannot be used: {error}", parameter=key, hint=f"Is {what}Password right?"
        ) from error


def _trusted(store: PKCS12KeyAndCertificates, path: Path) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    held = [store.cert] if store.cert is not None else []
    found = [one.certificate.public_bytes(Encoding.PEM).decode() for one in (*held, *store.additional_certs)]
    if not found:
        raise ConfigError(f"trustStorePath: {path} holds no certificate", parameter="trustStorePath")
    return "".join(found)


def _check_alias(store: PKCS12KeyAndCertificates, alias: str | None, path: Path) -> None:
    if alias is None:
        return
    held = "" if store.cert is None else (store.cert.friendly_name or b"").decode(errors="replace")
    if held.lower() != alias.lower():  # Java's aliases have no case
        raise ConfigError(
            f"keyStoreAlias: {path} holds no key of the name {alias!r}", parameter="keyStoreAlias", nearest=[held]
        )


def _as_pem(store: PKCS12KeyAndCertificates, password: bytes, path: Path) -> bytes:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    if store.key is None or store.cert is None:
        raise ConfigError(f"keyStorePath: {path} holds no private key", parameter="keyStorePath")
    key = store.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
    chain: Iterable[bytes] = (
        one.certificate.public_bytes(Encoding.PEM) for one in (store.cert, *store.additional_certs)
    )
    return key + b"".join(chain)
