"""What the debugger opens, in Node, whose WebCrypto is that of browsers: tokens of ours, vectors, attacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.jose import b64
from support.jwt_modules import answers, results
from valetkey.jose import Jwk, jwe
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS
from valetkey.jose.encoding import b64url_decode
from valetkey.jose.jwe import Compression
from valetkey.jose.key_files import to_pem

EXAMPLES = Path(__file__).resolve().parents[2] / "vectors" / "rfc-examples" / "encryptions.json"
TEXT = "what nobody else shall read \u00e4"
OFFERED = [
    *((name, None) for name in ("RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512", "A128KW", "A192KW")),
    *((name, None) for name in ("A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW", "dir")),
    *((name, None) for name in ("PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW")),
    *(
        (name, curve)
        for name in ("ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW")
        for curve in ("P-256", "P-384", "P-521", "X25519")
    ),
]


def sealed(key: Jwk, encryption: str = "A256GCM", **header: object) -> str:
    return jwe.encrypt(TEXT.encode(), key, encryption=encryption, header=header)


def asked(token: str, key: object) -> tuple[str, dict[str, object]]:
    return "decrypt", {"token": token, "key": key if isinstance(key, str) else json.dumps(key)}


def problem(token: str, key: object) -> str:
    answer: dict[str, Any] = answers([asked(token, key)])[0]
    assert "result" not in answer
    return str(answer["problem"])


def test_whatever_the_toolkit_encrypts_is_opened() -> None:
    calls, count = [], 0
    for name, curve in OFFERED:
        key = Jwk.generate(name, curve=curve)
        fitting = ["A256GCM", "A128CBC-HS256"] if name == "dir" else list(CONTENT_ENCRYPTIONS)
        for encryption in fitting[:2] if name.startswith("PBES2") else fitting:
            calls.append(asked(sealed(key, encryption), key.as_private_dict()))
            count += 1
    opened = results(calls)
    assert len(opened) == count > 150
    assert {bytes(one["plaintext"]).decode() for one in opened} == {TEXT}


def test_the_examples_of_the_rfcs_are_opened() -> None:
    examples = [
        one
        for one in json.loads(EXAMPLES.read_text())
        if isinstance(one["jwe"], str) and one["algorithm"] != "RSA1_5"
    ]
    opened = results(asked(one["jwe"], one["keys"][0]) for one in examples)
    assert [bytes(one["plaintext"]).decode() for one in opened] == [one["plaintext"] for one in examples]
    assert len(examples) == 3


def test_a_key_is_a_set_a_pem_a_secret_or_a_password() -> None:
    agreement, rsa, secret = (Jwk.generate(name) for name in ("ECDH-ES+A128KW", "RSA-OAEP-256", "A256KW"))
    others = [Jwk.generate("ECDH-ES+A128KW").as_private_dict(), Jwk.generate("ES256").as_private_dict()]
    password = Jwk.from_secret(b"correct horse battery staple", algorithm="PBES2-HS256+A128KW", kid="p")
    opened = results(
        [
            asked(sealed(agreement), {"keys": [*others, agreement.as_private_dict()]}),
            asked(sealed(agreement), to_pem(agreement).decode()),
            asked(sealed(rsa), to_pem(rsa).decode()),
            asked(sealed(secret), str(secret.as_private_dict()["k"])),
            asked(sealed(password), "correct horse battery staple\n"),
        ]
    )
    assert {bytes(one["plaintext"]).decode() for one in opened} == {TEXT}


@pytest.mark.parametrize("encryption", ["A128GCM", "A256CBC-HS512"])
@pytest.mark.parametrize("name", ["A256KW", "A128GCMKW", "dir", "ECDH-ES", "RSA-OAEP-256"])
def test_whatever_was_changed_is_not_opened_and_the_reason_is_one(name: str, encryption: str) -> None:
    # covers: JWE-06, JWE-07
    key = Jwk.generate(encryption if name == "dir" else name, kid="k")
    parts = sealed(key, encryption).split(".")
    wrong = []
    for place in range(1, 5):
        octets = bytearray(b64url_decode(parts[place]))
        changed = [bytes(octets) + b"\x00", bytes(octets[:-1])] if octets else [b"\x00" * 16]
        if octets:
            octets[0] ^= 1
            changed.append(bytes(octets))
        wrong += [".".join([*parts[:place], b64(one), *parts[place + 1 :]]) for one in changed]
    head = json.loads(b64url_decode(parts[0])) | {"x": 1}
    wrong.append(".".join([b64(json.dumps(head).encode()), *parts[1:]]))
    other = Jwk.generate(encryption if name == "dir" else name, kid="k")
    calls = [asked(token, key.as_private_dict()) for token in wrong]
    found = answers([*calls, asked(".".join(parts), other.as_private_dict())])
    assert {one.get("problem") for one in found} == {"not_opened"}


def test_what_cannot_or_must_not_be_opened_is_said() -> None:
    key = Jwk.generate("A256KW", kid="k")
    members = key.as_private_dict()
    token = sealed(key)

    def with_header(**changes: object) -> str:
        head, _, rest = token.partition(".")
        merged = json.loads(b64url_decode(head)) | changes
        return f"{b64(json.dumps(merged).encode())}.{rest}"

    assert problem(token, "") == "opener_absent"
    assert problem(token, {"keys": [Jwk.generate("ES256").as_private_dict()]}) == "opener_misfit"
    assert problem(token, Jwk.generate("A256KW", kid="other").as_private_dict() | {"use": "sig"}) == "opener_misfit"
    assert problem(token, "not base64url!") == "secret_not_base64url"
    assert problem(token, members | {"k": "AAAA"}) == "key_malformed"
    assert problem(token.replace(".", "=.", 1), members) == "token_not_base64url"
    assert problem(with_header(crit=["x"], x=1), members) == "crit_refused"
    assert problem(with_header(zip="DEF"), members) == "zip_refused"
    for name in ("none", "RSA1_5", "toString", "__proto__", None, 7):
        assert problem(with_header(alg=name), members) == "open_unknown"
        assert problem(with_header(enc=name), members) == "open_unknown"
    agreement = Jwk.generate("ECDH-ES")
    assert problem(sealed(agreement), agreement.as_dict()) == "opener_misfit"
    assert problem(sealed(agreement), "secret") == "opener_unreadable"
    compressed = jwe.encrypt(b"x" * 99, key, encryption="A128GCM", compression=Compression.DEFLATE)
    assert problem(compressed, members) == "zip_refused"


@pytest.mark.parametrize("changes", [{"p2c": 10**9}, {"p2c": 1}, {"p2c": "2000"}, {"p2s": "AAAA"}, {"p2c": 1e300}])
def test_a_sender_cannot_have_a_password_stretched_for_ever(changes: dict[str, object]) -> None:
    key = Jwk.from_secret(b"correct horse battery staple", algorithm="PBES2-HS256+A128KW")
    head, _, rest = sealed(key).partition(".")
    merged = json.loads(b64url_decode(head)) | changes
    assert problem(f"{b64(json.dumps(merged).encode())}.{rest}", "correct horse battery staple") == "count_refused"


def test_an_ephemeral_key_of_another_curve_or_with_a_private_part_opens_nothing() -> None:
    key = Jwk.generate("ECDH-ES")
    head, _, rest = sealed(key).partition(".")
    members = json.loads(b64url_decode(head))
    for epk in (
        Jwk.generate("ECDH-ES", curve="P-384").as_dict(),
        {**members["epk"], "d": "AAAA"},
        {**members["epk"], "x": members["epk"]["y"]},
        None,
        "x",
    ):
        forged = b64(json.dumps({**members, "epk": epk}).encode())
        assert problem(f"{forged}.{rest}", key.as_private_dict()) == "not_opened"
