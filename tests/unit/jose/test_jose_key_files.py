"""Keys as files: PEM and DER, with a password and without, and certificates."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from support.jose import ASYMMETRIC, NOW, key_for
from valetkey.jose import ConfigurationError, InvalidKey, Jwk
from valetkey.jose.key_files import load_der, load_pem, to_der, to_pem

PASSWORD = b"correct horse battery staple"


@pytest.mark.parametrize("algorithm", [*ASYMMETRIC, "ECDH-ES", "RSA-OAEP-256"])
def test_a_key_survives_every_form_of_file(algorithm: str) -> None:
    key = key_for(algorithm)
    for password in (None, PASSWORD):
        again = (
            Jwk.from_pem(to_pem(key, password=password), algorithm=algorithm, password=password),
            Jwk.from_pem(to_pem(key, password=password).decode(), algorithm=algorithm, password=password),
            Jwk.from_der(to_der(key, password=password), algorithm=algorithm, password=password),
        )
        for one in again:
            assert one.as_private_dict() == key.as_private_dict() | {"kid": key.thumbprint()}
    for public in (
        Jwk.from_pem(to_pem(key.public()), algorithm=algorithm, kid="k"),
        Jwk.from_der(to_der(key.public()), algorithm=algorithm, kid="k"),
    ):
        assert (public.is_private, public.thumbprint(), public.kid) == (False, key.thumbprint(), "k")


@pytest.mark.parametrize("curve", ["X25519", "X448", "P-384", "P-521"])
def test_an_agreement_key_of_every_curve_survives(curve: str) -> None:
    key = Jwk.generate("ECDH-ES+A256KW", curve=curve)
    assert Jwk.from_der(to_der(key), algorithm="ECDH-ES+A256KW").thumbprint() == key.thumbprint()


def test_older_forms_of_file_are_read() -> None:
    key = rsa.generate_private_key(65537, 2048)
    for encoding, read in ((Encoding.PEM, Jwk.from_pem), (Encoding.DER, Jwk.from_der)):
        octets = key.private_bytes(encoding, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        assert read(octets, algorithm="PS256").is_private


@pytest.mark.parametrize("password", [None, b"another", b"", PASSWORD + b"\n"])
def test_an_encrypted_key_opens_with_its_own_password_only(password: bytes | None) -> None:
    key = key_for("ES256")
    with pytest.raises(InvalidKey) as refusal:
        Jwk.from_pem(to_pem(key, password=PASSWORD), algorithm="ES256", password=password)
    with pytest.raises(InvalidKey):
        Jwk.from_der(to_der(key, password=PASSWORD), algorithm="ES256", password=password)
    assert "battery" not in str(refusal.value)


def test_a_password_that_is_not_needed_is_an_error_too() -> None:
    key = key_for("ES256")
    for octets in (to_pem(key), to_pem(key.public()), _certificate(key)):
        with pytest.raises(InvalidKey):
            load_pem(octets, PASSWORD)
    for octets in (to_der(key), to_der(key.public())):
        with pytest.raises(InvalidKey):
            load_der(octets, PASSWORD)


def test_an_encrypted_file_holds_nothing_of_the_key() -> None:
    key = key_for("Ed25519")
    written = to_der(key, password=PASSWORD)
    seed = to_der(key)[-32:]
    assert seed not in written
    assert to_der(key, password=PASSWORD) != written


def test_only_a_private_key_is_encrypted_and_only_with_a_password() -> None:
    with pytest.raises(ConfigurationError):
        to_pem(key_for("ES256").public(), password=PASSWORD)
    for password in (b"", b"x" * 1024):
        with pytest.raises(ConfigurationError):
            to_pem(key_for("ES256"), password=password)
    for write in (to_pem, to_der):
        with pytest.raises(InvalidKey):
            write(key_for("HS256"))


@pytest.mark.parametrize("junk", [b"", b"0", b"0" * 70_000, b"\x30\x82\xff\xff", b"\x30\x80" * 1000])
def test_what_is_no_der_is_refused(junk: bytes) -> None:
    for password in (None, PASSWORD):
        with pytest.raises(InvalidKey):
            Jwk.from_der(junk, algorithm="ES256", password=password)


def test_a_file_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidKey, match="too large"):
        Jwk.from_pem(to_pem(key_for("ES256")) + b"\n" * 70_000, algorithm="ES256")


def test_a_key_is_read_from_a_certificate() -> None:
    key = key_for("ES256")
    pem = _certificate(key)
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    for read in (Jwk.from_pem(pem, algorithm="ES256"), Jwk.from_der(der, algorithm="ES256")):
        assert (read.is_private, read.thumbprint()) == (False, key.thumbprint())
    with pytest.raises(InvalidKey):
        Jwk.from_pem(pem, algorithm="RS256")


def test_a_key_of_another_curve_or_algorithm_is_not_generated() -> None:
    for algorithm, curve in (("ES256", "P-384"), ("RS256", "P-256"), ("HS256", "P-256"), ("ES999", None)):
        with pytest.raises(InvalidKey):
            Jwk.generate(algorithm, curve=curve)
    assert Jwk.generate("EdDSA", curve="Ed448").as_dict()["crv"] == "Ed448"


def _certificate(key: Jwk) -> bytes:
    private = load_der(to_der(key))
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody")])
    start = datetime.fromtimestamp(NOW, UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.not_valid_before(start).not_valid_after(start + timedelta(days=1))
    signed = builder.public_key(private.public_key()).sign(private, hashes.SHA256())
    return signed.public_bytes(Encoding.PEM)
