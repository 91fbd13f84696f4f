"""A set of keys, and which of them a header means."""

import json

import pytest

from support.jose import b64, key_for
from valetkey.jose import AlgorithmNotAllowed, InvalidKey, JwkSet, UnknownKey

ES256 = frozenset({"ES256"})


def _public(algorithm: str, number: int = 0, **changes: object) -> dict[str, object]:
    members = key_for(algorithm, number).as_dict() | changes
    return {name: value for name, value in members.items() if value is not None}


def test_a_key_is_found_by_its_kid_and_algorithm() -> None:
    keys = JwkSet.parse({"keys": [_public("ES256"), _public("ES256", 1), _public("Ed25519")]})
    (found,) = keys.candidates("ES256-1", "ES256", ES256)
    assert found.thumbprint() == key_for("ES256", 1).thumbprint()


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "' OR 1=1 --", "*)(uid=*", "\x00", "k" * 65_536, "es256-0", "ES256-0 "]
)
def test_a_kid_is_only_looked_up(kid: str) -> None:
    # covers: JWS-07
    keys = JwkSet.parse({"keys": [_public("ES256")]})
    with pytest.raises(UnknownKey):
        keys.candidates(kid, "ES256", ES256)


def test_without_a_kid_every_key_that_fits_is_a_candidate_but_no_more_than_eight() -> None:
    # covers: JWS-08
    members = [_public("ES256", number) for number in range(8)]
    keys = JwkSet.parse({"keys": [*members, _public("Ed25519")]})
    assert len(keys.candidates(None, "ES256", ES256)) == 8
    keys = JwkSet.parse({"keys": [*members, _public("ES256", 8)]})
    with pytest.raises(UnknownKey):
        keys.candidates(None, "ES256", ES256)


def test_two_keys_of_one_type_never_share_a_kid_even_if_one_is_broken() -> None:
    # covers: JWS-08, JWK-05
    twins = [_public("ES256", 0, kid="same"), _public("ES256", 1, kid="same")]
    with pytest.raises(InvalidKey):
        JwkSet.parse({"keys": twins})
    with pytest.raises(InvalidKey):
        JwkSet.parse({"keys": [twins[0], twins[1] | {"x": "AA"}]})
    different = JwkSet.parse({"keys": [twins[0], _public("RS256", 0, kid="same")]})
    assert different.candidates("same", "RS256", frozenset({"RS256"}))[0].kty == "RSA"


def test_secrets_and_public_keys_never_share_a_set() -> None:
    # covers: JWS-02
    with pytest.raises(InvalidKey):
        JwkSet((key_for("HS256"), key_for("ES256").public()))
    with pytest.raises(InvalidKey):
        JwkSet.parse({"keys": [key_for("HS256").as_private_dict(), _public("ES256")]})


def test_a_bad_key_is_left_out_and_named_and_the_rest_is_usable() -> None:
    # covers: JWK-05
    bad = [
        _public("ES256", 1, crv="P-257"),
        _public("ES256", 2, kty="XX"),
        _public("ES256", 3, use="other"),
        _public("ES256", 4, alg="none"),
        "text",
        {"kty": ["EC"]},
        _public("ES256", 5, x="AA"),
        _public("ES256", 6, kid=7),
        _public("RS256", 1, n=b64(b"\xff" * 128)),
        {"kty": "OKP", "crv": "X25519", "x": b64(b"\x09" * 32), "use": "sig"},
    ]
    keys = JwkSet.parse(json.dumps({"keys": [*bad, _public("ES256")]}))
    assert [key.kid for key in keys.keys] == ["ES256-0"]
    assert [skipped.position for skipped in keys.skipped] == list(range(len(bad)))
    assert keys.skipped[0].kid == "ES256-1"
    assert all(skipped.reason for skipped in keys.skipped)


def test_a_key_without_an_algorithm_takes_the_only_one_of_the_list_that_fits() -> None:
    # covers: JWS-04
    keys = JwkSet.parse({"keys": [_public("RS256", 0, alg=None, kid="a"), _public("ES256", 0, alg=None)]})
    (found,) = keys.candidates("a", "RS256", frozenset({"RS256", "ES256"}))
    assert found.algorithm == "RS256"
    assert keys.candidates("a", "RS256", frozenset({"RS256", "ES256"}))[0] is found
    with pytest.raises(AlgorithmNotAllowed):
        keys.candidates("a", "RS256", frozenset({"RS256", "PS256"}))
    with pytest.raises(AlgorithmNotAllowed):
        keys.candidates("a", "ES256", ES256)
    with pytest.raises(UnknownKey):
        keys.candidates("b", "ES256", ES256)


def test_both_names_of_one_computation_fit_a_key_without_an_algorithm() -> None:
    keys = JwkSet.parse({"keys": [_public("Ed25519", 0, alg=None, kid="a")]})
    both = frozenset({"EdDSA", "Ed25519"})
    assert keys.candidates("a", "EdDSA", both)[0].algorithm == "EdDSA"
    assert keys.candidates(None, "Ed25519", both)[0].algorithm == "Ed25519"


def test_the_key_that_the_kid_names_is_for_one_algorithm_only() -> None:
    # covers: JWS-04
    keys = JwkSet.parse({"keys": [_public("RS256")]})
    for algorithm in ("RS512", "PS256"):
        with pytest.raises(AlgorithmNotAllowed):
            keys.candidates("RS256-0", algorithm, frozenset({algorithm}))


def test_a_set_is_published_without_private_members() -> None:
    # covers: JWK-03
    keys = JwkSet((key_for("ES256"), key_for("RS256"), key_for("Ed25519"), key_for("ML-DSA-44")))
    published = json.dumps(keys.as_dict())
    assert '"d"' not in published
    assert '"priv"' not in published
    assert '"p"' not in published
    assert JwkSet.parse(published).as_dict() == keys.as_dict()
    assert JwkSet((key_for("HS256"),)).as_dict() == {"keys": []}


def test_a_key_without_an_algorithm_is_published_without_private_members() -> None:
    private = key_for("RS256").as_private_dict()
    del private["alg"]
    published = JwkSet.parse({"keys": [private]}).as_dict()
    assert published == {"keys": [_public("RS256", 0, alg=None)]}


def test_a_set_with_a_private_key_is_not_taken_for_a_public_one() -> None:
    # covers: JWK-03
    assert JwkSet.parse_public({"keys": [_public("ES256")]}).keys
    for algorithm in ("ES256", "RS256", "HS256"):
        with pytest.raises(InvalidKey):
            JwkSet.parse_public({"keys": [key_for(algorithm).as_private_dict()]})


@pytest.mark.parametrize(
    "value",
    [
        "",
        "[]",
        "{}",
        '{"keys":{}}',
        '{"keys":null}',
        '{"keys":[],"keys":[]}',
        b"\xff",
        '{"keys":' + "[" * 1000,
        "<html>",
        '{"keys":[' + ",".join(["{}"] * 101) + "]}",
        '{"keys":[]}' + " " * 300_000,
    ],
)
@pytest.mark.requirement("RFC7517-5/keys")
@pytest.mark.requirement("RFC7517-5/unique-members")
def test_a_text_that_is_no_key_set_is_refused(value: str | bytes) -> None:
    # covers: JWK-06
    with pytest.raises(InvalidKey):
        JwkSet.parse(value)
