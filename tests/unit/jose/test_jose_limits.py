"""Every limit has a name, a sane default, and is what its owner sets it to."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.jose import NOW, b64, claims_with, header_of, key_for, key_set, raw_token, verifier_for
from valetkey.jose import (
    ConfigurationError,
    Decrypter,
    DecryptionFailed,
    Jwk,
    JwkSet,
    MalformedToken,
    TokenTooLarge,
    jwe,
    jws,
)
from valetkey.jose.jwe import Compression, JweLimits
from valetkey.jose.jwe_json import JweContent, decrypt_json, encrypt_general
from valetkey.jose.jws import JwsLimits
from valetkey.jose.jws_json import JwsSigner, Signatures, sign_flattened, sign_general, verify_json
from valetkey.jose.key_management import DEFAULT_PBES2_COUNT

KEY = key_for("ES256")
KEYS = key_set(KEY)
KW = Jwk.generate("A256KW", kid="kw")
PAYLOAD = b"x" * 100


def _nested(depth: int) -> dict[str, Any]:
    """An object in which `depth` objects are nested, itself among them."""
    inner: dict[str, Any] = {"a": 1}
    for _ in range(depth - 1):
        inner = {"a": inner}
    return inner


def _compact(limits: JwsLimits, header: dict[str, Any] | None = None) -> bytes:
    token = jws.sign_compact(PAYLOAD, KEY, header=header)
    return jws.verify_compact(token, KEYS, algorithms=["ES256"], limits=limits).payload


def _detached(limits: JwsLimits, header: dict[str, Any] | None = None) -> bytes:
    token = jws.sign_detached(PAYLOAD, KEY, header=header)
    return jws.verify_detached(token, PAYLOAD, KEYS, algorithms=["ES256"], limits=limits).payload


def _in_json(limits: JwsLimits, header: dict[str, Any] | None = None) -> bytes:
    made = json.dumps(sign_flattened(PAYLOAD, JwsSigner(key=KEY, header=header or {})))
    return verify_json(made, KEYS, algorithms=["ES256"], signatures=Signatures.ALL, limits=limits).payload


@pytest.mark.parametrize("ask", [_compact, _detached, _in_json])
def test_what_a_signature_may_take_is_what_its_recipient_says(ask: Callable[..., bytes]) -> None:
    assert ask(JwsLimits()) == PAYLOAD
    with pytest.raises(TokenTooLarge):
        ask(JwsLimits(token_octets=99))
    long_header = {"x": "y" * 2_000}
    assert ask(JwsLimits(header_octets=4_000), long_header) == PAYLOAD
    for limits in (JwsLimits(header_octets=2_000), JwsLimits(header_octets=10)):
        with pytest.raises(TokenTooLarge):
            ask(limits, long_header)
    assert ask(JwsLimits(depth=5), {"x": _nested(4)}) == PAYLOAD
    with pytest.raises(MalformedToken):
        ask(JwsLimits(depth=5), {"x": _nested(5)})


def test_a_header_that_is_known_is_no_way_around_a_lower_limit() -> None:
    assert _compact(JwsLimits()) == PAYLOAD
    with pytest.raises(TokenTooLarge):
        _compact(JwsLimits(header_octets=10))


def test_how_many_signatures_there_may_be_can_be_set() -> None:
    made = sign_general(PAYLOAD, [JwsSigner(key=KEY)] * 3)
    for most in (3, 100):
        limits = JwsLimits(signatures=most)
        verify_json(made, KEYS, algorithms=["ES256"], signatures=Signatures.ALL, limits=limits)
    with pytest.raises(MalformedToken):
        verify_json(made, KEYS, algorithms=["ES256"], signatures=Signatures.ONE, limits=JwsLimits(signatures=2))


def test_what_a_jwt_may_take_is_what_its_verifier_says() -> None:
    token = raw_token(header_of(KEY, x="y" * 600), claims_with(deep=_nested(20)), KEY)
    verifier_for().verify(token, KEYS, now=NOW)
    verifier_for(maximum_depth=21, maximum_header_octets=1_200).verify(token, KEYS, now=NOW)
    deeper = raw_token(header_of(KEY), claims_with(deep=_nested(60)), KEY)
    with pytest.raises(MalformedToken):
        verifier_for().verify(deeper, KEYS, now=NOW)
    verifier_for(maximum_depth=100).verify(deeper, KEYS, now=NOW)
    for changes in ({"maximum_octets": 500}, {"maximum_header_octets": 500}):
        narrow = verifier_for(**changes)
        with pytest.raises(TokenTooLarge):
            narrow.verify(token, KEYS, now=NOW)
        with pytest.raises(TokenTooLarge):
            narrow.kid_of(token)
    with pytest.raises(MalformedToken):
        verifier_for(maximum_depth=20).verify(token, KEYS, now=NOW)


def _decrypter(key: Jwk = KW, **limits: int) -> Decrypter:
    return Decrypter(
        keys=JwkSet((key,)),
        algorithms=[key.algorithm],
        encryptions=["A256GCM"],
        compression=Compression.DEFLATE,
        limits=JweLimits(**limits),
    )


def test_what_an_encryption_may_take_is_what_its_recipient_says() -> None:
    token = jwe.encrypt(PAYLOAD, KW, encryption="A256GCM", header={"x": _nested(10)})
    made = json.dumps(
        encrypt_general(JweContent(plaintext=PAYLOAD, encryption="A256GCM", protected={"x": _nested(10)}), [KW])
    )
    for narrow, error in (
        (_decrypter(token_octets=200), TokenTooLarge),
        (_decrypter(header_octets=20), TokenTooLarge),
        (_decrypter(depth=10), MalformedToken),
    ):
        with pytest.raises(error):
            narrow.decrypt(token)
        with pytest.raises(error):
            decrypt_json(made, narrow)
    wide = _decrypter(depth=11, header_octets=400)
    assert wide.decrypt(token).plaintext == decrypt_json(made, wide).plaintext == PAYLOAD


def test_inflated_octets_recipients_and_stretching_can_be_set() -> None:
    # covers: JWE-01
    compressed = jwe.encrypt(PAYLOAD, KW, encryption="A256GCM", compression=Compression.DEFLATE)
    assert _decrypter(inflated_octets=100).decrypt(compressed).plaintext == PAYLOAD
    with pytest.raises(DecryptionFailed):
        _decrypter(inflated_octets=99).decrypt(compressed)
    made = encrypt_general(JweContent(plaintext=PAYLOAD, encryption="A256GCM"), [KW, Jwk.generate("A256KW")])
    assert decrypt_json(made, _decrypter(recipients=2)).plaintext == PAYLOAD
    with pytest.raises(MalformedToken):
        decrypt_json(made, _decrypter(recipients=1))
    password = Jwk.from_secret(b"correct horse battery staple", algorithm="PBES2-HS256+A128KW")
    stretched = jwe.encrypt(PAYLOAD, password, encryption="A256GCM")
    assert _decrypter(password, pbes2_count=DEFAULT_PBES2_COUNT).decrypt(stretched).plaintext == PAYLOAD
    with pytest.raises(MalformedToken):
        _decrypter(password, pbes2_count=DEFAULT_PBES2_COUNT - 1).decrypt(stretched)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "9", None])
def test_a_limit_that_is_none_is_refused_when_it_is_set(wrong: Any) -> None:
    for name in ("token_octets", "header_octets", "depth", "signatures"):
        with pytest.raises(ConfigurationError):
            JwsLimits(**{name: wrong})
    for name in ("token_octets", "inflated_octets", "pbes2_count", "recipients", "header_octets", "depth"):
        with pytest.raises(ConfigurationError):
            JweLimits(**{name: wrong})
    for name in ("maximum_octets", "maximum_header_octets", "maximum_depth"):
        with pytest.raises(ConfigurationError):
            verifier_for(**{name: wrong})


def test_nobody_can_allow_what_would_exhaust_the_stack() -> None:
    # covers: JWS-19
    for ask in (
        lambda: JwsLimits(depth=101),
        lambda: JweLimits(depth=101),
        lambda: verifier_for(maximum_depth=101),
    ):
        with pytest.raises(ConfigurationError):
            ask()
    bottomless = b64(b'{"a":' * 5_000 + b"1" + b"}" * 5_000)
    with pytest.raises((MalformedToken, TokenTooLarge)):
        jws.verify_compact(f"{bottomless}..", KEYS, algorithms=["ES256"], limits=JwsLimits(depth=100))
