"""Every algorithm in every serialization that we and another library have, both ways."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from support.jose import key_for, key_set
from support.jose_peers import (
    ENCRYPTED,
    SECOND,
    Form,
    Joserfc,
    Jwcrypto,
    NpmJose,
    Peer,
    Pyjwt,
    takes_two,
)
from support.node import node_peer
from valetkey.jose import Decrypter, Jwk, JwkSet, jwe, jws
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS, KEY_MANAGEMENT_ALGORITHMS, SIGNATURE_ALGORITHMS
from valetkey.jose.jwe_json import JweContent, decrypt_json, encrypt_flattened, encrypt_general
from valetkey.jose.jws_json import (
    JwsSigner,
    PayloadEncoding,
    Signatures,
    sign_flattened,
    sign_general,
    verify_json,
)

pytestmark = [
    pytest.mark.interop,
    # joserfc warns of names that are on their way out; we speak them because others do.
    pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning"),
]

PEERS: dict[str, type[Joserfc | Jwcrypto | Pyjwt | NpmJose]] = {
    "joserfc": Joserfc,
    "jwcrypto": Jwcrypto,
    "PyJWT": Pyjwt,
    "npm jose": NpmJose,
}
SIGNATURES = [
    (name, algorithm, form)
    for name, peer in PEERS.items()
    for algorithm in SIGNATURE_ALGORITHMS
    if algorithm in peer.signatures
    for form in peer.signed_forms
]
ENCRYPTIONS = [
    (name, row.name, curve, form)
    for name, peer in PEERS.items()
    for row in KEY_MANAGEMENT_ALGORITHMS.values()
    if row.name in peer.management and row.encryption is None and row.name != "RSA1_5"
    for curve in (row.curves or ("",))
    if not curve or curve in peer.curves
    for form in ENCRYPTED
]
PAYLOAD = "what was said: $02 \u00e4"
TEXT = "what nobody else shall read"


@pytest.fixture(scope="module")
def peers() -> Iterator[dict[str, Peer]]:
    with ExitStack() as stack:
        node = stack.enter_context(node_peer("jose_peer.mjs"))
        yield {"joserfc": Joserfc(), "jwcrypto": Jwcrypto(), "PyJWT": Pyjwt(), "npm jose": NpmJose(node)}


def _signed(form: Form, key: Jwk, payload: str) -> Any:
    octets = payload.encode()
    match form:
        case Form.COMPACT:
            return jws.sign_compact(octets, key)
        case Form.DETACHED:
            return jws.sign_detached(octets, key)
        case Form.UNENCODED:
            return jws.sign_unencoded(octets, key)
        case Form.FLATTENED:
            return sign_flattened(octets, JwsSigner(key=key))
        case Form.UNENCODED_JSON:
            return sign_flattened(octets, JwsSigner(key=key), encoding=PayloadEncoding.NONE)
        case Form.GENERAL:
            return sign_general(octets, [JwsSigner(key=key), JwsSigner(key=key, header={"cty": "second"})])


def _verified(form: Form, key: Jwk, value: Any, payload: str) -> str:
    keys, algorithms = key_set(key), [key.algorithm]
    if isinstance(value, dict):
        return verify_json(value, keys, algorithms=algorithms, signatures=Signatures.ALL).payload.decode()
    if form is Form.COMPACT:
        return jws.verify_compact(value, keys, algorithms=algorithms).payload.decode()
    return jws.verify_detached(value, payload.encode(), keys, algorithms=algorithms).payload.decode()


@pytest.mark.parametrize(("name", "algorithm", "form"), SIGNATURES)
def test_a_signature_is_verified_on_both_sides(
    peers: dict[str, Peer], name: str, algorithm: str, form: Form
) -> None:
    peer, key = peers[name], key_for(algorithm)
    assert peer.verify(form, key, _signed(form, key, PAYLOAD), PAYLOAD) == PAYLOAD
    theirs = peer.sign(form, key, PAYLOAD)
    assert isinstance(theirs, dict) == (form in {Form.FLATTENED, Form.GENERAL, Form.UNENCODED_JSON})
    assert _verified(form, key, theirs, PAYLOAD) == PAYLOAD
    # The other side must see the difference too, or it has looked at nothing.
    other = _signed(form, key_for(algorithm, 1), PAYLOAD)
    with pytest.raises(Exception, match=r"."):
        peer.verify(form, key, other, PAYLOAD)


_KEYS: dict[tuple[str, str], Jwk] = {}


def _key(algorithm: str, curve: str) -> Jwk:
    if (algorithm, curve) not in _KEYS:
        _KEYS[algorithm, curve] = Jwk.generate(algorithm, kid=f"{algorithm} {curve}", curve=curve or None)
    return _KEYS[algorithm, curve]


def _encrypted(form: Form, key: Jwk, enc: str) -> Any:
    public = key if key.is_symmetric else key.public()
    content = JweContent(plaintext=TEXT.encode(), encryption=enc)
    match form:
        case Form.COMPACT:
            return jwe.encrypt(TEXT.encode(), public, encryption=enc)
        case Form.FLATTENED:
            return encrypt_flattened(content, public)
        case _:
            return encrypt_general(content, [public, SECOND] if takes_two(key) else [public])


def _fitting(algorithm: str) -> list[str]:
    # A key for direct encryption has one length; and stretching a password takes long on purpose.
    if algorithm == "dir":
        return ["A256GCM", "A128CBC-HS256"]
    return ["A192GCM", "A256CBC-HS512"] if algorithm.startswith("PBES2") else list(CONTENT_ENCRYPTIONS)


@pytest.mark.parametrize(("name", "algorithm", "curve", "form"), ENCRYPTIONS)
def test_an_encryption_is_opened_on_both_sides(
    peers: dict[str, Peer], name: str, algorithm: str, curve: str, form: Form
) -> None:
    peer, key = peers[name], _key(algorithm, curve)
    for enc in _fitting(algorithm):
        assert peer.decrypt(form, key, enc, _encrypted(form, key, enc)) == TEXT
        theirs = peer.encrypt(form, key, enc, TEXT)
        decrypter = Decrypter(keys=JwkSet((key,)), algorithms=[algorithm], encryptions=[enc])
        opened = decrypter.decrypt(theirs) if isinstance(theirs, str) else decrypt_json(theirs, decrypter)
        assert opened.plaintext.decode() == TEXT


def test_the_matrix_is_whole() -> None:
    # A peer that learns an algorithm, or one of ours that is not tried, changes these numbers.
    counts = {name: sum(row[0] == name for row in SIGNATURES) for name in PEERS}
    assert counts == {"joserfc": 16 * 6, "jwcrypto": 19 * 6, "PyJWT": 14 * 2, "npm jose": 14 * 6}
    counts = {name: sum(row[0] == name for row in ENCRYPTIONS) for name in PEERS}
    assert counts == {"joserfc": 32 * 3, "jwcrypto": 32 * 3, "PyJWT": 0, "npm jose": 30 * 3}
