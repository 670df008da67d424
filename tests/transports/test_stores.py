"""Stores that cannot be used, and ciphers: refused by the URL's key, with what to do."""

from __future__ import annotations

import ssl
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.transports.certificates import Authority

from corewire import Tls
from corewire.errors import ConfigError
from corewire_transports._ciphers import openssl_names
from corewire_transports._stores import make_context

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of all kinds."""
    (tmp_path / "old.jks").write_bytes(b"\xfe\xed\xfe\xed\0\0\0\2")
    (tmp_path / "old.jceks").write_bytes(b"\xce\xce\xce\xce\0\0\0\2")
    (tmp_path / "empty.pem").write_text("nothing")
    ca = Authority(tmp_path)
    ca.trust_pkcs12("secret")
    ca.key_pem(ca.issue(), "secret")
    ca.key_pkcs12(ca.issue(), None)
    return tmp_path


@pytest.mark.parametrize(
    ("values", "parameter", "words"),
    [
        ({"trust_store_path": "none.pem"}, "trustStorePath", "none.pem cannot be read: No such file"),
        ({"trust_store_path": "old.jks"}, "trustStorePath", "keytool -importkeystore -srckeystore .*old.jks"),
        (
            {"key_store_path": "old.jceks", "key_store_type": "PKCS12"},
            "keyStorePath",
            "-srcstoretype JCEKS -destkeystore old.p12 -deststoretype PKCS12",
        ),
        ({"trust_store_path": "empty.pem"}, "trustStorePath", "cannot be used: no certificate"),
        ({"trust_store_path": "ca.p12"}, "trustStorePath", "is no PEM\nSay trustStoreType=PKCS12"),
        ({"crl_path": "ca.p12"}, "crlPath", "is no PEM\nConvert it with: openssl crl"),
        ({"crl_path": "none.pem"}, "crlPath", "cannot be read"),
        ({"key_store_path": "ca-key.p12"}, "keyStorePath", "is no PEM\nSay keyStoreType=PKCS12"),
        ({"key_store_path": "ca.pem"}, "keyStorePath", "cannot be used: "),
        ({"key_store_path": "ca-key-encrypted.pem", "key_store_password": "wrong"}, "keyStorePath", "cannot be used: "),
        ({"key_store_path": "ca-key-encrypted.pem"}, "keyStorePath", "cannot be used: "),
        (
            {"key_store_path": "ca.p12", "key_store_type": "PKCS12", "key_store_password": "wrong"},
            "keyStorePath",
            "Is keyStorePassword right",
        ),
        (
            {"key_store_path": "ca.p12", "key_store_type": "PKCS12", "key_store_password": "secret"},
            "keyStorePath",
            "holds no private key",
        ),
        (
            {"key_store_path": "ca-key.p12", "key_store_type": "PKCS12", "key_store_alias": "you"},
            "keyStoreAlias",
            "nearest: me",
        ),
        ({"enabled_cipher_suites": ("ROT13",)}, "enabledCipherSuites", "ROT13 is known to OpenSSL"),
    ],
)
def test_what_cannot_be_used_is_named(folder: Path, values: dict[str, Any], parameter: str, words: str) -> None:
    values = {name: str(folder / value) if name.endswith("_path") else value for name, value in values.items()}
    with pytest.raises(ConfigError, match=words) as caught:
        make_context(Tls(**values))
    assert caught.value.parameter == parameter


def test_without_its_extra_pkcs12_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization.pkcs12", None)
    with pytest.raises(ConfigError, match=r'pip install "corewire\[pkcs12\]"') as caught:
        make_context(Tls(trust_store_path=str(folder / "ca.p12"), trust_store_type="PKCS12"))
    assert caught.value.parameter == "trustStoreType"


def test_a_key_from_a_pkcs12_store_leaves_no_file(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(empty))
    make_context(Tls(key_store_path=str(folder / "ca-key.p12"), key_store_type="PKCS12"))
    assert list(empty.iterdir()) == []


def test_defaults_are_safe() -> None:
    context = make_context(Tls())
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_run_of_protocols_is_enabled() -> None:
    context = make_context(Tls(enabled_protocols=("TLSv1.3", "TLSv1.2")))
    assert (context.minimum_version, context.maximum_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


@pytest.mark.parametrize(
    ("java", "openssl"),
    [
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ("TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", "DHE-RSA-AES256-SHA256"),
        ("TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"),
        ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
    ],
)
def test_suites_have_javas_names_and_openssls(java: str, openssl: str) -> None:
    assert openssl_names((java, "TLS_AES_128_GCM_SHA256")) == ([openssl], ["TLS_AES_128_GCM_SHA256"])
    context = make_context(Tls(enabled_cipher_suites=(java,)))
    assert openssl in [cipher["name"] for cipher in context.get_ciphers()]
    assert context.maximum_version is ssl.TLSVersion.TLSv1_2


def test_suites_of_the_newest_version_alone_exclude_the_older() -> None:
    context = make_context(Tls(enabled_cipher_suites=("TLS_AES_128_GCM_SHA256",)))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
