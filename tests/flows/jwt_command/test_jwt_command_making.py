"""`valetkey jwt sign`, `encrypt`, `decrypt` and `key`: secrets stay in files that nobody else can read."""

from __future__ import annotations

import json
import stat
import time
from typing import TYPE_CHECKING

import click
import pytest

from valetkey.cli.jwt import jwt as group
from valetkey.cli.jwt.keys import key as key_group
from valetkey.jose import Jwk, JwkSet, Verifier, jwe, jwt
from valetkey.jose.dissection import dissect
from valetkey.jose.jwe import Compression

if TYPE_CHECKING:
    from support.jwt_command import Desk

KEY = Jwk.generate("ES256")
RECIPIENT = Jwk.generate("ECDH-ES+A256KW")


def test_a_signed_token_is_verified_by_the_library(desk: Desk) -> None:
    text = desk.done(
        "sign", "--key", desk.key(KEY), "--issuer", "me", "--audience", "you", "--subject", "alice",
        "--typ", "at+jwt", "--claim", "client_id=shop", "--claim", 'roles:=["a", {"b": 1}]', "--lifetime", "90s",
    )  # fmt: skip
    verifier = Verifier.access_token(issuer="me", audience="you", algorithms=["ES256"])
    claims = verifier.verify(text, JwkSet((KEY,))).claims
    assert claims["roles"] == ["a", {"b": 1}]
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 90
    assert abs(int(str(claims["iat"])) - time.time()) < 60
    assert list(claims)[:3] == ["iss", "aud", "sub"]


def test_claims_of_a_file_are_kept_and_options_are_believed_over_them(desk: Desk) -> None:
    claims = desk.write("claims.json", json.dumps({"iss": "file", "sub": "file", "exp": 4_000_000_000, "jti": "7"}))
    document = desk.document("sign", "--key", desk.key(KEY), "--claims", claims, "--subject", "option")
    assert document["claims"] == {
        **document["claims"],
        "iss": "file",
        "sub": "option",
        "exp": 4_000_000_000,
        "jti": "7",
    }
    typed = desk.document("sign", "--key", desk.key(KEY), "--claims", "-", typed='{"a": 1}')
    assert typed["claims"]["a"] == 1
    audiences = desk.document("sign", "--key", desk.key(KEY), "--audience", "a", "--audience", "b")
    assert audiences["claims"]["aud"] == ["a", "b"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--claim", "novalue"),
        ("--claim", "=1"),
        ("--claim", "x:={"),
        ("--lifetime", "soon"),
        ("--lifetime", "0"),
        ("--claims", "missing.json"),
    ],
)
def test_a_claim_or_time_without_sense_is_a_wrong_command_line(desk: Desk, arguments: tuple[str, ...]) -> None:
    assert "Usage:" in desk.ended(2, "sign", "--key", desk.key(KEY), *arguments)


def test_only_a_private_key_for_signatures_signs(desk: Desk) -> None:
    assert "cannot sign" in desk.ended(4, "sign", "--key", desk.public(KEY))
    assert "cannot sign" in desk.ended(4, "sign", "--key", desk.key(RECIPIENT, "recipient.jwk"))
    assert "Say which key signs" in desk.ended(2, "sign")


def test_what_is_encrypted_for_a_key_is_opened_by_it_and_by_no_other(desk: Desk) -> None:
    text = desk.done("encrypt", "--key", desk.public(RECIPIENT), typed=b"line one\nline two\n")
    assert desk.run("decrypt", text, "--key", desk.key(RECIPIENT)).stdout == "line one\nline two\n"
    other = Jwk.parse({**Jwk.generate("ECDH-ES+A256KW").as_private_dict(), "kid": RECIPIENT.kid})
    assert "decryption_failed" in desk.ended(1, "decrypt", text, "--key", desk.key(other, "other.jwk"))
    document = desk.document("decrypt", text, "--key", desk.key(RECIPIENT))
    assert document["plaintext"] == "line one\nline two\n"


def test_a_signed_token_that_is_encrypted_is_nested_and_comes_out_valid(desk: Desk) -> None:
    signed = desk.done("sign", "--key", desk.key(KEY), "--issuer", "me", "--audience", "you")
    nested = desk.done("encrypt", "--key", desk.public(RECIPIENT, "to.jwk"), typed=signed + "\n")
    assert dissect(nested).headers[0].members["cty"] == "JWT"
    opened = desk.done("decrypt", "--key", desk.key(RECIPIENT, "to.key"), typed=nested)
    assert opened == signed
    keys = JwkSet((RECIPIENT,))
    decrypter = jwe.Decrypter(keys=keys, algorithms=["ECDH-ES+A256KW"], encryptions=["A256GCM"])
    verifier = Verifier(issuer="me", audience="you", typ="JWT", algorithms=["ES256"])
    assert jwt.decrypt_then_verify(nested, decrypter, verifier, JwkSet((KEY,))).claims["iss"] == "me"


def test_a_password_in_a_file_and_octets_that_are_no_text(desk: Desk) -> None:
    password = desk.write("password", "correct horse battery staple correct\n")
    alg = ("--alg", "PBES2-HS256+A128KW")
    text = desk.done("encrypt", "--key", password, *alg, typed=b"\xff\x00")
    document = desk.document("decrypt", text, "--key", password, *alg)
    assert document["plaintext_base64url"] == "_wA"


def test_what_is_compressed_or_padded_badly_is_opened_only_when_asked(desk: Desk) -> None:
    key = desk.key(RECIPIENT)
    zipped = jwe.encrypt(b"text", RECIPIENT, encryption="A256GCM", compression=Compression.DEFLATE)
    assert "algorithm_not_allowed" in desk.ended(1, "decrypt", zipped, "--key", key)
    assert desk.done("decrypt", zipped, "--key", key, "--allow-zip") == "text"
    rsa = Jwk.generate("RSA1_5")
    assert "--insecure-rsa1-5" in desk.ended(4, "decrypt", zipped, "--key", desk.key(rsa, "rsa.jwk"))


def test_keys_that_sign_do_not_encrypt(desk: Desk) -> None:
    assert "which signs" in desk.ended(4, "encrypt", "--key", desk.public(KEY), typed="x")


# --- keys --------------------------------------------------------------------------------------------------------

QUICK = ("HS256", "HS512", "ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448", "EdDSA", "ECDH-ES", "A256KW",
         "A128GCMKW", "dir", "A256GCM", "PBES2-HS256+A128KW", "RSA-OAEP-256", "PS256")  # fmt: skip


@pytest.mark.parametrize("alg", QUICK)
def test_a_generated_key_can_be_read_again_and_is_for_its_algorithm(desk: Desk, alg: str) -> None:
    path = desk.folder / "key.jwk"
    document = desk.document("key", "generate", alg, "--output", path)
    key = Jwk.parse(path.read_bytes())
    assert key.is_private
    assert (key.algorithm, key.kid) == (alg, document["kid"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_overwritten(desk: Desk) -> None:
    path = desk.write("key.jwk", "precious")
    assert "is left as it is" in desk.ended(4, "key", "generate", "ES256", "--output", path)
    assert path.read_text() == "precious"
    source = desk.key(KEY, "source.jwk")
    assert "is left as it is" in desk.ended(4, "key", "convert", source, "--output", path)
    assert path.read_text() == "precious"


def test_a_private_key_goes_to_standard_output_only_when_it_is_asked_to(desk: Desk) -> None:
    source = desk.key(KEY, "source.jwk")
    assert "--output FILE" in desk.ended(2, "key", "generate", "ES256")
    assert "--output FILE" in desk.ended(2, "key", "convert", source)
    assert Jwk.parse(desk.done("key", "generate", "ES256", "--output", "-")).is_private
    assert Jwk.parse(desk.done("key", "convert", source, "--output", "-")).thumbprint() == KEY.thumbprint()


def test_the_public_part_is_written_beside_and_holds_nothing_private(desk: Desk) -> None:
    private, public = desk.folder / "key.jwk", desk.folder / "public.jwk"
    desk.done("key", "generate", "Ed25519", "--output", private, "--public", public, "--kid", "2026-11")
    Jwk.parse_public(public.read_bytes())
    assert json.loads(public.read_bytes())["kid"] == "2026-11"
    assert "no public part" in desk.ended(
        2, "key", "generate", "HS256", "--output", desk.folder / "s", "--public", desk.folder / "p"
    )


@pytest.mark.parametrize("alg", ["ES256", "Ed25519", "PS256", "ECDH-ES+A256KW", "ML-DSA-44"])
def test_a_key_goes_from_jwk_to_pem_and_der_and_back(desk: Desk, alg: str) -> None:
    path = desk.folder / "key.jwk"
    desk.done("key", "generate", alg, "--output", path)
    thumbprint = desk.done("key", "thumbprint", path)
    for form in ("pem", "der"):
        written, back = desk.folder / f"key.{form}", desk.folder / f"back.{form}.jwk"
        desk.done("key", "convert", path, "--to", form, "--output", written)
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        desk.done("key", "convert", written, "--alg", alg, "--to", "jwk", "--output", back)
        assert Jwk.parse(back.read_bytes()).thumbprint() == thumbprint
        assert desk.done("key", "thumbprint", written) == thumbprint
    public = desk.done("key", "convert", path, "--public", "--to", "pem")
    assert public.startswith("-----BEGIN PUBLIC KEY-----")
    assert desk.done("key", "thumbprint", "-", typed=public) == thumbprint


def test_a_key_is_encrypted_by_a_password_that_only_a_file_holds(desk: Desk) -> None:
    password = desk.write("password.txt", "correct horse battery staple\n")
    wrong = desk.write("wrong.txt", "hunter2")
    source, written = desk.key(KEY, "source.jwk"), desk.folder / "key.pem"
    desk.done("key", "convert", source, "--to", "pem", "--new-password-file", password, "--output", written)
    assert written.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert desk.done("key", "thumbprint", written, "--password-file", password) == KEY.thumbprint()
    assert "--password-file" in desk.ended(4, "key", "thumbprint", written)
    assert "hunter2" not in desk.ended(4, "key", "thumbprint", written, "--password-file", wrong)
    assert "empty" in desk.ended(4, "key", "thumbprint", written, "--password-file", desk.write("empty.txt", "\n"))
    der = desk.folder / "key.der"
    asked = ("--password-file", password, "--new-password-file", wrong)
    desk.done("key", "convert", written, "--to", "der", *asked, "--output", der)
    back = desk.done("key", "convert", der, "--password-file", wrong, "--output", "-")
    assert Jwk.parse(back).thumbprint() == KEY.thumbprint()
    token = desk.done("sign", "--key", written, "--password-file", password, "--issuer", "me", "--audience", "you")
    assert token.count(".") == 2
    desk.done("key", "inspect", written, "--password-file", password)


def test_a_key_can_be_generated_encrypted_but_a_jwk_has_no_password(desk: Desk) -> None:
    password = desk.write("password.txt", "correct horse battery staple")
    written = desk.folder / "key.pem"
    asked = ("--new-password-file", password)
    desk.done("key", "generate", "Ed25519", "--to", "pem", *asked, "--output", written)
    assert "ENCRYPTED" in written.read_text()
    assert "--to pem" in desk.ended(2, "key", "generate", "Ed25519", *asked, "--output", desk.folder / "k.jwk")
    public = desk.public(KEY)
    assert "and no other" in desk.ended(4, "key", "convert", public, "--to", "pem", *asked)


def test_several_public_keys_make_a_set(desk: Desk) -> None:
    old, new = desk.key(KEY, "old.jwk"), desk.key(Jwk.generate("Ed25519"), "new.jwk")
    written = desk.done("key", "convert", old, new, "--public", "--to", "jwks")
    keys = JwkSet.parse_public(written)
    assert [key.algorithm for key in keys.keys] == ["ES256", "Ed25519"]
    assert "--to jwks" in desk.ended(2, "key", "convert", old, new, "--public")
    assert "same kid" in desk.ended(4, "key", "convert", old, old, "--public", "--to", "jwks")


def test_a_secret_has_no_other_form_and_no_public_part(desk: Desk) -> None:
    secret = desk.key(Jwk.generate("HS256"))
    assert "PEM" in desk.ended(4, "key", "convert", secret, "--to", "pem", "--output", "-")
    assert "no public part" in desk.ended(4, "key", "convert", secret, "--public")


@pytest.mark.requirement("RFC7638-3/thumbprint")
def test_the_thumbprint_is_that_of_the_specification(desk: Desk) -> None:
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjh"
        "Mstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL"
        "5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    path = desk.write(
        "rfc.jwk", json.dumps({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"})
    )
    assert desk.done("key", "thumbprint", path) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    uri = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert desk.done("key", "thumbprint", path, "--uri") == uri
    assert desk.document("key", "thumbprint", path)["uri"] == uri


def test_a_key_is_judged_in_words(desk: Desk) -> None:
    assert (
        "key_short"
        in desk.run("key", "inspect", desk.write("weak.jwk", '{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}')).stdout
    )
    assert desk.done("key", "inspect", desk.public(KEY)) == "Nothing was found."
    assert desk.document("key", "inspect", desk.key(KEY))["findings"][0]["code"] == "key_private"


def test_no_option_takes_a_secret_as_its_value() -> None:
    commands = [*group.commands.values(), *key_group.commands.values()]
    takes_text = {
        option.name
        for command in commands
        for option in command.params
        if isinstance(option, click.Option)
        and not option.is_flag
        and isinstance(option.type, click.types.StringParamType)
    }
    assert takes_text == {
        "jwks", "issuer", "audience", "typ", "subject", "pairs", "cty", "kid", "curve",
    }  # fmt: skip
