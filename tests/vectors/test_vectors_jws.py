"""Wycheproof's JSON Web Signature and JSON Web Key files, as labelled but for the eight overrides of the README."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from _pytest.mark import ParameterSet

from valetkey.jose import JoseError, Jwk, JwkSet, MalformedToken, jws, jws_json
from valetkey.jose.algorithms import SIGNATURE_ALGORITHMS
from valetkey.jose.jws_json import Signatures

HERE = Path(__file__).parent

# README.md says why; each is the opposite of its label.
ACCEPTED_AGAINST_LABEL = frozenset({367, 370})
REFUSED_AGAINST_LABEL = frozenset({372, 373, 346, 350, 347, 351})


def _tests(name: str) -> list[ParameterSet]:
    return list(_each(name))


def _each(name: str) -> Iterator[ParameterSet]:
    document = json.loads((HERE / "wycheproof" / "jose" / name).read_text())
    for group in document["testGroups"]:
        key = group.get("public", group.get("private"))
        for test in group["tests"]:
            yield pytest.param(key, test, id=f"{name.removesuffix('_test.json')}-{test['tcId']}")


def _members(key: dict[str, object]) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", key.get("keys", [key]))


def _verified(key: dict[str, object], token: object) -> bytes:
    """Verify with the algorithm of the group's key as the allow-list, as an application would configure it."""
    names = {str(member["alg"]) for member in _members(key) if "alg" in member}
    allowed = names & SIGNATURE_ALGORITHMS.keys() or {"RS256", "ES256"}
    keys = JwkSet.parse({"keys": _members(key)})
    return jws.verify_compact(cast("str", token), keys, algorithms=allowed).payload


@pytest.mark.parametrize(("key", "vector"), _tests("json_web_signature_test.json"))
def test_a_signature_vector_is_judged_as_labelled(key: dict[str, object], vector: dict[str, object]) -> None:
    # covers: JWS-11, JWS-12, JWS-14, JWS-15
    number = cast("int", vector["tcId"])
    valid = vector["result"] == "valid"
    if number in ACCEPTED_AGAINST_LABEL | REFUSED_AGAINST_LABEL:
        assert valid is (number in REFUSED_AGAINST_LABEL)
        valid = not valid
    if valid:
        _verified(key, vector["jws"])
    else:
        with pytest.raises(JoseError):
            _verified(key, vector["jws"])


@pytest.mark.parametrize(("key", "vector"), _tests("json_web_key_test.json"))
def test_a_key_vector_is_judged_as_labelled(key: dict[str, object], vector: dict[str, object]) -> None:
    # covers: JWK-01, JWK-02, JWK-05, JWS-34
    if vector["result"] == "valid":
        _verified(key, vector["jws"])
    else:
        with pytest.raises(JoseError):
            _verified(key, vector["jws"])


def test_every_signature_and_key_vector_is_run() -> None:
    assert len(_tests("json_web_signature_test.json")) == 401
    assert len(_tests("json_web_key_test.json")) == 26


COOKBOOK = HERE / "rfc7520-cookbook"


def _cookbook() -> list[ParameterSet]:
    files = [*sorted((COOKBOOK / "jws").glob("*.json")), COOKBOOK / "curve25519" / "jws.json"]
    files += [COOKBOOK / "rfc7797" / "hmac-sha2_b64_false.json"]
    return [pytest.param(Example(json.loads(file.read_text())), id=file.stem) for file in files]


class Example:
    """One JWS example: its keys and algorithms are lists where there are several signers."""

    def __init__(self, document: dict[str, dict[str, object]]) -> None:
        given, self.output = document["input"], document["output"]
        self.payload = str(given["payload"]).encode()
        several = isinstance(given["key"], list)
        keys = cast("list[dict[str, object]]", given["key"] if several else [given["key"]])
        self.algorithms = cast("list[str]", given["alg"] if several else [given["alg"]])
        self.keys = [Jwk.parse(key, algorithm=name) for key, name in zip(keys, self.algorithms, strict=True)]


@pytest.mark.parametrize("example", _cookbook())
def test_every_serialization_of_a_cookbook_signature_is_verified(example: Example) -> None:
    verified = 0
    for key, algorithm in zip(example.keys, example.algorithms, strict=True):
        keys = JwkSet((key,))
        compact = example.output.get("compact")
        if isinstance(compact, str):
            verified += 1
            if ".." in compact:
                result = jws.verify_detached(compact, example.payload, keys, algorithms=[algorithm])
            else:
                result = jws.verify_compact(compact, keys, algorithms=[algorithm])
            assert result.payload == example.payload
        for form in ("json", "json_flat"):
            if form in example.output:
                verified += 1
                value = cast("dict[str, object]", example.output[form])
                detached = None if "payload" in value else example.payload
                found = jws_json.verify_json(
                    value, keys, algorithms=[algorithm], signatures=Signatures.ONE, payload=detached
                )
                assert found.payload == example.payload
                assert found.signatures[0].key is key
    assert verified > 0


def test_a_cookbook_example_that_lacks_its_crit_is_refused() -> None:
    # Its own "signing" names crit, its output lost it: RFC 7797, 6, makes crit a MUST where b64 is false.
    # covers: JWS-09
    example = Example(json.loads((COOKBOOK / "rfc7797" / "4.2.hmac-sha2_b64_false.json").read_text()))
    for form in ("json", "json_flat"):
        value = cast("dict[str, object]", example.output[form])
        with pytest.raises(MalformedToken):
            jws_json.verify_json(value, JwkSet((example.keys[0],)), algorithms=["HS256"], signatures=Signatures.ALL)


def test_the_signature_of_a_deterministic_cookbook_example_is_made_again() -> None:
    document = json.loads((COOKBOOK / "jws" / "4_1.rsa_v15_signature.json").read_text())
    example = Example(document)
    assert jws.sign_compact(example.payload, example.keys[0]) == example.output["compact"]


@pytest.mark.parametrize("file", sorted((COOKBOOK / "jwk").glob("*.json")), ids=lambda file: str(file.stem))
def test_a_key_of_the_cookbook_survives_import_and_export(file: Path) -> None:
    members = json.loads(file.read_text())
    algorithm = members.get("alg", {"RSA": "RS256", "EC": "ES512", "oct": "HS256"}[members["kty"]])
    key = Jwk.parse(members, algorithm=algorithm)
    assert (key.as_private_dict() if key.is_private else key.as_dict()) == {**members, "alg": algorithm}
