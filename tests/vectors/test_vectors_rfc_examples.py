"""The worked examples of RFC 7515 to 7519, 7638, 7797, 8037, 9278, 9449 and 9964.

The files of rfc-examples hold what their appendices print: 7515 A and E, 7516 A and B, 7517 A to C, 7518 B and C,
7519 3.1, 6.1 and A, 7638 3.1, 7797 4, 8037 A, 9278 5, 9449 4 to 7, 9964 A. RFC 9864 prints no example, only names.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from valetkey.jose import (
    AlgorithmNotAllowed,
    Decrypter,
    DecryptionFailed,
    InvalidKey,
    InvalidToken,
    Jwk,
    JwkSet,
    MalformedToken,
    SignatureInvalid,
    Verifier,
    jws,
    jws_json,
)
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS, INSECURE_RSA1_5
from valetkey.jose.dpop_proof import DpopProofVerifier
from valetkey.jose.jwe_json import decrypt_json
from valetkey.jose.jwk import signer_of
from valetkey.jose.jws_json import Signatures

HERE: Final = Path(__file__).parent / "rfc-examples"
JOE: Final = {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}

Example = dict[str, Any]


def _read(name: str) -> Any:
    return json.loads((HERE / name).read_text())


SIGNATURES: Final = _read("signatures.json")
ACCEPTED: Final = {one["id"]: one for one in SIGNATURES["accepted"]}
COMPACT: Final = {name: one for name, one in ACCEPTED.items() if isinstance(one["jws"], str)}
REPRODUCIBLE: Final = [name for name, one in COMPACT.items() if one.get("reproducible")]
JSON: Final = [name for name in ACCEPTED if name not in COMPACT]
REFUSED: Final = {one["id"]: one for one in SIGNATURES["refused"]}
ENCRYPTIONS: Final = {one["id"]: one for one in _read("encryptions.json")}
AGREEMENTS: Final = {one["id"]: one for one in _read("agreements.json")}
CONTENT: Final = {one["id"]: one for one in _read("content_encryptions.json")}
KEYS: Final = _read("keys.json")
SETS: Final = {one["id"]: one["jwks"] for one in KEYS["sets"]}
THUMBPRINTS: Final = {one["id"]: one for one in KEYS["thumbprints"]}
PROOFS: Final = {one["id"]: one for one in _read("proofs.json")}


def _b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


# --- signatures --------------------------------------------------------------------------------------------------


def _key(example: Example) -> Jwk:
    return Jwk.parse(example["key"], algorithm=example["algorithm"])


def _verified(example: Example, token: str, payload: bytes) -> bytes:
    key = _key(example)
    keys = JwkSet((key if key.is_symmetric or not key.is_private else key.public(),))
    algorithms = [example["algorithm"]]
    if example.get("detached"):
        return jws.verify_detached(token, payload, keys, algorithms=algorithms).payload
    return jws.verify_compact(token, keys, algorithms=algorithms).payload


@pytest.mark.requirement("RFC9964-5/context")
@pytest.mark.parametrize("name", COMPACT)
def test_a_signed_example_verifies_and_nothing_near_it(name: str) -> None:
    example = COMPACT[name]
    token, payload = str(example["jws"]), str(example["payload"]).encode()
    assert _verified(example, token, payload) == payload
    header, body, signature = token.split(".")
    with pytest.raises(SignatureInvalid):
        _verified(example, f"{header}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}", payload)
    if example.get("detached"):
        with pytest.raises(SignatureInvalid):
            _verified(example, token, payload + b".")
    else:
        with pytest.raises(SignatureInvalid):
            _verified(example, f"{header}.{'f' if body[0] != 'f' else 'g'}{body[1:]}.{signature}", payload)


@pytest.mark.parametrize("name", REPRODUCIBLE)
def test_a_deterministic_example_is_made_again(name: str) -> None:
    example = COMPACT[name]
    key, payload = _key(example), str(example["payload"]).encode()
    sign = jws.sign_unencoded if example.get("detached") else jws.sign_compact
    assert sign(payload, key) == example["jws"]


@pytest.mark.parametrize("name", JSON)
def test_an_example_in_json_serialization_verifies_with_every_signature(name: str) -> None:
    example = ACCEPTED[name]
    named = zip(example["keys"], example["algorithms"], strict=True)
    keys = JwkSet.parse({"keys": [{**members, "alg": algorithm} for members, algorithm in named]})
    opened = jws_json.verify_json(example["jws"], keys, algorithms=example["algorithms"], signatures=Signatures.ALL)
    assert opened.payload == example["payload"].encode()
    assert [one.key.algorithm for one in opened.signatures] == example["algorithms"]
    altered = {**example["jws"], "payload": "f" + example["jws"]["payload"][1:]}
    with pytest.raises(InvalidToken):
        jws_json.verify_json(altered, keys, algorithms=example["algorithms"], signatures=Signatures.ONE)


@pytest.mark.parametrize("name", REFUSED)
def test_an_example_that_must_be_refused_is_refused(name: str) -> None:
    # covers: JWS-01, JWS-09
    example = REFUSED[name]
    keys = JwkSet((_key(COMPACT["RFC 7515 A.1, RFC 7519 3.1"]),))
    with pytest.raises(InvalidToken) as refusal:
        jws.verify_compact(example["jws"], keys, algorithms=["HS256"])
    assert refusal.value.code == example["why"]
    verifier = Verifier(issuer="joe", audience="anybody", typ="JWT", algorithms=["HS256"])
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(example["jws"], keys, now=1300819379)
    assert refusal.value.code == example["why"]


# --- encryption --------------------------------------------------------------------------------------------------


def _decrypter(example: Example) -> Decrypter:
    keys = JwkSet(tuple(Jwk.parse(key, algorithm=example["algorithm"]) for key in example["keys"]))
    allowed = INSECURE_RSA1_5 if example["algorithm"] == "RSA1_5" else example["algorithm"]
    return Decrypter(keys=keys, algorithms=[allowed], encryptions=[example["encryption"]])


def _opened(example: Example, jwe: str | dict[str, object]) -> bytes:
    decrypter = _decrypter(example)
    return (decrypter.decrypt(jwe) if isinstance(jwe, str) else decrypt_json(jwe, decrypter)).plaintext


@pytest.mark.parametrize("name", ENCRYPTIONS)
def test_an_encrypted_example_is_opened_and_nothing_near_it(name: str) -> None:
    example = ENCRYPTIONS[name]
    jwe: str | dict[str, object] = example["jwe"]
    assert _opened(example, jwe).decode() == example["plaintext"]
    tag = jwe.rpartition(".")[2] if isinstance(jwe, str) else str(jwe["tag"])
    altered = ("A" if tag[0] != "A" else "B") + tag[1:]
    if isinstance(jwe, str):
        with pytest.raises(DecryptionFailed):
            _opened(example, jwe.removesuffix(tag) + altered)
    else:
        with pytest.raises(InvalidToken):
            _opened(example, {**jwe, "tag": altered})


def test_the_key_that_rfc_7517_encrypts_is_a_sound_private_key() -> None:
    members = _opened(ENCRYPTIONS["RFC 7517 C"], ENCRYPTIONS["RFC 7517 C"]["jwe"])
    key = Jwk.parse(members, algorithm="RSA-OAEP-256")
    assert (key.kid, key.is_private) == ("juliet@capulet.lit", True)


def test_the_jwt_of_rfc_7519_a_1_bears_its_claims() -> None:
    assert json.loads(_opened(ENCRYPTIONS["RFC 7519 A.1"], ENCRYPTIONS["RFC 7519 A.1"]["jwe"])) == JOE


def test_the_nested_jwt_of_rfc_7519_a_2_bears_the_signature_of_rfc_7515_a_2() -> None:
    inner = _opened(ENCRYPTIONS["RFC 7519 A.2"], ENCRYPTIONS["RFC 7519 A.2"]["jwe"]).decode()
    assert inner == COMPACT["RFC 7515 A.2"]["jws"]
    assert json.loads(_verified(COMPACT["RFC 7515 A.2"], inner, b"")) == JOE


@pytest.mark.requirement("RFC7518-4.6/length")
def test_the_agreement_of_rfc_7518_c_derives_the_key_that_it_prints() -> None:
    example = AGREEMENTS["RFC 7518 C"]
    protected = _b64(json.dumps(example["header"]).encode())
    sealed = AESGCM(_octets(example["derived"])).encrypt(bytes(12), b"for Bob", protected.encode())
    token = f"{protected}..{_b64(bytes(12))}.{_b64(sealed[:-16])}.{_b64(sealed[-16:])}"
    assert _opened({**example, "keys": [example["key"]]}, token) == b"for Bob"


@pytest.mark.parametrize("name", ["RFC 8037 A.6", "RFC 8037 A.7"])
def test_the_agreement_of_rfc_8037_derives_from_the_shared_value_that_it_prints(name: str) -> None:
    # Both sides compute one value: the recipient's private part is not printed, so the ephemeral one stands for it.
    example = AGREEMENTS[name]
    size = int(example["encryption"][1:4]) // 8
    info = b"".join(len(part).to_bytes(4, "big") + part for part in (example["algorithm"].encode(), b"", b""))
    hashed = (1).to_bytes(4, "big") + _octets(example["shared"]) + info + (size * 8).to_bytes(4, "big")
    wrapped = aes_key_wrap(hashlib.sha256(hashed).digest()[:size], bytes(size))
    epk = {part: example["recipient"][part] for part in ("kty", "crv", "x")}
    header = {"alg": example["algorithm"], "epk": epk, "enc": example["encryption"]}
    protected = _b64(json.dumps(header).encode())
    sealed = AESGCM(bytes(size)).encrypt(bytes(12), b"agreed", protected.encode())
    token = f"{protected}.{_b64(wrapped)}.{_b64(bytes(12))}.{_b64(sealed[:-16])}.{_b64(sealed[-16:])}"
    assert _opened({**example, "keys": [example["ephemeral"]]}, token) == b"agreed"


@pytest.mark.parametrize("name", CONTENT)
def test_an_example_of_content_encryption_is_computed_both_ways(name: str) -> None:
    example = CONTENT[name]
    parts = {part: bytes.fromhex(text) for part, text in example.items() if part not in {"id", "encryption"}}
    cipher = CONTENT_ENCRYPTIONS[example["encryption"]].prepare(parts["key"])
    assert cipher.seal(parts["iv"], parts["plaintext"], parts["aad"]) == (parts["ciphertext"], parts["tag"])
    assert cipher.unseal(parts["iv"], parts["ciphertext"], parts["tag"], parts["aad"]) == parts["plaintext"]


# --- keys and proofs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["RFC 7517 A.1", "RFC 7517 A.2", "RFC 7517 A.3", "RFC 7517 B"])
def test_every_key_of_an_example_set_is_read(name: str) -> None:
    members = SETS[name]["keys"]
    keys = JwkSet.parse(SETS[name])
    assert keys.skipped == ()
    assert len(keys.keys) + len(keys.unbound) == len(members)
    kids = {key.kid for key in keys.keys} | {key.kid for key in keys.unbound}
    assert kids == {one.get("kid") for one in members}


def test_the_certificate_of_rfc_7517_b_travels_with_its_key_and_bears_it() -> None:
    key = Jwk.parse(SETS["RFC 7517 B"]["keys"][0], algorithm="RS256")
    chain = SETS["RFC 7517 B"]["keys"][0]["x5c"]
    assert key.as_dict()["x5c"] == chain
    assert Jwk.from_der(base64.b64decode(chain[0]), algorithm="RS256").thumbprint() == key.thumbprint()


@pytest.mark.requirement("RFC7638-3/thumbprint")
@pytest.mark.parametrize("name", THUMBPRINTS)
def test_a_thumbprint_and_its_uri_are_those_that_the_rfc_prints(name: str) -> None:
    example = THUMBPRINTS[name]
    algorithm = example["key"].get("alg") or {"OKP": "Ed25519", "EC": "ES256"}[example["key"]["kty"]]
    key = Jwk.parse(example["key"], algorithm=algorithm)
    assert key.thumbprint() == example["thumbprint"]
    assert key.thumbprint_uri() == f"urn:ietf:params:oauth:jwk-thumbprint:sha-256:{example['thumbprint']}"


@pytest.mark.parametrize("name", PROOFS)
def test_a_proof_of_rfc_9449_is_believed_at_its_time_and_names_its_key(name: str) -> None:
    example = PROOFS[name]
    verifier = DpopProofVerifier(algorithms=["ES256"])
    proof = verifier.verify(example["proof"], now=example["claims"]["iat"])
    assert dict(proof.claims) == example["claims"]
    assert proof.key.thumbprint() == example["thumbprint"]
    if "ath" in example["claims"]:
        assert _b64(hashlib.sha256(example["access_token"].encode()).digest()) == example["claims"]["ath"]
    with pytest.raises(InvalidToken):
        verifier.verify(example["proof"], now=example["claims"]["iat"] + 61)


@pytest.mark.requirement("RFC9864-7/one-algorithm")
@pytest.mark.parametrize("name", ["Ed25519", "Ed448"])
def test_a_name_of_rfc_9864_computes_what_eddsa_computes_and_fits_one_curve(name: str) -> None:
    other = "Ed448" if name == "Ed25519" else "Ed25519"
    key = Jwk.generate(name)
    members = {part: value for part, value in key.as_private_dict().items() if part != "alg"}
    polymorphic = Jwk.parse(members, algorithm="EdDSA")
    assert signer_of(key)(b"the same octets") == signer_of(polymorphic)(b"the same octets")
    signed = jws.sign_compact(b"fully specified", key)
    assert jws.verify_compact(signed, JwkSet((key.public(),)), algorithms=[name]).payload == b"fully specified"
    # A key is for one name, although both compute the same.
    with pytest.raises(AlgorithmNotAllowed):
        jws.verify_compact(signed, JwkSet((polymorphic.public(),)), algorithms=["EdDSA", name])
    with pytest.raises(InvalidKey):
        Jwk.parse(members, algorithm=other)


def test_every_example_is_run() -> None:
    assert (len(COMPACT), len(JSON), len(REFUSED)) == (10, 4, 2)
    assert len(ENCRYPTIONS) == 9
    assert (len(AGREEMENTS), len(CONTENT), len(SETS), len(THUMBPRINTS), len(PROOFS)) == (3, 4, 4, 6, 3)
    assert MalformedToken.code == REFUSED["RFC 7515 E"]["why"]
