"""`valetkey jwt verify`: an exit code for each end, and nothing of an invalid token on standard output."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from valetkey.jose import Jwk, JwkSet, jwe, jwt
from valetkey.jose.key_files import to_der, to_pem

if TYPE_CHECKING:
    from support.jwt_command import Desk
    from support.provider import Provider

KEY = Jwk.generate("ES256")
RSA = Jwk.generate("RS256")
NOW = int(time.time())
EXPECTED = ("--issuer", "https://me.example", "--audience", "you", "--typ", "JWT")


def token(key: Jwk = KEY, typ: str = "JWT", **claims: Any) -> str:
    """A token; a claim that is None is left out."""
    fixed = {"iss": "https://me.example", "aud": "you", "sub": "alice", "iat": NOW, "exp": NOW + 86_400}
    return jwt.sign({name: value for name, value in {**fixed, **claims}.items() if value is not None}, key, typ=typ)


def test_a_valid_token_ends_with_0_and_shows_what_was_verified(desk: Desk) -> None:
    public = desk.public(KEY)
    assert f"valid: signed with ES256, key {KEY.kid}" in desk.done("verify", token(), "--key", public, *EXPECTED)
    document = desk.document("verify", "--key", public, *EXPECTED, typed=token())
    assert document["verified"] is True
    assert document["claims"]["sub"] == "alice"
    assert document["key"] == {"alg": "ES256", "kid": KEY.kid, "jkt": KEY.thumbprint()}


def test_a_key_is_read_from_jwk_pem_der_a_set_or_standard_input(desk: Desk) -> None:
    text = token()
    named = token(Jwk.parse({**KEY.as_private_dict(), "kid": "other"}))
    for path in (
        desk.write("public.pem", to_pem(KEY.public())),
        desk.write("private.pem", to_pem(KEY)),
        desk.write("public.der", to_der(KEY.public())),
    ):
        desk.done("verify", text, "--key", path, *EXPECTED)
        # A PEM or DER file has no kid: the token's own is no reason to refuse the key that was named.
        desk.done("verify", named, "--key", path, *EXPECTED)
    jwks = desk.write("jwks.json", json.dumps(JwkSet((RSA, KEY)).as_dict()))
    desk.done("verify", text, "--jwks", jwks, *EXPECTED)
    desk.done("verify", text, "--key", "-", *EXPECTED, typed=json.dumps(KEY.as_dict()))


def test_a_shared_secret_is_a_file_with_or_without_a_line_break(desk: Desk) -> None:
    secret = b"0123456789abcdef0123456789ABCDEF"
    text = token(Jwk.from_secret(secret, algorithm="HS256"))
    for name, content in (("bare", secret), ("edited", secret + b"\n")):
        desk.done("verify", text, "--key", desk.write(name, content), "--alg", "HS256", *EXPECTED)
    octets = bytes(range(225, 256)) + b"\n"
    text = token(Jwk.from_secret(octets, algorithm="HS256"))
    desk.done("verify", text, "--key", desk.write("random", octets), "--alg", "HS256", *EXPECTED)


def test_a_public_key_is_never_taken_for_a_shared_secret(desk: Desk) -> None:
    # covers: JWS-02
    pem = desk.write("public.pem", to_pem(RSA.public()))
    said = desk.ended(4, "verify", token(), "--key", pem, "--alg", "HS256", *EXPECTED)
    assert "The algorithm is unknown, or the key does not go with it." in said


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://other.example"}, "claim_invalid"),
        ({"aud": "them"}, "claim_invalid"),
        ({"exp": NOW - 1}, "token_expired"),
        ({"exp": None}, "claim_missing"),
        ({"nbf": NOW + 3600}, "token_not_yet_valid"),
        ({"sub": "\u202e" * 3, "aud": "\x1b[31m"}, "claim_invalid"),
    ],
)
def test_an_invalid_claim_ends_with_1_its_code_and_nothing_of_the_token(
    desk: Desk, claims: dict[str, Any], code: str
) -> None:
    public = desk.public(KEY)
    text = token(**claims)
    said = desk.ended(1, "verify", text, "--key", public, *EXPECTED)
    assert said.startswith(f"not valid: {code}: ")
    assert all(one.isprintable() or one == "\n" for one in said)
    document = json.loads(desk.run("verify", text, "--key", public, *EXPECTED, "--json").stdout)
    assert document["verified"] is False
    assert document["error"] == code
    assert "claims" not in document


def test_another_key_another_typ_and_another_algorithm_end_with_1_and_a_hint(desk: Desk) -> None:
    public = desk.public(KEY)
    other = Jwk.parse({**Jwk.generate("ES256").as_private_dict(), "kid": KEY.kid})
    assert "signature_invalid" in desk.ended(1, "verify", token(other), "--key", public, *EXPECTED)
    assert "Its header says typ 'at+jwt'" in desk.ended(
        1, "verify", token(typ="at+jwt"), "--key", public, *EXPECTED
    )
    assert "Its header says alg 'RS256'" in desk.ended(1, "verify", token(RSA), "--key", public, *EXPECTED)
    assert "Its header says kid" in desk.ended(
        1, "verify", token(Jwk.generate("ES256")), "--key", public, *EXPECTED
    )
    assert "valetkey jwt inspect" in desk.ended(1, "verify", "a.b.c", "--key", public, *EXPECTED)


def test_an_expired_token_was_valid_at_another_time(desk: Desk) -> None:
    text = token(iat=1000, exp=2000)
    public = desk.public(KEY)
    assert "It expired" in desk.ended(1, "verify", text, "--key", public, *EXPECTED)
    desk.done("verify", text, "--key", public, *EXPECTED, "--now", 1999)
    desk.ended(1, "verify", text, "--key", public, *EXPECTED, "--now", 2000)


def test_a_kind_brings_all_its_rules(desk: Desk) -> None:
    claims: dict[str, Any] = {"client_id": "shop", "jti": "1"}
    access_token, public = token(typ="at+jwt", **claims), desk.public(KEY)
    expected = EXPECTED[:4]
    desk.done("verify", access_token, "--key", public, *expected, "--kind", "access-token")
    assert "typ_mismatch" in desk.ended(1, "verify", access_token, "--key", public, *expected, "--kind", "id-token")
    bare = token(typ="at+jwt")
    assert "claim_missing" in desk.ended(1, "verify", bare, "--key", public, *expected, "--kind", "access-token")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--issuer", "https://me.example", "--audience", "you"),
        (*EXPECTED, "--kind", "id-token"),
        ("--audience", "you", "--typ", "JWT"),
        ("--issuer", "https://me.example", "--typ", "JWT"),
        (*EXPECTED, "--alg", "none"),
        (*EXPECTED, "--leeway", "3600"),
        (*EXPECTED, "--jwks", "nowhere.json"),
        (*EXPECTED, "--alg", "HS256", "--alg", "ES256"),
    ],
)
def test_what_is_not_said_or_said_wrong_is_a_wrong_command_line(desk: Desk, arguments: tuple[str, ...]) -> None:
    assert "Usage:" in desk.ended(2, "verify", token(), "--key", desk.public(KEY), *arguments)


def test_a_key_that_is_none_ends_with_4(desk: Desk) -> None:
    for content in (
        b"{}",
        b"\x00\x01",
        b"-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n",
        b'{"keys": []}',
    ):
        assert "key" in desk.ended(4, "verify", token(), "--key", desk.write("key", content), *EXPECTED)


def test_an_rsa_key_without_alg_asks_for_it(desk: Desk) -> None:
    pem = desk.write("public.pem", to_pem(RSA.public()))
    assert "--alg: RS256" in desk.ended(4, "verify", token(RSA), "--key", pem, *EXPECTED)
    desk.done("verify", token(RSA), "--key", pem, "--alg", "RS256", *EXPECTED)


# --- keys of an issuer -------------------------------------------------------------------------------------------


def published(provider: Provider, **claims: Any) -> str:
    return token(provider.keys[0], iss=provider.issuer, **claims)


def expected_of(provider: Provider) -> tuple[str, ...]:
    return ("--issuer", provider.issuer, "--audience", "you", "--typ", "JWT")


def test_an_issuer_publishes_its_keys(desk: Desk, provider: Provider) -> None:
    desk.done("verify", published(provider), *expected_of(provider))
    assert provider.asked == ["/.well-known/openid-configuration", "/jwks.json"]


def test_an_issuer_may_publish_only_oauth_metadata(desk: Desk, provider: Provider) -> None:
    moved = provider.documents.pop("/.well-known/openid-configuration")
    provider.documents["/.well-known/oauth-authorization-server"] = moved
    desk.done("verify", published(provider), *expected_of(provider))


def test_a_key_set_is_read_from_its_url(desk: Desk, provider: Provider) -> None:
    desk.done("verify", published(provider), *expected_of(provider), "--jwks", provider.jwks_uri)
    assert provider.asked == ["/jwks.json"]


def test_a_token_that_no_key_could_save_asks_nobody(desk: Desk, provider: Provider) -> None:
    text = token(provider.keys[0], typ="at+jwt", iss=provider.issuer)
    desk.ended(1, "verify", text, *expected_of(provider))
    assert provider.asked == []


def test_a_published_rsa_key_without_alg_is_for_rs256_unless_said_otherwise(desk: Desk, provider: Provider) -> None:
    bare = {name: part for name, part in RSA.as_dict().items() if name != "alg"}
    provider.documents["/jwks.json"] = (200, {"keys": [bare]})
    desk.done("verify", token(RSA, iss=provider.issuer), *expected_of(provider))
    ps256 = Jwk.parse({**RSA.as_private_dict(), "alg": "PS256"})
    text = token(ps256, iss=provider.issuer)
    assert "algorithm_not_allowed" in desk.ended(1, "verify", text, *expected_of(provider))
    desk.done("verify", text, *expected_of(provider), "--alg", "PS256")


def test_a_source_that_cannot_be_used_ends_with_3_and_calls_no_token_bad(desk: Desk, provider: Provider) -> None:
    # covers: JWK-11
    text, expected = published(provider), expected_of(provider)
    metadata = provider.documents["/.well-known/openid-configuration"]
    broken: list[tuple[str, tuple[int, object]]] = [
        ("/jwks.json", (500, {})),
        ("/jwks.json", (200, {"keys": []})),
        ("/jwks.json", (200, b"<html>")),
        ("/.well-known/openid-configuration", (503, {})),
        ("/.well-known/openid-configuration", (200, b"<html>")),
        (
            "/.well-known/openid-configuration",
            (200, {"issuer": "https://evil.example", "jwks_uri": provider.jwks_uri}),
        ),
        ("/.well-known/openid-configuration", (200, {"issuer": provider.issuer})),
        ("/.well-known/openid-configuration", (404, {})),
    ]
    for path, answer in broken:
        provider.publish(*provider.keys)
        provider.documents["/.well-known/openid-configuration"] = metadata
        provider.documents[path] = answer
        said = desk.ended(3, "verify", text, *expected)
        assert "the keys cannot be had from" in said
        assert "not valid" not in said


def test_nobody_answers(desk: Desk, provider: Provider) -> None:
    url = provider.jwks_uri.replace(provider.issuer.rpartition(":")[2], "1")
    assert "cannot be reached" in desk.ended(
        3, "verify", published(provider), *expected_of(provider), "--jwks", url
    )


def test_keys_are_fetched_by_https_only(desk: Desk, provider: Provider) -> None:
    text = published(provider)
    assert "https" in desk.ended(
        2, "verify", text, *expected_of(provider), "--jwks", "http://keys.example/jwks.json"
    )
    expected = ("--issuer", "me", "--audience", "you", "--typ", "JWT")
    assert "--key or --jwks" in desk.ended(2, "verify", token(iss="me"), *expected)


def test_an_encrypted_token_is_opened_with_ones_own_key_and_what_is_inside_is_verified(desk: Desk) -> None:
    mine = Jwk.generate("ECDH-ES+A256KW")
    nested = jwe.encrypt(token().encode(), mine.public(), encryption="A256GCM", header={"cty": "JWT"})
    asked = ("--decrypt-key", desk.key(mine, "mine.jwk"), "--key", desk.public(KEY), *EXPECTED)
    assert desk.document("verify", nested, *asked)["claims"]["sub"] == "alice"
    password = desk.write("password.txt", "correct horse battery staple\n")
    pem = desk.write("mine.pem", to_pem(mine, password=b"correct horse battery staple"))
    encrypted = ("--decrypt-key", pem, "--decrypt-alg", "ECDH-ES+A256KW", "--password-file", password)
    desk.done("verify", nested, *encrypted, "--key", desk.public(KEY), *EXPECTED)
    # What is inside is judged like any other token, and so are keys that do not fit.
    forged = jwe.encrypt(token(RSA).encode(), mine.public(), encryption="A256GCM", header={"cty": "JWT"})
    assert "not valid" in desk.ended(1, "verify", forged, *asked)
    bare = jwe.encrypt(b"{}", mine.public(), encryption="A256GCM")
    assert "says of no JWT" in desk.ended(1, "verify", bare, *asked)
    other = desk.key(Jwk.generate("ECDH-ES+A256KW", kid=mine.kid), "other.jwk")
    assert "decryption_failed" in desk.ended(1, "verify", nested, "--decrypt-key", other, *asked[2:])
    assert "which signs" in desk.ended(4, "verify", nested, "--decrypt-key", desk.key(KEY, "k.jwk"), *asked[2:])


def test_a_token_is_encrypted_where_a_key_to_open_it_is_named_and_nowhere_else(desk: Desk) -> None:
    mine = Jwk.generate("A256KW")
    nested = jwe.encrypt(token().encode(), mine, encryption="A128GCM", header={"cty": "JWT"})
    public = desk.public(KEY)
    assert "--decrypt-key" in desk.ended(1, "verify", nested, "--key", public, *EXPECTED)
    asked = ("--decrypt-key", desk.key(mine, "mine.jwk"), "--key", public, *EXPECTED)
    desk.done("verify", nested, *asked)
    assert "malformed_token" in desk.ended(1, "verify", token(), *asked)
