"""A certificate chain is believed only from given trust anchors, and only in its time."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from support.jose import NOW, b64
from valetkey.jose import ConfigurationError, InvalidKey, Jwk
from valetkey.jose.certificates import key_of_chain, verify_chain_of

Signer = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def _issued(name: str, issuer: Signer | None, *, ca: bool, days: int = 30) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signer, above = (key, own) if issuer is None else (issuer[0], issuer[1].subject)
    start = datetime.fromtimestamp(NOW, UTC) - timedelta(days=1)
    usage = x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    return key, builder.sign(signer, hashes.SHA256())


ROOT = _issued("root", None, ca=True)
MIDDLE = _issued("middle", ROOT, ca=True)
LEAF = _issued("leaf", MIDDLE, ca=False)
ANCHORS = [ROOT[1].public_bytes(Encoding.PEM)]


def _x5c(*signers: Signer) -> list[str]:
    return [b64encode(signer[1].public_bytes(Encoding.DER)).decode() for signer in signers]


@pytest.mark.requirement("RFC7515-4.1.6/first")
def test_the_key_of_a_chain_that_ends_at_an_anchor_is_believed() -> None:
    key = key_of_chain(_x5c(LEAF, MIDDLE), trust_anchors=ANCHORS, algorithm="ES256", now=NOW)
    assert not key.is_private
    assert key.kid == key.thumbprint()
    key_of_chain(_x5c(LEAF, MIDDLE, ROOT), trust_anchors=[ANCHORS[0].decode()], algorithm="ES256", now=NOW)


@pytest.mark.requirement("RFC7515-4.1.6/chain")
def test_a_chain_that_does_not_end_at_an_anchor_or_out_of_its_time_is_refused() -> None:
    stranger = _issued("root", None, ca=True)
    late = _issued("late", MIDDLE, ca=False, days=1)
    no_authority = _issued("forged", LEAF, ca=False)
    for chain, now in (
        (_x5c(LEAF), NOW),
        (_x5c(MIDDLE, LEAF), NOW + 86_400 * 365),
        (_x5c(LEAF, MIDDLE), NOW + 86_400 * 30),
        (_x5c(LEAF, MIDDLE), NOW - 86_400 * 2),
        (_x5c(late, MIDDLE), NOW + 1),
        (_x5c(no_authority, LEAF, MIDDLE), NOW),
        (_x5c(_issued("leaf", stranger, ca=False), stranger), NOW),
    ):
        with pytest.raises(InvalidKey):
            key_of_chain(chain, trust_anchors=ANCHORS, algorithm="ES256", now=now)


@pytest.mark.parametrize("x5c", [[], "text", [7], ["!"], ["QUJD"], ["A" * 20_000], _x5c(LEAF) * 9])
def test_a_list_that_is_no_chain_is_refused(x5c: list[object]) -> None:
    with pytest.raises(InvalidKey):
        key_of_chain(x5c, trust_anchors=ANCHORS, algorithm="ES256", now=NOW)


@pytest.mark.parametrize("anchors", [[], [b"x"], ["-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"]])
def test_without_sound_anchors_nothing_is_believed(anchors: list[str | bytes]) -> None:
    with pytest.raises(ConfigurationError):
        key_of_chain(_x5c(LEAF, MIDDLE), trust_anchors=anchors, algorithm="ES256", now=NOW)


def test_the_key_of_a_chain_goes_with_its_algorithm() -> None:
    with pytest.raises(InvalidKey):
        key_of_chain(_x5c(LEAF, MIDDLE), trust_anchors=ANCHORS, algorithm="ES384", now=NOW)


def _jwk(signer: Signer, **members: object) -> Jwk:
    public = Jwk.from_key(signer[0].public_key(), algorithm="ES256").as_dict()
    return Jwk.parse(public | members)


@pytest.mark.requirement("RFC7517-4.7/match")
def test_the_chain_of_a_key_bears_this_very_key() -> None:
    chain = _x5c(LEAF, MIDDLE)
    der = LEAF[1].public_bytes(Encoding.DER)
    named = {"x5t": b64(sha1(der, usedforsecurity=False).digest()), "x5t#S256": b64(sha256(der).digest())}
    verify_chain_of(_jwk(LEAF, x5c=chain), trust_anchors=ANCHORS, now=NOW)
    verify_chain_of(_jwk(LEAF, x5c=chain, **named), trust_anchors=ANCHORS, now=NOW)
    for key, now in (
        (_jwk(LEAF), NOW),
        (_jwk(LEAF, x5c="text"), NOW),
        (_jwk(LEAF, x5c=[]), NOW),
        (_jwk(LEAF, x5c=[7]), NOW),
        (_jwk(LEAF, x5c=chain), NOW + 86_400 * 30),
        (_jwk(LEAF, x5c=_x5c(LEAF)), NOW),
        (_jwk(MIDDLE, x5c=chain), NOW),
        (_jwk(LEAF, x5c=_x5c(MIDDLE, LEAF)), NOW),
        (_jwk(LEAF, x5c=chain, x5t=named["x5t#S256"]), NOW),
        (_jwk(LEAF, x5c=chain, **{"x5t#S256": "A" * 43}), NOW),
        (_jwk(LEAF, x5c=chain, **{"x5t#S256": 7}), NOW),
    ):
        with pytest.raises(InvalidKey):
            verify_chain_of(key, trust_anchors=ANCHORS, now=now)
    with pytest.raises(ConfigurationError):
        verify_chain_of(_jwk(LEAF, x5c=chain), trust_anchors=[], now=NOW)
