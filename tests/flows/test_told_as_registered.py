"""ID Tokens and UserInfo in every form that a client may register, read by other libraries than ours."""

import json
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest

from support.house import ISSUER, MAC_SECRET, NOW, House, build_house, client_key, clients, document, end_users
from support.telling import MACS, decrypted, encryption_key, is_by_secret, put, signed_claims, told_client
from valetkey.authorization_server.client_algorithms import (
    CONTENT_ENCRYPTION_NAMES,
    DEFAULT_ENCRYPTION,
    ENCRYPTION_ALGORITHMS,
)
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import AuthenticationMethod, ClientSecret
from valetkey.jose import Jwk, JwkSet
from valetkey.jose.jwe import Decrypter
from valetkey.jose.jwt import opened_jwt
from valetkey.oauth.types import NumericDate, SecretDigest, SecretText

SIGNED = ("RS256", "ES256", "Ed25519", *MACS)
ALICE = end_users()["alice"]
# RSA-OAEP with SHA-384 and SHA-512 is what these libraries do not have.
READ_ELSEWHERE = set(ENCRYPTION_ALGORITHMS) - {"RSA-OAEP-384", "RSA-OAEP-512"}
# Each algorithm with some content encryption, and `dir`, whose key is the content's, with every one.
PAIRS = (
    *zip(sorted(READ_ELSEWHERE - {"dir"}), cycle(CONTENT_ENCRYPTION_NAMES), strict=False),
    *(("dir", enc) for enc in CONTENT_ENCRYPTION_NAMES),
)


@pytest.fixture
async def house() -> House:
    return await build_house(profile="OPENID")


async def userinfo(house: House, access_token: str) -> tuple[str, str]:
    """Return the media type and the text of an answer."""
    response = await house.bearer(access_token)
    assert response.status == 200, response.body
    return dict(response.headers)["content-type"], response.body.decode()


@pytest.mark.parametrize("algorithm", SIGNED)
@pytest.mark.requirement("OIDCC-2/signed")
@pytest.mark.requirement("OIDCC-10.1/mac-key")
async def test_an_id_token_is_signed_by_every_algorithm_that_a_client_may_register(
    house: House, algorithm: str
) -> None:
    await put(house, told_client(algorithm))
    answer = await house.tokens("mac")

    claims = await signed_claims(house, answer["id_token"], algorithm)

    assert (claims["sub"], claims["aud"], claims["iss"]) == (ALICE.subject, "mac", ISSUER.url)


@pytest.mark.requirement("OIDCC-2/nested")
@pytest.mark.requirement("OIDCC-10.2/derived-key")
@pytest.mark.requirement("OIDCC-10.2/left-most")
@pytest.mark.requirement("OIDCC-10.2/client-key")
@pytest.mark.requirement("OIDCC-10/order")
@pytest.mark.parametrize(("alg", "enc"), PAIRS)
async def test_an_id_token_is_signed_and_then_encrypted(house: House, alg: str, enc: str) -> None:
    signing = SIGNED[PAIRS.index((alg, enc)) % len(SIGNED)]
    members = {"id_token_encrypted_response_alg": alg, "id_token_encrypted_response_enc": enc}
    await put(house, told_client(signing, **members))
    answer = await house.tokens("mac")

    header, inner = decrypted(answer["id_token"], alg, enc)

    assert header["cty"] == "JWT"
    assert ("kid" in header) is not is_by_secret(alg)
    claims = await signed_claims(house, inner, signing)
    assert (claims["sub"], claims["nonce"]) == (ALICE.subject, "nonce-1")


@pytest.mark.parametrize("alg", sorted(set(ENCRYPTION_ALGORITHMS) - READ_ELSEWHERE))
async def test_what_other_libraries_lack_opens_with_ours(house: House, alg: str) -> None:
    await put(house, told_client(id_token_encrypted_response_alg=alg, id_token_encrypted_response_enc="A256GCM"))
    answer = await house.tokens("mac")
    mine = Decrypter(keys=JwkSet((encryption_key(alg),)), algorithms=[alg], encryptions=["A256GCM"])
    inner = opened_jwt(answer["id_token"], mine)
    assert (await signed_claims(house, inner, "ES256"))["sub"] == ALICE.subject


@pytest.mark.requirement("OIDCR-2/encryption-default")
async def test_the_content_encryption_has_a_default(house: House) -> None:
    await put(house, told_client(id_token_encrypted_response_alg="RSA-OAEP-256"))
    answer = await house.tokens("mac")
    assert decrypted(answer["id_token"], "RSA-OAEP-256", DEFAULT_ENCRYPTION)[1].count(".") == 2


@pytest.mark.requirement("OIDCC-5.3.2/content-type")
async def test_userinfo_is_json_where_nothing_else_was_registered(house: House) -> None:
    answer = await house.tokens("web")
    kind, text = await userinfo(house, answer["access_token"])
    assert kind == "application/json"
    assert json.loads(text)["sub"] == ALICE.subject


@pytest.mark.requirement("OIDCC-5.3.2/jwt")
@pytest.mark.requirement("OIDCC-5.3.2/signed-claims")
@pytest.mark.parametrize("algorithm", SIGNED)
async def test_userinfo_is_signed_by_every_algorithm(house: House, algorithm: str) -> None:
    await put(house, told_client(userinfo_signed_response_alg=algorithm))
    answer = await house.tokens("mac")

    kind, text = await userinfo(house, answer["access_token"])

    assert kind == "application/jwt"
    claims = await signed_claims(house, text, algorithm)
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER.url, "mac", ALICE.subject)
    assert claims["email"] == ALICE.email


@pytest.mark.requirement("OIDCC-5.3.2/jwt")
@pytest.mark.requirement("OIDCC-5.3.2/nested")
@pytest.mark.parametrize("signing", [None, "ES256", "HS512"])
@pytest.mark.parametrize(("alg", "enc"), PAIRS)
async def test_userinfo_is_encrypted_signed_before_or_not(
    house: House, alg: str, enc: str, signing: str | None
) -> None:
    client = told_client(
        userinfo_signed_response_alg=signing,
        userinfo_encrypted_response_alg=alg,
        userinfo_encrypted_response_enc=enc,
    )
    await put(house, client)
    answer = await house.tokens("mac")

    kind, text = await userinfo(house, answer["access_token"])

    assert kind == "application/jwt"
    header, inner = decrypted(text, alg, enc)
    if signing is None:
        assert "cty" not in header
        claims: dict[str, Any] = json.loads(inner)
    else:
        assert header["cty"] == "JWT"
        claims = await signed_claims(house, inner, signing)
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER.url, "mac", ALICE.subject)


async def test_a_userinfo_jwt_is_no_id_token(house: House) -> None:
    """Whoever is given it instead of one misses the times that an ID Token must have."""
    await put(house, told_client(userinfo_signed_response_alg="ES256"))
    answer = await house.tokens("mac")
    claims = await signed_claims(house, (await userinfo(house, answer["access_token"]))[1], "ES256")
    assert {"exp", "iat", "nonce", "at_hash"}.isdisjoint(claims)


async def test_a_refreshed_id_token_has_the_same_form(house: House) -> None:
    await put(house, told_client("HS256", id_token_encrypted_response_alg="ECDH-ES"))
    answer = await house.tokens("mac")

    refreshed = document(await house.refresh(answer["refresh_token"], "mac"))

    inner = decrypted(refreshed["id_token"], "ECDH-ES", DEFAULT_ENCRYPTION)[1]
    assert (await signed_claims(house, inner, "HS256"))["sub"] == ALICE.subject


# --- keys that a client publishes ---------------------------------------------------------------------------


def published_client(**members: Any) -> Any:
    """Return the client whose keys stand at a URL."""
    alone = told_client(id_token_encrypted_response_alg="ECDH-ES+A256KW", **members)
    return replace(alone, jwks=None, jwks_uri="https://mac.example/jwks")


@pytest.mark.requirement("OIDCC-10.2/client-key")
async def test_the_key_for_encryption_is_found_where_the_client_publishes_its_keys(house: House) -> None:
    signing, mine = client_key(), encryption_key("ECDH-ES+A256KW")
    house.outside.publish_keys("https://mac.example/jwks", JwkSet((signing, mine)))
    await put(house, published_client())
    answer = await house.tokens("mac")
    assert decrypted(answer["id_token"], "ECDH-ES+A256KW", DEFAULT_ENCRYPTION)[0]["kid"] == mine.kid


async def test_of_two_keys_that_fit_the_one_for_encryption_is_taken(house: House) -> None:
    """A key that says nothing of its use may be the one that the client signs with."""
    other, mine = Jwk.generate("ES256").as_dict(), encryption_key("ECDH-ES").as_dict()
    for members in (other, mine):
        del members["alg"]
    del other["use"]
    client = told_client(id_token_encrypted_response_alg="ECDH-ES")
    await put(house, replace(client, jwks=JwkSet.parse({"keys": [other, mine]})))
    answer = await house.tokens("mac")
    assert decrypted(answer["id_token"], "ECDH-ES", DEFAULT_ENCRYPTION)[0]["kid"] == mine["kid"]


@pytest.mark.parametrize("published", [None, ()], ids=["down", "no key for it"])
async def test_where_no_key_is_found_nothing_is_told_and_nothing_is_used_up(
    house: House, published: tuple[Jwk, ...] | None
) -> None:
    """Never in clear: the client asks again with the same code once its key is there."""
    await put(house, published_client(userinfo_encrypted_response_alg="ECDH-ES+A256KW"))
    if published is not None:
        house.outside.publish_keys("https://mac.example/jwks", JwkSet((client_key(),)))
    code = await house.code("mac")

    response = await house.redeem(code, "mac")

    assert response.status == 503
    assert b"id_token" not in response.body
    assert house.log.of("client.key_missing")[0]["client_id"] == "mac"
    house.outside.publish_keys("https://mac.example/jwks", JwkSet((encryption_key("ECDH-ES+A256KW"),)))
    house.clock.advance(20)
    again = await house.redeem(code, "mac")
    assert again.status == 200, again.body


async def test_userinfo_tells_nothing_in_clear_either(house: House) -> None:
    house.outside.publish_keys("https://mac.example/jwks", JwkSet((encryption_key("ECDH-ES+A256KW"),)))
    await put(house, published_client())
    answer = await house.tokens("mac")
    await put(house, published_client(userinfo_encrypted_response_alg="RSA-OAEP"))

    response = await house.bearer(answer["access_token"])

    assert response.status == 503
    assert b"alice@example.com" not in response.body


# --- secrets that are keys ----------------------------------------------------------------------------------


async def test_of_two_secrets_the_longest_known_one_is_the_key_until_it_ends(house: House) -> None:
    """A client that was just given another secret may not know it yet."""
    client, vault = told_client("HS256"), house.server.sealed_secrets
    old = replace(client.secrets[0], expires_at=NumericDate(NOW + 60))
    new_text = "vk_cs_" + "n" * 86
    text = SecretText(new_text)
    new = vault.seal(client.client_id, ClientSecret("2", SecretDigest(text.digest()), NumericDate(NOW + 1)), text)
    await put(house, replace(client, secrets=(new, old)))

    before = await house.tokens("mac")
    assert (await signed_claims(house, before["id_token"], "HS256"))["aud"] == "mac"

    house.clock.advance(61)
    await put(house, replace(client, secrets=(new, old), authentication_method=AuthenticationMethod.NONE))
    after = document(
        await house.post(
            "/token",
            {
                "grant_type": "authorization_code",
                "code": await house.code("mac"),
                "code_verifier": "v" * 43,
                "redirect_uri": clients()["mac"].redirect_uris[0],
                "client_id": "mac",
            },
        )
    )
    assert (await signed_claims(house, after["id_token"], "HS256", new_text))["aud"] == "mac"


async def test_the_secret_that_a_client_just_proved_is_the_key(house: House) -> None:
    """While two live, who authenticates by one of them reads what is under it, whichever came first."""
    client, vault = told_client("HS256", userinfo_signed_response_alg="HS256"), house.server.sealed_secrets
    new_text = "vk_cs_" + "n" * 86
    text = SecretText(new_text)
    new = vault.seal(client.client_id, ClientSecret("2", SecretDigest(text.digest()), NumericDate(NOW + 1)), text)
    by_post = replace(client, authentication_method=AuthenticationMethod.CLIENT_SECRET_POST)
    await put(house, replace(by_post, secrets=(new, client.secrets[0])))
    for secret in (MAC_SECRET, new_text):
        form = {
            "grant_type": "authorization_code",
            "code": await house.code("mac"),
            "code_verifier": "v" * 43,
            "redirect_uri": client.redirect_uris[0],
            "client_id": "mac",
            "client_secret": secret,
        }
        answer = document(await house.post("/token", form))
        assert (await signed_claims(house, answer["id_token"], "HS256", secret))["aud"] == "mac"


async def test_a_client_whose_secret_is_no_key_is_told_nothing(house: House) -> None:
    """A registration would not have let it in; a row that says so all the same makes no unsigned token."""
    await house.commit(PutClient(replace(clients()["web"], id_token_signed_response_alg="HS256")))
    response = await house.redeem(await house.code("web"))
    assert response.status == 503
    assert b"id_token" not in response.body
