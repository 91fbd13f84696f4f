"""Wycheproof's JSON Web Encryption and JSON Web Crypto files, and the cookbook's encryptions."""

import json
from pathlib import Path
from typing import cast

import pytest
from _pytest.mark import ParameterSet

from valetkey.jose import Decrypter, JoseError, Jwk, JwkSet, jws
from valetkey.jose.algorithms import (
    CONTENT_ENCRYPTIONS,
    INSECURE_RSA1_5,
    KEY_MANAGEMENT_ALGORITHMS,
    SIGNATURE_ALGORITHMS,
)
from valetkey.jose.jwe import Compression
from valetkey.jose.jwe_json import decrypt_json

HERE = Path(__file__).parent
COOKBOOK = HERE / "rfc7520-cookbook"


def _tests(name: str) -> list[ParameterSet]:
    document = json.loads((HERE / "wycheproof" / "jose" / name).read_text())
    return [
        pytest.param(group.get("public"), group["private"], test, id=str(test["tcId"]))
        for group in document["testGroups"]
        for test in group["tests"]
    ]


def _keys(value: dict[str, object]) -> JwkSet:
    return JwkSet.parse({"keys": value.get("keys", [value])})


def _decrypter(keys: JwkSet) -> Decrypter:
    """Allow the algorithms of the group's keys, as an application would configure it."""
    names = {KEY_MANAGEMENT_ALGORITHMS[key.algorithm, key.kty].header_name for key in keys.keys}
    return Decrypter(
        keys=keys,
        algorithms=[INSECURE_RSA1_5 if name == "RSA1_5" else name for name in names],
        encryptions=list(CONTENT_ENCRYPTIONS),
        compression=Compression.DEFLATE,
    )


@pytest.mark.parametrize(("public", "private", "vector"), _tests("json_web_encryption_test.json"))
def test_an_encryption_vector_is_judged_as_labelled(
    public: object, private: dict[str, object], vector: dict[str, object]
) -> None:
    # covers: JWE-04, JWE-06, JWE-07
    del public
    if vector["result"] == "valid":
        opened = _decrypter(_keys(private)).decrypt(cast("str", vector["jwe"]))
        assert opened.plaintext.hex() == vector["pt"]
    else:
        with pytest.raises(JoseError):
            _decrypter(_keys(private)).decrypt(cast("str", vector["jwe"]))


def _judge(keys: JwkSet, vector: dict[str, object]) -> None:
    if "jwe" in vector:
        _decrypter(keys).decrypt(cast("str", vector["jwe"]))
    else:
        algorithms = {key.algorithm for key in keys.keys} & SIGNATURE_ALGORITHMS.keys()
        jws.verify_compact(cast("str", vector["jws"]), keys, algorithms=algorithms)


@pytest.mark.parametrize(("public", "private", "vector"), _tests("json_web_crypto_test.json"))
def test_a_vector_of_either_kind_is_judged_as_labelled(
    public: dict[str, object] | None, private: dict[str, object], vector: dict[str, object]
) -> None:
    chosen = private if public is None or "jwe" in vector else public
    if vector["result"] == "valid":
        _judge(_keys(chosen), vector)
    else:
        with pytest.raises(JoseError):
            _judge(_keys(chosen), vector)


def test_every_encryption_vector_is_run() -> None:
    assert len(_tests("json_web_encryption_test.json")) == 139
    assert len(_tests("json_web_crypto_test.json")) == 83


class Example:
    """One JWE example of the cookbook: lists where there are several recipients."""

    def __init__(self, document: dict[str, dict[str, object]]) -> None:
        given, self.output = document["input"], document["output"]
        self.plaintext = str(given["plaintext"]).encode()
        names = cast("list[str]", given["alg"] if isinstance(given["alg"], list) else [given["alg"]])
        if "pwd" in given:
            self.keys = [Jwk.from_secret(str(given["pwd"]).encode(), algorithm=names[0], kid="pwd")]
        else:
            several = given["key"] if isinstance(given["key"], list) else [given["key"]]
            self.keys = [
                Jwk.parse(key, algorithm=None if "alg" in key else name)
                for key, name in zip(cast("list[dict[str, object]]", several), names, strict=True)
            ]
        self.algorithms = [INSECURE_RSA1_5 if name == "RSA1_5" else name for name in names]
        # One file misspells its enc outside of its tokens.
        self.encryption = str(given["enc"]).replace("-H256", "-HS256")


def _examples() -> list[ParameterSet]:
    files = [*sorted((COOKBOOK / "jwe").glob("*.json")), COOKBOOK / "curve25519" / "ecdh-es.json"]
    return [pytest.param(Example(json.loads(file.read_text())), id=file.stem) for file in files]


@pytest.mark.parametrize("example", _examples())
def test_every_serialization_of_a_cookbook_encryption_is_opened_by_each_recipient(example: Example) -> None:
    opened = 0
    for key in example.keys:
        members = key.as_private_dict()
        if key.kid == "pwd":
            # A password has no kid, neither here nor in its token.
            del members["kid"]
        keys = JwkSet((Jwk.parse(members),))
        decrypter = Decrypter(
            keys=keys,
            algorithms=example.algorithms,
            encryptions=[example.encryption],
            compression=Compression.DEFLATE,
        )
        if "compact" in example.output:
            opened += 1
            assert decrypter.decrypt(str(example.output["compact"])).plaintext == example.plaintext
        for form in ("json", "json_flat"):
            if form in example.output:
                opened += 1
                value = cast("dict[str, object]", example.output[form])
                assert decrypt_json(value, decrypter).plaintext == example.plaintext
                assert decrypt_json(json.dumps(value), decrypter).plaintext == example.plaintext
    assert opened > 0


def test_the_nested_example_is_opened_and_its_signature_verified() -> None:
    document = json.loads((COOKBOOK / "6.nesting_signatures_and_encryption.json").read_text())
    signing, encrypting = (
        next(part for name, part in document.items() if name.startswith(prefix)) for prefix in ("sign", "encr")
    )
    signer = Jwk.parse(signing["input"]["key"], algorithm=signing["input"]["alg"])
    recipient = Jwk.parse(encrypting["input"]["key"], algorithm=encrypting["input"]["alg"])
    decrypter = Decrypter(
        keys=JwkSet((recipient,)),
        algorithms=[encrypting["input"]["alg"]],
        encryptions=[encrypting["input"]["enc"]],
    )
    inner = decrypter.decrypt(encrypting["output"]["compact"]).plaintext.decode()
    assert inner == signing["output"]["compact"]
    verified = jws.verify_compact(inner, JwkSet((signer,)), algorithms=[signer.algorithm])
    assert json.loads(verified.payload)["iss"]
