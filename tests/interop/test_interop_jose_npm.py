"""JWTs to and from npm jose, with their claims and header, both ways."""

from collections.abc import Iterator

import pytest

from support.jose import AUDIENCE, ISSUER, NOW, claims_with, header_of, key_for, key_set, token_by, verifier_for
from support.node import NodePeer, PeerRefusal, node_peer
from valetkey.jose import Jwk

pytestmark = pytest.mark.interop

HMAC = ("HS256", "HS384", "HS512")
RSA_AND_EC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
SIGNATURES = (*HMAC, *RSA_AND_EC, "EdDSA", "Ed25519")


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


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "Ed25519", "HS256", "ML-DSA-44"])
def test_a_thumbprint_is_the_same_for_npm_jose(peer: NodePeer, algorithm: str) -> None:
    key = key_for(algorithm)
    assert peer.call("thumbprint", key=_public(key)) == key.thumbprint()
