"""Whatever the input, a caller sees a verified value or a typed error, nothing else."""

import json
from contextlib import suppress

from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.jose import NOW, b64, claims_with, header_of, key_for, key_set, raw_token, token_by, verifier_for
from valetkey.jose import InvalidKey, InvalidToken, JoseError, Jwk, JwkSet, jws, jws_json, jwt
from valetkey.jose.encoding import b64url_decode, b64url_encode, json_octets, parse_json_object
from valetkey.jose.jws_json import Signatures
from valetkey.jose.remote import FetchAnswer, RemoteJwkSet

# Whoever makes the first RSA key of the run needs longer than others: no deadline.
settings.register_profile("jose", deadline=None)
settings.load_profile("jose")

KEY = key_for("ES256")
KEYS = key_set(KEY)
VERIFIER = verifier_for()
GOOD = token_by(KEY)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)
names = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.binary(max_size=200))
def test_octets_survive_base64url(octets: bytes) -> None:
    assert b64url_decode(b64url_encode(octets)) == octets


@given(st.text(max_size=50) | st.text("ABab09-_=+/. ", max_size=12))
def test_base64url_is_read_in_one_form_only(text: str) -> None:
    with suppress(InvalidToken):
        assert b64url_encode(b64url_decode(text)) == text


@given(st.dictionaries(names, plain_values, max_size=6))
def test_plain_members_survive_json(members: dict[str, object]) -> None:
    assert parse_json_object(json_octets(members)) == members


@given(st.dictionaries(st.text(), json_values, max_size=6))
def test_json_by_another_hand_is_read_alike_or_refused(members: dict[str, object]) -> None:
    text = json.dumps(members, ensure_ascii=True, indent=1).encode()
    with suppress(InvalidToken):
        assert parse_json_object(text) == json.loads(text)


@given(st.binary(max_size=300))
@example(b'{"a" :1,"a" :1}')
def test_any_octets_are_an_object_or_an_invalid_token(octets: bytes) -> None:
    with suppress(InvalidToken):
        parsed = parse_json_object(octets)
        pairs: list[object] = []
        json.loads(octets, object_pairs_hook=lambda members: pairs.extend(name for name, _ in members))
        assert len(pairs) >= len(parsed)


@given(st.text(max_size=400) | st.binary(max_size=300).map(lambda octets: octets.decode("latin-1")))
def test_any_text_is_a_verified_token_or_an_invalid_one(text: str) -> None:
    for call in (lambda: VERIFIER.verify(text, KEYS), lambda: jwt.peek(text), lambda: VERIFIER.kid_of(text)):
        with suppress(InvalidToken):
            call()


@settings(max_examples=300)
@given(st.integers(0, len(GOOD) - 1), st.characters())
def test_a_token_with_one_character_changed_is_refused(place: int, character: str) -> None:
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    if changed == GOOD:
        return
    try:
        VERIFIER.verify(changed, KEYS)
    except InvalidToken:
        return
    raise AssertionError(changed)


@given(json_values, json_values)
def test_any_signed_header_and_claims_are_judged_with_a_typed_error(header: object, claims: object) -> None:
    with suppress(InvalidToken):
        VERIFIER.verify(raw_token(header, claims, KEY), KEYS)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5c", "zip"]), json_values),
    st.dictionaries(
        st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "jti", "events", "azp"]), json_values
    ),
)
def test_good_tokens_with_any_values_changed_are_judged_with_a_typed_error(
    header: dict[str, object], claims: dict[str, object]
) -> None:
    token = raw_token(header_of(KEY) | header, claims_with() | claims, KEY)
    with suppress(InvalidToken):
        VERIFIER.verify(token, KEYS)


MEMBERS = st.sampled_from(
    ["kty", "crv", "x", "y", "d", "n", "e", "k", "p", "q", "pub", "alg", "kid", "use", "key_ops"]
)
KTYS = st.sampled_from(["EC", "RSA", "OKP", "oct", "AKP"])
key_values = (
    json_values
    | KTYS
    | st.binary(max_size=70).map(b64)
    | st.sampled_from(["P-256", "Ed25519", "ML-DSA-44", "ES256", "sig"])
)


@given(st.dictionaries(MEMBERS, key_values))
def test_any_object_is_a_key_or_an_invalid_one(members: dict[str, object]) -> None:
    with suppress(InvalidKey):
        Jwk.parse(members)
    with suppress(InvalidKey):
        JwkSet.parse({"keys": [members, members]})


@given(
    st.sampled_from(["ES256", "RS256", "Ed25519", "ML-DSA-44", "HS256"]),
    st.dictionaries(MEMBERS, key_values, min_size=1, max_size=2),
)
def test_a_good_key_with_any_members_changed_is_a_key_or_an_invalid_one(
    algorithm: str, changes: dict[str, object]
) -> None:
    with suppress(InvalidKey):
        Jwk.parse(key_for(algorithm).as_private_dict() | changes)


@given(json_values | st.binary(max_size=200))
def test_any_answer_of_a_key_source_leaves_the_keys_usable(value: object) -> None:
    body = value if isinstance(value, bytes) else json.dumps({"keys": value}).encode()
    known = RemoteJwkSet("https://as.example/jwks")
    answer = FetchAnswer(200, {"content-type": "application/json"}, body)
    assert known.answered(answer, NOW).failures in {0, 1}


@given(st.dictionaries(st.sampled_from(["payload", "protected", "header", "signature", "signatures"]), json_values))
def test_any_object_is_a_verified_jws_or_an_invalid_one(members: dict[str, object]) -> None:
    with suppress(InvalidToken):
        jws_json.verify_json(members, KEYS, algorithms=["ES256"], signatures=Signatures.ONE)
    with suppress(InvalidToken):
        jws_json.verify_json(json.dumps(members), KEYS, algorithms=["ES256"], signatures=Signatures.ALL)


@given(st.binary(max_size=100))
def test_any_payload_survives_every_form_of_signature(payload: bytes) -> None:
    key = key_for("Ed25519")
    keys = key_set(key)
    assert jws.verify_compact(jws.sign_compact(payload, key), keys, algorithms=["Ed25519"]).payload == payload
    for sign in (jws.sign_detached, jws.sign_unencoded):
        token = sign(payload, key)
        assert jws.verify_detached(token, payload, keys, algorithms=["Ed25519"]).payload == payload


@given(st.text(max_size=100), st.dictionaries(st.text(), json_values, max_size=3))
def test_whatever_is_signed_can_be_verified_or_was_refused(typ: str, claims: dict[str, object]) -> None:
    with suppress(JoseError):
        token = jwt.sign(claims, KEY, typ=typ)
        assert jwt.peek(token).claims == json.loads(json.dumps(claims))
