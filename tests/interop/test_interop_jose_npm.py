"""Tokens to and from npm jose: whatever both support, both ways."""

from collections.abc import Iterator

import pytest

from support.jose import AUDIENCE, ISSUER, NOW, claims_with, header_of, key_for, key_set, token_by, verifier_for
from support.node import NodePeer, PeerRefusal, node_peer
from valetkey.jose import Decrypter, Jwk, JwkSet, jwe, jws
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS
from valetkey.jose.jwe_json import JweContent, encrypt_general
from valetkey.jose.jws_json import JwsSigner, Signatures, sign_general, verify_json

pytestmark = pytest.mark.interop

HMAC = ("HS256", "HS384", "HS512")
RSA_AND_EC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
SIGNATURES = (*HMAC, *RSA_AND_EC, "EdDSA", "Ed25519")
MANAGEMENT = [
    *((name, "") for name in ("RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512", "A128KW", "A192KW")),
    *((name, "") for name in ("A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW", "dir")),
    *((name, "") for name in ("PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW")),
    *(
        (name, curve)
        for name in ("ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW")
        for curve in ("P-256", "P-384", "P-521", "X25519")
    ),
]


@pytest.fixture(scope="module")
def peer() -> Iterator[NodePeer]:
    with node_peer("jose_peer.mjs") as running:
        yield running


def _public(key: Jwk) -> dict[str, object]:
    return key.as_private_dict() if key.is_symmetric else key.as_dict()


@pytest.mark.parametrize("algorithm", SIGNATURES)
def test_a_signed_token_is_read_alike_by_npm_jose(peer: NodePeer, algorithm: str) -> None:
    key = key_for(algorithm)
    expected = {"issuer": ISSUER, "audience": AUDIENCE, "typ": "example+jwt", "now": NOW}
    ours = token_by(key)
    assert peer.call("verify", key=_public(key), alg=algorithm, token=ours, **expected) == claims_with()
    header = header_of(key)
    theirs = peer.call("sign", key=key.as_private_dict(), alg=algorithm, header=header, claims=claims_with())
    assert verifier_for(algorithm).verify(theirs, key_set(key)).claims == claims_with()
    with pytest.raises(PeerRefusal):
        peer.call("verify", key=_public(key), alg=algorithm, token=ours[:-8], **expected)


@pytest.mark.parametrize("algorithm", ["HS256", "PS256", "ES384", "Ed25519"])
def test_json_and_unencoded_signatures_are_read_alike_by_npm_jose(peer: NodePeer, algorithm: str) -> None:
    key = key_for(algorithm)
    keys = key_set(key)
    ours = sign_general(b"said", [JwsSigner(key=key)])
    assert peer.call("verify_json", key=_public(key), alg=algorithm, value=ours) == "said"
    theirs = peer.call("sign_json", key=key.as_private_dict(), alg=algorithm, payload="said")
    assert verify_json(theirs, keys, algorithms=[algorithm], signatures=Signatures.ALL).payload == b"said"
    unencoded = peer.call("sign_unencoded", key=key.as_private_dict(), alg=algorithm, payload="$.02")
    assert jws.verify_detached(unencoded, b"$.02", keys, algorithms=[algorithm]).header["b64"] is False


@pytest.mark.parametrize(("algorithm", "curve"), MANAGEMENT)
def test_an_encrypted_token_is_opened_by_npm_jose_and_its_own_by_us(
    peer: NodePeer, algorithm: str, curve: str
) -> None:
    key = Jwk.generate(algorithm, kid="e", curve=curve or None)
    decrypter = Decrypter(keys=JwkSet((key,)), algorithms=[algorithm], encryptions=list(CONTENT_ENCRYPTIONS))
    private = {name: part for name, part in key.as_private_dict().items() if name != "alg"}
    public = private if key.is_symmetric else {name: part for name, part in key.as_dict().items() if name != "alg"}
    for enc in ("A256GCM", "A128CBC-HS256"):
        ours = jwe.encrypt(b"unseen", key, encryption=enc)
        assert peer.call("decrypt", key=private, alg=algorithm, enc=enc, token=ours) == "unseen"
        theirs = peer.call("encrypt", key=public, alg=algorithm, enc=enc, plaintext="unseen")
        assert decrypter.decrypt(theirs).plaintext == b"unseen"


def test_an_encryption_for_several_is_opened_by_npm_jose(peer: NodePeer) -> None:
    keys = [Jwk.generate("RSA-OAEP-256"), Jwk.generate("ECDH-ES+A256KW")]
    made = encrypt_general(JweContent(plaintext=b"unseen", encryption="A256GCM", aad=b"seen"), keys)
    for key in keys:
        assert peer.call("decrypt_json", key=key.as_private_dict(), alg=key.algorithm, value=made) == "unseen"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "Ed25519", "HS256", "ML-DSA-44"])
def test_a_thumbprint_is_the_same_for_npm_jose(peer: NodePeer, algorithm: str) -> None:
    key = key_for(algorithm)
    assert peer.call("thumbprint", key=_public(key)) == key.thumbprint()
