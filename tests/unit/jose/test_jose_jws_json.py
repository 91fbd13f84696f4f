"""Several signatures over one payload, detached and unencoded payloads."""

import json

import pytest

from support.jose import b64, key_for, key_set
from valetkey.jose import (
    AlgorithmNotAllowed,
    ConfigurationError,
    DuplicateMember,
    InvalidToken,
    JwkSet,
    MalformedToken,
    SignatureInvalid,
    TokenTooLarge,
    jws,
)
from valetkey.jose.jws_json import (
    JwsSigner,
    PayloadEncoding,
    Signatures,
    sign_flattened,
    sign_general,
    verify_json,
)

ES, ED = key_for("ES256"), key_for("Ed25519")
BOTH = JwkSet((ES.public(), ED.public()))
ALGORITHMS = ("ES256", "Ed25519")
PAYLOAD = b"what was said"


def _general() -> dict[str, object]:
    return sign_general(PAYLOAD, [JwsSigner(key=ES, header={"typ": "a"}), JwsSigner(key=ED, unprotected={"x": 1})])


def test_a_flattened_signature_is_verified() -> None:
    made = sign_flattened(PAYLOAD, JwsSigner(key=ES, header={"typ": "a"}, unprotected={"x": 1}))
    found = verify_json(json.dumps(made), BOTH, algorithms=ALGORITHMS, signatures=Signatures.ALL)
    assert found.payload == PAYLOAD
    assert found.signatures[0].protected == {"alg": "ES256", "kid": ES.kid, "typ": "a"}
    assert found.signatures[0].header["x"] == 1
    assert "x" not in found.signatures[0].protected


def test_each_of_several_signatures_names_its_key() -> None:
    found = verify_json(_general(), BOTH, algorithms=ALGORITHMS, signatures=Signatures.ALL)
    assert [signature.key.kid for signature in found.signatures] == [ES.kid, ED.kid]


@pytest.mark.requirement("RFC7515-5.2/which-signatures")
def test_one_forged_signature_among_two_is_judged_by_the_named_policy() -> None:
    # covers: JWS-22
    made = _general()
    made["signatures"][0]["signature"] = b64(b"\x01" * 64)  # type: ignore[index]
    with pytest.raises(SignatureInvalid):
        verify_json(made, BOTH, algorithms=ALGORITHMS, signatures=Signatures.ALL)
    found = verify_json(made, BOTH, algorithms=ALGORITHMS, signatures=Signatures.ONE)
    assert [signature.position for signature in found.signatures] == [1]
    assert found.signatures[0].key.kid == ED.kid
    with pytest.raises(SignatureInvalid):
        verify_json(made, key_set(ES), algorithms=ALGORITHMS, signatures=Signatures.ONE)
    with pytest.raises(TypeError):
        verify_json(made, BOTH, algorithms=ALGORITHMS)  # type: ignore[call-arg]


def test_an_algorithm_outside_of_the_list_does_not_count() -> None:
    with pytest.raises(AlgorithmNotAllowed):
        verify_json(_general(), BOTH, algorithms=["ES256"], signatures=Signatures.ALL)
    found = verify_json(_general(), BOTH, algorithms=["ES256"], signatures=Signatures.ONE)
    assert [signature.position for signature in found.signatures] == [0]


@pytest.mark.parametrize(
    "changes",
    [
        {"signatures": []},
        {"signatures": None},
        {"signatures": {}},
        {"signatures": ["x"]},
        {"signatures": [{}]},
        {"signature": "AAAA"},
        {"protected": "e30"},
        {"header": {}},
        {"payload": None},
        {"payload": 7},
        {"payload": "a b"},
        {"payload": "\ud800"},
        {"signatures": [{"protected": "e30", "signature": "AAAA"}] * 17},
        {"signatures": [{"protected": "e30", "signature": "AAAA"}]},
        {"signatures": [{"header": {"alg": "ES256"}, "protected": "eyJhbGciOiJFUzI1NiJ9", "signature": "AAAA"}]},
        {"signatures": [{"header": {"alg": "ES256", "crit": ["b64"], "b64": False}, "signature": "AAAA"}]},
        {"signatures": [{"header": [], "signature": "AAAA"}]},
        {"signatures": [{"protected": 1, "signature": "AAAA"}]},
        {"signatures": [{"protected": "eyJhbGciOiJFUzI1NiJ9", "signature": 1}]},
    ],
)
@pytest.mark.parametrize("policy", Signatures)
@pytest.mark.requirement("RFC7515-7.2.1/disjoint")
@pytest.mark.requirement("RFC7515-7.2.2/signatures")
def test_an_object_that_is_no_jws_is_refused(changes: dict[str, object], policy: Signatures) -> None:
    # covers: JWS-09
    with pytest.raises(MalformedToken):
        verify_json(_general() | changes, BOTH, algorithms=ALGORITHMS, signatures=policy)


def test_duplicate_members_and_texts_too_large_are_refused() -> None:
    # covers: JWS-18
    text = json.dumps(_general())
    with pytest.raises(DuplicateMember):
        verify_json(text[:-1] + ',"payload":"x"}', BOTH, algorithms=ALGORITHMS, signatures=Signatures.ALL)
    for value in (text + " " * 70_000, _general() | {"payload": "A" * 70_000}):
        with pytest.raises((TokenTooLarge, MalformedToken)):
            verify_json(value, BOTH, algorithms=ALGORITHMS, signatures=Signatures.ALL)
    with pytest.raises(MalformedToken):
        verify_json("\ud800", BOTH, algorithms=ALGORITHMS, signatures=Signatures.ALL)


def test_what_overlaps_or_is_too_much_is_not_signed() -> None:
    for signer in (
        JwsSigner(key=ES, header={"alg": "none"}),
        JwsSigner(key=ES, header={"kid": "x"}),
        JwsSigner(key=ES, header={"crit": ["x"]}),
        JwsSigner(key=ES, header={"b64": False}),
        JwsSigner(key=ES, unprotected={"alg": "none"}),
        JwsSigner(key=ES, unprotected={"crit": ["x"]}),
        JwsSigner(key=ES.public()),
    ):
        with pytest.raises(ConfigurationError):
            sign_flattened(PAYLOAD, signer)
    for count in (0, 17):
        with pytest.raises(ConfigurationError):
            sign_general(PAYLOAD, [JwsSigner(key=ES)] * count)


def test_a_detached_payload_is_verified_only_as_it_was_signed() -> None:
    token = jws.sign_detached(PAYLOAD, ES, header={"typ": "a"})
    assert ".." in token
    assert jws.verify_detached(token, PAYLOAD, BOTH, algorithms=ALGORITHMS).payload == PAYLOAD
    with pytest.raises(SignatureInvalid):
        jws.verify_detached(token, PAYLOAD + b".", BOTH, algorithms=ALGORITHMS)
    with pytest.raises(MalformedToken):
        jws.verify_detached(jws.sign_compact(PAYLOAD, ES), PAYLOAD, BOTH, algorithms=ALGORITHMS)
    with pytest.raises(TokenTooLarge):
        jws.verify_detached(token, b"x" * 70_000, BOTH, algorithms=ALGORITHMS)


@pytest.mark.requirement("RFC7797-6/crit")
def test_an_unencoded_payload_is_signed_as_it_is() -> None:
    payload = b"$.02 \xff\x00 and dots ..."
    token = jws.sign_unencoded(payload, ES)
    verified = jws.verify_detached(token, payload, BOTH, algorithms=ALGORITHMS)
    assert verified.payload == payload
    assert verified.header["b64"] is False
    with pytest.raises(SignatureInvalid):
        jws.verify_detached(token, b64(payload).encode(), BOTH, algorithms=ALGORITHMS)
    # Nobody who does not know the extension may read the payload another way.
    header, _, signature = token.partition("..")
    jws.verify_compact(jws.sign_compact(PAYLOAD, ES), BOTH, algorithms=ALGORITHMS)
    with pytest.raises(InvalidToken):
        jws.verify_compact(f"{header}.{b64(payload)}.{signature}", BOTH, algorithms=ALGORITHMS)


@pytest.mark.requirement("RFC7797-6/crit")
def test_an_unencoded_text_is_signed_and_sent_as_it_is_in_either_json_serialization() -> None:
    text = "$.02 and dots ... \u00e4"
    for made in (
        sign_flattened(text.encode(), JwsSigner(key=ES), encoding=PayloadEncoding.NONE),
        sign_general(text.encode(), [JwsSigner(key=ES), JwsSigner(key=ED)], encoding=PayloadEncoding.NONE),
    ):
        assert made["payload"] == text
        for value in (made, json.dumps(made)):
            verified = verify_json(value, BOTH, algorithms=ALGORITHMS, signatures=Signatures.ALL)
            assert verified.payload == text.encode()
            assert all(one.protected["b64"] is False for one in verified.signatures)
        encoded = made | {"payload": b64(text.encode())}
        with pytest.raises(SignatureInvalid):
            verify_json(encoded, BOTH, algorithms=ALGORITHMS, signatures=Signatures.ONE)
        detached = {name: part for name, part in made.items() if name != "payload"}
        opened = verify_json(
            detached, BOTH, algorithms=ALGORITHMS, signatures=Signatures.ALL, payload=text.encode()
        )
        assert opened.payload == text.encode()
    with pytest.raises(ConfigurationError):
        sign_flattened(b"\xff", JwsSigner(key=ES), encoding=PayloadEncoding.NONE)


@pytest.mark.requirement("RFC7797-6/crit")
def test_signatures_that_disagree_on_the_encoding_are_refused() -> None:
    made = _general()
    made["signatures"][0] = {  # type: ignore[index]
        "protected": b64(b'{"alg":"ES256","b64":false,"crit":["b64"]}'),
        "signature": b64(b"\x01" * 64),
    }
    with pytest.raises(MalformedToken):
        verify_json(made, BOTH, algorithms=ALGORITHMS, signatures=Signatures.ONE)
